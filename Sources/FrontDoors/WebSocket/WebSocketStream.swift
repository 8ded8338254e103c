import DataPlane
import HTTP
import JSON
import Model
import Reactor

/// The API's end of one open connection: takes messages in, gives frames out.
///
/// Confined to its reactor.
final class WebSocketStream: DuplexStream {
    /// A connection without messages ends after so long.
    ///
    /// Source: AWS page "Quotas for configuring and running a WebSocket API".
    static let idleLimit: Duration = .seconds(600)
    /// Every connection ends after so long.
    ///
    /// Source: as `idleLimit`.
    static let lifetime: Duration = .seconds(7200)
    /// How many messages of a client are worked on at once; further ones wait.
    static let concurrency = 32

    private let door: WebSocketDoor
    private let session: WebSocketSession
    private let outbox: WebSocketOutbox
    private let context: ReactorContext
    private var reader = WebSocketReader()
    private let openedAt = ContinuousClock.now
    private var heardAt = ContinuousClock.now
    private var timer: TimerID?
    private var running = 0
    private var waiter: CheckedContinuation<Void, Never>?
    /// How the connection ended: code and reason.
    private var end: (code: Int, reason: String)?
    private var isClosed = false

    init(
        _ door: WebSocketDoor,
        _ session: WebSocketSession,
        _ outbox: WebSocketOutbox,
        _ context: ReactorContext
    ) {
        self.door = door
        self.session = session
        self.outbox = outbox
        self.context = context
        arm()
    }

    deinit { if !isClosed { disconnect() } }

    // MARK: Timers

    private func arm() {
        let due = min(heardAt + Self.idleLimit, openedAt + Self.lifetime)
        timer = context.reactor.schedule(at: due) { [weak self] in self?.expire() }
    }

    private func expire() {
        guard !isClosed else { return }
        let now = ContinuousClock.now
        if now < heardAt + Self.idleLimit, now < openedAt + Self.lifetime { return arm() }
        leave(1001, "Going away")
    }

    // MARK: The stream

    func read() async throws(Fault) -> Bytes? { await outbox.next() }

    func write(_ bytes: Bytes) async throws(Fault) {
        heardAt = .now
        door.state.sockets.touch(session.connectionID, at: EventTime.now())
        for event in reader.feed(bytes) {
            switch event {
            case .text(let text): await start(Array(text.utf8)[...])
            case .binary: leave(1003, "Binary messages are not supported")
            case .ping(let payload): outbox.send(WebSocketWriter.pong(payload))
            case .pong: break
            case .close(let code, let reason):
                end = end ?? (code, reason)
                outbox.send(
                    WebSocketWriter.close(code == 1005 ? 1000 : code, reason),
                    closes: true
                )
            case .failure(let code, let reason): leave(code, reason)
            }
        }
    }

    func finish() async { close() }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        if let timer { context.reactor.cancel(timer) }
        outbox.close()
        disconnect()
    }

    /// Ends the connection with a frame that says why.
    private func leave(_ code: Int, _ reason: String) {
        end = end ?? (code, reason)
        outbox.send(WebSocketWriter.close(code, reason), closes: true)
    }

    // MARK: Messages

    /// Works on a message beside others; waits while too many are worked on.
    private func start(_ body: Bytes) async {
        while running >= Self.concurrency {
            await withCheckedContinuation { waiter = $0 }
        }
        running += 1
        let local = ReactorLocal(self)
        Task(executorPreference: context.reactor) {
            await local.value.handle(body)
            local.value.ended()
        }
    }

    private func ended() {
        running -= 1
        let waiter = waiter
        self.waiter = nil
        waiter?.resume()
    }

    private func handle(_ body: Bytes) async {
        let calls = door.calls(context)
        let requestID = QuickRandom.gatewayID()
        guard let route = Self.route(of: body, calls.api) else {
            return fail("Forbidden", requestID)
        }
        let details = WebSocketEvents.context(
            session,
            .message,
            route: route.key,
            requestID: requestID,
            time: EventTime.now()
        )
        let event = WebSocketEvents.message(
            session,
            details,
            body: String(decoding: body, as: UTF8.self),
            isBase64: false
        )
        let answer = await calls.run(route, session.stage, event, message: body)
        guard let answer else { return fail("Internal server error", requestID) }
        if route.answers, !answer.body.isEmpty { outbox.send(WebSocketWriter.text(answer.body)) }
    }

    private func fail(_ message: String, _ requestID: String) {
        let text = WebSocketDoor.errorText(message, session, requestID)
        outbox.send(WebSocketWriter.text(text.utf8))
    }

    /// The route whose key the message names, else `$default`.
    static func route(of body: Bytes, _ api: WebSocketAPI) -> WebSocketAPI.Route? {
        let standard = api.routes.first { $0.key == "$default" }
        guard let value = try? JSONValue.parse(body), value.object != nil else { return standard }
        let key = RouteSelection.evaluate(api.routeSelection, value)
        if key.hasPrefix("$") { return standard }
        return api.routes.first { $0.key == key } ?? standard
    }

    /// Tells the application, which may have no interest.
    private func disconnect() {
        door.state.sockets.remove(session.connectionID)
        let calls = door.calls(context)
        guard let route = calls.api.routes.first(where: { $0.key == "$disconnect" }) else { return }
        let details = WebSocketEvents.context(
            session,
            .disconnect,
            route: "$disconnect",
            requestID: QuickRandom.gatewayID(),
            time: EventTime.now()
        )
        let event = WebSocketEvents.disconnect(
            session,
            details,
            code: end?.code ?? 1006,
            reason: end?.reason ?? "Client-side close frame status not set"
        )
        let stage = session.stage
        let local = ReactorLocal(calls)
        Task(executorPreference: context.reactor) {
            _ = await local.value.run(route, stage, event, message: [])
        }
    }
}
