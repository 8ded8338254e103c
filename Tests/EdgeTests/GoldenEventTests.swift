import Foundation
import HTTP
import JSON
import Model
import Synchronization
import Testing

@testable import Edge

/// The events of all four hooks against files that were reviewed as text.
///
/// `PORTICO_UPDATE_GOLDEN=1` writes the files anew.
@Suite("Golden events")
struct GoldenEventTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Golden")

    @Test(
        "the event of a hook is the one in its file",
        arguments: ["custom", "s3"],
        EdgeEvent.allCases
    )
    func events(_ kind: String, _ event: EdgeEvent) async throws {
        let shown = try await self.event(kind, event)
        let file = Self.folder.appendingPathComponent("\(kind)-\(event.rawValue).json")
        if ProcessInfo.processInfo.environment["PORTICO_UPDATE_GOLDEN"] == "1" {
            try (Self.pretty(shown) + "\n").write(to: file, atomically: true, encoding: .utf8)
        }
        let wanted = try String(contentsOf: file, encoding: .utf8)
        #expect(Self.pretty(shown) + "\n" == wanted)
    }

    /// Runs one request through all hooks and takes the event of one of them.
    private func event(_ kind: String, _ event: EdgeEvent) async throws -> JSONValue {
        let bench = Bench(
            .sample(hooks: EdgeEvent.allCases, includeBody: true) {
                Self.configure(&$0, isS3: kind == "s3")
            },
            scripts: [
                "viewer-request:1": echo("request") { setHeader(&$0, "x-added", "1") },
                "origin-request:1": echo("request"),
                "origin-response:1": echo("response") { setHeader(&$0, "x-stored", "1") },
                "viewer-response:1": echo("response"),
            ],
            origin: { _ in
                let headers: Headers = [
                    "Content-Type": "text/plain", "Set-Cookie": "a=1", "set-cookie": "b=2",
                    "Via": "1.1 proxy", "X-Cache": "theirs",
                ]
                return (ResponseHead(status: 201, headers: headers), "made")
            }
        )
        let got = try #require(
            await bench.get(
                "/api/a%20b",
                method: "POST",
                query: "x=1&y=2",
                headers: [
                    "accept": "text/html", "Accept": "*/*", "Cookie": "b=2; a=1",
                    "Content-Type": "text/plain", "Content-Length": "5",
                    "X-Forwarded-For": "203.0.113.9", "Connection": "x-hop", "X-Hop": "1",
                    "X-Amz-Cf-Id": "theirs", "Via": "1.0 elder",
                ],
                body: "hello",
                version: .http2
            )
        )
        let id = try #require(got.header("x-amz-cf-id"))
        let via = try #require(got.header("via")).dropFirst(4)
        let found = bench.invoker.events.withLock { events in
            events.first { $0.function == event.rawValue + ":1" }?.event.text
        }
        let text = try #require(found).replacingOccurrences(of: id, with: "<request id>")
            .replacingOccurrences(of: via, with: "<32 hex>.cloudfront.net (CloudFront)")
        return try JSONValue.parse(text)
    }

    private static func configure(_ distribution: inout Distribution, isS3: Bool) {
        distribution.behaviors[0].allowedMethods = [
            "GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE",
        ]
        distribution.behaviors[0].originRequestPolicy =
            ManagedPolicies.originRequest["b689b0a8-53d0-40ab-baf2-68738e2966ac"]
        distribution.origins[0].customHeaders = ["X-Key": "secret", "X-Added": "origin"]
        distribution.origins[0].path = "/base"
        if isS3 {
            distribution.origins[0].domainName = "site.s3.eu-west-1.amazonaws.com"
            distribution.origins[0].isS3 = true
            distribution.origins[0].originAccessIdentity = "origin-access-identity/cloudfront/E2"
        } else {
            distribution.origins[0].protocolPolicy = .matchViewer
            distribution.origins[0].responseCompletionTimeout = 60
        }
    }

    /// JSON with one member to a line, in the order of the event.
    private static func pretty(_ value: JSONValue, _ indent: String = "") -> String {
        let inner = indent + "  "
        switch value {
        case .object(let object) where !object.isEmpty:
            let lines = object.members.map {
                "\(inner)\(JSONValue.string($0.key).text): \(pretty($0.value, inner))"
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        case .array(let values) where !values.isEmpty:
            let lines = values.map { inner + pretty($0, inner) }
            return "[\n" + lines.joined(separator: ",\n") + "\n\(indent)]"
        default: return value.text
        }
    }
}
