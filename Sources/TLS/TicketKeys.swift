import COpenSSL
import Synchronization

/// The keys that seal session tickets, shared by all sessions of a context and rotated by age.
final class TicketKeys: Sendable {
    /// How many retired keys still open tickets.
    static let retained = 2

    struct Key: Sendable {
        var name: [UInt8]
        var cipherKey: [UInt8]
        var macKey: [UInt8]
        var made: ContinuousClock.Instant

        static func random() -> Key? {
            var bytes = [UInt8](repeating: 0, count: 80)
            guard RAND_bytes(&bytes, Int32(bytes.count)) == 1 else { return nil }
            return Key(
                name: Array(bytes[0..<16]),
                cipherKey: Array(bytes[16..<48]),
                macKey: Array(bytes[48..<80]),
                made: .now
            )
        }
    }

    private let lifetime: Duration
    /// Newest first.
    private let keys = Mutex<[Key]>([])

    init(lifetime: Duration) { self.lifetime = lifetime }

    /// Retires the current key at once.
    func rotate() {
        keys.withLock { Self.rotate(&$0) }
    }

    private static func rotate(_ keys: inout [Key]) {
        guard let fresh = Key.random() else { return }
        keys.insert(fresh, at: 0)
        if keys.count > retained + 1 { keys.removeLast(keys.count - retained - 1) }
    }

    /// The key to seal with now.
    private func current() -> Key? {
        let now = ContinuousClock.now
        return keys.withLock { keys in
            if let first = keys.first, now - first.made < lifetime { return first }
            Self.rotate(&keys)
            return keys.first
        }
    }

    /// The key of a ticket and whether the ticket should be replaced.
    private func find(_ name: UnsafeBufferPointer<UInt8>) -> (key: Key, isOld: Bool)? {
        let now = ContinuousClock.now
        // A key outlives its turn at sealing by `retained` further lifetimes, no longer.
        let limit = lifetime * (Self.retained + 1)
        return keys.withLock { keys in
            for (position, key) in keys.enumerated() where key.name.elementsEqual(name) {
                let age = now - key.made
                guard age < limit else { return nil }
                return (key, position > 0 || age >= lifetime)
            }
            return nil
        }
    }

    /// OpenSSL's question for a ticket key: 1 fine, 2 fine but renew, 0 unknown, -1 failure.
    ///
    /// `renews` is for TLS 1.3, where a client uses every ticket once.
    func prepare(
        name: UnsafeMutablePointer<UInt8>,
        vector: UnsafeMutablePointer<UInt8>,
        cipher: OpaquePointer,
        mac: OpaquePointer,
        seals: Bool,
        renews: Bool
    ) -> Int32 {
        let key: Key
        var verdict: Int32 = 1
        if seals {
            guard let current = current(),
                RAND_bytes(vector, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1
            else { return -1 }
            key = current
            for (position, byte) in key.name.enumerated() { name[position] = byte }
        } else {
            guard let found = find(UnsafeBufferPointer(start: name, count: 16)) else { return 0 }
            key = found.key
            if found.isOld || renews { verdict = 2 }
        }
        guard portico_mac_set_sha256_key(mac, key.macKey, key.macKey.count) == 1 else { return -1 }
        let started =
            seals
            ? EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nil, key.cipherKey, vector)
            : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nil, key.cipherKey, vector)
        return started == 1 ? verdict : -1
    }
}
