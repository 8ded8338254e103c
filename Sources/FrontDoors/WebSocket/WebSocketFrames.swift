import HTTP

/// Takes the bytes of a client apart into messages and control frames (RFC 6455 §5).
struct WebSocketReader {
    /// What the bytes hold.
    enum Event: Equatable {
        case text(String)
        case binary([UInt8])
        case ping([UInt8])
        case pong
        /// With the peer's code, or 1005 without one.
        case close(Int, String)
        /// The connection must end with this code.
        case failure(Int, String)
    }

    /// The largest message.
    ///
    /// Unit: bytes. Source: AWS page "Quotas for configuring and running a WebSocket API".
    static let messageLimit = 128 << 10
    /// The largest frame of a client.
    ///
    /// Unit: bytes. Source: as `messageLimit`.
    static let frameLimit = 32 << 10

    private var buffer: [UInt8] = []
    private var message: [UInt8] = []
    /// The kind of the message whose frames are coming in.
    private var kind: UInt8?
    private var hasFailed = false

    /// Adds bytes and gives what they complete.
    mutating func feed(_ bytes: Bytes) -> [Event] {
        guard !hasFailed else { return [] }
        buffer += bytes
        var events: [Event] = []
        while let event = next() {
            if let event { events.append(event) }
            if hasFailed { break }
        }
        return events
    }

    private mutating func fail(_ code: Int, _ reason: String) -> Event {
        hasFailed = true
        buffer = []
        return .failure(code, reason)
    }

    /// The event of the next whole frame, `.some(nil)` for a frame without one, nil for more bytes.
    private mutating func next() -> Event?? {
        guard buffer.count >= 2 else { return nil }
        let first = buffer[0]
        let code = first & 0x0F
        let isFinal = first & 0x80 != 0
        guard first & 0x70 == 0 else { return .some(fail(1002, "reserved bits are set")) }
        guard buffer[1] & 0x80 != 0 else { return .some(fail(1002, "frames must be masked")) }
        var start = 2
        var length = Int(buffer[1] & 0x7F)
        if length >= 126 {
            let count = length == 126 ? 2 : 8
            guard buffer.count >= start + count else { return nil }
            length = buffer[start..<start + count].reduce(0) {
                ($0 & 0x7F_FFFF_FFFF_FFFF) << 8 | Int($1)
            }
            start += count
        }
        if code >= 8, length > 125 || !isFinal {
            return .some(fail(1002, "a control frame is too long or in pieces"))
        }
        guard length <= Self.frameLimit, message.count + length <= Self.messageLimit else {
            return .some(fail(1009, "the message is too big"))
        }
        guard buffer.count >= start + 4 + length else { return nil }
        let mask = Array(buffer[start..<start + 4])
        var payload = Array(buffer[(start + 4)..<(start + 4 + length)])
        for index in payload.indices { payload[index] ^= mask[index & 3] }
        buffer.removeFirst(start + 4 + length)
        return .some(take(code, isFinal, payload))
    }

    private mutating func take(_ code: UInt8, _ isFinal: Bool, _ payload: [UInt8]) -> Event? {
        switch code {
        case 0, 1, 2:
            if (code == 0) != (kind != nil) {
                return fail(1002, "a message begins within another, or goes on without one")
            }
            if code != 0 { kind = code }
            message += payload
            guard isFinal else { return nil }
            defer {
                message = []
                kind = nil
            }
            if kind == 2 { return .binary(message) }
            guard let text = String(validating: message, as: UTF8.self) else {
                return fail(1007, "text is not UTF-8")
            }
            return .text(text)
        case 8:
            guard payload.count >= 2 else { return .close(1005, "") }
            let number = Int(payload[0]) << 8 | Int(payload[1])
            return .close(number, String(decoding: payload.dropFirst(2), as: UTF8.self))
        case 9: return .ping(payload)
        case 10: return .pong
        default: return fail(1002, "the frame has an unknown code")
        }
    }
}

/// Frames of a server, which are never masked.
enum WebSocketWriter {
    static func text(_ bytes: some Collection<UInt8>) -> [UInt8] { frame(1, bytes) }
    static func binary(_ bytes: some Collection<UInt8>) -> [UInt8] { frame(2, bytes) }
    static func pong(_ bytes: some Collection<UInt8>) -> [UInt8] { frame(10, bytes) }

    static func close(_ code: Int, _ reason: String) -> [UInt8] {
        let number = [UInt8(truncatingIfNeeded: code >> 8), UInt8(truncatingIfNeeded: code)]
        return frame(8, number + Array(reason.utf8.prefix(123)))
    }

    private static func frame(_ code: UInt8, _ payload: some Collection<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = [0x80 | code]
        let count = payload.count
        if count < 126 {
            bytes.append(UInt8(count))
        } else if count < 65_536 {
            bytes += [126, UInt8(count >> 8), UInt8(count & 0xFF)]
        } else {
            bytes.append(127)
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: count >> shift))
            }
        }
        return bytes + payload
    }
}
