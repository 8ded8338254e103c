import COpenSSL

/// An RSA public key as JSON Web Keys carry it, for PKCS #1 v1.5 signatures (RFC 7518 §3.3).
package final class RSAPublicKey: @unchecked Sendable {
    // SAFETY: the key is immutable; libcrypto's reference counts are atomic.
    private let pointer: OpaquePointer

    /// The hash under a signature.
    package enum Hash: Sendable {
        case sha256, sha384, sha512

        fileprivate var algorithm: OpaquePointer? {
            switch self {
            case .sha256: EVP_sha256()
            case .sha384: EVP_sha384()
            case .sha512: EVP_sha512()
            }
        }
    }

    /// The smallest modulus that is taken.
    ///
    /// Unit: bits. Source: RFC 7518 §3.3.
    package static let smallestModulus = 2048

    /// Makes a key of big-endian numbers; nil when they make none.
    package init?(modulus: [UInt8], exponent: [UInt8]) {
        let modulus = Array(modulus.drop { $0 == 0 })
        let exponent = Array(exponent.drop { $0 == 0 })
        guard modulus.count * 8 >= Self.smallestModulus, modulus.count <= 1024, !exponent.isEmpty,
            exponent.count <= 8
        else { return nil }
        let numbers = Self.element(0x30, Self.integer(modulus) + Self.integer(exponent))
        // rsaEncryption, RFC 8017 appendix A.1.
        let algorithm: [UInt8] = [
            0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05,
            0x00,
        ]
        let encoded = Self.element(0x30, algorithm + Self.element(0x03, [0] + numbers))
        ERR_clear_error()
        let made = encoded.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return d2i_PUBKEY(nil, &start, bytes.count)
        }
        guard let made else { return nil }
        pointer = made
    }

    deinit { EVP_PKEY_free(pointer) }

    private static func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        let count = content.count
        if count < 0x80 { return [tag, UInt8(count)] + content }
        if count < 0x100 { return [tag, 0x81, UInt8(count)] + content }
        return [tag, 0x82, UInt8(count >> 8), UInt8(count & 0xFF)] + content
    }

    private static func integer(_ bytes: [UInt8]) -> [UInt8] {
        element(0x02, (bytes[0] & 0x80 == 0 ? [] : [0]) + bytes)
    }

    /// Whether the signature is this key's over the message.
    package func verifies(_ signature: [UInt8], of message: [UInt8], hash: Hash) -> Bool {
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        ERR_clear_error()
        return EVP_DigestVerifyInit(context, nil, hash.algorithm, nil, pointer) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
}
