import HTTP
import Reactor

/// The content of a message as it arrives on a connection.
///
/// Confined to its reactor. The one reader is whoever forwards the message.
final class MessageBody: BodySource {
    private enum State { case reading, finished, failed(Fault) }

    let connection: Connection
    private let side: Fault.Side
    private let idle: Duration
    @exclusivity(unchecked)
    private var framing: BodyFraming
    @exclusivity(unchecked)
    private var remaining = 0
    @exclusivity(unchecked)
    private var decoder = ChunkDecoder()
    /// What was read of a chunked body and not yet taken apart.
    @exclusivity(unchecked)
    private var undecoded: Bytes = []
    @exclusivity(unchecked)
    private var state = State.reading
    private(set) var trailers = Headers()
    /// Whether `100 Continue` must be sent before the first read.
    @exclusivity(unchecked)
    var owesContinue = false
    /// Whether the answer is on its way, so that no interim response may be sent any more.
    @exclusivity(unchecked)
    var answerStarted = false
    /// What takes the connection back after the end; nil when the driver keeps it.
    @exclusivity(unchecked)
    private var lease: UpstreamLease?

    init(_ connection: Connection, framing: BodyFraming, side: Fault.Side, idle: Duration) {
        self.connection = connection
        self.framing = framing
        self.side = side
        self.idle = idle
        switch framing {
        case .length(let length):
            remaining = length
            if length == 0 { finish() }
        case .none: finish()
        case .chunked, .untilClose: break
        }
    }

    deinit {
        if case .finished = state { return }
        lease?.abandon()
    }

    var isFinished: Bool {
        if case .finished = state { return true }
        return false
    }

    /// Holds an origin's connection until the content has ended, which it may have already.
    func hold(_ lease: UpstreamLease) {
        if isFinished { return lease.bodyEnded() }
        self.lease = lease
    }

    /// How much content is still to come; nil when unknown.
    var length: Int? {
        if case .length = framing { return remaining }
        return nil
    }

    var isReady: Bool {
        guard case .reading = state else { return true }
        return !connection.input.isEmpty && framing != .chunked
    }

    /// Ends the body for its reader at once; the reader gets a fault.
    func abandon() {
        guard case .reading = state else { return }
        state = .failed(Fault(.cancelled, side: side))
        connection.readiness.interruptReader()
    }

    /// What is left of an abandoned body, to be read away.
    func remainder(idle: Duration) -> MessageBody {
        let rest = MessageBody(connection, framing: framing, side: side, idle: idle)
        rest.remaining = remaining
        rest.decoder = decoder
        rest.undecoded = undecoded
        return rest
    }

    /// Takes the whole content when all of it has arrived.
    func takeArrived(limit: Int) -> Bytes? {
        guard case .length = framing, remaining <= min(limit, connection.input.count) else {
            return nil
        }
        let bytes = connection.input.take(remaining)
        remaining = 0
        finish()
        return bytes
    }

    func read() async throws(Fault) -> Bytes? {
        switch state {
        case .reading: break
        case .finished: return nil
        case .failed(let fault): throw fault
        }
        if owesContinue { try await sendContinue() }
        return switch framing {
        case .none: nil
        case .length: try await readLength()
        case .chunked: try await readChunk()
        case .untilClose: try await readUntilClose()
        }
    }

    private func sendContinue() async throws(Fault) {
        guard !answerStarted else { throw Fault(.cancelled, side: side) }
        owesContinue = false
        connection.output.append("HTTP/1.1 100 Continue\r\n\r\n")
        let sent = await connection.flush(until: connection.deadline(idle))
        if sent != .done { throw fail(sent) }
    }

    private func readLength() async throws(Fault) -> Bytes? {
        let piece = try await nextPiece(limit: remaining)
        guard let piece else { throw fail(Fault(.incompleteBody, side: side)) }
        remaining -= piece.count
        if remaining == 0 { finish() }
        return piece
    }

    private func readUntilClose() async throws(Fault) -> Bytes? {
        if let piece = try await nextPiece(limit: Connection.pieceSize) { return piece }
        finish()
        return nil
    }

    private func readChunk() async throws(Fault) -> Bytes? {
        while true {
            let event: ChunkDecoder.Event
            do throws(H1Error) {
                event = try decoder.next(&undecoded)
            } catch {
                throw fail(Fault(.malformedMessage("\(error)"), side: side))
            }
            switch event {
            case .data(let bytes): return bytes
            case .end(let trailers):
                self.trailers = trailers
                // What follows the body is the next message.
                connection.input.append(undecoded)
                undecoded = []
                finish()
                return nil
            case .needMore:
                guard let piece = try await nextPiece(limit: Connection.pieceSize) else {
                    throw fail(Fault(.incompleteBody, side: side))
                }
                undecoded = piece
            }
        }
    }

    /// Some bytes from the buffer or the socket; nil when the peer has closed.
    private func nextPiece(limit: Int) async throws(Fault) -> Bytes? {
        if !connection.input.isEmpty {
            return connection.input.take(min(limit, Connection.pieceSize))
        }
        let (outcome, piece) = await connection.readPiece(
            limit: limit,
            until: connection.deadline(idle)
        )
        // Whoever abandoned the body while this read waited has already set the state.
        if case .failed(let fault) = state { throw fault }
        switch outcome {
        case .done: return piece
        case .end: return nil
        case .timedOut, .failed: throw fail(outcome)
        }
    }

    func finish() {
        state = .finished
        let lease = lease
        self.lease = nil
        lease?.bodyEnded()
    }

    private func fail(_ outcome: Connection.Outcome) -> Fault {
        switch outcome {
        case .done, .end: return fail(Fault(.incompleteBody, side: side))
        case .timedOut:
            return fail(Fault(side == .origin ? .responseTimeout : .idleTimeout, side: side))
        case .failed:
            return fail(Fault(Task.isCancelled ? .cancelled : .connectionReset, side: side))
        }
    }

    private func fail(_ fault: Fault) -> Fault {
        state = .failed(fault)
        return fault
    }
}
