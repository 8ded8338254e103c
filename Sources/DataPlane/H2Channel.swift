import HTTP
import Reactor

/// One HTTP/2 stream: what arrives on it, and a way to send on it.
///
/// Confined to its reactor. One task reads and one task sends; they may be the same.
final class H2Channel: BodySource {
    let id: Int32
    let link: H2Link
    /// Who sends what is read here.
    private let side: Fault.Side
    /// How long a reader waits for content.
    private var idle: Duration
    /// How long the peer may take nothing of what is sent.
    private let sendIdle: Duration
    /// Whether the peer's silence is no fault: it may be reading what we still send.
    @exclusivity(unchecked)
    var isPatient = false
    /// The viewer's exchange, while the stream is open.
    @exclusivity(unchecked)
    var exchange: H2Driver.Stream?
    /// The task that runs the stream's exchange, to be cancelled when the peer gives up.
    @exclusivity(unchecked)
    var task: Task<Void, Never>?
    /// What ends a wait for the origin when the viewer resets the stream; nil once the exchange is over.
    @exclusivity(unchecked)
    var viewer: ViewerLink?
    /// Whether the reader must be answered `100 Continue` before its first read.
    @exclusivity(unchecked)
    var owesContinue = false
    private(set) var trailers = Headers()

    /// Content that nobody has read yet; bounded by the stream's window.
    @exclusivity(unchecked)
    private var arrived: Bytes = []
    @exclusivity(unchecked)
    private var heads: [(head: ResponseHead, contentLength: Int?)] = []
    @exclusivity(unchecked)
    private var hasEnded = false
    @exclusivity(unchecked)
    private(set) var isClosed = false
    @exclusivity(unchecked)
    private(set) var fault: Fault?
    @exclusivity(unchecked)
    private var discards = false
    @exclusivity(unchecked)
    private var reader: UnsafeContinuation<Void, Never>?
    @exclusivity(unchecked)
    private var readingSince: MonotonicInstant?
    @exclusivity(unchecked)
    private var sender: UnsafeContinuation<Void, Never>?
    @exclusivity(unchecked)
    private var progress: (bytes: Int, at: MonotonicInstant)
    /// Whether our direction has been given all it will carry.
    @exclusivity(unchecked)
    private(set) var hasFinishedSending = false

    init(
        _ id: Int32,
        on link: H2Link,
        readingFrom side: Fault.Side,
        idle: Duration,
        sendIdle: Duration
    ) {
        self.id = id
        self.link = link
        self.side = side
        self.idle = idle
        self.sendIdle = sendIdle
        progress = (0, link.connection.reactor.time)
    }

    /// Whether the peer has sent everything and it was read.
    var isFinished: Bool { hasEnded && arrived.isEmpty }

    /// Whether a read returns at once.
    var isReady: Bool { !arrived.isEmpty || hasEnded || fault != nil }

    /// Takes the whole content when all of it has arrived.
    func takeArrived(limit: Int) -> Bytes? {
        guard hasEnded, trailers.isEmpty, arrived.count <= limit else { return nil }
        return take()
    }

    private func take() -> Bytes {
        let bytes = arrived
        arrived = []
        if isClosed {
            link.session.consumeOfConnection(bytes.count)
        } else {
            link.session.consume(bytes.count, of: id)
        }
        link.wake()
        return bytes
    }

    /// Reads what comes without keeping it, from now on.
    func discard() {
        discards = true
        if !arrived.isEmpty { _ = take() }
    }

    /// Waits longer or shorter from now on.
    func setIdle(_ duration: Duration) { idle = duration }

    func read() async throws(Fault) -> Bytes? {
        while true {
            if !arrived.isEmpty { return take() }
            if let fault { throw fault }
            if hasEnded { return nil }
            if owesContinue {
                owesContinue = false
                link.session.sendInterim(ResponseHead(status: 100), on: id)
                link.wake()
            }
            await waitToRead()
        }
    }

    /// The next response head on this stream.
    func readHead() async throws(Fault) -> (head: ResponseHead, contentLength: Int?) {
        while true {
            if !heads.isEmpty { return heads.removeFirst() }
            if let fault { throw fault }
            if hasEnded { throw Fault(.incompleteBody, side: side) }
            await waitToRead()
        }
    }

    private func waitToRead() async {
        readingSince = link.connection.reactor.time
        guard side == .origin else {
            // What cancels a viewer's exchange is the end of this very stream.
            return await withUnsafeContinuation { reader = $0 }
        }
        let local = ReactorLocal(self)
        await withTaskCancellationHandler {
            guard !Task.isCancelled else { return fail(Fault(.cancelled, side: .viewer)) }
            await withUnsafeContinuation { reader = $0 }
        } onCancel: {
            let reactor = local.value.link.connection.reactor
            if reactor.isCurrent {
                local.value.fail(Fault(.cancelled, side: .viewer))
            } else {
                reactor.submit { local.value.fail(Fault(.cancelled, side: .viewer)) }
            }
        }
    }

    private func wakeReader() {
        readingSince = nil
        reader?.resume()
        reader = nil
    }

    private func wakeSender() {
        sender?.resume()
        sender = nil
    }
}

// MARK: - Sending

extension H2Channel {
    /// Sends a piece and waits until it is on its way; false when the stream is over.
    func send(_ piece: Bytes) async -> Bool {
        guard !isClosed, fault == nil else { return false }
        link.session.offer(piece, on: id)
        link.wake()
        await withUnsafeContinuation { sender = $0 }
        return !isClosed && fault == nil
    }

    /// Ends our direction, with a last piece or with trailers; returns at once.
    func finish(with piece: Bytes = [], trailers: Headers = Headers()) {
        guard !isClosed else { return }
        hasFinishedSending = true
        link.session.finish(id, with: piece, trailers: trailers)
        link.wake()
    }

    /// Ends both directions.
    func reset(_ code: H2ErrorCode) {
        guard !isClosed else { return }
        link.session.reset(id, code)
        link.wake()
    }
}

// MARK: - What the link tells

extension H2Channel {
    func received(_ bytes: Bytes) {
        if discards {
            link.session.consume(bytes.count, of: id)
            return
        }
        arrived = arrived.isEmpty ? bytes : arrived + bytes
        owesContinue = false
        wakeReader()
    }

    func received(_ head: ResponseHead, contentLength: Int?) {
        heads.append((head, contentLength))
        wakeReader()
    }

    func ended(_ trailers: Headers) {
        hasEnded = true
        self.trailers = trailers
        wakeReader()
    }

    func drained() { wakeSender() }

    /// The stream is over; what was read in full stays readable.
    func closed(_ code: H2ErrorCode) {
        guard !isClosed else { return }
        isClosed = true
        if !hasEnded {
            let retry: Fault.Retry = code == .refusedStream ? .safe : .never
            fault = fault ?? Fault(.connectionReset, side: side, retry: retry)
            if !arrived.isEmpty, side == .viewer { _ = take() }
        }
        wakeReader()
        wakeSender()
    }

    /// Ends the stream for its tasks, and for the peer.
    func fail(_ fault: Fault) {
        guard self.fault == nil, !isClosed else { return }
        self.fault = fault
        reset(.cancel)
        wakeReader()
        wakeSender()
    }

    /// Ends the stream when it has waited for its peer for too long.
    func expire(at now: MonotonicInstant) {
        guard !isClosed else { return }
        if isPatient {
            if readingSince != nil { readingSince = now }
        } else if let readingSince, readingSince + idle <= now {
            return fail(Fault(side == .origin ? .responseTimeout : .idleTimeout, side: side))
        }
        let bytes = link.session.bytesSent(on: id)
        if bytes != progress.bytes || !link.session.isBlocked(id) {
            progress = (bytes, now)
        } else if progress.at + sendIdle <= now {
            fail(Fault(.idleTimeout, side: side))
        }
    }
}
