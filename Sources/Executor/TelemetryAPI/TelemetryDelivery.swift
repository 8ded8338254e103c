import DataPlane
import HTTP
import JSON
import Reactor

/// Gathers the events for one subscriber and sends them in batches, one at a time and in order.
///
/// Confined to its reactor.
final class TelemetryDelivery {
    /// How much may wait for a subscriber that takes nothing; what comes then is dropped and counted.
    ///
    /// Unit: bytes.
    static let waitingLimit = 4 << 20
    /// How long one batch may take.
    private static let patience: Duration = .seconds(10)
    /// How long after a failure another attempt is made.
    private static let pause: Duration = .milliseconds(250)
    /// How often a batch is tried.
    private static let attempts = 8

    let owner: String
    private let subscription: TelemetrySubscription
    private let reactor: Reactor
    private var waiting: [[UInt8]] = []
    private var waitingBytes = 0
    private var dropped = (records: 0, bytes: 0)
    private var timer: TimerID?
    private var isSending = false
    private var isClosed = false
    private var finishers: [UnsafeContinuation<Void, Never>] = []

    init(_ subscription: TelemetrySubscription, owner: String, reactor: Reactor) {
        self.subscription = subscription
        self.owner = owner
        self.reactor = reactor
    }

    /// Takes an event of a kind that the subscriber wants.
    func take(_ category: TelemetrySubscription.Category, _ event: [UInt8]) {
        guard !isClosed, subscription.categories.contains(category) else { return }
        guard waitingBytes + event.count <= Self.waitingLimit else {
            dropped.records += 1
            dropped.bytes += event.count
            return
        }
        waiting.append(event)
        waitingBytes += event.count
        let buffering = subscription.buffering
        if waiting.count >= buffering.items || waitingBytes >= buffering.bytes {
            flush()
        } else if timer == nil {
            let due = reactor.preciseTime + .milliseconds(buffering.timeout)
            timer = reactor.schedule(at: due) { [weak self] in self?.flush() }
        }
    }

    /// Sends what has gathered.
    func flush() {
        if let timer { reactor.cancel(timer) }
        timer = nil
        guard !isSending, !isClosed, !waiting.isEmpty else { return }
        isSending = true
        let confined = ReactorLocal(self)
        reactor.submit { await confined.value.sendAll() }
    }

    /// Sends what has gathered and waits until that is done or the time is up.
    func finish(until deadline: MonotonicInstant) async {
        flush()
        guard isSending, reactor.preciseTime < deadline else { return }
        let timer = reactor.schedule(at: deadline) { [weak self] in self?.wakeFinishers() }
        await withUnsafeContinuation { finishers.append($0) }
        reactor.cancel(timer)
    }

    func close() {
        isClosed = true
        if let timer { reactor.cancel(timer) }
        timer = nil
        waiting = []
        wakeFinishers()
    }

    private func wakeFinishers() {
        let woken = finishers
        finishers = []
        for finisher in woken { finisher.resume() }
    }

    private func sendAll() async {
        while !waiting.isEmpty, !isClosed {
            let batch = nextBatch()
            guard await !deliver(batch), !isClosed else { continue }
            dropped.records += batch.count
            dropped.bytes += batch.reduce(0) { $0 + $1.count }
        }
        isSending = false
        wakeFinishers()
    }

    /// Tries a batch some times; a subscriber may take a moment to listen.
    private func deliver(_ batch: [[UInt8]]) async -> Bool {
        for attempt in 1...Self.attempts where !isClosed {
            if attempt > 1 { await reactor.sleep(for: Self.pause) }
            if await send(batch) { return true }
        }
        return false
    }

    private func nextBatch() -> [[UInt8]] {
        var batch = Array(waiting.prefix(subscription.buffering.items))
        waiting.removeFirst(batch.count)
        waitingBytes -= batch.reduce(0) { $0 + $1.count }
        if dropped.records > 0 {
            batch.append(Self.dropNote(dropped))
            dropped = (0, 0)
        }
        return batch
    }

    private static func dropNote(_ dropped: (records: Int, bytes: Int)) -> [UInt8] {
        var json = JSONWriter(reserving: 256)
        json.beginObject()
        json.field("time", System.timestamp(System.milliseconds))
        json.field("type", "platform.logsDropped")
        json.key("record")
        json.beginObject()
        json.field(
            "reason",
            "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
        )
        json.field("droppedRecords", dropped.records)
        json.field("droppedBytes", dropped.bytes)
        json.endObject()
        json.endObject()
        return json.bytes
    }

    private func send(_ batch: [[UInt8]]) async -> Bool {
        switch subscription.destination {
        case .http(let port, let path): await post(batch, port, path)
        case .tcp(let port): await write(batch, port)
        }
    }

    private func post(_ batch: [[UInt8]], _ port: Int, _ path: String) async -> Bool {
        var body: [UInt8] = [UInt8(ascii: "[")]
        for (index, event) in batch.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body += event
        }
        body.append(UInt8(ascii: "]"))
        let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var head = RequestHead(
            method: "POST",
            path: parts.first.map(String.init) ?? "/",
            headers: [
                "Host": "sandbox.localdomain:\(port)", "Content-Type": "application/json",
            ]
        )
        if parts.count > 1 { head.query = String(parts[1]) }
        var limits = UpstreamLimits()
        limits.connect = Self.patience
        limits.response = Self.patience
        limits.attempts = 1
        let upstream = ReactorContext.make(reactor: reactor).upstream
        do throws(Fault) {
            let response = try await upstream.send(
                head,
                body: .bytes(body[...]),
                to: UpstreamTarget(host: "127.0.0.1", port: port, isTLS: false),
                limits: limits
            )
            if case .stream(let source, _) = response.body {
                while try await source.read() != nil {}
            }
            return (200..<300).contains(response.head.status)
        } catch {
            return false
        }
    }

    private func write(_ batch: [[UInt8]], _ port: Int) async -> Bool {
        guard let address = SocketAddress(numeric: "127.0.0.1", port: port),
            let socket = try? Socket.connect(to: address).release()
        else { return false }
        let readiness = reactor.register(socket)
        defer { reactor.close(readiness) }
        let deadline = reactor.preciseTime + Self.patience
        guard await readiness.writable(until: deadline) == .ready,
            readiness.connectError() == nil
        else { return false }
        let lines = batch.flatMap { $0 + [UInt8(ascii: "\n")] }
        if case .bytes = await readiness.writeAll(lines[...], [], until: deadline) { return true }
        return false
    }
}
