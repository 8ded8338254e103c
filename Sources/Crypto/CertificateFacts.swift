import COpenSSL

/// What a certificate says of its owner.
package struct CertificateFacts: Sendable, Hashable {
    /// Pairs of hexadecimal digits with colons between them.
    package var serialNumber: String
    /// As RFC 2253 writes names.
    package var issuer: String
    /// As RFC 2253 writes names.
    package var subject: String
    /// Unit: seconds since 1970.
    package var notBefore: Int
    /// Unit: seconds since 1970.
    package var notAfter: Int
    /// In hexadecimal.
    package var sha256: String
    package var pem: String

    /// Reads a certificate in DER; nil when it is none.
    package init?(der: [UInt8]) {
        guard let certificate = Certificate.parse(der: der) else { return nil }
        self.init(certificate)
    }

    init(_ certificate: Certificate) {
        serialNumber = certificate.serialNumber
        issuer = Self.name(X509_get_issuer_name(certificate.pointer))
        subject = Self.name(X509_get_subject_name(certificate.pointer))
        notBefore = certificate.notBefore
        notAfter = certificate.notAfter
        sha256 = certificate.fingerprint
        pem = String(decoding: certificate.pem, as: UTF8.self)
    }

    private static func name(_ name: OpaquePointer?) -> String {
        let bytes = PEM.writing { bio in
            X509_NAME_print_ex(bio, name, 0, portico_rfc2253()) >= 0 ? 1 : 0
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Certificate {
    /// Pairs of hexadecimal digits with colons between them.
    fileprivate var serialNumber: String {
        guard let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(pointer), nil) else {
            return ""
        }
        defer { BN_free(number) }
        var bytes = [UInt8](repeating: 0, count: max(1, Int(portico_bn_bytes(number))))
        if portico_bn_bytes(number) > 0 { _ = BN_bn2bin(number, &bytes) }
        return bytes.map { Digest.hex(CollectionOfOne($0)) }.joined(separator: ":")
    }
}

/// The authorities of a trust store, as a bundle in PEM.
///
/// Source: "Trust stores and certificate management".
package enum CertificateBundle {
    /// The most bytes of a bundle.
    package static let maximumSize = 64 << 10
    /// The most certificates of a bundle.
    package static let maximumCertificates = 25
    /// The most bytes of one certificate in PEM.
    package static let maximumCertificate = 16_384

    private static let begin = "-----BEGIN CERTIFICATE-----"
    private static let end = "-----END CERTIFICATE-----"

    /// How many certificates a bundle has, or what is wrong with it.
    package static func check(_ text: String) -> (count: Int, problem: String?) {
        guard text.utf8.count <= maximumSize else {
            return (0, "the bundle has more than \(maximumSize) bytes")
        }
        var count = 0
        var rest = text[...]
        while let start = rest.firstRange(of: begin) {
            guard let stop = rest[start.upperBound...].firstRange(of: end) else {
                return (count, "a certificate has no end")
            }
            count += 1
            let pem = String(rest[start.lowerBound..<stop.upperBound])
            if let problem = problem(of: pem) { return (count, "certificate \(count): \(problem)") }
            rest = rest[stop.upperBound...]
        }
        if count == 0 { return (0, "there is no certificate in it") }
        guard count <= maximumCertificates else {
            return (count, "there are more than \(maximumCertificates) certificates in it")
        }
        return (count, nil)
    }

    private static func problem(of pem: String) -> String? {
        guard pem.utf8.count <= maximumCertificate else {
            return "it has more than \(maximumCertificate) bytes"
        }
        guard let certificate = Certificate.parse(Array((pem + "\n").utf8)),
            let key = X509_get0_pubkey(certificate.pointer)
        else { return "it is not readable" }
        let bits = EVP_PKEY_get_bits(key)
        switch EVP_PKEY_get_base_id(key) {
        case EVP_PKEY_RSA where 2048...4096 ~= bits: return nil
        case EVP_PKEY_EC where bits == 256 || bits == 384: return nil
        default: return "its key is of another kind or size"
        }
    }
}
