import DataPlane
import HTTP
import JSON
import Model
import Reactor
import Synchronization

@testable import FrontDoors

/// A function that answers every call alike and keeps the events it saw.
final class ScriptedInvoker: FunctionInvoker {
    private let answer: InvocationResult
    private let calls = Mutex<[Invocation]>([])

    init(_ text: String) { answer = .success(Array(text.utf8)[...]) }
    init(result: InvocationResult) { answer = result }

    var invocations: [Invocation] { calls.withLock { $0 } }

    var event: JSONValue? {
        invocations.last.flatMap { try? JSONValue.parse($0.payload) }
    }

    func invoke(_ invocation: Invocation) async -> InvocationResult {
        calls.withLock { $0.append(invocation) }
        return answer
    }
}

/// What a handler answered, in a form that leaves the reactor.
struct Answer: Sendable {
    var status: Int
    var headers: Headers
    var text: String
    var closes = false
}

/// A web server on a port of its own that keeps what it was asked.
final class WebServer: Sendable {
    private struct Recorder: ExchangeHandler {
        let seen: SeenRequests
        let answer: @Sendable (RequestHead, String) -> Response

        func respond(to exchange: inout Exchange) async -> Response {
            let body = (try? await Payloads.collect(exchange.body, limit: 1 << 20)) ?? []
            seen.add(exchange.request, body)
            return answer(exchange.request, String(decoding: body, as: UTF8.self))
        }
    }

    private let reactor = Reactor()
    private let listener: DataPlane.Listener
    private let seen = SeenRequests()

    init(
        _ answer: @escaping @Sendable (RequestHead, String) -> Response = { _, _ in
            Response(status: 200, text: "hello")
        }
    ) throws {
        listener = DataPlane.Listener(
            address: "127.0.0.1",
            port: 0,
            tls: nil,
            handler: Recorder(seen: seen, answer: answer),
            limits: ConnectionLimits(),
            client: nil
        )
        reactor.start()
        try listener.start(on: [reactor])
    }

    deinit { reactor.stop() }

    var port: Int { listener.port }
    var requests: [RequestHead] { seen.all.map(\.head) }
    var bodies: [String] { seen.all.map(\.body) }
    var last: RequestHead? { requests.last }
}

/// What a web server was asked, shared with its reactor.
final class SeenRequests: Sendable {
    private let contents = Mutex<[(head: RequestHead, body: String)]>([])

    func add(_ head: RequestHead, _ body: Bytes) {
        let text = String(decoding: body, as: UTF8.self)
        contents.withLock { $0.append((head, text)) }
    }

    var all: [(head: RequestHead, body: String)] { contents.withLock { $0 } }
}

/// Sends one request to a handler, on a reactor of its own if none is given.
func ask(
    _ handler: any ExchangeHandler,
    _ head: RequestHead,
    body: String = "",
    isTLS: Bool = true,
    tls: (version: String, cipher: String)? = nil,
    on given: Reactor? = nil
) async -> Answer {
    let reactor = given ?? Reactor()
    if given == nil { reactor.start() }
    defer { if given == nil { reactor.stop() } }
    return await withCheckedContinuation { continuation in
        reactor.submit {
            let context = ReactorContext.make(reactor: reactor)
            var exchange = Exchange(
                request: head,
                body: body.isEmpty ? .empty : .bytes(Array(body.utf8)[...]),
                viewer: Viewer(
                    address: "203.0.113.7",
                    port: 5000,
                    isTLS: isTLS,
                    localPort: isTLS ? 8443 : 8080,
                    tlsProtocol: tls?.version,
                    tlsCipher: tls?.cipher
                ),
                context: context
            )
            let response = await handler.respond(to: &exchange)
            let bytes = (try? await Payloads.collect(response.body, limit: 1 << 20)) ?? []
            continuation.resume(
                returning: Answer(
                    status: response.head.status,
                    headers: response.head.headers,
                    text: String(decoding: bytes, as: UTF8.self),
                    closes: response.closesConnection
                )
            )
        }
    }
}

/// A request to a host.
func get(
    _ target: String,
    method: String = "GET",
    host: String = "h",
    headers: Headers = Headers()
) -> RequestHead {
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var all: Headers = ["Host": host]
    for (name, value) in headers { all.append(name, value) }
    return RequestHead(
        method: method,
        path: String(parts[0]),
        query: parts.count == 2 ? String(parts[1]) : nil,
        headers: all
    )
}

/// A snapshot with the function `f:1`.
func functionSnapshot() -> Snapshot {
    var snapshot = Snapshot()
    snapshot.functions["f:1"] = FunctionVersion(
        name: "f",
        version: 1,
        runtime: "nodejs22.x",
        handler: "i.h",
        codeDigest: "0"
    )
    let anyone = FunctionPermission(
        function: "f",
        qualifier: "1",
        statementID: "anyone",
        action: "lambda:InvokeFunction",
        principal: "*"
    )
    return snapshot.applying([.put(.permission(anyone))], revision: 1)
}
