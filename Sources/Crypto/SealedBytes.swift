import COpenSSL

/// Encryption that also notices every change: AES-256 in Galois/Counter Mode.
///
/// Source: NIST SP 800-38D. A sealed value is a nonce of 12 bytes, the encrypted bytes, and a tag of 16.
package enum SealedBytes {
    /// Unit: bytes of a key.
    package static let keySize = 32
    private static let nonceSize = 12
    private static let tagSize = 16

    /// Encrypts bytes; only who names the same `context` can open them again.
    package static func seal(_ bytes: [UInt8], key: [UInt8], context: String) -> [UInt8] {
        seal(bytes, key: key, context: context, nonce: RandomBytes.make(nonceSize))
    }

    /// As above with a given nonce, which must never be used twice with a key.
    static func seal(
        _ bytes: [UInt8],
        key: [UInt8],
        context: String,
        nonce: [UInt8]
    ) -> [UInt8] {
        precondition(
            key.count == keySize && nonce.count == nonceSize,
            "a key or nonce of wrong size"
        )
        let cipher = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(cipher) }
        let associated = Array(context.utf8)
        var sealed = [UInt8](repeating: 0, count: bytes.count + 1)
        var tag = [UInt8](repeating: 0, count: tagSize)
        var (count, rest) = (Int32(0), Int32(0))
        let done =
            EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1
            && EVP_EncryptUpdate(cipher, nil, &count, associated, Int32(associated.count)) == 1
            && EVP_EncryptUpdate(cipher, &sealed, &count, bytes, Int32(bytes.count)) == 1
            && EVP_EncryptFinal_ex(cipher, nil, &rest) == 1
            && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, Int32(tagSize), &tag) == 1
        precondition(done, "libcrypto has no AES-256-GCM")
        return nonce + sealed.prefix(bytes.count) + tag
    }

    /// The bytes that were sealed with a key and context; nil when any of it differs.
    package static func open(_ sealed: [UInt8], key: [UInt8], context: String) -> [UInt8]? {
        guard key.count == keySize, sealed.count >= nonceSize + tagSize else { return nil }
        let cipher = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(cipher) }
        let nonce = Array(sealed.prefix(nonceSize))
        let inside = Array(sealed.dropFirst(nonceSize).dropLast(tagSize))
        var tag = Array(sealed.suffix(tagSize))
        let associated = Array(context.utf8)
        var bytes = [UInt8](repeating: 0, count: inside.count + 1)
        var (count, rest) = (Int32(0), Int32(0))
        guard EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), nil, key, nonce) == 1,
            EVP_DecryptUpdate(cipher, nil, &count, associated, Int32(associated.count)) == 1,
            EVP_DecryptUpdate(cipher, &bytes, &count, inside, Int32(inside.count)) == 1,
            EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, Int32(tagSize), &tag) == 1,
            EVP_DecryptFinal_ex(cipher, nil, &rest) == 1
        else { return nil }
        return Array(bytes.prefix(inside.count))
    }
}
