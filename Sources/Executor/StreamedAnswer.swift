package import DataPlane
package import HTTP

/// What a caller that can take a streamed answer gets.
package enum StreamedAnswer {
    /// The function failed before its first byte, or answered in one piece.
    case whole(InvocationResult)
    case streamed(StreamedResponse)
}

/// An answer that arrives while the function runs.
///
/// Confined to the reactor that asked for it.
package final class StreamedResponse {
    private let channel: ResponseChannel
    /// What the function said its stream is.
    package let contentType: String
    package let body: any BodySource

    init(_ channel: ResponseChannel) {
        self.channel = channel
        contentType = channel.contentType
        body = StreamedBody(channel)
    }

    /// The error JSON that cut the answer short; known once the body has ended.
    package var error: Bytes? { channel.error }
}
