import HTTP
import Reactor
import Telemetry

/// Serves one viewer's HTTP/2 connection: a task for each stream, all on the connection's reactor.
///
/// Confined to its reactor.
final class H2Driver: H2LinkOwner {
    /// One stream's exchange.
    final class Stream {
        let driver: H2Driver
        let channel: H2Channel
        @exclusivity(unchecked)
        var request: H2Request
        let started: MonotonicInstant
        /// What the handler left, until it is handed to the sink at the end of stream and task.
        @exclusivity(unchecked)
        var record: AccessRecord?
        /// The frame bytes sent, once the stream is over.
        @exclusivity(unchecked)
        var bytesSent: Int?
        /// Whether the final head is on its way.
        @exclusivity(unchecked)
        var isAnswered = false

        init(
            _ driver: H2Driver,
            _ channel: H2Channel,
            _ request: consuming H2Request,
            started: MonotonicInstant
        ) {
            self.driver = driver
            self.channel = channel
            self.request = request
            self.started = started
        }
    }

    let listener: Listener
    let context: ReactorContext
    let viewer: Viewer
    let limits: ConnectionLimits
    private let connection: Connection
    /// Streams that are open.
    @exclusivity(unchecked)
    private var openCount = 0
    @exclusivity(unchecked)
    private var link: H2Link?
    /// Tasks that have not returned yet.
    @exclusivity(unchecked)
    private var running = 0
    @exclusivity(unchecked)
    private var requests = 0
    private var hasSettled = false
    private var isDraining = false
    private var hasAnnounced = false
    private var idleSince: MonotonicInstant
    private var whenQuiet: UnsafeContinuation<Void, Never>?

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
        idleSince = context.time
    }

    /// Serves the connection to its end and waits for the last exchange.
    func serve() async {
        let session: H2Session
        do throws(H2Error) {
            session = try H2Session(.server, limits: limits.h2, heads: limits.heads)
        } catch {
            return connection.close()
        }
        let link = H2Link(connection, session: session, limits: limits, owner: self)
        self.link = link
        if isDraining { drain() }
        context.crew.join()
        defer { context.crew.leave() }
        await link.run()
        self.link = nil
        if running > 0 { await withUnsafeContinuation { whenQuiet = $0 } }
    }

    /// Lets the viewer know that no more requests are taken; the connection ends with the last stream.
    func drain() {
        isDraining = true
        guard let link, !hasAnnounced else { return }
        hasAnnounced = true
        link.session.announceShutdown()
        link.wake()
        // A viewer that does not answer the PING is not waited for.
        context.reactor.schedule(at: context.time + limits.drain) { [weak self] in
            self?.shutDown()
        }
    }

    private func shutDown() {
        guard let link else { return }
        link.session.shutDown()
        link.wake()
    }
}

// MARK: - What the link tells

extension H2Driver {
    private var isIdle: Bool { openCount == 0 && link?.session.openStreams == 0 }

    var readDeadline: MonotonicInstant {
        if !hasSettled { return idleSince + limits.h2.preface }
        return (isIdle ? idleSince : context.time) + limits.keepAlive
    }

    func outlivesSilence() -> Bool {
        guard hasSettled else { return false }
        guard isIdle, idleSince + limits.keepAlive <= context.time else { return true }
        link?.session.shutDown()
        return false
    }

    func handle(_ event: H2Event) {
        switch event {
        case .request(let stream, let request): open(stream, request)
        case .refused(let stream, let status): refuse(stream, status)
        case .settled: hasSettled = true
        case .ponged: if isDraining { shutDown() }
        case .goaway, .data, .ended, .drained, .closed, .response: break
        }
    }

    func closed(_ stream: Int32, _ channel: H2Channel?, bytesSent: Int) {
        if let channel, let ended = channel.exchange {
            channel.exchange = nil
            openCount -= 1
            ended.bytesSent = bytesSent
            if ended.record != nil {
                hand(ended)
            } else {
                channel.task?.cancel()
                channel.viewer?.interrupt()
            }
        }
        if openCount == 0 { idleSince = context.time }
    }

    private func open(_ id: Int32, _ request: H2Request) {
        guard let link else { return }
        // Resetting a stream does not end its task at once; what piles up so is bounded, too.
        guard running < limits.h2.maximumStreams * 2 else {
            return link.session.reset(id, .refusedStream)
        }
        requests += 1
        if requests == limits.maximumRequests { drain() }
        let channel = H2Channel(
            id,
            on: link,
            readingFrom: .viewer,
            idle: limits.bodyIdle,
            sendIdle: limits.sendIdle
        )
        channel.owesContinue = request.expectsContinue
        let stream = Stream(self, channel, request, started: context.time)
        channel.exchange = stream
        openCount += 1
        link.add(channel)
        if request.ends { channel.ended(Headers()) }
        running += 1
        context.crew.serve(stream)
    }

    private func refuse(_ stream: Int32, _ status: Int) {
        guard let session = link?.session else { return }
        let response = Response(status: status, text: StatusText.reason(for: status) + "\n")
        guard case .bytes(let bytes) = response.body else { return }
        context.refreshClock()
        session.respond(
            response.head,
            length: .known(bytes.count),
            date: context.clock.date,
            content: .whole(bytes),
            on: stream
        )
    }

    /// The task of a stream has returned.
    func finish(_ stream: Stream) {
        stream.channel.task = nil
        stream.channel.viewer = nil
        running -= 1
        if stream.bytesSent != nil { hand(stream) }
        if running == 0 {
            whenQuiet?.resume()
            whenQuiet = nil
        }
    }

    /// Hands the record to the sink, once stream and task have both ended.
    private func hand(_ stream: Stream) {
        guard var record = stream.record.take(), let sink = listener.sink else { return }
        record.bytesSent = stream.bytesSent ?? 0
        record.durationMicroseconds = context.time.microseconds(since: stream.started)
        sink(&record)
    }
}
