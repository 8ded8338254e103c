import DataPlane
import HTTP
import JSON
import Model
import Reactor
import Synchronization
import Telemetry

@testable import Edge

/// Answers invocations from scripts by function name; the script gets the event and gives the result.
final class ScriptedInvoker: FunctionInvoker {
    typealias Script = @Sendable (JSONValue) -> InvocationResult
    private let scripts: [String: Script]
    let events = Mutex<[(function: String, event: JSONValue)]>([])

    init(_ scripts: [String: Script]) { self.scripts = scripts }

    func invoke(_ invocation: Invocation) async -> InvocationResult {
        guard let event = try? JSONValue.parse(invocation.payload),
            let script = scripts[invocation.function]
        else { return .notFound(invocation.function) }
        events.withLock { $0.append((invocation.function, event)) }
        return script(event)
    }

    var firstEvent: JSONValue? { events.withLock { $0.first?.event } }
    var functions: [String] { events.withLock { $0.map(\.function) } }
}

/// An origin that answers as told and keeps what it was asked.
final class ScriptedOrigin: ExchangeHandler, OriginResolver {
    private let answer: @Sendable (RequestHead) -> (ResponseHead, String)
    let requests = Mutex<[RequestHead]>([])
    let targets = Mutex<[OriginRequest]>([])
    /// Domain names whose requests fail, and how.
    let broken = Mutex<[String: OriginTarget]>([:])

    init(_ answer: @escaping @Sendable (RequestHead) -> (ResponseHead, String)) {
        self.answer = answer
    }

    func target(for origin: OriginRequest) -> OriginTarget {
        targets.withLock { $0.append(origin) }
        return broken.withLock { $0[origin.origin.domainName] } ?? .door(self)
    }

    func respond(to exchange: inout Exchange) async -> Response {
        let request = exchange.request
        requests.withLock { $0.append(request) }
        let (head, text) = answer(request)
        guard !text.isEmpty, request.method != "HEAD" else { return Response(head: head) }
        let source = PieceSource(text.utf8.map { [$0] })
        return Response(head: head, body: .stream(source, length: text.utf8.count))
    }

    var count: Int { requests.withLock(\.count) }
    var last: RequestHead? { requests.withLock(\.last) }
    var lastTarget: OriginRequest? { targets.withLock(\.last) }
}

/// A body in given pieces.
final class PieceSource: BodySource {
    private var pieces: [[UInt8]]
    /// Whether it breaks off after its pieces.
    private let fails: Bool
    let trailers = Headers()

    init(_ pieces: [[UInt8]], fails: Bool = false) {
        self.pieces = pieces.reversed()
        self.fails = fails
    }

    func read() async throws(Fault) -> Bytes? {
        if pieces.isEmpty, fails { throw Fault(.incompleteBody, side: .viewer) }
        return pieces.popLast().map { $0[...] }
    }
}

/// What a viewer got.
struct Received: Sendable {
    var head: ResponseHead
    var bytes: [UInt8]
    var stages: [String]
    var result: String

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var status: Int { head.status }
    func header(_ name: String) -> String? { head.headers[name] }
    var cache: String? { head.headers["x-cache"] }
}

/// A pipeline with a clock that tests turn.
final class Bench: Sendable {
    let time = Atomic(1_000_000)
    let lines = Mutex<[String]>([])
    let invoker: ScriptedInvoker
    let origin: ScriptedOrigin
    /// One thread for all benches: hundreds of cases need no thread and no descriptors each.
    private static let shared: Reactor = {
        let reactor = Reactor()
        reactor.start()
        return reactor
    }()
    let reactor = Bench.shared
    let cache: CacheStore
    private let made = Mutex<EdgePipeline?>(nil)

    init(
        _ distribution: Distribution,
        scripts: [String: ScriptedInvoker.Script] = [:],
        signers: [String: PublicKey]? = nil,
        locations: [String: String] = [:],
        settings: EdgeSettings = EdgeSettings(),
        functions: ViewerFunctions = .none,
        accessLog: AccessLog? = nil,
        realTimeLog: (CacheBehavior) -> RealTimeLog? = { _ in nil },
        regional: CacheStore? = nil,
        shield: CacheStore? = nil,
        primary: PrimaryDistribution? = nil,
        cache: CacheStore = CacheStore(),
        origin answer: @escaping @Sendable (RequestHead) -> (ResponseHead, String)
    ) {
        invoker = ScriptedInvoker(scripts)
        self.cache = cache
        origin = ScriptedOrigin(answer)
        let pipeline = EdgePipeline(
            distribution: distribution,
            edge: EdgeIdentity(name: "iad", httpsPort: 8443),
            cache: cache,
            invoker: invoker,
            origins: origin,
            signers: { $0.trustedKeyGroups.isEmpty ? nil : signers ?? [:] },
            locations: LocationTable(locations),
            settings: settings,
            functions: functions,
            accessLog: accessLog,
            realTimeLog: realTimeLog,
            regional: regional,
            shield: shield,
            primary: primary,
            log: { [self] line in lines.withLock { $0.append(line) } },
            clock: { [self] in time.load(ordering: .relaxed) }
        )
        made.withLock { $0 = pipeline }
    }

    var pipeline: EdgePipeline? { made.withLock { $0 } }
    var firstLine: String? { lines.withLock(\.first) }

    func advance(_ seconds: Int) { time.add(seconds, ordering: .relaxed) }

    func get(
        _ path: String,
        method: String = "GET",
        query: String? = nil,
        headers: Headers = [:],
        body: String = "",
        isTLS: Bool = true,
        version: HTTPVersion = .http11,
        address: String = "198.51.100.7",
        readsBody: Bool = true,
        bodyFails: Bool = false
    ) async -> Received? {
        guard let pipeline = made.withLock({ $0 }) else { return nil }
        let reactor = reactor
        return await withCheckedContinuation { continuation in
            reactor.submit {
                let context = ReactorContext(
                    reactor: reactor,
                    upstream: UpstreamPool(reactor: reactor)
                )
                var all: Headers = ["Host": "app.localhost:8443"]
                for (name, value) in headers { all.append(name, value) }
                var exchange = Exchange(
                    request: RequestHead(
                        method: method,
                        path: path,
                        query: query,
                        version: version,
                        headers: all
                    ),
                    body: body.isEmpty
                        ? .empty
                        : .stream(
                            PieceSource(body.utf8.map { [$0] }, fails: bodyFails),
                            length: body.utf8.count
                        ),
                    viewer: Viewer(
                        address: address,
                        port: 5000,
                        isTLS: isTLS,
                        localPort: 8443
                    ),
                    context: context
                )
                let response = await pipeline.respond(to: &exchange)
                var bytes: [UInt8] = []
                switch response.body {
                case .bytes(let all): bytes = Array(all)
                case .stream(let source, _) where readsBody:
                    while let piece = try? await source.read() { bytes += piece }
                default: break
                }
                exchange.record.bytesSent = bytes.count
                exchange.record.finish()
                let received = Received(
                    head: response.head,
                    bytes: bytes,
                    stages: exchange.record.stages.map { "\($0.stage) \($0.outcome ?? "")" },
                    result: exchange.record.resultType
                )
                continuation.resume(returning: received)
            }
        }
    }
}

extension Distribution {
    /// One origin, one behaviour, functions named after their hooks.
    static func sample(
        policy: CachePolicy = .cachingOptimized,
        hooks: [EdgeEvent] = [],
        includeBody: Bool = false,
        change: (inout Distribution) -> Void = { _ in }
    ) -> Distribution {
        var behavior = CacheBehavior(pathPattern: "*", targetOriginID: "o", cachePolicy: policy)
        behavior.functions = hooks.map {
            EdgeFunctionAssociation(
                event: $0,
                function: $0.rawValue,
                version: 1,
                includeBody: includeBody
            )
        }
        var result = Distribution(
            id: "E1",
            origins: [Origin(id: "o", domainName: "origin.example")],
            behaviors: [behavior]
        )
        change(&result)
        return result
    }
}

extension BehaviorPlan {
    /// The plan of a behaviour with nothing but a policy.
    static func sample(_ policy: CachePolicy) -> BehaviorPlan {
        let behavior = CacheBehavior(pathPattern: "*", targetOriginID: "o", cachePolicy: policy)
        let distribution = Distribution(id: "E1", origins: [], behaviors: [behavior])
        return BehaviorPlan(behavior, of: distribution, signers: nil)
    }
}

/// Gives back the request or response of an event after a change.
func echo(
    _ kind: String,
    _ change: @escaping @Sendable (inout JSONObject) -> Void = { _ in }
) -> ScriptedInvoker.Script {
    { event in
        guard var object = event["Records"]?[0]?["cf"]?[kind]?.object else {
            return .functionError(.handled, payload: [])
        }
        change(&object)
        return .success(JSONValue.object(object).encoded()[...])
    }
}

/// Sets a header in a request or response of an event.
func setHeader(_ object: inout JSONObject, _ name: String, _ value: String) {
    var headers = object["headers"]?.object ?? JSONObject()
    headers[name] = [["value": .string(value)]]
    object["headers"] = .object(headers)
}
