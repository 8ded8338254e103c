/// Writes HTTP/1 heads and chunks into a byte buffer.
///
/// Framing fields are written here from `framing`, never copied from the head.
package enum H1Serializer {
    /// Appends a request head.
    package static func append(
        _ head: RequestHead,
        framing: BodyFraming,
        to output: inout [UInt8]
    ) {
        output.append(contentsOf: head.method.utf8)
        output.append(32)
        output.append(contentsOf: head.path.utf8)
        if let query = head.query {
            output.append(63)
            output.append(contentsOf: query.utf8)
        }
        append(" HTTP/1.1\r\n", to: &output)
        appendFields(head.headers, keepLength: false, to: &output)
        appendFraming(framing, to: &output)
        append("\r\n", to: &output)
    }

    /// Appends a response head.
    ///
    /// With `keepLength` the head's own Content-Length stays, as in an answer to HEAD.
    package static func append(
        _ head: ResponseHead,
        framing: BodyFraming,
        keepLength: Bool = false,
        to output: inout [UInt8]
    ) {
        append("HTTP/1.1 ", to: &output)
        appendNumber(head.status, to: &output)
        output.append(32)
        if head.reason.isEmpty {
            append(StatusText.phrase(head.status), to: &output)
        } else {
            appendValue(head.reason.utf8, to: &output)
        }
        append("\r\n", to: &output)
        appendFields(head.headers, keepLength: keepLength, to: &output)
        appendFraming(framing, to: &output)
        append("\r\n", to: &output)
    }

    /// Appends one chunk with its size line; empty content adds nothing.
    package static func appendChunk(_ bytes: Bytes, to output: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        output.append(contentsOf: String(bytes.count, radix: 16).utf8)
        append("\r\n", to: &output)
        output.append(contentsOf: bytes)
        append("\r\n", to: &output)
    }

    /// Appends the last chunk and the trailer section.
    package static func appendLastChunk(trailers: Headers, to output: inout [UInt8]) {
        append("0\r\n", to: &output)
        appendFields(trailers, keepLength: false, to: &output)
        append("\r\n", to: &output)
    }

    private static func appendFields(_ headers: Headers, keepLength: Bool, to output: inout [UInt8])
    {
        headers.buffer.withUnsafeBytes { buffer in
            for entry in headers.entries {
                let name = UnsafeRawBufferPointer(
                    rebasing: buffer[Int(entry.nameStart)..<Int(entry.nameStart + entry.nameLength)]
                )
                if name.count == 14, !keepLength, HeadFields.equal(name, "content-length") {
                    continue
                }
                if name.count == 17, HeadFields.equal(name, "transfer-encoding") { continue }
                output.append(contentsOf: name)
                append(": ", to: &output)
                appendValue(
                    buffer[Int(entry.valueStart)..<Int(entry.valueStart + entry.valueLength)],
                    to: &output
                )
                append("\r\n", to: &output)
            }
        }
    }

    /// Appends text of a head; a byte that could end the line becomes a space.
    private static func appendValue(_ bytes: some Collection<UInt8>, to output: inout [UInt8]) {
        let start = output.count
        output.append(contentsOf: bytes)
        for index in start..<output.count
        where output[index] == 13 || output[index] == 10 || output[index] == 0 {
            output[index] = 32
        }
    }

    private static func appendFraming(_ framing: BodyFraming, to output: inout [UInt8]) {
        switch framing {
        case .none, .untilClose: break
        case .chunked: append("Transfer-Encoding: chunked\r\n", to: &output)
        case .length(let length):
            append("Content-Length: ", to: &output)
            appendNumber(length, to: &output)
            append("\r\n", to: &output)
        }
    }

    private static func appendNumber(_ number: Int, to output: inout [UInt8]) {
        if number >= 10 { appendNumber(number / 10, to: &output) }
        output.append(48 + UInt8(number % 10))
    }

    @inline(__always)
    private static func append(_ text: StaticString, to output: inout [UInt8]) {
        text.withUTF8Buffer { output.append(contentsOf: $0) }
    }
}
