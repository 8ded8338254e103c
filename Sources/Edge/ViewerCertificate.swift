import Crypto
import DataPlane
import HTTP

/// The `CloudFront-Viewer-Cert-…` headers of a viewer that was asked for a certificate.
///
/// Source: "Viewer mTLS headers for cache policies and origin requests".
struct ViewerCertificate: Sendable {
    static let prefix = "cloudfront-viewer-cert-"
    static let validity = prefix + "validity"
    static let pem = prefix + "pem"

    /// Nil when the viewer showed none.
    private let facts: CertificateFacts?

    init(of viewer: Viewer) {
        facts = viewer.certificateDER.flatMap { CertificateFacts(der: $0) }
    }

    /// The value of a header; the name is in lower case.
    func value(of name: String) -> String? {
        if name == Self.prefix + "present" { return facts == nil ? "0" : "1" }
        guard let facts else { return nil }
        switch name.dropFirst(Self.prefix.count) {
        case "serial-number": return facts.serialNumber
        case "issuer": return facts.issuer
        case "subject": return facts.subject
        case "sha256": return facts.sha256
        case "validity":
            let (from, to) = (LogTime(Double(facts.notBefore)), LogTime(Double(facts.notAfter)))
            return "NotBefore=\(from.date)T\(from.time)Z;NotAfter=\(to.date)T\(to.time)Z"
        case "pem": return Self.encoded(facts.pem)
        default: return nil
        }
    }

    private static func encoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."), UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes.append(UInt8(ascii: "%"))
                bytes += Digest.hex(CollectionOfOne(byte)).uppercased().utf8
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension EdgePipeline {
    /// Adds what only an origin may know of the viewer's certificate.
    func addOriginCertificate(_ head: inout RequestHead, _ passage: Passage) {
        for name in passage.plan.originCertificateHeaders {
            head.headers.remove(name)
            let value = passage.facts.certificate?.value(of: name.lowercased())
            if let value { head.headers.append(name, value) }
        }
    }
}
