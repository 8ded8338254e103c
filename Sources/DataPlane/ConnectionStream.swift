import HTTP
import Reactor

/// A connection after an upgrade, with what had been read past the head.
final class ConnectionStream: DuplexStream {
    private let connection: Connection
    private let idle: Duration
    private let side: Fault.Side

    init(_ connection: Connection, idle: Duration, side: Fault.Side) {
        self.connection = connection
        self.idle = idle
        self.side = side
    }

    deinit { connection.close() }

    func read() async throws(Fault) -> Bytes? {
        if !connection.input.isEmpty { return connection.input.take(Connection.pieceSize) }
        // A small read first: thousands of quiet streams must not each hold a large buffer.
        if connection.readiness.isDrained { connection.releaseBuffers() }
        let filled = await connection.fill(until: connection.deadline(idle))
        switch filled {
        case .done:
            defer { connection.input.releaseIfEmpty() }
            return connection.input.take(Connection.pieceSize)
        case .end: return nil
        case .timedOut: throw Fault(.idleTimeout, side: side)
        case .failed: throw Fault(.connectionReset, side: side)
        }
    }

    func write(_ bytes: Bytes) async throws(Fault) {
        switch await connection.write(bytes, until: connection.deadline(idle)) {
        case .done, .end: return
        case .timedOut: throw Fault(.idleTimeout, side: side)
        case .failed: throw Fault(.connectionReset, side: side)
        }
    }

    func finish() async { await connection.finishSending() }

    func close() { connection.close() }
}

/// Carries bytes between two streams until both ends have finished.
enum StreamPump {
    static func run(_ left: any DuplexStream, _ right: any DuplexStream, on reactor: Reactor) async
    {
        let ends = ReactorLocal((left, right))
        let forward = Task(executorPreference: reactor) {
            await carry(from: ends.value.0, to: ends.value.1)
        }
        await carry(from: right, to: left)
        await forward.value
        left.close()
        right.close()
    }

    private static func carry(from source: any DuplexStream, to target: any DuplexStream) async {
        do throws(Fault) {
            while let bytes = try await source.read() { try await target.write(bytes) }
            await target.finish()
        } catch {
            source.close()
            target.close()
        }
    }
}
