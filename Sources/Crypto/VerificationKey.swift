import COpenSSL

/// A public key that checks signatures: RSA by PKCS #1 v1.5, or ECDSA.
package final class VerificationKey: @unchecked Sendable {
    /// The digest that was signed.
    package enum Hash: Sendable { case sha1, sha256 }

    /// What kind of key it is.
    package enum Kind: Sendable, Equatable {
        case rsa(bits: Int)
        case ecdsa(bits: Int)
        case other
    }

    // SAFETY: libcrypto's keys are immutable once read and may be used by several threads at once.
    private let key: OpaquePointer

    /// Reads a public key in PEM (SubjectPublicKeyInfo); nil when it is none.
    package init?(pem: String) {
        let text = Array(pem.utf8)
        guard let bio = BIO_new_mem_buf(text, Int32(text.count)) else { return nil }
        defer { BIO_free(bio) }
        guard let key = PEM_read_bio_PUBKEY(bio, nil, nil, nil) else {
            ERR_clear_error()
            return nil
        }
        self.key = key
    }

    deinit { EVP_PKEY_free(key) }

    /// The kind of the key and its size.
    package var kind: Kind {
        let bits = Int(EVP_PKEY_get_bits(key))
        return switch EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_RSA: .rsa(bits: bits)
        case EVP_PKEY_EC: .ecdsa(bits: bits)
        default: .other
        }
    }

    /// Whether the signature is this key's for the message.
    package func verifies(_ signature: [UInt8], of message: [UInt8], hash: Hash) -> Bool {
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        let digest = hash == .sha1 ? EVP_sha1() : EVP_sha256()
        guard EVP_DigestVerifyInit(context, nil, digest, nil, key) == 1 else { return false }
        let result = EVP_DigestVerify(
            context,
            signature,
            signature.count,
            message,
            message.count
        )
        ERR_clear_error()
        return result == 1
    }
}
