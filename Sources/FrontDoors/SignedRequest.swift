import HTTP
import JSON

/// The credential of a request that is signed with Signature Version 4.
///
/// There are no accounts on this machine, so form and service are checked, the signature is not.
struct SignedRequest: Sendable {
    var accessKey: String

    /// Reads the credential of a request to a service; nil when it is not signed for it.
    init?(_ head: RequestHead, service: String) {
        let field = head.headers["authorization"] ?? ""
        var credential: String?
        if field.hasPrefix("AWS4-HMAC-SHA256 ") {
            let parts = field.dropFirst(17).split(separator: ",").map {
                $0.trimmingASCIIWhitespace()
            }
            func part(_ name: String) -> Substring? {
                parts.first { $0.hasPrefix(name + "=") }?.dropFirst(name.count + 1)
            }
            guard part("SignedHeaders") != nil, part("Signature")?.utf8.count == 64 else {
                return nil
            }
            credential = part("Credential").map(String.init)
        } else {
            let pairs = QueryText.pairs(head.query)
            func value(_ name: String) -> String? {
                pairs.first { $0.key == name }.map { PercentText.decode($0.value) }
            }
            guard value("X-Amz-Algorithm") == "AWS4-HMAC-SHA256",
                value("X-Amz-Signature")?.utf8.count == 64
            else { return nil }
            credential = value("X-Amz-Credential")
        }
        let scope = (credential ?? "").split(separator: "/").map(String.init)
        guard scope.count == 5, scope[3] == service, scope[4] == "aws4_request" else { return nil }
        accessKey = scope[0]
    }
}
