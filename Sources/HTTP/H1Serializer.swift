/// Writes HTTP/1 heads and chunks.
///
/// Whatever a head holds, what is written is one well-formed head: a field whose name is not a token
/// is left out, a control character in a value becomes a space, and a target has no raw white space.
package enum H1Serializer {
    /// Which connection fields of a head are written.
    package enum HopByHop: Sendable, Equatable {
        /// All as they are.
        case keep
        /// None, nor the fields that Connection names.
        case remove
        /// None but `Upgrade`, with `Connection: Upgrade` added when there is one.
        case removeExceptUpgrade
    }

    /// Appends a request head; Content-Length and Transfer-Encoding come from `framing` alone.
    package static func append(
        _ head: RequestHead,
        framing: BodyFraming,
        hopByHop: HopByHop = .keep,
        connection: StaticString? = nil,
        to output: inout [UInt8]
    ) {
        output.reserveCapacity(output.count + head.headers.buffer.count + 256)
        for byte in head.method.utf8 where Grammar.isToken(byte) { output.append(byte) }
        output.append(0x20)
        appendTarget(head.path, to: &output)
        if let query = head.query {
            output.append(UInt8(ascii: "?"))
            appendTarget(query, to: &output)
        }
        append(head.version == .http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n", to: &output)
        FieldWriter(hopByHop, keepLength: false, connection).write(head.headers, to: &output)
        appendFraming(framing, to: &output)
        finish(connection, to: &output)
    }

    /// Appends a response head; Content-Length and Transfer-Encoding come from `framing`.
    ///
    /// With `.none` the head's own Content-Length stays, as answers to HEAD and 304 have one, except for
    /// 1xx and 204.
    package static func append(
        _ head: ResponseHead,
        framing: BodyFraming,
        hopByHop: HopByHop = .keep,
        connection: StaticString? = nil,
        to output: inout [UInt8]
    ) {
        output.reserveCapacity(output.count + head.headers.buffer.count + 256)
        append(head.version == .http10 ? "HTTP/1.0 " : "HTTP/1.1 ", to: &output)
        let status = min(max(head.status, 100), 999)
        output.append(UInt8(truncatingIfNeeded: 0x30 + status / 100))
        output.append(UInt8(truncatingIfNeeded: 0x30 + status / 10 % 10))
        output.append(UInt8(truncatingIfNeeded: 0x30 + status % 10))
        output.append(0x20)
        if head.reason.isEmpty {
            append(StatusText.phrase(status), to: &output)
        } else {
            for byte in head.reason.utf8 where byte >= 0x20 && byte != 0x7f {
                output.append(byte)
            }
        }
        append("\r\n", to: &output)
        let bodiless = status < 200 || status == 204
        FieldWriter(hopByHop, keepLength: framing == .none && !bodiless, connection)
            .write(head.headers, to: &output)
        if !bodiless { appendFraming(framing, to: &output) }
        finish(connection, to: &output)
    }

    /// Appends one chunk; empty data appends nothing, as an empty chunk would end the body.
    package static func appendChunk(_ data: Bytes, to output: inout [UInt8]) {
        if data.isEmpty { return }
        output.reserveCapacity(output.count + data.count + 20)
        appendChunkHead(data.count, to: &output)
        output.append(contentsOf: data)
        append("\r\n", to: &output)
    }

    /// Appends the line before a chunk's data; after the data goes `\r\n`.
    package static func appendChunkHead(_ size: Int, to output: inout [UInt8]) {
        var shift = 60
        while shift > 0, size >> shift & 15 == 0 { shift -= 4 }
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: size >> shift & 15)
            output.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            shift -= 4
        }
        append("\r\n", to: &output)
    }

    /// Appends the last chunk and the trailer section.
    package static func appendLastChunk(trailers: Headers = Headers(), to output: inout [UInt8]) {
        append("0\r\n", to: &output)
        FieldWriter(.remove, keepLength: false, nil).write(trailers, to: &output)
        append("\r\n", to: &output)
    }

    private static func appendFraming(_ framing: BodyFraming, to output: inout [UInt8]) {
        switch framing {
        case .none, .untilClose: break
        case .chunked: append("Transfer-Encoding: chunked\r\n", to: &output)
        case .length(let length):
            append("Content-Length: ", to: &output)
            appendDecimal(length, to: &output)
            append("\r\n", to: &output)
        }
    }

    private static func finish(_ connection: StaticString?, to output: inout [UInt8]) {
        if let connection {
            append("Connection: ", to: &output)
            append(connection, to: &output)
            append("\r\n", to: &output)
        }
        append("\r\n", to: &output)
    }

    private static func appendTarget(_ text: String, to output: inout [UInt8]) {
        for byte in text.utf8 {
            if byte &- 0x21 < 0x5e, byte != UInt8(ascii: "#") {
                output.append(byte)
            } else {
                PercentCoding.appendEncoded(byte, to: &output)
            }
        }
    }

    /// Appends a number in decimal.
    static func appendDecimal(_ number: Int, to output: inout [UInt8]) {
        if number >= 10 { appendDecimal(number / 10, to: &output) }
        output.append(UInt8(truncatingIfNeeded: 0x30 + number % 10))
    }

    /// Appends a literal.
    @inline(__always)
    static func append(_ text: StaticString, to output: inout [UInt8]) {
        output.append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        )
    }
}

/// Writes the fields of a head, in runs of neighbours that lie in the buffer as they go on the wire.
private struct FieldWriter {
    let hopByHop: H1Serializer.HopByHop
    let keepLength: Bool
    let replacesConnection: Bool

    init(_ hopByHop: H1Serializer.HopByHop, keepLength: Bool, _ connection: StaticString?) {
        self.hopByHop = hopByHop
        self.keepLength = keepLength
        self.replacesConnection = connection != nil
    }

    func write(_ headers: Headers, to output: inout [UInt8]) {
        let listed = hopByHop == .keep ? [] : headers.connectionOptions()
        var hasUpgrade = false
        headers.buffer.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            var runStart = 0
            var runEnd = 0
            for entry in headers.entries {
                let name = base + Int(entry.nameStart)
                let nameLength = Int(entry.nameLength)
                let value = base + Int(entry.valueStart)
                let valueLength = Int(entry.valueLength)
                if isSkipped(name, nameLength, listed, &hasUpgrade) { continue }
                guard Grammar.isToken(name, nameLength) else { continue }
                let isClean = Grammar.isValue(value, valueLength)
                if isClean, FieldWriter.isWireFormed(entry, buffer) {
                    let start = Int(entry.nameStart)
                    let end = Int(entry.valueStart) + valueLength + 2
                    if start != runEnd {
                        output.append(contentsOf: buffer[runStart..<runEnd])
                        runStart = start
                    }
                    runEnd = end
                    continue
                }
                output.append(contentsOf: buffer[runStart..<runEnd])
                runStart = 0
                runEnd = 0
                output.append(contentsOf: UnsafeBufferPointer(start: name, count: nameLength))
                H1Serializer.append(": ", to: &output)
                let bytes = UnsafeBufferPointer(start: value, count: valueLength)
                if isClean {
                    output.append(contentsOf: bytes)
                } else {
                    for byte in bytes { output.append(Grammar.isFieldByte(byte) ? byte : 0x20) }
                }
                H1Serializer.append("\r\n", to: &output)
            }
            output.append(contentsOf: buffer[runStart..<runEnd])
        }
        if hasUpgrade, hopByHop == .removeExceptUpgrade, !replacesConnection {
            H1Serializer.append("Connection: Upgrade\r\n", to: &output)
        }
    }

    private func isSkipped(
        _ name: UnsafePointer<UInt8>,
        _ length: Int,
        _ listed: [String],
        _ hasUpgrade: inout Bool
    ) -> Bool {
        if length == 14, Grammar.equal(name, length, "content-length") { return !keepLength }
        if length == 17, Grammar.equal(name, length, "transfer-encoding") { return true }
        if length == 10, replacesConnection, Grammar.equal(name, length, "connection") {
            return true
        }
        guard hopByHop != .keep else { return false }
        if length == 7, hopByHop == .removeExceptUpgrade, Grammar.equal(name, length, "upgrade") {
            hasUpgrade = true
            return false
        }
        return Headers.isHopByHop(name, length)
            || listed.contains { Headers.equal(name, length, $0) }
    }

    /// Whether the field lies in the buffer as `Name: value` with its line end.
    @inline(__always)
    private static func isWireFormed(
        _ entry: Headers.Entry,
        _ buffer: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        let colon = Int(entry.nameStart) + Int(entry.nameLength)
        let end = Int(entry.valueStart) + Int(entry.valueLength)
        return Int(entry.valueStart) == colon + 2 && end + 2 <= buffer.count
            && buffer[colon] == 0x3a && buffer[colon + 1] == 0x20
            && buffer[end] == 0x0d && buffer[end + 1] == 0x0a
    }
}
