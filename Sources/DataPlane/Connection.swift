import Glibc
import HTTP
import Reactor
import TLS

/// A TCP connection, with TLS or without, and its two buffers.
///
/// Confined to its reactor.
final class Connection {
    /// How a transfer ended.
    enum Outcome { case done, end, timedOut, failed }

    /// How much is asked of the socket for a head, in bytes.
    static let headRead = 4096
    /// How much is asked of the socket for a body's piece, in bytes.
    static let pieceSize = 65536

    let readiness: Readiness
    let tls: TLSSession?
    // SAFETY: `tls` keeps it for as long as this object lives; asked this way no reference is counted.
    private let session: Unmanaged<TLSSession>?
    // Exclusivity of these is by confinement: one thread, and no access calls out while it lasts.
    @exclusivity(unchecked)
    var input = IOBuffer()
    @exclusivity(unchecked)
    var output = IOBuffer()
    /// Bytes of messages given to the socket.
    @exclusivity(unchecked)
    private(set) var bytesSent = 0
    /// The viewer for whom an origin's connection is read: a wait to read ends when that viewer goes.
    @exclusivity(unchecked)
    var link: ViewerLink?

    init(_ readiness: Readiness, tls: TLSSession?) {
        self.readiness = readiness
        self.tls = tls
        session = tls.map { Unmanaged.passUnretained($0) }
    }

    var reactor: Reactor { readiness.reactor }
    var isOpen: Bool { readiness.isOpen }

    func deadline(_ duration: Duration) -> MonotonicInstant { readiness.deadline(duration) }

    func close() {
        guard readiness.isOpen else { return }
        reactor.close(readiness)
    }

    /// Gives the memory of the buffers back, as far as they are empty: the connection has gone quiet.
    func releaseBuffers() {
        input.release()
        output.release()
        tls?.releaseBuffers()
    }

    /// Reads at least one byte into the input buffer.
    func fill(
        until deadline: MonotonicInstant,
        room minimum: Int = Connection.headRead
    ) async -> Outcome {
        while true {
            // No memory is taken for a read that is known to find nothing.
            if readiness.isDrained, let trouble = await waitToRead(deadline) { return trouble }
            let room = input.room(minimum)
            switch receive(into: room) {
            case .bytes(let count):
                input.commit(count)
                return .done
            case .end: return .end
            case .failed: return .failed
            case .wouldBlock: input.releaseIfEmpty()
            }
            if let trouble = await waitToRead(deadline) { return trouble }
        }
    }

    /// Reads a piece of a body past the input buffer, which must be empty.
    func readPiece(
        limit: Int,
        until deadline: MonotonicInstant
    ) async -> (outcome: Outcome, bytes: Bytes) {
        while true {
            var result = Readiness.Transfer.wouldBlock
            let size = min(limit, Self.pieceSize)
            let piece = [UInt8](unsafeUninitializedCapacity: size) { room, count in
                result = receive(into: UnsafeMutableRawBufferPointer(room))
                if case .bytes(let got) = result { count = got } else { count = 0 }
            }
            switch result {
            case .bytes: return (.done, piece[...])
            case .end: return (.end, [])
            case .failed: return (.failed, [])
            case .wouldBlock: break
            }
            if let trouble = await waitToRead(deadline) { return (trouble, []) }
        }
    }

    private func waitToRead(_ deadline: MonotonicInstant) async -> Outcome? {
        if let link {
            if link.isInterrupted { return .failed }
            link.waiting = readiness
        }
        let outcome = await readiness.readable(until: deadline)
        link?.waiting = nil
        switch outcome {
        case .ready: return nil
        case .timedOut: return .timedOut
        case .closed: return .failed
        }
    }

    /// Sends what the output buffer holds as far as the socket takes it now; nil when it takes no more.
    ///
    /// Mostly it takes all: who asks here first needs no suspension.
    func push() -> Outcome? {
        while !output.isEmpty {
            switch send(output.bytes) {
            case .bytes(let count):
                bytesSent += count
                output.consume(count)
            case .end, .failed: return .failed
            case .wouldBlock: return nil
            }
        }
        return .done
    }

    /// Sends what the output buffer holds.
    func flush(until deadline: MonotonicInstant) async -> Outcome {
        while true {
            if let outcome = push() { return outcome }
            if let trouble = await waitToWrite(deadline) { return trouble }
        }
    }

    /// Puts a small piece into the output buffer, so that it goes out in one write with what is there.
    func gather(_ bytes: Bytes) -> Bool {
        guard output.count + bytes.count <= Self.pieceSize / 4 else { return false }
        output.append(bytes)
        return true
    }

    /// Sends the output buffer and then these bytes; a small piece goes out in the same write.
    func write(_ bytes: Bytes, until deadline: MonotonicInstant) async -> Outcome {
        if gather(bytes) { return await flush(until: deadline) }
        let flushed = await flush(until: deadline)
        guard flushed == .done else { return flushed }
        var rest = bytes
        while !rest.isEmpty {
            switch rest.withUnsafeBytes({ send($0) }) {
            case .bytes(let count):
                bytesSent += count
                rest = rest.dropFirst(count)
                continue
            case .end, .failed: return .failed
            case .wouldBlock: break
            }
            if let trouble = await waitToWrite(deadline) { return trouble }
        }
        return .done
    }

    private func waitToWrite(_ deadline: MonotonicInstant) async -> Outcome? {
        switch await readiness.writable(until: deadline) {
        case .ready: nil
        case .timedOut: .timedOut
        case .closed: .failed
        }
    }

    /// Tells the peer that nothing more will come.
    func finishSending() async {
        sayGoodbye()
        readiness.shutSending()
    }

    /// Sends TLS's close_notify, unless the descriptor is closed: its number may be another's by now.
    func sayGoodbye() {
        if isOpen { tls?.shutdown() }
    }

    private func receive(into room: UnsafeMutableRawBufferPointer) -> Readiness.Transfer {
        guard let session else { return readiness.receive(into: room) }
        guard readiness.isOpen else { return .failed(EBADF) }
        if readiness.isDrained { return .wouldBlock }
        return Self.transfer(session._withUnsafeGuaranteedRef { read($0, into: room) })
    }

    private func read(_ tls: TLSSession, into room: UnsafeMutableRawBufferPointer) -> TLSIO {
        if readiness.takeNews() { tls.noteArrival() }
        let result = tls.read(into: room)
        readiness.noteRead(tookAll: tls.isDrained)
        return result
    }

    private func send(_ bytes: UnsafeRawBufferPointer) -> Readiness.Transfer {
        guard let session else { return readiness.send(bytes) }
        guard readiness.isOpen else { return .failed(EBADF) }
        return Self.transfer(session._withUnsafeGuaranteedRef { $0.write(bytes) })
    }

    private static func transfer(_ result: TLSIO) -> Readiness.Transfer {
        switch result {
        case .bytes(let count): .bytes(count)
        case .wantRead, .wantWrite: .wouldBlock
        case .closed: .end
        case .failed: .failed(EPROTO)
        }
    }

    /// Whether an idle connection can carry another request: nothing came and nothing ended.
    ///
    /// What the reactor has not been told yet costs a system call, which `asksSystem` allows.
    func isStillGood(asksSystem: Bool) -> Bool {
        guard readiness.isOpen, !readiness.isHalfClosed, input.isEmpty else { return false }
        if !asksSystem, readiness.isDrained { return true }
        guard readiness.hasPendingInput else { return true }
        // Over TLS what waits may be a session ticket, which reading takes away.
        guard let tls else { return false }
        var byte: UInt8 = 0
        return withUnsafeMutableBytes(of: &byte) { read(tls, into: $0) } == .wantRead
    }
}
