import COpenSSL
import Synchronization

/// Sessions that a client may resume, newest per server name.
final class SessionCache: Sendable {
    /// How many sessions are kept.
    static let maximumSessions = 256

    /// A session made without verification never stands in for a verified one.
    struct Key: Hashable, Sendable {
        var name: String
        var verifies: Bool

        init(name: String, verifies: Bool) {
            self.name = name
            self.verifies = verifies
        }

        /// The key of a running client session; nil when it named no server.
        init?(_ ssl: OpaquePointer) {
            guard let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else { return nil }
            self.name = String(cString: name)
            verifies = SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER != 0
        }
    }

    /// Owns one reference to a session.
    private final class Held: @unchecked Sendable {
        // SAFETY: the session is immutable once stored, and its reference count is atomic.
        let session: OpaquePointer
        init(_ session: OpaquePointer) { self.session = session }
        deinit { SSL_SESSION_free(session) }
    }

    private let held = Mutex<[Key: Held]>([:])

    /// Takes over one reference to a session.
    func store(_ session: OpaquePointer, for key: Key) {
        let fresh = Held(session)
        held.withLock { held in
            if held.count >= Self.maximumSessions, held[key] == nil, let any = held.keys.first {
                held[any] = nil
            }
            held[key] = fresh
        }
    }

    /// Makes a session about to connect resume the last one of its name, if there is one.
    func resume(_ ssl: OpaquePointer, key: Key) {
        guard let found = held.withLock({ $0[key] }) else { return }
        withExtendedLifetime(found) { _ = SSL_set_session(ssl, found.session) }
    }
}
