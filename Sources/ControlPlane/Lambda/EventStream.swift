import Crypto
import DataPlane
import HTTP
import JSON

/// Messages of `application/vnd.amazon.eventstream`: lengths, headers, payload and two checksums, all
/// big-endian.
struct EventStream {
    /// The most payload bytes of one message.
    private static let maximumChunk = 1 << 16

    private(set) var bytes: [UInt8] = []

    /// The stream of a function's answer in pieces.
    mutating func payloadChunks(_ content: [UInt8]) {
        var rest = content[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Self.maximumChunk)
            rest = rest.dropFirst(piece.count)
            event("PayloadChunk", contentType: "application/octet-stream", Array(piece))
        }
    }

    /// The last message: with the error that ended the answer and the end of the log, if there are any.
    mutating func complete(error: ArraySlice<UInt8>?, tail: [UInt8]?) {
        var completion = JSONObject()
        if let error {
            let text = String(decoding: error, as: UTF8.self)
            let kind = (try? JSONValue.parse(text))?["errorType"]?.string
            completion["ErrorCode"] = .string(kind ?? "Unhandled")
            completion["ErrorDetails"] = .string(text)
        }
        if let tail { completion["LogResult"] = .string(Base64.encode(tail)) }
        event(
            "InvokeComplete",
            contentType: "application/json",
            JSONValue.object(completion).encoded()
        )
    }

    mutating func event(_ type: String, contentType: String, _ payload: [UInt8]) {
        var headers: [UInt8] = []
        for (name, value) in [
            (":event-type", type), (":content-type", contentType), (":message-type", "event"),
        ] {
            headers.append(UInt8(name.utf8.count))
            headers += name.utf8
            // 7 says that the value is a string.
            headers.append(7)
            headers += [UInt8(value.utf8.count >> 8), UInt8(value.utf8.count & 0xFF)]
            headers += value.utf8
        }
        var message: [UInt8] = []
        Self.append(UInt32(16 + headers.count + payload.count), to: &message)
        Self.append(UInt32(headers.count), to: &message)
        Self.append(Self.checksum(message), to: &message)
        message += headers
        message += payload
        Self.append(Self.checksum(message), to: &message)
        bytes += message
    }

    private static func append(_ number: UInt32, to message: inout [UInt8]) {
        for shift in [24, 16, 8, 0] { message.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in
            value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1
        }
    }

    /// CRC-32 with the polynomial of zlib.
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { value, byte in
            table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ (value >> 8)
        }
    }
}

/// A function's answer as messages, while it arrives.
///
/// Confined to the reactor of the answer.
final class EventStreamBody: BodySource {
    private let answer: StreamedResponse
    private let tail: () -> [UInt8]?
    private var hasEnded = false
    let trailers = Headers()

    init(_ answer: StreamedResponse, tail: @escaping () -> [UInt8]?) {
        self.answer = answer
        self.tail = tail
    }

    deinit { if !hasEnded { _ = tail() } }

    var isReady: Bool { !hasEnded && answer.body.isReady }

    func read() async throws(Fault) -> Bytes? {
        guard !hasEnded else { return nil }
        var stream = EventStream()
        var piece: Bytes?
        // A function that fails half-way ends the stream with its error, not with a broken connection.
        do throws(Fault) { piece = try await answer.body.read() } catch {
            if answer.error() == nil { throw error }
        }
        if let piece {
            stream.payloadChunks(Array(piece))
        } else {
            hasEnded = true
            stream.complete(error: answer.error(), tail: tail())
        }
        return stream.bytes[...]
    }
}
