import COpenSSL
import Synchronization

/// The contexts of profiles that server names ask for, each made at the first handshake that needs it.
///
/// OpenSSL reads a list of ciphers anew for each session that is given one, which takes as long as four new
/// sessions; a session that moves to another context finds the list ready.
final class ProfileContexts: Sendable {
    /// How many profiles are kept; the one made first goes when another comes.
    static let limit = 64

    /// A context that serves one profile.
    private final class Entry: @unchecked Sendable {
        // SAFETY: configured before it is shared; sessions hold references of their own.
        let pointer: OpaquePointer

        init(_ pointer: OpaquePointer) { self.pointer = pointer }

        deinit { SSL_CTX_free(pointer) }
    }

    private let entries = Mutex<[(profile: TLSProfile, entry: Entry)]>([])

    /// Moves a session to the context of a profile, which `make` gives when there is none yet; false when OpenSSL
    /// can't serve it.
    func adopt(
        _ profile: TLSProfile,
        in ssl: OpaquePointer,
        make: (TLSProfile) -> OpaquePointer?
    ) -> Bool {
        let entry = entries.withLock { entries -> Entry? in
            if let known = entries.first(where: { $0.profile == profile }) { return known.entry }
            guard let made = make(profile).map(Entry.init) else { return nil }
            if entries.count == Self.limit { entries.removeFirst() }
            entries.append((profile, made))
            return made
        }
        guard let entry, SSL_set_SSL_CTX(ssl, entry.pointer) != nil else { return false }
        // Versions and groups stay with the session when it moves.
        return portico_ssl_set_versions(
            ssl,
            profile.minimumVersion.number,
            profile.maximumVersion.number
        ) == 1 && portico_ssl_set_groups(ssl, profile.groupList) == 1
    }
}
