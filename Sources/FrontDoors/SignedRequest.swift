import DataPlane
import Executor
import HTTP
import JSON

/// The credential of a request that is signed with Signature Version 4.
///
/// Without configured keys form and service are checked and the signature is not; with them `isVerified` does that.
struct SignedRequest: Sendable {
    var accessKey: String

    /// Whether the signature of a request is right; without keys any is.
    ///
    /// Its body is read for that and stays in the exchange.
    static func isVerified(
        _ exchange: inout Exchange,
        service: String,
        _ state: DoorState,
        limit: Int
    ) async -> Bool {
        guard let keys = state.signingKeys else { return true }
        guard let body = try? await Payloads.collect(exchange.body, limit: limit) else {
            return false
        }
        exchange.body = .bytes(body)
        return RequestVerifier(keys).refusal(of: exchange.request, body: body, service: service)
            == nil
    }

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
