import Crypto
import Synchronization
import TLS

/// The certificates that viewers are shown, made by the local authority for the names of the doors.
final class ViewerCertificates: Sendable {
    private let folder: String
    private let authority: Mutex<LocalAuthority>
    private let store = AtomicLazyReference<CertificateStore>()
    private let serves: @Sendable (String) -> Bool

    /// Opens the authority in a folder; the first time makes it.
    init(_ folder: String, for entrance: Entrance) throws {
        self.folder = folder
        serves = { entrance.serves($0) }
        authority = Mutex(try LocalAuthority(directory: folder, serves: serves))
    }

    /// The context of the HTTPS listeners.
    func context(for entrance: Entrance) throws -> TLSContext {
        let made = CertificateStore { [weak self] name in
            let authority = self?.authority.withLock { $0 }
            guard let leaf = try? authority?.leaf(for: name ?? "localhost") else { return nil }
            return CertificateAndKey(certificateChainPEM: leaf.chainPEM, keyPEM: leaf.keyPEM)
        }
        var options = TLSServerOptions()
        options.rules = { entrance.connectionRules(for: $0) }
        return try TLSContext.server(certificates: store.storeIfNil(made), options: options)
    }

    /// Opens the authority anew and forgets its leaves: handshakes from now on use what is on disk, connections
    /// that are open stay as they are.
    func reload() throws {
        let fresh = try LocalAuthority(directory: folder, serves: serves)
        authority.withLock { $0 = fresh }
        store.load()?.invalidate()
    }
}
