import Glibc
import HTTP

/// Writes message heads into an output buffer: the sender's fields without its framing, then ours.
enum HeadWriter {
    /// How the content that follows a head is delimited.
    enum Framing: Equatable {
        /// No content and no framing field (1xx, 204, 304, requests without body).
        case none
        case length(Int)
        case chunked
        /// The end of the connection ends the content.
        case untilClose
        /// The sender's own `Content-Length` stays (answers to HEAD).
        case asGiven
    }

    static func write(
        _ head: ResponseHead,
        framing: Framing,
        keepsAlive: Bool,
        to version: HTTPVersion,
        date: [UInt8],
        into output: inout IOBuffer
    ) {
        output.append("HTTP/1.1 ")
        appendNumber(head.status, into: &output)
        output.append(" ")
        appendText(head.reason.isEmpty ? reason(of: head.status) : head.reason, into: &output)
        output.append("\r\n")
        var hasDate = false
        let isUpgrade = head.status == 101
        let headers = head.headers
        headers.buffer.withUnsafeBytes { buffer in
            for entry in headers.entries {
                switch kind(entry, buffer) {
                case .framing where framing != .asGiven || entry.nameLength != 14: continue
                case .connection where !isUpgrade: continue
                case .date: hasDate = true
                default: break
                }
                appendField(entry, buffer, into: &output)
            }
        }
        if !hasDate, head.status >= 200 {
            output.append("Date: ")
            output.append(date[...])
            output.append("\r\n")
        }
        append(framing, into: &output)
        if head.status >= 200 {
            if !keepsAlive {
                output.append("Connection: close\r\n")
            } else if version == .http10 {
                output.append("Connection: keep-alive\r\n")
            }
        }
        output.append("\r\n")
    }

    static func write(_ head: RequestHead, framing: Framing, into output: inout IOBuffer) {
        appendText(head.method, into: &output)
        output.append(" ")
        appendText(head.path, into: &output)
        if let query = head.query {
            output.append("?")
            appendText(query, into: &output)
        }
        output.append(" HTTP/1.1\r\n")
        let headers = head.headers
        headers.buffer.withUnsafeBytes { buffer in
            for entry in headers.entries where kind(entry, buffer) != .framing {
                appendField(entry, buffer, into: &output)
            }
        }
        append(framing, into: &output)
        output.append("\r\n")
    }

    /// Writes the fields after the last chunk and the empty line that ends them.
    static func writeTrailers(_ trailers: Headers, into output: inout IOBuffer) {
        trailers.buffer.withUnsafeBytes { buffer in
            for entry in trailers.entries where kind(entry, buffer) == .other {
                appendField(entry, buffer, into: &output)
            }
        }
        output.append("\r\n")
    }

    static func writeChunkSize(_ size: Int, into output: inout IOBuffer) {
        var digits: [UInt8] = []
        var rest = size
        repeat {
            let digit = UInt8(rest & 15)
            digits.append(digit < 10 ? digit + 48 : digit + 87)
            rest >>= 4
        } while rest > 0
        digits.reverse()
        output.append(digits[...])
        output.append("\r\n")
    }

    private static func append(_ framing: Framing, into output: inout IOBuffer) {
        switch framing {
        case .length(let length):
            output.append("Content-Length: ")
            appendNumber(length, into: &output)
            output.append("\r\n")
        case .chunked: output.append("Transfer-Encoding: chunked\r\n")
        case .none, .untilClose, .asGiven: break
        }
    }

    private enum Kind { case framing, connection, date, other }

    /// Tells the fields apart that this writer owns, by length first.
    private static func kind(_ entry: Headers.Entry, _ buffer: UnsafeRawBufferPointer) -> Kind {
        switch entry.nameLength {
        case 4: matches(entry, buffer, "date") ? .date : .other
        case 10:
            matches(entry, buffer, "connection") || matches(entry, buffer, "keep-alive")
                ? .connection : .other
        case 14: matches(entry, buffer, "content-length") ? .framing : .other
        case 17: matches(entry, buffer, "transfer-encoding") ? .framing : .other
        default: .other
        }
    }

    private static func matches(
        _ entry: Headers.Entry,
        _ buffer: UnsafeRawBufferPointer,
        _ name: StaticString
    ) -> Bool {
        guard let base = buffer.baseAddress else { return false }
        let start = base + Int(entry.nameStart)
        let text = start.assumingMemoryBound(to: CChar.self)
        return name.withUTF8Buffer { wanted in
            guard let wantedBase = wanted.baseAddress else { return false }
            return wantedBase.withMemoryRebound(to: CChar.self, capacity: wanted.count) {
                strncasecmp(text, $0, wanted.count) == 0
            }
        }
    }

    /// Writes one field; one with a line break in it could smuggle a second, so it is left out.
    private static func appendField(
        _ entry: Headers.Entry,
        _ buffer: UnsafeRawBufferPointer,
        into output: inout IOBuffer
    ) {
        let nameStart = Int(entry.nameStart)
        let valueStart = Int(entry.valueStart)
        let name = UnsafeRawBufferPointer(
            rebasing: buffer[nameStart..<nameStart + Int(entry.nameLength)]
        )
        let value = UnsafeRawBufferPointer(
            rebasing: buffer[valueStart..<valueStart + Int(entry.valueLength)]
        )
        guard isClean(name), isClean(value), !name.isEmpty else { return }
        let room = output.room(name.count + value.count + 4)
        guard let target = room.baseAddress, let from = name.baseAddress else { return }
        memcpy(target, from, name.count)
        target.storeBytes(of: UInt8(ascii: ":"), toByteOffset: name.count, as: UInt8.self)
        target.storeBytes(of: UInt8(ascii: " "), toByteOffset: name.count + 1, as: UInt8.self)
        if let from = value.baseAddress { memcpy(target + name.count + 2, from, value.count) }
        let end = name.count + 2 + value.count
        target.storeBytes(of: 13, toByteOffset: end, as: UInt8.self)
        target.storeBytes(of: 10, toByteOffset: end + 1, as: UInt8.self)
        output.commit(end + 2)
    }

    private static func isClean(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        return memchr(base, 10, bytes.count) == nil && memchr(base, 13, bytes.count) == nil
            && memchr(base, 0, bytes.count) == nil
    }

    private static func appendText(_ text: String, into output: inout IOBuffer) {
        var text = text
        text.withUTF8 { bytes in
            let raw = UnsafeRawBufferPointer(bytes)
            if isClean(raw) { output.append(raw) }
        }
    }

    private static func appendNumber(_ number: Int, into output: inout IOBuffer) {
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { room in
            var position = room.count
            var rest = number
            repeat {
                position -= 1
                room[position] = UInt8(rest % 10) + 48
                rest /= 10
            } while rest > 0
            output.append(UnsafeRawBufferPointer(rebasing: room[position...]))
        }
    }

    private static func reason(of status: Int) -> String { StatusText.reason(for: status) }
}
