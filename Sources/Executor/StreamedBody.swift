import DataPlane
import HTTP

/// The reading end of a streamed answer; letting go of it tells the writer that nobody reads any more.
final class StreamedBody: BodySource {
    private let channel: ResponseChannel

    init(_ channel: ResponseChannel) { self.channel = channel }

    deinit { channel.abandon() }

    var trailers: Headers { channel.trailers }
    var isReady: Bool { channel.isReady }

    func read() async throws(Fault) -> Bytes? { try await channel.read() }
}
