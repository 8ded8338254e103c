import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Testing

@testable import FrontDoors

/// Events as files: a request, a dashed line, the event byte for byte.
///
/// A file's name starts with the kind of door. `PORTICO_UPDATE_GOLDEN=1` writes them anew.
@Suite
struct GoldenTests {
    private static let folder =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Golden"

    static let files: [String] =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        .filter { $0.hasSuffix(".golden") }.sorted()

    @Test("events are those of the golden files", arguments: files)
    func event(_ file: String) throws {
        let path = Self.folder + "/" + file
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let parts = text.components(separatedBy: "\n----\n")
        let request = try Self.request(parts[0])
        let event = String(decoding: Self.encode(file, request.head, request.body), as: UTF8.self)
        if ProcessInfo.processInfo.environment["PORTICO_UPDATE_GOLDEN"] == "1" {
            try "\(parts[0])\n----\n\(event)\n".write(
                toFile: path,
                atomically: true,
                encoding: .utf8
            )
        }
        #expect(event + "\n" == (parts.count > 1 ? parts[1] : ""))
    }

    @Test("the golden files are there")
    func presence() { #expect(Self.files.count >= 10) }

    private static func request(_ text: String) throws -> (head: RequestHead, body: Bytes) {
        let parts = text.components(separatedBy: "\n\n")
        let lines = parts[0].components(separatedBy: "\n")
        let start = lines[0].components(separatedBy: " ")
        var headers = Headers()
        for line in lines.dropFirst() {
            let colon = try #require(line.firstIndex(of: ":"))
            let value = line[line.index(after: colon)...].trimmingASCIIWhitespace()
            headers.append(String(line[..<colon]), String(value))
        }
        let target = start[1].split(
            separator: "?",
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        let head = RequestHead(
            method: start[0],
            path: String(target[0]),
            query: target.count == 2 ? String(target[1]) : nil,
            headers: headers
        )
        let body = parts.dropFirst().joined(separator: "\n\n")
        return (head, Array(body.utf8)[...])
    }

    private static func encode(_ file: String, _ head: RequestHead, _ body: Bytes) -> [UInt8] {
        if file.hasPrefix("alb-") {
            var group = TargetGroup(
                name: "lambda-target",
                arn: "arn:aws:elasticloadbalancing:us-east-1:123456789012:"
                    + "targetgroup/lambda-target/abcdefg",
                targets: []
            )
            group.multiValueHeaders = file.hasPrefix("alb-multi")
            return BalancerEvents.encode(head, body: body, targetGroup: group)
        }
        if file.hasPrefix("rest-") { return restEvent(file, head, body) }
        let keys = [
            "POST /api/users/{userId}/orders", "GET /u/{n}", "ANY /files/{path+}", "$default",
        ]
        let routes = keys.map {
            GatewayRoute(
                key: $0,
                integration: .function("f", payloadFormat: "2.0", timeoutMilliseconds: 50)
            )
        }
        let isURL = file.hasPrefix("url-")
        let match = RouteMatcher(routes).match(method: head.method, path: head.path)
        var stage = GatewayStage(name: "$default")
        if file.contains("variables") { stage.variables = ["k": "v"] }
        var request = GatewayRequest(
            head: head,
            body: body,
            sourceIP: "203.0.113.7",
            apiID: "abc",
            stage: stage,
            routeKey: isURL ? "$default" : match?.route.key ?? "",
            parameters: isURL ? [:] : match?.parameters ?? [:],
            requestID: "JCJJxhz4PHcEJgQ=",
            time: 1_744_668_836_573
        )
        if file.contains("jwt") {
            request.authorizer = ["jwt": ["claims": ["sub": "u"], "scopes": ["s1"]]]
        }
        if isURL {
            request.keepsCookieField = true
            request.accountID = "anonymous"
        }
        return GatewayEvents.encode(request, format: file.hasPrefix("http-1.0") ? "1.0" : "2.0")
    }

    private static func restEvent(
        _ file: String,
        _ head: RequestHead,
        _ body: Bytes
    ) -> [UInt8] {
        var api = RESTAPI(id: "abc", name: "a")
        if file.contains("binary") { api.binaryMediaTypes = ["image/png"] }
        var request = RESTRequest(
            head: head,
            body: body,
            sourceIP: "203.0.113.7",
            api: api,
            stage: RESTStage(name: "test"),
            path: head.path,
            contextPath: "/test" + head.path,
            requestID: "dbcb1121-909c-4d1a-aff3-958e94138b79",
            extendedID: "JCI_JHpQvHcEhVw=",
            time: 1_744_668_768_586
        )
        let paths = ["/api/users/{userId}/orders", "/u/{n}", "/{proxy+}"]
        let match = ResourceMatcher(paths.map { RESTResource(id: "abc123", path: $0) })
            .match(head.path)
        request.resource = match?.resource
        request.parameters = match?.parameters ?? [:]
        return RESTEvents.encode(request)
    }
}
