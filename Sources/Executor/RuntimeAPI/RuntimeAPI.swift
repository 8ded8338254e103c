import DataPlane
import HTTP
import Model
import Reactor

/// The Runtime API of one environment.
///
/// Confined to its reactor. Source: "Using the Lambda runtime API for custom runtimes".
final class RuntimeAPI: WorkerTransport {
    /// The largest streamed answer.
    ///
    /// Unit: bytes. Source: Lambda quotas, "Maximum size of a response streaming payload".
    static let streamLimit = 200 << 20

    private let reactor: Reactor
    private var state = RuntimeState.started
    private var current: EnvironmentCall?
    private var attempt = ""
    private var parked: UnsafeContinuation<Bool, Never>?
    private var hasEnded = false
    /// Runs when the runtime asks for its first invocation.
    var onFirstNext: (() -> Void)?
    private let loaded: Mailbox<Initialisation>
    private let answers: Mailbox<Answer>
    private let asked: Mailbox<Bool>

    init(reactor: Reactor) {
        self.reactor = reactor
        loaded = Mailbox(reactor: reactor)
        answers = Mailbox(reactor: reactor)
        asked = Mailbox(reactor: reactor)
    }

    /// Ends every wait.
    func close() {
        hasEnded = true
        release(false)
        loaded.put(.ended)
        answers.put(.exited)
        asked.put(false)
    }
}

// MARK: - The environment's side

extension RuntimeAPI {
    func initialise(
        _ environment: ExecutionEnvironment,
        _ identity: FunctionIdentity,
        path: String,
        until deadline: MonotonicInstant
    ) async -> Initialisation {
        await loaded.take(until: deadline) ?? .timedOut
    }

    func invoke(
        _ call: EnvironmentCall,
        _ environment: ExecutionEnvironment,
        until deadline: MonotonicInstant
    ) async -> Answer {
        guard !hasEnded, state.apply(.assigned) else { return .exited }
        answers.clear()
        asked.clear()
        current = call
        attempt = RequestIdentifier.make()
        release(true)
        return await answers.take(until: deadline) ?? .timedOut
    }

    var answersEarly: Bool { true }

    var hasAnnouncedOutput: Bool { false }

    func becomeReady(until deadline: MonotonicInstant) async -> Bool {
        if hasEnded { return false }
        if state == .ready { return true }
        return await asked.take(until: deadline) ?? false
    }

    /// What such a process says comes through its pipes.
    func takeLastWords(
        _ environment: ExecutionEnvironment,
        until deadline: MonotonicInstant
    ) async {}

    func processEnded() { close() }

    private func release(_ hasWork: Bool) {
        let waiting = parked
        parked = nil
        waiting?.resume(returning: hasWork)
    }
}

// MARK: - The runtime's side

extension RuntimeAPI {
    /// `GET /runtime/invocation/next`: waits for an invocation.
    func next() async -> Response {
        let before = state
        guard !hasEnded, state.apply(.next) else { return RuntimeReplies.wrongOrder(state, .next) }
        if before == .started {
            onFirstNext?()
            loaded.put(.loaded)
        }
        if before == .responseSent {
            current = nil
            asked.put(true)
        }
        if state == .ready {
            // A second call takes the place of one whose connection has gone.
            release(false)
            guard await withUnsafeContinuation({ parked = $0 }) else { return RuntimeReplies.ended }
        }
        guard let current else { return RuntimeReplies.ended }
        return RuntimeReplies.invocation(current, attempt: attempt)
    }

    /// `POST /runtime/invocation/{id}/response`.
    func respond(_ id: String, _ exchange: Exchange) async -> Response {
        guard let call = current, call.requestID == id, isThisAttempt(exchange) else {
            return RuntimeReplies.invalidRequestID
        }
        guard state.apply(.responseBegins) else {
            return RuntimeReplies.wrongOrder(state, .responseBegins)
        }
        let mode = exchange.request.headers["Lambda-Runtime-Function-Response-Mode"] ?? ""
        guard mode.isEmpty || mode == "streaming" else {
            answers.put(
                .fatal(
                    ErrorPayload.make(
                        type: "Runtime.InvalidResponseModeHeader",
                        message: "RequestId: \(id) Error: Invalid function response mode: \(mode)"
                    )[...]
                )
            )
            return RuntimeReplies.invalidResponseMode
        }
        if !mode.isEmpty, let stream = call.stream {
            return await pump(exchange, into: stream)
        }
        return await collect(exchange, isStream: !mode.isEmpty)
    }

    private func isThisAttempt(_ exchange: Exchange) -> Bool {
        exchange.request.headers["Lambda-Runtime-Invocation-Id"].map { $0 == attempt } ?? true
    }

    private func collect(_ exchange: Exchange, isStream: Bool) async -> Response {
        let limit = Invocation.largestResponse
        let outcome = await RuntimeBody.read(exchange.body, limit: limit)
        _ = state.apply(.bodyComplete)
        switch outcome {
        case .complete(let bytes, let trailers):
            let error = isStream ? RuntimeBody.lateError(in: trailers) : nil
            answers.put(error.map { .failed($0) } ?? .response(bytes))
            return RuntimeReplies.accepted
        case .tooLarge(let size):
            answers.put(.oversized(size))
            return RuntimeReplies.tooLarge(limit)
        case .truncated: return truncate()
        }
    }

    private func truncate() -> Response {
        let payload = ErrorPayload.make(
            type: "Runtime.TruncatedResponse",
            message: "The response of the runtime ended early."
        )
        answers.put(.failed(payload[...]))
        return RuntimeReplies.truncated
    }

    /// Passes a streamed answer on, as fast as its reader takes it.
    private func pump(_ exchange: Exchange, into stream: ResponseChannel) async -> Response {
        let type = exchange.request.headers["Content-Type"] ?? "application/octet-stream"
        stream.begin(contentType: type)
        let never = MonotonicInstant.never
        var trailers = Headers()
        switch exchange.body {
        case .empty, .upgrade: break
        case .bytes(let bytes): _ = await stream.write(bytes, until: never)
        case .stream(let source, _):
            do throws(Fault) {
                while let piece = try await source.read() {
                    guard stream.byteCount + piece.count <= Self.streamLimit else {
                        _ = state.apply(.bodyComplete)
                        answers.put(.oversized(stream.byteCount + piece.count))
                        return RuntimeReplies.tooLarge(Self.streamLimit)
                    }
                    _ = await stream.write(piece, until: never)
                }
                trailers = source.trailers
            } catch {
                _ = state.apply(.bodyComplete)
                return truncate()
            }
        }
        _ = state.apply(.bodyComplete)
        answers.put(.streamed(error: RuntimeBody.lateError(in: trailers)))
        return RuntimeReplies.accepted
    }

    /// `POST /runtime/invocation/{id}/error`.
    func fail(_ id: String, _ exchange: Exchange) async -> Response {
        guard let call = current, call.requestID == id, isThisAttempt(exchange) else {
            return RuntimeReplies.invalidRequestID
        }
        guard state.apply(.errorBegins) else {
            return RuntimeReplies.wrongOrder(state, .errorBegins)
        }
        let limit = Invocation.largestResponse
        let outcome = await RuntimeBody.read(exchange.body, limit: limit)
        _ = state.apply(.bodyComplete)
        switch outcome {
        case .complete(let bytes, _):
            let type = exchange.request.headers["Content-Type"]
            let carriesCause = type == "application/vnd.aws.lambda.error.cause+json"
            answers.put(.failed(carriesCause ? RuntimeBody.withoutCause(bytes) : bytes))
            return RuntimeReplies.accepted
        case .tooLarge(let size):
            answers.put(.oversized(size))
            return RuntimeReplies.tooLarge(limit)
        case .truncated: return truncate()
        }
    }

    /// `POST /runtime/init/error`.
    func failToInitialise(_ exchange: Exchange) async -> Response {
        guard state.apply(.initError) else { return RuntimeReplies.wrongOrder(state, .initError) }
        let limit = Invocation.largestResponse
        guard
            case .complete(let bytes, _) = await RuntimeBody.read(exchange.body, limit: limit)
        else {
            loaded.put(.failed(LoadFailure(type: "Runtime.Unknown", message: "")))
            return RuntimeReplies.tooLarge(limit)
        }
        let header = exchange.request.headers["Lambda-Runtime-Function-Error-Type"]
        loaded.put(.failed(RuntimeBody.failure(bytes, header: header)))
        return RuntimeReplies.accepted
    }
}
