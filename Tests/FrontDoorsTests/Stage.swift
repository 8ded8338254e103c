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
}

/// Sends one request to a handler on a reactor of its own.
func ask(
    _ handler: any ExchangeHandler,
    _ head: RequestHead,
    body: String = "",
    isTLS: Bool = true
) async -> Answer {
    let reactor = Reactor()
    reactor.start()
    defer { reactor.stop() }
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
                    localPort: isTLS ? 8443 : 8080
                ),
                context: context
            )
            let response = await handler.respond(to: &exchange)
            let bytes = (try? await Payloads.collect(response.body, limit: 1 << 20)) ?? []
            continuation.resume(
                returning: Answer(
                    status: response.head.status,
                    headers: response.head.headers,
                    text: String(decoding: bytes, as: UTF8.self)
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
