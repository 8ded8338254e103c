package import Crypto
package import DataPlane
import Registry
package import TLS

/// The feed port of a primary or relay: directory, hub and listener, wired.
package final class FeedPort: Sendable {
    package let directory: EdgeDirectory
    package let hub: FeedHub
    package let listener: Listener
    private let pump: Task<Void, Never>

    /// Begins to follow the source; the listener is the caller's to bind.
    ///
    /// Returns once the state of the source is known.
    package init(
        source: any FeedSource,
        office: (any EdgeOffice)?,
        settings: FeedSettings,
        address: String,
        port: Int,
        tls: TLSContext
    ) async {
        let directory = EdgeDirectory(silence: settings.silence)
        let hub = FeedHub(source: source)
        hub.onRevision { revision in
            if directory.load(revision.changes) { hub.wake() }
        }
        let (ready, signal) = AsyncStream.makeStream(of: Void.self)
        pump = Task.detached {
            await hub.run { snapshot in
                directory.load(snapshot)
                signal.yield()
            }
            signal.finish()
        }
        for await _ in ready { break }
        self.directory = directory
        self.hub = hub
        listener = Listener(
            address: address,
            port: port,
            tls: tls,
            handler: FeedHandler(
                hub: hub,
                directory: directory,
                office: office,
                settings: settings
            )
        )
    }

    /// The TLS context of a primary's feed port: asks edges for certificates of the authority.
    package static func primaryContext(_ authority: LocalAuthority) throws -> TLSContext {
        var options = TLSServerOptions(applicationProtocols: ["http/1.1"])
        options.clientAuthorityFiles = [authority.certificatePath]
        options.requiresClientCertificate = false
        return try TLSContext.server(
            certificates: CertificateStore { _ in
                guard let leaf = try? authority.leaf(for: FeedProtocol.serviceName) else {
                    return nil
                }
                return CertificateAndKey(certificateChainPEM: leaf.chainPEM, keyPEM: leaf.keyPEM)
            },
            options: options
        )
    }

    /// Ends the feed and closes every connection.
    package func stop() async {
        pump.cancel()
        await listener.drain(within: .zero)
        await pump.value
    }
}
