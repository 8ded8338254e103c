/// Why a stream or a connection ended (RFC 9113 §7).
package struct H2ErrorCode: RawRepresentable, Sendable, Equatable {
    package let rawValue: UInt32

    /// Makes a code from its number on the wire.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let noError = H2ErrorCode(rawValue: 0x0)
    package static let protocolError = H2ErrorCode(rawValue: 0x1)
    package static let internalError = H2ErrorCode(rawValue: 0x2)
    package static let flowControlError = H2ErrorCode(rawValue: 0x3)
    package static let streamClosed = H2ErrorCode(rawValue: 0x5)
    package static let frameSizeError = H2ErrorCode(rawValue: 0x6)
    package static let refusedStream = H2ErrorCode(rawValue: 0x7)
    package static let cancel = H2ErrorCode(rawValue: 0x8)
    package static let connectError = H2ErrorCode(rawValue: 0xa)
    package static let enhanceYourCalm = H2ErrorCode(rawValue: 0xb)
}

/// Why a session cannot go on.
package struct H2Error: Error, Sendable, Equatable {
    /// What a human should read.
    package let reason: String

    /// Makes an error.
    package init(_ reason: String) { self.reason = reason }
}

/// A request as one HTTP/2 stream brought it.
package struct H2Request: Sendable {
    /// The head in the terms of HTTP/1: `Host` in place of `:authority`, cookies in one field; an extended
    /// CONNECT for WebSocket is a GET that asks for an upgrade.
    package var head: RequestHead
    /// The content's announced length, nil when unknown.
    package var contentLength: Int?
    /// Whether the head is the whole request.
    package var ends: Bool
    /// Whether the client waits for `100 Continue` before it sends the content.
    package var expectsContinue: Bool
    /// Whether this was an extended CONNECT (RFC 8441), to be answered with 200 in place of 101.
    package var isTunnel: Bool
}

/// What a session found in the bytes it was given, or in what it could send.
package enum H2Event {
    /// Server: a stream has opened with a request.
    case request(stream: Int32, H2Request)
    /// Server: a stream has opened with a head that is answered with this status at once.
    case refused(stream: Int32, status: Int)
    /// Client: a head came, interim (1xx) or final.
    case response(stream: Int32, ResponseHead, contentLength: Int?)
    /// Content came; it counts against the windows until consumed.
    case data(stream: Int32, Bytes)
    /// The peer will send no more on this stream.
    case ended(stream: Int32, trailers: Headers)
    /// All content offered so far is on its way and more is wanted.
    case drained(stream: Int32)
    /// The stream is over in both directions; the bytes are those of the frames sent on it.
    case closed(stream: Int32, H2ErrorCode, bytesSent: Int)
    /// The peer's first SETTINGS came.
    case settled
    /// The peer answered our PING.
    case ponged
    /// The peer takes no stream after this one.
    case goaway(lastStream: Int32, H2ErrorCode)
}

/// The content that follows a head.
package enum H2Content: Sendable {
    /// None: the head ends the stream.
    case none
    /// All of it.
    case whole(Bytes)
    /// What `offer` and `finish` bring later.
    case open
}
