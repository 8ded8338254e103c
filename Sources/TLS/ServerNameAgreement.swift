import COpenSSL

/// Applies what one server name asks for to a handshake that has just begun.
enum ServerNameAgreement {
    /// The name in a ClientHello, in lower case; nil when there is none that is well formed.
    ///
    /// Source: RFC 6066 section 3.
    static func name(in hello: OpaquePointer) -> String? {
        var content: UnsafePointer<UInt8>?
        var count = 0
        guard
            SSL_client_hello_get0_ext(
                hello,
                UInt32(TLSEXT_TYPE_server_name),
                &content,
                &count
            ) == 1, let content
        else { return nil }
        let bytes = UnsafeBufferPointer(start: content, count: count)
        // The length of the list, the kind of name (0 for a host), its length, the name.
        guard bytes.count > 5, bytes[2] == 0 else { return nil }
        let length = Int(bytes[3]) << 8 | Int(bytes[4])
        guard length > 0, bytes.count >= 5 + length else { return nil }
        return String(decoding: bytes[5..<5 + length], as: UTF8.self).lowercased()
    }

    /// Makes a whole context follow a profile; false when OpenSSL can't.
    static func apply(_ profile: TLSProfile, toContext context: OpaquePointer) -> Bool {
        guard portico_ctx_set_groups(context, profile.groupList) == 1 else { return false }
        if !profile.ciphers.isEmpty, SSL_CTX_set_cipher_list(context, profile.cipherList) != 1 {
            return false
        }
        return profile.suites.isEmpty
            || SSL_CTX_set_ciphersuites(context, profile.suiteList) == 1
    }
}
