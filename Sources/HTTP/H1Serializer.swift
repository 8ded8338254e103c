import Glibc

/// Writes HTTP/1 heads, chunks and trailers: the sender's fields without its framing, then ours.
///
/// Whatever a head holds, what is written is one well-formed head: a field whose name is not a token is
/// left out, a control character in a value becomes a space, and a target has no raw white space.
package enum H1Serializer {
    /// How the content that follows a head is delimited.
    package enum Framing: Sendable, Equatable {
        /// No content and no framing field (1xx, 204, 304, requests without body).
        case none
        case length(Int)
        case chunked
        /// The end of the connection ends the content.
        case untilClose
        /// The sender's own `Content-Length` stays (answers to HEAD).
        case asGiven
    }

    /// Appends a response head with the connection's own fields.
    ///
    /// `date` is the value of `Date` for a final response that has none.
    package static func append(
        _ head: ResponseHead,
        framing: Framing,
        keepsAlive: Bool,
        to version: HTTPVersion,
        date: [UInt8],
        into output: inout IOBuffer
    ) {
        appendStatusLine(head, into: &output)
        let isFinal = head.status >= 200
        appendFields(head.headers, into: &output) { name in
            switch name {
            case .contentLength: framing == .asGiven
            case .transferEncoding: false
            case .connection, .keepAlive: head.status == 101
            default: true
            }
        }
        if isFinal, !head.headers.contains(.date) {
            output.append("Date: ")
            output.append(date[...])
            output.append("\r\n")
        }
        append(framing, into: &output)
        if isFinal, !keepsAlive {
            output.append("Connection: close\r\n")
        } else if isFinal, version == .http10 {
            output.append("Connection: keep-alive\r\n")
        }
        output.append("\r\n")
    }

    /// Appends a request head for an origin; Content-Length and Transfer-Encoding come from `framing`.
    package static func append(
        _ head: RequestHead,
        framing: Framing,
        into output: inout IOBuffer
    ) {
        appendText(head.method, into: &output)
        output.append(" ")
        appendTarget(head.path, into: &output)
        if let query = head.query {
            output.append("?")
            appendTarget(query, into: &output)
        }
        output.append(" HTTP/1.1\r\n")
        appendFields(head.headers, into: &output) { name in
            name != .contentLength && name != .transferEncoding
        }
        append(framing, into: &output)
        output.append("\r\n")
    }

    /// Appends the fields after the last chunk and the empty line that ends them.
    package static func appendTrailers(_ trailers: Headers, into output: inout IOBuffer) {
        appendFields(trailers, into: &output) { name in
            switch name {
            case .contentLength, .transferEncoding, .connection, .keepAlive, .date, .host: false
            default: true
            }
        }
        output.append("\r\n")
    }

    /// Appends the line before a chunk's data; after the data goes `\r\n`.
    package static func appendChunkSize(_ size: Int, into output: inout IOBuffer) {
        var shift = 60
        while shift > 0, size >> shift & 15 == 0 { shift -= 4 }
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: size >> shift & 15)
            output.append(byte: digit < 10 ? 0x30 + digit : 0x57 + digit)
            shift -= 4
        }
        output.append("\r\n")
    }
}

// MARK: - Parts

extension H1Serializer {
    private static func appendStatusLine(_ head: ResponseHead, into output: inout IOBuffer) {
        if head.status == 200, head.reason.isEmpty {
            output.append("HTTP/1.1 200 OK\r\n")
            return
        }
        output.append("HTTP/1.1 ")
        appendNumber(head.status, into: &output)
        output.append(" ")
        if head.reason.isEmpty {
            output.append(StatusText.phrase(head.status))
        } else {
            appendText(head.reason, into: &output)
        }
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

    /// Appends the fields whose names pass, in runs of neighbours that lie in the buffer as they go out.
    @inline(__always)
    private static func appendFields(
        _ headers: Headers,
        into output: inout IOBuffer,
        _ passes: (FieldName) -> Bool
    ) {
        guard let block = headers.block else { return }
        Unmanaged.passUnretained(block)._withUnsafeGuaranteedRef { block in
            let bytes = UnsafeRawBufferPointer(start: block.bytes, count: block.used)
            var runStart = 0
            var runEnd = 0
            for index in 0..<block.count {
                let entry = block[index]
                guard passes(entry.name) else { continue }
                guard entry.isClean, let end = wireEnd(entry, bytes) else {
                    output.append(UnsafeRawBufferPointer(rebasing: bytes[runStart..<runEnd]))
                    (runStart, runEnd) = (0, 0)
                    appendField(entry, block.bytes, into: &output)
                    continue
                }
                let start = Int(entry.nameStart)
                if start != runEnd {
                    output.append(UnsafeRawBufferPointer(rebasing: bytes[runStart..<runEnd]))
                    runStart = start
                }
                runEnd = end
            }
            output.append(UnsafeRawBufferPointer(rebasing: bytes[runStart..<runEnd]))
        }
    }

    /// The end of a field that lies in the buffer as `Name: value` with its line end, else nil.
    @inline(__always)
    private static func wireEnd(_ entry: Headers.Entry, _ buffer: UnsafeRawBufferPointer) -> Int? {
        let colon = Int(entry.nameStart) + Int(entry.nameLength)
        let end = Int(entry.valueStart) + Int(entry.valueLength)
        guard Int(entry.valueStart) == colon + 2, end + 2 <= buffer.count,
            buffer[colon] == 0x3a, buffer[colon + 1] == 0x20, buffer[end] == 0x0d,
            buffer[end + 1] == 0x0a
        else { return nil }
        return end + 2
    }

    private static func appendField(
        _ entry: Headers.Entry,
        _ bytes: UnsafePointer<UInt8>,
        into output: inout IOBuffer
    ) {
        let name = UnsafeBufferPointer(
            start: bytes + Int(entry.nameStart),
            count: Int(entry.nameLength)
        )
        guard let start = name.baseAddress, Grammar.isToken(start, name.count) else { return }
        output.append(UnsafeRawBufferPointer(name))
        output.append(": ")
        for offset in 0..<Int(entry.valueLength) {
            let byte = bytes[Int(entry.valueStart) + offset]
            output.append(byte: Grammar.isFieldByte(byte) ? byte : 0x20)
        }
        output.append("\r\n")
    }

    /// Appends a method or a reason phrase without its control characters.
    private static func appendText(_ text: String, into output: inout IOBuffer) {
        text.withBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            if Grammar.isValue(start, bytes.count) {
                output.append(UnsafeRawBufferPointer(bytes))
            } else {
                for byte in bytes where byte >= 0x20 && byte != 0x7f { output.append(byte: byte) }
            }
        }
    }

    /// Appends a path or a query; what may not stand in a target is percent-encoded.
    private static func appendTarget(_ text: String, into output: inout IOBuffer) {
        text.withBytes { bytes in
            var bad = false
            for byte in bytes where !isTargetByte(byte) { bad = true }
            if !bad { return output.append(UnsafeRawBufferPointer(bytes)) }
            var encoded: [UInt8] = []
            for byte in bytes {
                if isTargetByte(byte) {
                    encoded.append(byte)
                } else {
                    PercentCoding.appendEncoded(byte, to: &encoded)
                }
            }
            output.append(encoded[...])
        }
    }

    @inline(__always)
    private static func isTargetByte(_ byte: UInt8) -> Bool {
        byte &- 0x21 < 0x5e && byte != UInt8(ascii: "#")
    }

    private static func appendNumber(_ number: Int, into output: inout IOBuffer) {
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { room in
            var position = room.count
            var rest = number
            repeat {
                position -= 1
                room[position] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
                rest /= 10
            } while rest > 0
            output.append(UnsafeRawBufferPointer(rebasing: room[position...]))
        }
    }
}
