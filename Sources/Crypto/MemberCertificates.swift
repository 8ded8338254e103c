import COpenSSL

/// A new private key with a request to certify it (PKCS #10, RFC 2986); the key stays where it was made.
package struct KeyWithRequest: Sendable {
    package let keyPEM: [UInt8]
    package let requestPEM: [UInt8]

    /// Makes a key on the curve P-256 and signs a request with it.
    package init() throws(AuthorityError) {
        ERR_clear_error()
        guard let key = PrivateKey.generate(), let request = X509_REQ_new() else {
            throw AuthorityError(.cryptography, "no key could be made")
        }
        defer { X509_REQ_free(request) }
        guard X509_REQ_set_version(request, 0) == 1,
            X509_REQ_set_pubkey(request, key.pointer) == 1,
            X509_REQ_sign(request, key.pointer, EVP_sha256()) > 0
        else { throw AuthorityError(.cryptography, "no certificate request could be made") }
        keyPEM = key.pem
        requestPEM = PEM.writing { PEM_write_bio_X509_REQ($0, request) }
    }
}

/// Who a certificate stands for.
package struct CertificateIdentity: Sendable, Equatable {
    package let commonName: String
    /// The SHA-256 of the certificate in DER, hexadecimal.
    package let fingerprint: String
    /// Seconds since 1970.
    package let notAfter: Int

    /// Reads a certificate in DER; nil when it is none.
    package init?(der: [UInt8]) {
        guard let certificate = Certificate.parse(der: der) else { return nil }
        self.init(certificate)
    }

    /// Reads the first certificate of a PEM text; nil when there is none.
    package init?(pem: [UInt8]) {
        guard let certificate = Certificate.parse(pem) else { return nil }
        self.init(certificate)
    }

    init(_ certificate: Certificate) {
        commonName = certificate.commonName
        fingerprint = certificate.fingerprint
        notAfter = certificate.notAfter
    }
}

extension LocalAuthority {
    /// The SHA-256 of the authority's certificate in DER, hexadecimal: what a joining machine pins.
    package var fingerprint: String { certificate.fingerprint }

    /// The authority's certificate and then its key: who has them is the authority.
    package var pairPEM: [UInt8] { certificate.pem + key.pem }

    /// A secret that only holders of the authority's key can derive.
    package func secret(for purpose: String) -> [UInt8] {
        HMAC.sha256(key: key.pem, Array(purpose.utf8))
    }

    /// Certifies the key of a request (PKCS #10) as a client with a name.
    ///
    /// `service` is a DNS name under which the client may also serve. Nothing is kept here.
    /// Unit of `seconds`: how long the certificate is valid.
    package func certify(
        request pem: [UInt8],
        name: String,
        service: String?,
        seconds: Int
    ) throws(AuthorityError) -> [UInt8] {
        ERR_clear_error()
        let parsed = PEM.reading(pem) { PEM_read_bio_X509_REQ($0, nil, { _, _, _, _ in -1 }, nil) }
        guard let parsed else {
            throw AuthorityError(.invalidName, "this is no certificate request in PEM")
        }
        defer { X509_REQ_free(parsed) }
        guard let publicKey = X509_REQ_get0_pubkey(parsed),
            X509_REQ_verify(parsed, publicKey) == 1
        else {
            throw AuthorityError(.invalidName, "the certificate request is not signed by its key")
        }
        let now = now()
        let request = CertificateRequest(
            commonName: name,
            role: .member(alternativeName: service.map { "DNS:" + $0 }),
            notBefore: now - Self.backdating,
            notAfter: min(now + seconds, certificate.notAfter)
        )
        let made = Certificate.make(
            request,
            publicKey: publicKey,
            issuer: certificate,
            issuerKey: key
        )
        guard let made else {
            throw AuthorityError(.cryptography, "no certificate could be made for '\(name)'")
        }
        return made.pem
    }
}
