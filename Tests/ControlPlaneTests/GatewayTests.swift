import Crypto
import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Reactor
import Registry
import Telemetry
import Testing

@testable import ControlPlane

<<<<<<< HEAD
=======
/// Answers with the payload, or fails when the payload is `"fail"`.
private struct Echo: FunctionInvoker {
    func invoke(_ invocation: Invocation) async -> InvocationResult {
        if Array(invocation.payload) == Array("\"fail\"".utf8) {
            return .functionError(.handled, payload: Array("{\"errorType\":\"E\"}".utf8)[...])
        }
        return .success(invocation.payload)
    }
}

private struct Answer: Sendable {
    var status: Int
    var headers: [String: String]
    var text: String
}

/// A gateway over a registry in a folder of its own.
private final class Fixture: Sendable {
    let folder = NSTemporaryDirectory() + "gateway-" + UUID().uuidString
    let reactor = Reactor()
    let gateway: AWSGateway

    init() throws {
        let registry = PrimaryRegistry(store: try SQLiteStore(directory: folder))
        let requests = RequestLog()
        for status in [200, 404] {
            var record = AccessRecord()
            record.status = status
            requests.append(&record)
        }
        gateway = AWSGateway(
            registry: registry,
            snapshot: { Snapshot() },
            invoker: Echo(),
            edges: { [] },
            requests: requests,
            httpsPort: 8443,
            logicalIDs: { $0 == "Hello" ? "f" : nil },
            tails: LogTails(),
            health: { _, _ in TargetCondition(state: "healthy") },
            invalidate: { _, _ in },
            testFunction: { _ in nil }
        )
        reactor.start()
    }

    deinit {
        reactor.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }

    func send(
        _ method: String,
        _ path: String,
        _ body: String = "",
        query: String? = nil,
        headers: [(String, String)] = [],
        host: String = "localhost:4566"
    ) async -> Answer {
        await withCheckedContinuation { continuation in
            reactor.submit { [self] in
                var fields: Headers = ["Host": host]
                for (name, value) in headers { fields.append(name, value) }
                let request = RequestHead(
                    method: method,
                    path: path,
                    query: query,
                    headers: fields
                )
                let context = ReactorContext(
                    reactor: reactor,
                    upstream: UpstreamPool(reactor: reactor)
                )
                var exchange = Exchange(
                    request: request,
                    body: body.isEmpty ? .empty : .bytes(Array(body.utf8)[...]),
                    viewer: Viewer(address: "127.0.0.1", port: 1, isTLS: false, localPort: 4566),
                    context: context
                )
                let response = await gateway.respond(to: &exchange)
                var text = ""
                if case .bytes(let bytes) = response.body {
                    text = String(decoding: bytes, as: UTF8.self)
                }
                var all: [String: String] = [:]
                for (name, value) in response.head.headers { all[name.lowercased()] = value }
                continuation.resume(
                    returning: Answer(status: response.head.status, headers: all, text: text)
                )
            }
        }
    }

    func create(_ name: String, _ content: String) async throws -> Answer {
        await send("POST", "/2015-03-31/functions", try body(content, name))
    }

    func body(_ content: String, _ name: String) throws -> String {
        let code = folder + "/code"
        try FileManager.default.createDirectory(atPath: code, withIntermediateDirectories: true)
        try content.write(toFile: code + "/index.js", atomically: true, encoding: .utf8)
        let zip = Base64.encode(try CodeArchive.pack(folder: code))
        return """
            {"FunctionName":"\(name)","Runtime":"nodejs22.x","Handler":"index.handler",\
            "Role":"arn:aws:iam::123456789012:role/r","ZipFile":"\(zip)","Code":{"ZipFile":"\(zip)"}}
            """
    }
}

>>>>>>> da356d7 (Hot path: bodies share a block, records and heads change hands, a timeline's first step lies in place)
@Suite
struct GatewayTests {
    private let base = "/2015-03-31/functions"

    @Test
    func foreignHostsAndOriginsAreRefused() async throws {
        let fixture = try GatewayFixture()
        #expect(await fixture.send("GET", "/_portico/health").status == 200)
        #expect(await fixture.send("GET", "/_portico/health", host: "evil.test").status == 403)
        for (origin, status) in [
            ("https://evil.test", 403), ("null", 403), ("http://localhost:3000", 200),
            ("http://127.0.0.1.evil.test", 403),
        ] {
            let answer = await fixture.send(
                "GET",
                "/_portico/edges",
                headers: [("Origin", origin)]
            )
            #expect(answer.status == status, "\(origin)")
        }
    }

    @Test
    func pagesAreJSON() async throws {
        let fixture = try GatewayFixture()
        let health = try JSONValue.parse(await fixture.send("GET", "/_portico/health").text)
        #expect(health["status"]?.string == "ready")
        let latest = try JSONValue.parse(
            await fixture.send("GET", "/_portico/requests", query: "limit=1").text
        )
        #expect(latest.array?.map { $0["status"]?.int } == [404])
        #expect(
            await fixture.send("GET", "/_portico/requests", query: "limit=x").status == 400
        )
    }

    @Test
    func functionsLiveAndDie() async throws {
        let fixture = try GatewayFixture()
        #expect(try await fixture.create("f", "1").status == 201)
        let again = try await fixture.create("f", "1")
        #expect(again.status == 409)
        #expect(again.headers["x-amzn-errortype"] == "ResourceConflictException")
        let update = await fixture.send("PUT", base + "/f/code", try fixture.body("2", "f"))
        #expect(update.status == 200)
        let version = try JSONValue.parse(
            await fixture.send("POST", base + "/f/versions", "{}").text
        )
        #expect(version["Version"]?.string == "1")
        let same = try JSONValue.parse(await fixture.send("POST", base + "/f/versions", "{}").text)
        #expect(same["Version"]?.string == "1")
        let alias = "{\"Name\":\"live\",\"FunctionVersion\":\"1\"}"
        #expect(await fixture.send("POST", base + "/f/aliases", alias).status == 201)
        #expect(await fixture.send("POST", base + "/f/aliases", alias).status == 409)
        let gone = await fixture.send("DELETE", base + "/f", query: "Qualifier=1")
        #expect(gone.status == 409)
        #expect(await fixture.send("DELETE", base + "/f").status == 204)
        let missing = await fixture.send("GET", base + "/f")
        #expect(missing.status == 404)
        #expect(missing.text.contains("\"Message\":\"Function not found: arn:aws:lambda"))
    }

    @Test
    func invocations() async throws {
        let fixture = try GatewayFixture()
        _ = try await fixture.create("f", "1")
        let path =
            base + "/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af/invocations"
        let answer = await fixture.send("POST", path, "[1]")
        #expect(answer.status == 200 && answer.text == "[1]")
        #expect(answer.headers["x-amz-executed-version"] == "$LATEST")
        let failed = await fixture.send("POST", base + "/Hello/invocations", "\"fail\"")
        #expect(failed.status == 200)
        #expect(failed.headers["x-amz-function-error"] == "Unhandled")
        for (type, status) in [("DryRun", 204), ("Event", 202), ("Nonsense", 400)] {
            let answer = await fixture.send(
                "POST",
                base + "/f/invocations",
                "{}",
                headers: [("X-Amz-Invocation-Type", type)]
            )
            #expect(answer.status == status)
        }
        #expect(await fixture.send("POST", base + "/f/invocations", "{x").status == 400)
        #expect(await fixture.send("POST", base + "/g/invocations", "{}").status == 404)
        #expect(await fixture.send("GET", "/2020-05-31/nothing").status == 404)
    }
}
