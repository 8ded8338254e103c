import Glibc
import HTTP
import Reactor
import TLS
import Telemetry

/// Serves one viewer's connection: one exchange after the other until either side has had enough.
///
/// Confined to its reactor.
final class H1Driver {
    /// Request bodies up to this size that came with their head are handed over whole.
    static let arrivedBody = 64 << 10

    private let listener: Listener
    let context: ReactorContext
    let connection: Connection
    let limits: ConnectionLimits
    // The listener's own, asked for with every request.
    private let handler: any ExchangeHandler
    private let sink: (@Sendable (inout AccessRecord) -> Void)?
    @exclusivity(unchecked)
    private var viewer: Viewer
    /// Whether the connection waits for a request: it may be closed at any time.
    @exclusivity(unchecked)
    private(set) var isIdle = true
    /// Whether the listener wants to end this connection after the current exchange.
    @exclusivity(unchecked)
    private(set) var isDraining = false
    /// Whether an idle connection may stay for one more request, although the listener drains.
    @exclusivity(unchecked)
    private var isSpared = false
    /// How many requests the connection has carried.
    @exclusivity(unchecked)
    private var requests = 0
    /// The way from origins to the viewer; one for all exchanges of the connection.
    @exclusivity(unchecked)
    private var link: ViewerLink?
    /// The version of the request that is being answered.
    @exclusivity(unchecked)
    private(set) var version = HTTPVersion.http11
    /// The host that was asked for last: mostly the next request names it again.
    @exclusivity(unchecked)
    private var host = ""
    /// The task that runs `serve`, to be cancelled when the viewer vanishes.
    var task: Task<Void, Never>?
    /// This driver's place in the listener's list.
    var slot = 0
    /// Among whose connections this one is counted.
    var source: UInt64?
    /// What serves the connection in place of this driver once HTTP/2 was agreed on.
    private var multiplexed: H2Driver?

    init(
        listener: Listener,
        context: ReactorContext,
        connection: Connection,
        viewer: Viewer
    ) {
        self.listener = listener
        self.context = context
        self.connection = connection
        self.viewer = viewer
        limits = listener.limits
        handler = listener.handler
        sink = listener.sink
    }

    /// Lets no further request in: an idle connection ends now, a busy one after its exchanges.
    ///
    /// With `sparingIdle` an idle one may bring one more request: the answer says that it is the last, so that
    /// no viewer finds its connection closed under a request that is on its way.
    func drain(sparingIdle: Bool = false) {
        isDraining = true
        isSpared = sparingIdle
        if let multiplexed { return multiplexed.drain() }
        guard isIdle, !sparingIdle else { return }
        // What has arrived already is answered first.
        if connection.readiness.hasPendingInput, !connection.readiness.isHalfClosed { return }
        close()
    }

    /// A proxy's header has named the viewer.
    func relay(for source: SocketAddress) { viewer = viewer.relayed(for: source) }

    /// Ends an idle connection.
    private func close() {
        connection.sayGoodbye()
        connection.close()
    }

    /// Ends the connection in the middle of an exchange.
    func abort() {
        task?.cancel()
        link?.interrupt()
        connection.close()
    }

    /// Why a connection is served no further, for now or for ever.
    enum Pause { case quiet, ended }

    /// Serves the connection until it has ended or has gone quiet; then `resume` must follow in a task of its own.
    func serve() async -> Pause {
        if let tls = connection.tls {
            let started = context.preciseTime
            let failure = await handshake(tls)
            viewer = viewer.secured(by: tls)
            guard admit(failure, since: started) else { return finish() }
            if tls.applicationProtocol == "h2" {
                await multiplex()
                return finish()
            }
        }
        link = ViewerLink { [unowned self] in await sendInterim($0) }
        connection.readiness.onHangUp = { [unowned self] in viewerHungUp() }
        return await serveAll()
    }

    /// Waits for the next request on a quiet connection, and serves on.
    ///
    /// The task in which requests were served would keep the memory of their frames for as long.
    func resume() async -> Pause {
        let rest = limits.keepAlive - limits.quiet
        guard await connection.fill(until: connection.deadline(rest)) == .done else {
            return leave()
        }
        return await serveAll()
    }

    private func serveAll() async -> Pause {
        while true {
            switch await serveOne() {
            case nil: continue
            case .quiet:
                connection.releaseBuffers()
                return .quiet
            case .ended: return leave()
            }
        }
    }

    /// Serves the rest of the connection as HTTP/2.
    private func multiplex() async {
        connection.readiness.onHangUp = nil
        let driver = H2Driver(
            listener: listener,
            context: context,
            connection: connection,
            viewer: viewer
        )
        multiplexed = driver
        if isDraining { driver.drain() }
        await driver.serve()
    }

    /// Whether a viewer without TLS begins to speak HTTP/2 (RFC 9113 §3.3).
    private var isPriorKnowledge: Bool {
        let preface: StaticString = "PRI * HTTP/2.0\r\n\r\n"
        guard connection.tls == nil, limits.h2.allowsPriorKnowledge, connection.bytesSent == 0,
            connection.input.count >= preface.utf8CodeUnitCount
        else { return false }
        return preface.withUTF8Buffer { connection.input.bytes.starts(with: $0) }
    }

    /// Ends a connection that has carried requests.
    private func leave() -> Pause {
        connection.sayGoodbye()
        return finish()
    }

    private func finish() -> Pause {
        connection.close()
        task = nil
        return .ended
    }

    private func viewerHungUp() {
        // Over plain TCP a half-closed viewer may still read; over TLS nobody half-closes.
        guard connection.readiness.isHungUp || connection.tls != nil else { return }
        guard !isIdle else { return }
        task?.cancel()
        link?.interrupt()
    }

    /// Whether the connection may go on after its handshake, in the handler's opinion as well.
    private func admit(_ failure: TLSError?, since started: MonotonicInstant) -> Bool {
        let opening = ConnectionOpening(
            viewer: viewer,
            reactor: context.reactor,
            duration: context.preciseTime.microseconds(since: started),
            failure: failure
        )
        let verdict = listener.handler.admit(opening)
        guard failure == nil, case .admitted(let id) = verdict else { return false }
        if let id { viewer = viewer.named(id) }
        return true
    }

    /// Makes the handshake; gives why it failed.
    private func handshake(_ tls: TLSSession) async -> TLSError? {
        let deadline = connection.deadline(limits.handshake)
        while true {
            let outcome: Readiness.Outcome
            switch tls.handshake() {
            case .done: return nil
            case .wantRead: outcome = await connection.readiness.readable(until: deadline)
            case .wantWrite: outcome = await connection.readiness.writable(until: deadline)
            case .failed(let error): return error
            }
            switch outcome {
            case .ready: break
            case .timedOut: return TLSError(.system(ETIMEDOUT), "the handshake took too long")
            case .closed: return TLSError(.truncated, "the connection was closed")
            }
        }
    }

    /// Serves one exchange; nil when another may follow.
    private func serveOne() async -> Pause? {
        isIdle = true
        var parsed: ParsedRequest
        do throws(HeadFailure) {
            guard let next = try await readHead() else { return .ended }
            parsed = next
        } catch {
            switch error {
            case .quiet: return .quiet
            case .status(505) where isPriorKnowledge: await multiplex()
            case .status(let status): await refuse(status)
            }
            return .ended
        }
        isIdle = false
        version = parsed.head.version
        let started = context.time
        let sentBefore = connection.bytesSent
        let body = makeBody(parsed)
        requests += 1
        let asked = Asked(
            isHead: parsed.head.method == "HEAD",
            keepsAlive: parsed.keepAlive && requests < limits.maximumRequests
        )
        // The head changes hands without a copy, so that nobody shares its fields.
        var exchange = Exchange(
            request: RequestHead(method: "", path: ""),
            body: makeContent(body),
            viewer: viewer,
            context: context,
            record: sink == nil ? AccessRecord() : makeRecord(parsed.head, started)
        )
        swap(&exchange.request, &parsed.head)
        exchange.link = link
        let response =
            listener.admission.isShedding
            ? listener.admission.refusal()
            : await handler.handler(for: &exchange).respond(to: &exchange)
        let status = response.head.status
        var reply = begin(response, to: asked, body)
        // Mostly all goes out at once: only what must wait gets a suspended frame.
        let result =
            pushContent(response.body, &reply)
            ? reply.keepsAlive : await sendRest(of: response, reply, body)
        if let sink {
            let sent = connection.bytesSent - sentBefore
            close(&exchange.record, status, sent: sent, started)
            sink(&exchange.record)
        }
        guard result, connection.isOpen else { return .ended }
        if let body, await !drain(body) { return .ended }
        return nil
    }

    /// The content of a request that has any.
    private func makeBody(_ parsed: ParsedRequest) -> MessageBody? {
        guard !parsed.framing.isNone else { return nil }
        let body = MessageBody(
            connection,
            framing: parsed.framing,
            side: .viewer,
            idle: limits.bodyIdle
        )
        body.owesContinue = parsed.expectsContinue
        return body
    }

    /// The content as far as it has arrived, or the way to what is still to come.
    private func makeContent(_ body: MessageBody?) -> Body {
        guard let body, !body.isFinished else { return .empty }
        if let bytes = body.takeArrived(limit: Self.arrivedBody) { return .bytes(bytes) }
        return .stream(body, length: body.length)
    }

    private func sendInterim(_ head: ResponseHead) async {
        guard (100...199).contains(head.status), head.status != 101, !isIdle, version != .http10
        else { return }
        appendBare(head)
        _ = await connection.flush(until: connection.deadline(limits.sendIdle))
    }

    /// Why there is no request.
    private enum HeadFailure: Error {
        /// What came is none, and is answered with this status.
        case status(Int)
        /// Nothing has come for a while.
        case quiet
    }

    /// The next request, nil when the viewer has gone or was silent for too long.
    private func readHead() async throws(HeadFailure) -> ParsedRequest? {
        var deadline: MonotonicInstant?
        while true {
            if !connection.input.isEmpty {
                let parsed: ParsedRequest?
                do throws(H1Error) {
                    parsed = try H1Parser.parseRequestHead(
                        connection.input.bytes,
                        limits: limits.heads
                    )
                } catch {
                    throw .status(error.status)
                }
                if let parsed {
                    connection.input.consume(parsed.consumed)
                    return parsed
                }
                if deadline == nil { deadline = connection.deadline(limits.head) }
            } else if isDraining, !isSpared {
                return nil
            }
            let silence = connection.deadline(min(limits.quiet, limits.keepAlive))
            switch await connection.fill(until: deadline ?? silence) {
            case .done: continue
            case .timedOut where deadline != nil: throw .status(408)
            case .timedOut where limits.keepAlive > limits.quiet: throw .quiet
            case .end, .failed, .timedOut: return nil
            }
        }
    }

    /// Answers what is no request, and waits a moment so that the viewer can read the answer.
    private func refuse(_ status: Int) async {
        let response = Response(status: status, text: StatusText.reason(for: status) + "\n")
        guard case .bytes(let bytes) = response.body else { return }
        context.refreshClock()
        H1Serializer.append(
            response.head,
            framing: .length(bytes.count),
            keepsAlive: false,
            to: .http11,
            date: context.clock.date,
            into: &connection.output
        )
        guard await connection.write(bytes, until: connection.deadline(limits.sendIdle)) == .done
        else { return }
        await linger()
    }

    /// Closes our side and reads the rest away for a while, so that no reset destroys the answer.
    func linger() async {
        await connection.finishSending()
        let deadline = connection.deadline(limits.drain)
        var budget = limits.drainBytes
        while budget > 0 {
            connection.input.consume(connection.input.count)
            guard await connection.fill(until: deadline) == .done else { return }
            budget -= connection.input.count
        }
    }

    /// Reads away what the handler left of the request; false when that is too much.
    private func drain(_ body: MessageBody) async -> Bool {
        if body.isFinished { return true }
        body.abandon()
        if body.owesContinue {
            // The viewer may or may not send its body now: only a close is unambiguous.
            await linger()
            return false
        }
        let rest = body.remainder(idle: limits.drain)
        var budget = limits.drainBytes
        // One deadline for all of it: a viewer that drips would hold the connection for ever.
        let end = connection.deadline(limits.drain)
        do throws(Fault) {
            while budget > 0, context.time < end {
                guard let bytes = try await rest.read() else { return true }
                budget -= bytes.count
            }
        } catch {
            return false
        }
        await linger()
        return false
    }
}

// MARK: - Records

extension H1Driver {
    private func makeRecord(_ head: RequestHead, _ started: MonotonicInstant) -> AccessRecord {
        host = head.host(like: host)
        return AccessRecord(
            startedAt: context.secondsSince1970(started),
            method: head.method,
            host: host,
            uri: head.target,
            clientIP: viewer.address
        )
    }

    private func close(
        _ record: inout AccessRecord,
        _ status: Int,
        sent: Int,
        _ started: MonotonicInstant
    ) {
        if record.status == 0 { record.status = status }
        record.bytesSent = sent
        record.durationMicroseconds = context.time.microseconds(since: started)
    }
}
