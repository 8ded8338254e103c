import HTTP
import Reactor

/// What stands above a link: a viewer's driver or an origin's connection.
protocol H2LinkOwner: AnyObject {
    /// Until when the next wait to read lasts.
    var readDeadline: MonotonicInstant { get }
    /// Whether the link goes on although nothing came until the deadline.
    func outlivesSilence() -> Bool
    /// Takes events that are no matter of an open channel.
    func handle(_ event: H2Event)
    /// A stream is over; its channel, if it had one, knows already.
    func closed(_ stream: Int32, _ channel: H2Channel?, bytesSent: Int)
}

/// Carries one HTTP/2 session over a connection: one task reads, one writes, one timer ends stalled streams.
///
/// Writing waits until all that is ready has been said, so that many streams' frames go out in one write.
/// Confined to its reactor.
final class H2Link {
    /// How much is asked of the socket at a time, in bytes.
    private static let readSize = 16384
    /// After how many reads in a row the others of the reactor have their turn.
    private static let fairness = 8
    /// How much is gathered for one write, in bytes.
    private static let writeSize = 65536

    let connection: Connection
    let session: H2Session
    /// Held until the end of `run`, which breaks the cycle.
    private var owner: (any H2LinkOwner)?
    private let limits: ConnectionLimits
    private var meter: H2Meter
    private var chargedAt: MonotonicInstant
    @exclusivity(unchecked)
    private(set) var channels: [Int32: H2Channel] = [:]
    @exclusivity(unchecked)
    private var writer: UnsafeContinuation<Void, Never>?
    /// Whether the connection is at its end: no stream may be added any more.
    @exclusivity(unchecked)
    private(set) var isOver = false
    /// Whether the peer has outspent a budget.
    @exclusivity(unchecked)
    private var isBroken = false
    @exclusivity(unchecked)
    private var sweepIsScheduled = false

    init(
        _ connection: Connection,
        session: H2Session,
        limits: ConnectionLimits,
        owner: any H2LinkOwner
    ) {
        self.connection = connection
        self.session = session
        self.limits = limits
        self.owner = owner
        meter = H2Meter(limits.h2)
        chargedAt = connection.reactor.time
    }

    var reactor: Reactor { connection.reactor }

    /// Runs the connection to its end; afterwards every channel has ended, too.
    func run() async {
        let local = ReactorLocal(self)
        let writing = Task(executorPreference: reactor) { await local.value.write() }
        let isPeerGone = await read()
        isOver = true
        wake()
        await writing.value
        let left = channels
        channels = [:]
        for (stream, channel) in left {
            let sent = session.bytesSent(on: stream)
            channel.closed(.cancel)
            owner?.closed(stream, channel, bytesSent: sent)
        }
        owner = nil
        if !isPeerGone { await linger() }
        connection.close()
    }

    /// Lets the writer look for something to send.
    func wake() {
        guard let continuation = writer else { return }
        writer = nil
        continuation.resume()
    }

    func add(_ channel: H2Channel) {
        channels[channel.id] = channel
        scheduleSweep()
    }

    /// Ends the connection in the middle of everything.
    func abort() { connection.close() }

    /// Closes our side and reads the rest away for a while, so that no reset destroys the last frames.
    private func linger() async {
        guard connection.isOpen else { return }
        await connection.finishSending()
        let deadline = connection.deadline(limits.drain)
        var budget = limits.drainBytes
        while budget > 0 {
            connection.input.consume(connection.input.count)
            guard await connection.fill(until: deadline) == .done else { return }
            budget -= connection.input.count
        }
    }
}

// MARK: - Reading

extension H2Link {
    /// Reads until the session or the connection ends; tells whether the peer has closed.
    private func read() async -> Bool {
        var turn = 0
        while true {
            if !connection.input.isEmpty {
                guard receive() else { return false }
                wake()
            }
            if session.isFinished { return false }
            turn += 1
            // A task behind those that are ready; `Task.yield` would take a way through other threads.
            if turn % Self.fairness == 0 { await Task(executorPreference: reactor) {}.value }
            if channels.isEmpty, connection.readiness.isDrained { connection.releaseBuffers() }
            let deadline = owner?.readDeadline ?? reactor.time
            switch await connection.fill(until: deadline, room: Self.readSize) {
            case .done: continue
            case .timedOut: guard owner?.outlivesSilence() ?? false else { return false }
            case .end: return true
            // The writer wakes the reader so when the session has finished.
            case .failed: return !session.isFinished
            }
        }
    }

    /// Takes in what was read; false when the connection must end.
    private func receive() -> Bool {
        let bytes = connection.input.bytes
        var isUsable = true
        do throws(H2Error) {
            try session.receive(bytes)
        } catch {
            isUsable = false
        }
        connection.input.consume(bytes.count)
        dispatch()
        return isUsable && isWithinBudgets()
    }

    /// Charges the frames that came or were forced on us; false when the connection is to end for them.
    private func isWithinBudgets() -> Bool {
        guard !isBroken else { return false }
        var broken = session.violation
        if session.counts.isCharged {
            let now = reactor.time
            let seconds = Double(now.microseconds(since: chargedAt)) / 1e6
            chargedAt = now
            broken = meter.charge(session.takeCounts(), after: seconds) ?? broken
        }
        guard broken != nil else { return true }
        isBroken = true
        session.terminate(.enhanceYourCalm)
        return false
    }

    private func dispatch() {
        session.takeEvents { event in
            switch event {
            case .data(let stream, let bytes):
                if let channel = channels[stream] {
                    channel.received(bytes)
                } else {
                    session.consume(bytes.count, of: stream)
                }
            case .drained(let stream): channels[stream]?.drained()
            case .ended(let stream, let trailers): channels[stream]?.ended(trailers)
            case .response(let stream, let head, let length):
                channels[stream]?.received(head, contentLength: length)
            case .closed(let stream, let code, let bytesSent):
                let channel = channels.removeValue(forKey: stream)
                channel?.closed(code)
                owner?.closed(stream, channel, bytesSent: bytesSent)
            case .request, .refused, .settled, .ponged, .goaway: owner?.handle(event)
            }
        }
    }
}

// MARK: - Writing

extension H2Link {
    private func write() async {
        while true {
            session.send(into: &connection.output, limit: Self.writeSize)
            dispatch()
            if !isBroken, !isWithinBudgets() { continue }
            if connection.output.isEmpty {
                if isOver { return }
                if session.isFinished {
                    connection.readiness.interruptReader()
                    isOver = true
                    return
                }
                connection.output.releaseIfEmpty()
                await withUnsafeContinuation { writer = $0 }
                continue
            }
            let deadline = connection.deadline(limits.sendIdle)
            guard await connection.flush(until: deadline) == .done else {
                connection.close()
                return
            }
        }
    }
}

// MARK: - Stalled streams

extension H2Link {
    private func scheduleSweep() {
        guard !sweepIsScheduled, !channels.isEmpty else { return }
        sweepIsScheduled = true
        let shortest = min(limits.bodyIdle, limits.sendIdle) / 4
        let interval = max(.milliseconds(10), min(.seconds(1), shortest))
        reactor.schedule(at: reactor.time + interval) { [weak self] in self?.sweep() }
    }

    private func sweep() {
        sweepIsScheduled = false
        let now = reactor.time
        for channel in channels.values { channel.expire(at: now) }
        scheduleSweep()
    }
}
