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
    private let context: ReactorContext
    let connection: Connection
    private let limits: ConnectionLimits
    @exclusivity(unchecked)
    private var viewer: Viewer
    /// Whether the connection waits for a request: it may be closed at any time.
    @exclusivity(unchecked)
    private(set) var isIdle = true
    /// Whether the listener wants to end this connection after the current exchange.
    @exclusivity(unchecked)
    private var isDraining = false
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
    private var version = HTTPVersion.http11
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
            let started = context.reactor.preciseTime
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
        if await connection.fill(until: connection.deadline(rest)) == .done {
            return await serveAll()
        }
        connection.sayGoodbye()
        return finish()
    }

    private func serveAll() async -> Pause {
        while true {
            switch await serveOne() {
            case nil: continue
            case .quiet:
                connection.releaseBuffers()
                return .quiet
            case .ended:
                connection.sayGoodbye()
                return finish()
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
            duration: context.reactor.preciseTime.microseconds(since: started),
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
        let started = context.reactor.time
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
            context: context
        )
        swap(&exchange.request, &parsed.head)
        exchange.link = link
        if listener.sink != nil { open(&exchange, started) }
        let response =
            listener.admission.isShedding
            ? listener.admission.refusal() : await listener.handler.respond(to: &exchange)
        let status = response.head.status
        let result = await answer(response, to: asked, body)
        if let sink = listener.sink {
            let sent = connection.bytesSent - sentBefore
            close(&exchange.record, status, sent: sent, started)
            sink(&exchange.record)
        }
        guard result, connection.isOpen else { return .ended }
        if let body, await !drain(body) { return .ended }
        return nil
    }

    /// What decides about the answer's form, when the request itself is already the handler's.
    private struct Asked {
        let isHead: Bool
        let keepsAlive: Bool
    }

    /// The content of a request that has any.
    private func makeBody(_ parsed: ParsedRequest) -> MessageBody? {
        guard parsed.framing != .none else { return nil }
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
        H1Serializer.append(
            head,
            framing: .none,
            keepsAlive: true,
            to: .http11,
            date: [],
            into: &connection.output
        )
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
        context.clock.refresh(context.reactor.time)
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
    private func linger() async {
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
            while budget > 0, context.reactor.time < end {
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
    private func open(_ exchange: inout Exchange, _ started: MonotonicInstant) {
        exchange.record.startedAt = context.clock.secondsSince1970(started)
        exchange.record.method = exchange.request.method
        exchange.record.host = exchange.request.host
        exchange.record.uri = exchange.request.target
        exchange.record.clientIP = viewer.address
    }

    private func close(
        _ record: inout AccessRecord,
        _ status: Int,
        sent: Int,
        _ started: MonotonicInstant
    ) {
        if record.status == 0 { record.status = status }
        record.bytesSent = sent
        record.durationMicroseconds = context.reactor.time.microseconds(since: started)
    }
}

// MARK: - Answers

extension H1Driver {
    /// Writes the response; false when the connection cannot carry another exchange.
    private func answer(
        _ response: Response,
        to asked: Asked,
        _ body: MessageBody?
    ) async -> Bool {
        body?.answerStarted = true
        if case .upgrade(let stream) = response.body {
            await upgrade(response.head, stream)
            return false
        }
        let isHead = asked.isHead
        let status = response.head.status
        let hasNoContent = isHead || status == 204 || status == 304 || status < 200
        let framing = framing(of: response, isHead: isHead)
        var keepsAlive =
            asked.keepsAlive && !isDraining && framing != .untilClose
            && !response.closesConnection
        let isUnread = body.map { !$0.isFinished } ?? false
        if let body, isUnread, body.owesContinue || (body.length ?? 0) > limits.drainBytes {
            keepsAlive = false
        }
        context.clock.refresh(context.reactor.time)
        H1Serializer.append(
            response.head,
            framing: framing,
            keepsAlive: keepsAlive,
            to: version,
            date: context.clock.date,
            into: &connection.output
        )
        let deadline = connection.deadline(limits.sendIdle)
        switch response.body {
        case _ where hasNoContent: break
        case .empty, .upgrade: break
        case .bytes(let bytes) where connection.gather(bytes): break
        case .bytes(let bytes):
            guard await connection.write(bytes, until: deadline) == .done else { return false }
        case .stream(let source, let length):
            guard await pump(source, length: length, framing) else {
                // Never a clean end for a body cut short.
                connection.close()
                return false
            }
        }
        if connection.push() != .done {
            guard await connection.flush(until: deadline) == .done else { return false }
        }
        if !keepsAlive, body.map({ !$0.isFinished }) ?? false { await linger() }
        return keepsAlive
    }

    private func framing(
        of response: Response,
        isHead: Bool
    ) -> H1Serializer.Framing {
        let status = response.head.status
        if status == 204 || status < 200 { return .none }
        switch response.body {
        case .empty where isHead || status == 304: return .asGiven
        case .empty, .upgrade: return .length(0)
        case .bytes(let bytes):
            if bytes.isEmpty, isHead || status == 304 { return .asGiven }
            return .length(bytes.count)
        case .stream(_, let length?): return .length(length)
        case .stream(_, nil):
            if isHead || status == 304 { return .asGiven }
            return version == .http10 ? .untilClose : .chunked
        }
    }

    /// Sends a body piece by piece; false when it or the viewer failed.
    private func pump(
        _ source: any BodySource,
        length: Int?,
        _ framing: H1Serializer.Framing
    ) async -> Bool {
        var remaining = length ?? 0
        do throws(Fault) {
            while true {
                if !source.isReady, !connection.output.isEmpty {
                    let deadline = connection.deadline(limits.sendIdle)
                    guard await connection.flush(until: deadline) == .done else { return false }
                }
                guard let piece = try await source.read() else { break }
                if piece.isEmpty { continue }
                if length != nil {
                    guard piece.count <= remaining else { return false }
                    remaining -= piece.count
                }
                if framing == .chunked {
                    H1Serializer.appendChunkSize(piece.count, into: &connection.output)
                }
                let deadline = connection.deadline(limits.sendIdle)
                guard await send(piece, framing, deadline) else { return false }
                if length != nil, remaining == 0 { break }
            }
        } catch {
            return false
        }
        if framing == .chunked {
            connection.output.append("0\r\n")
            H1Serializer.appendTrailers(source.trailers, into: &connection.output)
        }
        return remaining == 0
    }

    private func send(
        _ piece: Bytes,
        _ framing: H1Serializer.Framing,
        _ deadline: MonotonicInstant
    ) async -> Bool {
        guard await connection.write(piece, until: deadline) == .done else { return false }
        if framing == .chunked { connection.output.append("\r\n") }
        return true
    }

    private func upgrade(_ head: ResponseHead, _ stream: any DuplexStream) async {
        H1Serializer.append(
            head,
            framing: .none,
            keepsAlive: true,
            to: .http11,
            date: [],
            into: &connection.output
        )
        guard await connection.flush(until: connection.deadline(limits.sendIdle)) == .done else {
            stream.close()
            return
        }
        let viewer = ConnectionStream(connection, idle: limits.upgradeIdle, side: .viewer)
        await StreamPump.run(viewer, stream, on: context.reactor)
    }
}
