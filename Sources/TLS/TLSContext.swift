import COpenSSL
import Glibc

/// What sessions of one kind share: versions, certificates, ticket keys; one for all reactors.
package final class TLSContext: @unchecked Sendable {
    // SAFETY: the SSL_CTX is configured before it is shared and safe across threads afterwards; the
    // Swift state behind it is immutable or locked.
    let pointer: OpaquePointer
    private let certificates: CertificateStore?
    private let tickets: TicketKeys
    private let protocols: [UInt8]
    private let rules: (@Sendable (String) -> ServerNameRules?)?
    private let profiles = ProfileContexts()
    private var keyLog: Int32 = -1
    let sessions: SessionCache?

    /// Makes the context of a listener.
    package static func server(
        certificates: CertificateStore,
        options: TLSServerOptions
    ) throws(TLSError) -> TLSContext {
        let context = try TLSContext(
            method: TLS_server_method(),
            certificates: certificates,
            protocols: options.applicationProtocols,
            rules: options.rules,
            versions: options.versions,
            ticketLifetime: options.ticketKeyLifetime,
            sessions: nil
        )
        guard ServerNameAgreement.apply(options.profile, toContext: context.pointer) else {
            throw .configuration("OpenSSL knows none of the profile's ciphers or groups")
        }
        context.installServerCallbacks(on: context.pointer)
        if options.rules != nil { context.followServerNames() }
        if !options.clientAuthorityFiles.isEmpty {
            try context.trust(options.clientAuthorityFiles)
            SSL_CTX_set_verify(
                context.pointer,
                options.requiresClientCertificate
                    ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER,
                nil
            )
        }
        try context.openKeyLog(options.keyLogPath)
        return context
    }

    /// Makes the context of connections to origins.
    package static func client(options: TLSClientOptions) throws(TLSError) -> TLSContext {
        let context = try TLSContext(
            method: TLS_client_method(),
            certificates: nil,
            protocols: options.applicationProtocols,
            versions: options.versions,
            ticketLifetime: .seconds(0),
            sessions: options.reusesSessions ? SessionCache() : nil
        )
        if options.trustsSystemRoots, SSL_CTX_set_default_verify_paths(context.pointer) != 1 {
            throw .configuration("the system's certificate authorities are not readable")
        }
        try context.trust(options.authorityFiles)
        if let pair = options.certificate {
            let loaded = try LoadedCertificate(pair)
            guard loaded.use(inContext: context.pointer) else {
                throw .configuration("the client certificate is not usable")
            }
        }
        try context.installClientProtocols()
        try context.openKeyLog(options.keyLogPath)
        return context
    }

    private init(
        method: OpaquePointer?,
        certificates: CertificateStore?,
        protocols: [String],
        rules: (@Sendable (String) -> ServerNameRules?)? = nil,
        versions: (lowest: Int32, highest: Int32),
        ticketLifetime: Duration,
        sessions: SessionCache?
    ) throws(TLSError) {
        ERR_clear_error()
        let encoded = try Self.encode(protocols)
        guard let pointer = SSL_CTX_new(method) else {
            throw .configuration("no TLS context could be made")
        }
        self.pointer = pointer
        self.certificates = certificates
        self.protocols = encoded
        self.rules = rules
        self.sessions = sessions
        tickets = TicketKeys(lifetime: ticketLifetime)
        portico_ctx_set_common(pointer)
        guard portico_ctx_set_versions(pointer, versions.lowest, versions.highest) == 1 else {
            throw .configuration("the range of TLS versions is empty")
        }
        SSL_CTX_set_ex_data(pointer, 0, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        SSL_CTX_free(pointer)
        if keyLog >= 0 { close(keyLog) }
    }

    /// Starts sealing tickets with a new key now; the two before it still open theirs.
    package func rotateTicketKeys() { tickets.rotate() }

    private func trust(_ files: [String]) throws(TLSError) {
        for file in files {
            ERR_clear_error()
            guard SSL_CTX_load_verify_file(pointer, file) == 1 else {
                throw .configuration("the authorities in \(file) are not readable")
            }
        }
    }

    static func encode(_ protocols: [String]) throws(TLSError) -> [UInt8] {
        var encoded: [UInt8] = []
        for name in protocols {
            guard (1...255).contains(name.utf8.count) else {
                throw TLSError(.configuration, "an ALPN name has 1 to 255 bytes: '\(name)'")
            }
            encoded.append(UInt8(name.utf8.count))
            encoded += Array(name.utf8)
        }
        return encoded
    }

    private func openKeyLog(_ path: String?) throws(TLSError) {
        guard let path else { return }
        keyLog = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard keyLog >= 0 else {
            throw TLSError(
                .configuration,
                "the key log \(path) is not writable: \(String(cString: strerror(errno)))"
            )
        }
        installKeyLog(on: pointer)
    }

    private func installKeyLog(on pointer: OpaquePointer) {
        SSL_CTX_set_keylog_callback(pointer) { ssl, line in
            guard let line, let context = TLSContext.of(ssl) else { return }
            let text = Array(String(cString: line).utf8) + [0x0A]
            _ = write(context.keyLog, text, text.count)
        }
    }

    /// The context behind a session, for callbacks.
    fileprivate static func of(_ ssl: OpaquePointer?) -> TLSContext? {
        guard let ssl, let raw = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0) else { return nil }
        return Unmanaged<TLSContext>.fromOpaque(raw).takeUnretainedValue()
    }
}

// MARK: - Callbacks

extension TLSContext {
    private func installServerCallbacks(on pointer: OpaquePointer) {
        // Tickets hold the whole session: nothing is kept in memory per client.
        portico_ctx_set_cache_mode(pointer, SSL_SESS_CACHE_OFF)
        let scope = Array("portico".utf8)
        SSL_CTX_set_session_id_context(pointer, scope, UInt32(scope.count))
        portico_ctx_set_server_name_callback(
            pointer,
            { ssl, alert, _ in
                guard let ssl, let context = TLSContext.of(ssl) else {
                    return SSL_TLSEXT_ERR_ALERT_FATAL
                }
                return context.choose(for: ssl, alert: alert)
            },
            nil
        )
        SSL_CTX_set_alpn_select_cb(
            pointer,
            { ssl, chosen, chosenCount, offered, offeredCount, _ in
                guard let context = TLSContext.of(ssl), let chosen, let chosenCount, let offered
                else {
                    return SSL_TLSEXT_ERR_NOACK
                }
                let own = context.protocols(for: ssl)
                guard !own.isEmpty else { return SSL_TLSEXT_ERR_NOACK }
                let names = UnsafeBufferPointer(start: offered, count: Int(offeredCount))
                guard let place = TLSContext.firstCommon(own, in: names) else {
                    return SSL_TLSEXT_ERR_ALERT_FATAL
                }
                // OpenSSL reads the name after this returns: it has to lie in OpenSSL's own memory.
                chosen.pointee = offered + place.lowerBound
                chosenCount.pointee = UInt8(place.count)
                return SSL_TLSEXT_ERR_OK
            },
            nil
        )
        SSL_CTX_set_tlsext_ticket_key_evp_cb(pointer) { ssl, name, vector, cipher, mac, seals in
            guard let ssl, let context = TLSContext.of(ssl), let name, let vector, let cipher,
                let mac
            else {
                return -1
            }
            return context.tickets.prepare(
                name: name,
                vector: vector,
                cipher: cipher,
                mac: mac,
                seals: seals == 1,
                renews: SSL_version(ssl) >= TLS1_3_VERSION
            )
        }
    }

    /// Where in a client's ALPN list the first of our names is that it holds, without the byte of its length.
    private static func firstCommon(
        _ own: [UInt8],
        in offered: UnsafeBufferPointer<UInt8>
    ) -> Range<Int>? {
        var start = 0
        while start < own.count {
            let name = own[(start + 1)..<min(own.count, start + 1 + Int(own[start]))]
            var place = 0
            while place < offered.count {
                let range = (place + 1)..<min(offered.count, place + 1 + Int(offered[place]))
                if offered[range].elementsEqual(name) { return range }
                place += 1 + Int(offered[place])
            }
            start += 1 + Int(own[start])
        }
        return nil
    }

    /// Looks at the name before anything is agreed on: versions and ciphers are chosen right after.
    private func followServerNames() {
        SSL_CTX_set_client_hello_cb(
            pointer,
            { ssl, alert, _ in
                guard let ssl, let context = TLSContext.of(ssl),
                    let name = ServerNameAgreement.name(in: ssl),
                    let rules = context.rules?(name)
                else { return SSL_CLIENT_HELLO_SUCCESS }
                let isAgreed = rules.profile.map { context.adopt($0, in: ssl) }
                if isAgreed ?? true, rules.clients?.apply(to: ssl) ?? true {
                    return SSL_CLIENT_HELLO_SUCCESS
                }
                alert?.pointee = SSL_AD_INTERNAL_ERROR
                return SSL_CLIENT_HELLO_ERROR
            },
            nil
        )
    }

    /// Makes a session follow a profile other than the listener's.
    private func adopt(_ profile: TLSProfile, in ssl: OpaquePointer) -> Bool {
        profiles.adopt(profile, in: ssl) { profile in
            guard let pointer = SSL_CTX_new(TLS_server_method()) else { return nil }
            portico_ctx_set_common(pointer)
            guard ServerNameAgreement.apply(profile, toContext: pointer) else {
                SSL_CTX_free(pointer)
                return nil
            }
            SSL_CTX_set_ex_data(pointer, 0, Unmanaged.passUnretained(self).toOpaque())
            SSL_CTX_set1_cert_store(pointer, SSL_CTX_get_cert_store(self.pointer))
            installServerCallbacks(on: pointer)
            if keyLog >= 0 { installKeyLog(on: pointer) }
            return pointer
        }
    }

    /// The ALPN list for the name that a client asked for.
    private func protocols(for ssl: OpaquePointer?) -> [UInt8] {
        guard let rules,
            let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map({
                String(cString: $0)
            }),
            let own = rules(name.lowercased())?.applicationProtocols,
            let encoded = try? Self.encode(own)
        else { return protocols }
        return encoded
    }

    private func choose(for ssl: OpaquePointer, alert: UnsafeMutablePointer<Int32>?) -> Int32 {
        let name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name).map { String(cString: $0) }
        do throws(TLSError) {
            guard let certificate = try certificates?.certificate(for: name) else {
                alert?.pointee = SSL_AD_UNRECOGNIZED_NAME
                return SSL_TLSEXT_ERR_ALERT_FATAL
            }
            if certificate.use(in: ssl) { return SSL_TLSEXT_ERR_OK }
        } catch {
            // The alert tells the client no more than that this side failed.
        }
        alert?.pointee = SSL_AD_INTERNAL_ERROR
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }

    private func installClientProtocols() throws(TLSError) {
        if !protocols.isEmpty,
            SSL_CTX_set_alpn_protos(pointer, protocols, UInt32(protocols.count)) != 0
        {
            throw .configuration("the ALPN list is not usable")
        }
        guard sessions != nil else {
            portico_ctx_set_cache_mode(pointer, SSL_SESS_CACHE_OFF)
            return
        }
        portico_ctx_set_cache_mode(
            pointer,
            SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE
        )
        SSL_CTX_sess_set_new_cb(pointer) { ssl, session in
            guard let ssl, let session, let cache = TLSContext.of(ssl)?.sessions,
                let key = SessionCache.Key(ssl)
            else { return 0 }
            cache.store(session, for: key)
            return 1
        }
    }
}

extension TLSServerOptions {
    fileprivate var versions: (lowest: Int32, highest: Int32) {
        (profile.minimumVersion.number, profile.maximumVersion.number)
    }
}

extension TLSClientOptions {
    fileprivate var versions: (lowest: Int32, highest: Int32) {
        (minimumVersion.number, maximumVersion.number)
    }
}
