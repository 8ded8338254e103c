import COpenSSL
import Glibc

/// One TLS connection on a non-blocking socket, confined to whoever reads and writes it.
///
/// The descriptor stays the caller's to close, after the session. Writes use MSG_NOSIGNAL, so a
/// vanished peer is an error and never a SIGPIPE. Read until `wantRead` before waiting for the
/// socket: records already taken from it are kept inside the session.
package final class TLSSession {
    private static let method = SocketMethod()

    private let ssl: OpaquePointer
    private let context: TLSContext
    private var hasSentClose = false
    private var hasFailed = false
    private var isEstablished = false
    private var isBroken = false

    /// Makes the server's side of a connection.
    package init(accepting context: TLSContext, descriptor: Int32) throws(TLSError) {
        ssl = try Self.make(context, descriptor)
        self.context = context
        SSL_set_accept_state(ssl)
    }

    /// Makes the client's side; the name is sent as SNI unless it is an address, and is verified.
    ///
    /// `applicationProtocols` are offered by ALPN in place of the context's.
    package init(
        connecting context: TLSContext,
        descriptor: Int32,
        serverName: String?,
        verifies: Bool,
        applicationProtocols: [String]? = nil
    ) throws(TLSError) {
        ssl = try Self.make(context, descriptor)
        self.context = context
        SSL_set_connect_state(ssl)
        SSL_set_verify(ssl, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        if let applicationProtocols {
            let offered = try TLSContext.encode(applicationProtocols)
            guard SSL_set_alpn_protos(ssl, offered, UInt32(offered.count)) == 0 else {
                throw .configuration("the ALPN list is not usable")
            }
        }
        guard let serverName else {
            guard !verifies else {
                throw TLSError(.configuration, "verification needs the name of the server")
            }
            return
        }
        let isAddress = Self.isAddress(serverName)
        if verifies {
            let accepted =
                isAddress
                ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), serverName)
                : SSL_set1_host(ssl, serverName)
            guard accepted == 1 else {
                throw .configuration("'\(serverName)' is not a name that can be verified")
            }
        }
        guard !isAddress else { return }
        guard portico_ssl_set_server_name(ssl, serverName) == 1 else {
            throw .configuration("'\(serverName)' is not a name that can be sent")
        }
        context.sessions?.resume(ssl, key: .init(name: serverName, verifies: verifies))
    }

    deinit {
        // OpenSSL forgets the session of a connection that did not close; only a broken protocol
        // is a reason for that.
        if isEstablished, !isBroken {
            SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        }
        SSL_free(ssl)
    }

    private static func make(
        _ context: TLSContext,
        _ descriptor: Int32
    ) throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        guard let ssl = SSL_new(context.pointer) else {
            throw .configuration("no TLS session could be made")
        }
        guard portico_ssl_attach(ssl, method.pointer, descriptor) == 1 else {
            SSL_free(ssl)
            throw .configuration("no TLS session could be bound to the socket")
        }
        return ssl
    }

    private static func isAddress(_ name: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1
    }

    /// Goes on with the handshake as far as the socket lets it.
    package func handshake() -> TLSStep {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        if result == 1 {
            isEstablished = true
            keepRenewedTicket()
            return .done
        }
        switch outcome(of: result) {
        case .wantRead: return .wantRead
        case .wantWrite: return .wantWrite
        case .failed(let error): return .failed(error)
        case .closed, .bytes:
            return .failed(TLSError(.truncated, "the peer closed during the handshake"))
        }
    }

    /// In TLS 1.2, OpenSSL does not tell of a ticket that a resumed connection brought.
    private func keepRenewedTicket() {
        guard let cache = context.sessions, SSL_is_server(ssl) == 0, isResumed,
            SSL_version(ssl) < TLS1_3_VERSION, let key = SessionCache.Key(ssl),
            let session = SSL_get1_session(ssl)
        else { return }
        cache.store(session, for: key)
    }

    /// Reads decrypted bytes; an empty buffer reads nothing.
    package func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSIO {
        guard !buffer.isEmpty else { return .bytes(0) }
        Self.forgetErrors()
        var count = 0
        let result = SSL_read_ex(ssl, buffer.baseAddress, buffer.count, &count)
        return result == 1 ? .bytes(count) : outcome(of: result)
    }

    /// Writes a part of the bytes; after `wantWrite` the same bytes must be offered again.
    package func write(_ bytes: UnsafeRawBufferPointer) -> TLSIO {
        guard !bytes.isEmpty else { return .bytes(0) }
        Self.forgetErrors()
        var count = 0
        let result = SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count)
        return result == 1 ? .bytes(count) : outcome(of: result)
    }

    /// Empties the thread's queue of errors, in which `SSL_get_error` would find those of others.
    ///
    /// Mostly there are none, and to look costs a tenth of clearing all places of the queue.
    private static func forgetErrors() {
        if ERR_peek_error() != 0 { ERR_clear_error() }
    }

    /// Gives the memory of the records back until the next one comes or goes: for connections gone quiet.
    package func releaseBuffers() { _ = SSL_free_buffers(ssl) }

    /// Sends close_notify once, as far as the socket takes it now; reading stays possible.
    package func shutdown() {
        guard isEstablished, !hasFailed, !hasSentClose else { return }
        hasSentClose = true
        ERR_clear_error()
        _ = SSL_shutdown(ssl)
        ERR_clear_error()
    }

    private func outcome(of result: Int32) -> TLSIO {
        let number = errno
        let code = SSL_get_error(ssl, result)
        switch code {
        case SSL_ERROR_WANT_READ: return .wantRead
        case SSL_ERROR_WANT_WRITE: return .wantWrite
        case SSL_ERROR_ZERO_RETURN: return .closed
        default: break
        }
        hasFailed = true
        if code == SSL_ERROR_SYSCALL, number != 0 {
            ERR_clear_error()
            return .failed(TLSError(.system(number), String(cString: strerror(number))))
        }
        let verification = SSL_get_verify_result(ssl)
        let reason = TLSError.popReason()
        if verification != Int(X509_V_OK), !isEstablished {
            let text = X509_verify_cert_error_string(verification).map { String(cString: $0) } ?? ""
            return .failed(
                TLSError(
                    .verification(verification),
                    "the peer's certificate is not accepted: \(text)"
                )
            )
        }
        guard let reason, portico_error_is_eof(reason.code) == 0 else {
            return .failed(TLSError(.truncated, "the peer closed without a close_notify"))
        }
        isBroken = true
        return .failed(TLSError(.rejected, reason.text))
    }
}

// MARK: - What was negotiated

extension TLSSession {
    /// The name that the client asked for.
    package var serverName: String? {
        SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
    }

    /// The protocol chosen by ALPN.
    package var applicationProtocol: String? {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &count)
        guard let name, count > 0 else { return nil }
        return String(
            decoding: UnsafeBufferPointer(start: name, count: Int(count)),
            as: UTF8.self
        )
    }

    /// The version of the protocol, such as TLSv1.3.
    package var protocolName: String { String(cString: SSL_get_version(ssl)) }

    /// The name of the cipher suite by the IANA registry, such as TLS_AES_256_GCM_SHA384.
    package var cipherName: String {
        guard let cipher = SSL_get_current_cipher(ssl), let name = SSL_CIPHER_standard_name(cipher)
        else { return "" }
        return String(cString: name)
    }

    /// Whether a ticket spared the full handshake.
    package var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    /// Whether bytes taken from the socket wait inside the session.
    package var hasPending: Bool { SSL_has_pending(ssl) == 1 }

    /// Whether the last read took all that had arrived: the next one would block until the socket is readable.
    package var isDrained: Bool { portico_ssl_is_drained(ssl) == 1 }

    /// Takes note that more has arrived than the last read of the socket saw.
    ///
    /// The next read may be served from inside the session and not look at the socket.
    package func noteArrival() { portico_bio_note(SSL_get_rbio(ssl), 0) }

    /// The peer's certificate in DER, if it showed one.
    package var peerCertificateDER: [UInt8]? {
        guard let certificate = portico_ssl_peer_certificate(ssl) else { return nil }
        defer { X509_free(certificate) }
        let count = i2d_X509(certificate, nil)
        guard count > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(count))
        bytes.withUnsafeMutableBufferPointer { buffer in
            var cursor = buffer.baseAddress
            _ = i2d_X509(certificate, &cursor)
        }
        return bytes
    }
}

/// The one BIO method of the process.
private struct SocketMethod: @unchecked Sendable {
    // SAFETY: made once, never changed, never freed.
    let pointer = portico_bio_method()
}
