import COpenSSL

/// Authorities whose clients are let in, and what they have revoked; parsed once, shared by sessions.
package final class TrustAnchors: @unchecked Sendable {
    // SAFETY: store and names are complete before they are shared; their reference counts are atomic.
    let store: OpaquePointer
    let names: OpaquePointer
    /// How many authorities there are.
    package let count: Int
    /// How many of their revocation lists.
    package let listCount: Int
    fileprivate let pem: [UInt8]

    /// Reads certificates and revocation lists in PEM.
    ///
    /// - Throws: a `configuration` error when there is no certificate in it, or something that is not readable.
    package init(pem: [UInt8]) throws(TLSError) {
        ERR_clear_error()
        guard let store = X509_STORE_new(), let names = portico_names_new() else {
            throw .configuration("no memory for authorities")
        }
        self.store = store
        self.names = names
        self.pem = pem
        var lists: Int32 = 0
        count = pem.withUnsafeBytes { bytes in
            guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
                return -1
            }
            defer { BIO_free(bio) }
            return Int(portico_store_load(store, names, bio, &lists))
        }
        listCount = Int(lists)
        guard count > 0 else { throw .configuration("the authorities are not readable PEM") }
        ERR_clear_error()
    }

    deinit {
        X509_STORE_free(store)
        portico_names_free(names)
    }
}

extension TrustAnchors: Hashable {
    /// Whether both were read from the same text.
    package static func == (one: TrustAnchors, other: TrustAnchors) -> Bool { one.pem == other.pem }

    /// Adds the text to a hash.
    package func hash(into hasher: inout Hasher) { hasher.combine(pem) }
}

/// What one server name asks of its clients' certificates.
package struct ClientCertificateRules: Sendable, Hashable {
    /// How the certificate is taken.
    package enum Mode: Sendable, Hashable {
        /// Without a valid one there is no connection.
        case required
        /// A client may have none; one that it shows must be valid.
        case optional
        /// Whatever a client shows is taken, unchecked.
        case unchecked
    }

    package var mode: Mode
    /// Nil where nothing is checked.
    package var anchors: TrustAnchors?
    /// Whether the handshake tells clients whose certificates are taken.
    package var advertisesNames = false
    /// Whether a certificate may be past its end.
    package var ignoresExpiry = false
    /// The most certificates between the client's and the authority's, both counted.
    package var depth = 4

    /// Makes rules.
    package init(mode: Mode, anchors: TrustAnchors?) {
        self.mode = mode
        self.anchors = anchors
    }

    /// Makes one session ask for a certificate; false when OpenSSL can't.
    func apply(to ssl: OpaquePointer) -> Bool {
        let flags =
            mode == .required
            ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER
        if mode == .unchecked {
            SSL_set_verify(ssl, flags) { _, context in
                X509_STORE_CTX_set_error(context, Int32(X509_V_OK))
                return 1
            }
        } else if ignoresExpiry {
            SSL_set_verify(ssl, flags) { isValid, context in
                guard X509_STORE_CTX_get_error(context) == X509_V_ERR_CERT_HAS_EXPIRED else {
                    return isValid
                }
                X509_STORE_CTX_set_error(context, Int32(X509_V_OK))
                return 1
            }
        } else {
            SSL_set_verify(ssl, flags, nil)
        }
        SSL_set_verify_depth(ssl, Int32(depth))
        // A session is never taken up again: each connection shows its certificate.
        SSL_set_options(ssl, UInt64(portico_no_tickets()))
        guard let anchors else { return mode == .unchecked }
        return portico_ssl_set_anchors(
            ssl,
            anchors.store,
            advertisesNames ? anchors.names : nil
        ) == 1
    }
}
