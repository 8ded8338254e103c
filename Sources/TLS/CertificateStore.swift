import COpenSSL
import Synchronization

/// A certificate chain, leaf first, with the leaf's private key.
package struct CertificateAndKey: Sendable {
    package var certificateChainPEM: [UInt8]
    package var keyPEM: [UInt8]

    /// Makes a pair of PEM texts.
    package init(certificateChainPEM: [UInt8], keyPEM: [UInt8]) {
        self.certificateChainPEM = certificateChainPEM
        self.keyPEM = keyPEM
    }
}

/// Certificates by server name: asks its provider once per name and keeps the parsed pair.
package final class CertificateStore: Sendable {
    /// How many names are kept parsed.
    package static let maximumNames = 1024
    /// How long a parsed pair is used before the provider is asked again, so that renewals arrive.
    package static let refreshInterval = Duration.seconds(600)

    private struct Entry {
        var certificate: LoadedCertificate
        var loaded: ContinuousClock.Instant
        var used: UInt64
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var tick: UInt64 = 0
        var generation: UInt64 = 0
    }

    private let provider: @Sendable (String?) -> CertificateAndKey?
    private let state = Mutex(State())

    /// Makes a store; the provider gets the lower-case name that the client asked for.
    ///
    /// The provider runs on the thread of the handshake, so it must be quick. When it answers nil,
    /// the handshake ends with an unrecognized_name alert.
    package init(provider: @escaping @Sendable (String?) -> CertificateAndKey?) {
        self.provider = provider
    }

    /// Forgets every parsed pair; the next handshake of each name asks the provider again.
    package func invalidate() {
        state.withLock { state in
            state.entries.removeAll()
            state.generation += 1
        }
    }

    /// The pair for a name, from memory or from the provider.
    func certificate(for serverName: String?) throws(TLSError) -> LoadedCertificate? {
        let name = serverName?.lowercased()
        let key = name ?? ""
        let now = ContinuousClock.now
        let (known, generation) = state.withLock { state -> (LoadedCertificate?, UInt64) in
            guard var entry = state.entries[key],
                now - entry.loaded < Self.refreshInterval
            else { return (nil, state.generation) }
            state.tick += 1
            entry.used = state.tick
            state.entries[key] = entry
            return (entry.certificate, state.generation)
        }
        if let known { return known }
        guard let pair = provider(name) else {
            state.withLock { _ = $0.entries.removeValue(forKey: key) }
            return nil
        }
        let loaded = try LoadedCertificate(pair)
        state.withLock { state in
            guard state.generation == generation else { return }
            if state.entries.count >= Self.maximumNames, state.entries[key] == nil,
                let oldest = state.entries.min(by: { $0.value.used < $1.value.used })
            {
                state.entries[oldest.key] = nil
            }
            state.tick += 1
            state.entries[key] = Entry(certificate: loaded, loaded: now, used: state.tick)
        }
        return loaded
    }
}

/// A parsed chain with its key, shared by sessions.
final class LoadedCertificate: @unchecked Sendable {
    // SAFETY: the OpenSSL objects are immutable after `init`; their reference counts are atomic.
    private let leaf: OpaquePointer
    private let key: OpaquePointer
    private let chain: OpaquePointer

    init(_ pair: CertificateAndKey) throws(TLSError) {
        ERR_clear_error()
        guard let chain = portico_chain_new() else {
            throw .configuration("no memory for a certificate chain")
        }
        var certificates = Self.certificates(in: pair.certificateChainPEM)
        ERR_clear_error()
        guard !certificates.isEmpty else {
            portico_chain_free(chain)
            throw .configuration("the certificate chain holds no PEM certificate")
        }
        let leaf = certificates.removeFirst()
        for certificate in certificates { _ = portico_chain_push(chain, certificate) }
        guard let key = Self.key(in: pair.keyPEM) else {
            X509_free(leaf)
            portico_chain_free(chain)
            throw .configuration("the private key is not readable PEM")
        }
        self.leaf = leaf
        self.key = key
        self.chain = chain
        guard X509_check_private_key(leaf, key) == 1 else {
            throw .configuration("the private key does not belong to the certificate")
        }
    }

    deinit {
        X509_free(leaf)
        EVP_PKEY_free(key)
        portico_chain_free(chain)
    }

    /// Makes a session present this certificate.
    func use(in ssl: OpaquePointer) -> Bool { SSL_use_cert_and_key(ssl, leaf, key, chain, 1) == 1 }

    /// Makes every session of a context present this certificate.
    func use(inContext context: OpaquePointer) -> Bool {
        SSL_CTX_use_cert_and_key(context, leaf, key, chain, 1) == 1
    }

    private static func certificates(in pem: [UInt8]) -> [OpaquePointer] {
        pem.withUnsafeBytes { bytes in
            guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
                return []
            }
            defer { BIO_free(bio) }
            var found: [OpaquePointer] = []
            while let certificate = PEM_read_bio_X509(bio, nil, nil, nil) {
                found.append(certificate)
            }
            return found
        }
    }

    private static func key(in pem: [UInt8]) -> OpaquePointer? {
        pem.withUnsafeBytes { bytes in
            guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count)) else {
                return nil
            }
            defer { BIO_free(bio) }
            // A key behind a passphrase is refused: nobody is there to type it.
            return PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil)
        }
    }
}
