/// Strict, incremental decoder of the chunked transfer coding (RFC 9112 §7.1).
package struct ChunkDecoder: Sendable {
    /// What the decoder found next.
    package enum Event: Sendable, Equatable {
        /// Body bytes.
        case data(Bytes)
        /// The input is used up and the body goes on.
        case needMore
        /// The body is over; bytes left in the input belong to the next message.
        case end(trailers: Headers)
    }

    /// The most bytes of one chunk's extensions.
    package static let longestExtension = 256
    /// The most bytes of all extensions of a body.
    package static let allExtensions = 16_384
    /// The most bytes of the trailer section.
    package static let longestTrailers = 16_384

    private enum State {
        case size(value: Int, digits: Int)
        case sizeExtension(value: Int, length: Int)
        case sizeFeed(Int)
        case data(Int)
        case dataReturn, dataFeed
        case trailers, done
    }

    private var state = State.size(value: 0, digits: 0)
    private var extensionBytes = 0
    private var trailerBytes: [UInt8] = []

    /// Makes a decoder at the start of a body.
    package init() {}

    /// Whether the end of the body was seen.
    package var isDone: Bool { if case .done = state { true } else { false } }

    /// Takes bytes off the front of `input` up to the next event.
    package mutating func next(_ input: inout Bytes) throws(H1Error) -> Event {
        while let byte = input.first {
            switch state {
            case .data(let remaining):
                let data = input.prefix(remaining)
                input = input.dropFirst(data.count)
                let left = remaining - data.count
                state = left == 0 ? .dataReturn : .data(left)
                return .data(data)
            case .trailers:
                if let trailers = try readTrailers(&input) { return .end(trailers: trailers) }
            case .done:
                return .end(trailers: Headers())
            default:
                try stepFraming(byte)
                input = input.dropFirst()
            }
        }
        return .needMore
    }

    private mutating func stepFraming(_ byte: UInt8) throws(H1Error) {
        switch state {
        case .size(let value, let digits):
            try stepSize(byte, value, digits)
        case .sizeExtension(let value, let length):
            if byte == 0x0d {
                state = .sizeFeed(value)
                return
            }
            guard byte >= 0x20 || byte == 0x09, byte != 0x7f else {
                throw .malformed("chunk extension")
            }
            extensionBytes += 1
            guard length < ChunkDecoder.longestExtension,
                extensionBytes <= ChunkDecoder.allExtensions
            else { throw .malformed("chunk extension too long") }
            state = .sizeExtension(value: value, length: length + 1)
        case .sizeFeed(let value):
            guard byte == 0x0a else { throw .malformed("chunk size") }
            state = value == 0 ? .trailers : .data(value)
        case .dataReturn:
            guard byte == 0x0d else { throw .malformed("chunk end") }
            state = .dataFeed
        case .dataFeed:
            guard byte == 0x0a else { throw .malformed("chunk end") }
            state = .size(value: 0, digits: 0)
        case .data, .trailers, .done: break
        }
    }

    private mutating func stepSize(
        _ byte: UInt8,
        _ value: Int,
        _ digits: Int
    ) throws(H1Error) {
        if let digit = Grammar.hexDigit(byte) {
            // Fifteen digits cannot overflow and are more than any body.
            guard digits < 15 else { throw .malformed("chunk size") }
            state = .size(value: value << 4 | Int(digit), digits: digits + 1)
        } else if digits > 0, byte == 0x0d {
            state = .sizeFeed(value)
        } else if digits > 0, byte == UInt8(ascii: ";") {
            state = .sizeExtension(value: value, length: 0)
        } else {
            throw .malformed("chunk size")
        }
    }

    /// Collects trailer lines; gives the fields when the empty line is there.
    private mutating func readTrailers(_ input: inout Bytes) throws(H1Error) -> Headers? {
        while let feed = input.firstIndex(of: 0x0a) {
            let lineStart = trailerBytes.count
            let line = input[input.startIndex...feed]
            guard lineStart + line.count <= ChunkDecoder.longestTrailers else {
                throw .malformed("trailers too large")
            }
            trailerBytes.append(contentsOf: line)
            input = input[(feed + 1)...]
            let count = trailerBytes.count
            let endsEmpty =
                count == 2 ? true : count >= 4 && trailerBytes[count - 3] == 0x0a
            if endsEmpty, trailerBytes[count - 2] == 0x0d {
                state = .done
                return try parseTrailers()
            }
        }
        guard trailerBytes.count + input.count <= ChunkDecoder.longestTrailers else {
            throw .malformed("trailers too large")
        }
        trailerBytes.append(contentsOf: input)
        input = input[input.endIndex...]
        return nil
    }

    private mutating func parseTrailers() throws(H1Error) -> Headers {
        let buffer = trailerBytes
        trailerBytes = []
        var fields = FieldSection()
        var fault: H1Error?
        buffer.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            do throws(H1Error) {
                let end = try fields.parse(
                    base,
                    from: 0,
                    count: bytes.count,
                    limits: HeadLimits()
                )
                if end != bytes.count { fault = .malformed("line end") }
            } catch {
                fault = error
            }
        }
        if let fault { throw fault }
        var headers = Headers(buffer: buffer, entries: fields.entries)
        // RFC 9110 §6.5.1: framing and routing must not come late.
        for name in ["content-length", "transfer-encoding", "host", "trailer"] {
            headers.remove(name)
        }
        headers.removeHopByHop()
        return headers
    }
}
