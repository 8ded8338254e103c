import HTTP
import Reactor

/// A WebSocket's bytes on one HTTP/2 stream (RFC 8441 §5).
final class H2Tunnel: DuplexStream {
    private let channel: H2Channel

    init(_ channel: H2Channel, idle: Duration) {
        self.channel = channel
        channel.setIdle(idle)
    }

    deinit { close() }

    func read() async throws(Fault) -> Bytes? { try await channel.read() }

    func write(_ bytes: Bytes) async throws(Fault) {
        guard !bytes.isEmpty else { return }
        guard await channel.send(bytes) else {
            throw channel.fault ?? Fault(.connectionReset, side: .viewer)
        }
    }

    func finish() async { channel.finish() }

    func close() {
        guard !channel.isClosed else { return }
        // A stream that has ended both ways closes by itself once its last frames are out.
        if !channel.isFinished || !channel.hasFinishedSending { channel.reset(.cancel) }
    }
}
