import COpenSSL

/// Digests of whole values.
package enum Digest {
    /// The SHA-256 of the bytes, 32 of them.
    package static func sha256(_ bytes: [UInt8]) -> [UInt8] { digest(bytes, EVP_sha256(), 32) }

    /// The SHA-256 of the text's UTF-8.
    package static func sha256(_ text: String) -> [UInt8] { sha256(Array(text.utf8)) }

    /// The SHA-1 of the bytes, 20 of them; for protocols that ask for it, never for trust.
    package static func sha1(_ bytes: [UInt8]) -> [UInt8] { digest(bytes, EVP_sha1(), 20) }

    /// The SHA-1 of the text's UTF-8.
    package static func sha1(_ text: String) -> [UInt8] { sha1(Array(text.utf8)) }

    /// Lower-case hexadecimal text of the bytes.
    package static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.underestimatedCount * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func digest(
        _ bytes: [UInt8],
        _ algorithm: OpaquePointer?,
        _ count: Int
    ) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        let done = EVP_Digest(bytes, bytes.count, &result, nil, algorithm, nil)
        precondition(done == 1, "libcrypto has no such digest")
        return result
    }
}

/// A SHA-256 that is fed piece by piece, confined to whoever feeds it.
package final class SHA256Hasher {
    private let context: OpaquePointer?

    /// Starts a digest of nothing.
    package init() {
        context = EVP_MD_CTX_new()
        precondition(
            EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1,
            "libcrypto has no SHA-256"
        )
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Adds bytes to the digest.
    package func update(_ bytes: UnsafeRawBufferPointer) {
        _ = EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }

    /// Adds bytes to the digest.
    package func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// The digest of all that was added; the hasher starts anew afterwards.
    package func finalize() -> [UInt8] {
        var result = [UInt8](repeating: 0, count: 32)
        _ = EVP_DigestFinal_ex(context, &result, nil)
        _ = EVP_DigestInit_ex(context, EVP_sha256(), nil)
        return result
    }
}

/// Message authentication with a shared key.
package enum HMAC {
    /// The HMAC-SHA-256 of the bytes under a key.
    package static func sha256(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
        code(key: key, bytes, EVP_sha256(), 32)
    }

    fileprivate static func code(
        key: [UInt8],
        _ bytes: [UInt8],
        _ algorithm: OpaquePointer?,
        _ size: Int
    ) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: size)
        var count: UInt32 = 0
        // An empty array may have no address, which libcrypto reads as "the key of before".
        let length = Int32(key.count)
        let key = key.isEmpty ? [0] : key
        _ = COpenSSL.HMAC(algorithm, key, length, bytes, bytes.count, &result, &count)
        return result
    }

    /// Whether two codes are equal, in time that does not depend on where they differ.
    package static func isEqual(_ first: [UInt8], _ second: [UInt8]) -> Bool {
        first.count == second.count && CRYPTO_memcmp(first, second, first.count) == 0
    }
}

/// Bytes nobody can guess.
package enum RandomBytes {
    /// So many random bytes from libcrypto's generator.
    package static func make(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        guard count > 0 else { return bytes }
        precondition(RAND_bytes(&bytes, Int32(count)) == 1, "the random generator has no seed")
        return bytes
    }
}

extension Digest {
    /// The algorithms that functions may name.
    package enum Algorithm: String, Sendable {
        case md5, sha1, sha256

        private var method: OpaquePointer? {
            switch self {
            case .md5: EVP_md5()
            case .sha1: EVP_sha1()
            case .sha256: EVP_sha256()
            }
        }

        private var count: Int {
            switch self {
            case .md5: 16
            case .sha1: 20
            case .sha256: 32
            }
        }

        /// The digest of the bytes.
        package func digest(_ bytes: [UInt8]) -> [UInt8] { Digest.digest(bytes, method, count) }

        /// The HMAC of the bytes under a key.
        package func code(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
            HMAC.code(key: key, bytes, method, count)
        }
    }
}
