import Crypto
import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Reactor
import Registry
import Telemetry

@testable import ControlPlane

/// Answers with the payload, or fails when the payload is `"fail"`.
private struct Echo: FunctionInvoker {
    func invoke(_ invocation: Invocation) async -> InvocationResult {
        if Array(invocation.payload) == Array("\"fail\"".utf8) {
            return .functionError(.handled, payload: Array("{\"errorType\":\"E\"}".utf8)[...])
        }
        return .success(invocation.payload)
    }
}

/// A gateway over a registry in a folder of its own.
final class GatewayFixture: Sendable {
    /// What a call was answered, in a form that leaves the reactor.
    struct Answer: Sendable {
        var status: Int
        var headers: [String: String]
        var text: String
    }

    let folder = NSTemporaryDirectory() + "gateway-" + UUID().uuidString
    let reactor = Reactor()
    let gateway: AWSGateway
    let registry: PrimaryRegistry

    init() throws {
        registry = PrimaryRegistry(store: try SQLiteStore(directory: folder))
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

    /// Changes a document that an API keeps, past the API.
    func change(
        record id: String,
        _ change: @escaping @Sendable (inout JSONObject) -> Void
    ) async throws {
        _ = try await registry.update { snapshot, _ in
            var record = snapshot.record(id) ?? JSONObject()
            change(&record)
            return ([.put(.record(id: id, document: JSONValue.object(record).text))], ())
        }
    }
}
