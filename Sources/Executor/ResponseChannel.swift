import DataPlane
import HTTP
import Reactor

/// Carries a streamed answer from a process to its caller, piece by piece.
///
/// Confined to its reactor. One writer, one reader; a piece waits until it is taken, which is the backpressure.
final class ResponseChannel: BodySource {
    private enum Phase { case unopened, open, ended, failed(Fault) }

    private let reactor: Reactor
    private var phase = Phase.unopened
    private var piece: Bytes?
    private var reader: UnsafeContinuation<Void, Never>?
    private var writer: UnsafeContinuation<Void, Never>?
    private var starter: UnsafeContinuation<Void, Never>?
    private(set) var contentType = ""
    /// The error JSON that cut the answer short.
    private(set) var error: Bytes?
    /// Nobody reads any more; what comes is thrown away.
    private(set) var isAbandoned = false
    private(set) var byteCount = 0
    let trailers = Headers()

    init(reactor: Reactor) { self.reactor = reactor }

    /// Whether the function began to stream, rather than to answer in one piece.
    private(set) var isStreamed = false

    var hasBegun: Bool { if case .unopened = phase { false } else { true } }

    /// Waits until the answer begins or it is certain that it never will.
    func waitForBeginning() async {
        guard !hasBegun else { return }
        await withUnsafeContinuation { starter = $0 }
    }

    /// The answer as its caller gets it.
    var response: StreamedResponse {
        StreamedResponse(contentType: contentType, body: StreamedBody(self)) { self.error }
    }

    func begin(contentType: String) {
        guard !hasBegun else { return }
        self.contentType = contentType
        isStreamed = true
        phase = .open
        resume(&starter)
    }

    /// Hands over a piece once the one before was taken; false when that took too long.
    func write(_ bytes: Bytes, until deadline: MonotonicInstant) async -> Bool {
        byteCount += bytes.count
        guard !bytes.isEmpty, !isAbandoned else { return true }
        while piece != nil, !isAbandoned {
            if reactor.preciseTime >= deadline { return false }
            let timer = reactor.schedule(at: deadline) { [weak self] in self?.wakeWriter() }
            await withUnsafeContinuation { writer = $0 }
            reactor.cancel(timer)
        }
        if !isAbandoned { piece = bytes }
        resume(&reader)
        return true
    }

    /// Ends the answer, with the error JSON that cut it short if one did.
    func end(error: Bytes? = nil) {
        self.error = error
        switch phase {
        case .unopened, .open:
            phase = error == nil ? .ended : .failed(Fault(.incompleteBody, side: .function))
        case .ended, .failed: return
        }
        resume(&starter)
        resume(&reader)
        resume(&writer)
    }

    func read() async throws(Fault) -> Bytes? {
        while true {
            if let taken = piece {
                piece = nil
                resume(&writer)
                return taken
            }
            switch phase {
            case .ended: return nil
            case .failed(let fault): throw fault
            case .unopened, .open: await withUnsafeContinuation { reader = $0 }
            }
        }
    }

    /// The reader has gone; the function runs on and its output is thrown away.
    func abandon() {
        isAbandoned = true
        piece = nil
        resume(&writer)
    }

    var isReady: Bool { piece != nil }

    private func wakeWriter() { resume(&writer) }

    private func resume(_ waiter: inout UnsafeContinuation<Void, Never>?) {
        let resumed = waiter
        waiter = nil
        resumed?.resume()
    }
}
