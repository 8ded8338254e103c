import HTTP
import Reactor
import TLS

/// One request's hold on an upstream connection while its response still arrives or its upload goes on.
///
/// Confined to its reactor.
final class UpstreamLease {
    let connection: Connection
    private let pool: UpstreamPool
    private let queue: UpstreamQueue
    private let keepAlive: Duration
    /// The upload that runs beside the response, if the request has a body to stream.
    private let upload: Upload?
    @exclusivity(unchecked)
    private var isDone = false

    init(
        _ connection: Connection,
        pool: UpstreamPool,
        queue: UpstreamQueue,
        keepAlive: Duration,
        upload: Upload?
    ) {
        self.connection = connection
        self.pool = pool
        self.queue = queue
        self.keepAlive = keepAlive
        self.upload = upload
    }

    /// The response has been read to its end.
    func bodyEnded() {
        guard !isDone else { return }
        isDone = true
        if let upload, !upload.isFinished {
            upload.stop()
            connection.close()
            return
        }
        pool.takeBack(connection, to: queue, keepAlive: keepAlive)
    }

    /// The response is wanted no longer, or is broken.
    func abandon() {
        guard !isDone else { return }
        isDone = true
        upload?.stop()
        connection.close()
    }
}

/// Streams a request's body to the origin while the response may already come.
///
/// Confined to its reactor.
final class Upload {
    private let source: any BodySource
    private let connection: Connection
    private let framing: H1Serializer.Framing
    private let idle: Duration
    /// Whether everything was sent.
    private(set) var isFinished = false
    /// When it ended, complete or not; nil while it goes on.
    private(set) var endedAt: MonotonicInstant?
    /// Why it ended early, unless the origin just stopped listening.
    private(set) var fault: Fault?
    private var isStopped = false

    init(
        _ source: any BodySource,
        to connection: Connection,
        framing: H1Serializer.Framing,
        idle: Duration
    ) {
        self.source = source
        self.connection = connection
        self.framing = framing
        self.idle = idle
    }

    func start() {
        let local = ReactorLocal(self)
        Task(executorPreference: connection.reactor) { await local.value.run() }
    }

    /// Ends the upload; its reader wakes with a fault.
    func stop() {
        guard !isStopped, !isFinished else { return }
        isStopped = true
        (source as? MessageBody)?.abandon()
    }

    private func run() async {
        defer { endedAt = connection.reactor.time }
        do throws(Fault) {
            while !isStopped, let piece = try await source.read() {
                if piece.isEmpty { continue }
                guard !isStopped, await send(piece) else { return }
            }
        } catch {
            guard !isStopped else { return }
            fault = error
            // The origin must not take a cut body for a whole one; this also wakes the response.
            connection.close()
            return
        }
        guard !isStopped else { return }
        if framing == .chunked {
            connection.output.append("0\r\n")
            H1Serializer.appendTrailers(source.trailers, into: &connection.output)
        }
        isFinished = await connection.flush(until: connection.deadline(idle)) == .done
    }

    /// Sends a piece; an origin that takes no more may still answer, so its failure is no fault here.
    private func send(_ piece: Bytes) async -> Bool {
        if framing == .chunked {
            H1Serializer.appendChunkSize(piece.count, into: &connection.output)
        }
        switch await connection.write(piece, until: connection.deadline(idle)) {
        case .done: break
        case .timedOut:
            fault = Fault(.responseTimeout, side: .origin, detail: "the origin stopped reading")
            connection.close()
            return false
        case .end, .failed: return false
        }
        if framing == .chunked { connection.output.append("\r\n") }
        return true
    }
}
