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

    /// What the decoder found at the front of a buffer that it does not own.
    package enum Step: Sendable, Equatable {
        /// More input is needed; nothing was taken.
        case needsMore
        /// Framing was taken and nothing else.
        case skip(Int)
        /// After `skip` bytes of framing come this many bytes of content.
        case content(skip: Int, count: Int)
        /// The body ended after these bytes; trailers are in `trailers`.
        case end(Int)
    }

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
    /// The fields after the last chunk, once the body is over.
    package private(set) var trailers = Headers()

    /// Makes a decoder at the start of a body.
    package init() {}

    /// Whether the end of the body was seen.
    package var isDone: Bool { if case .done = state { true } else { false } }

    /// Takes bytes off the front of `input` up to the next event.
    package mutating func next(_ input: inout Bytes) throws(H1Error) -> Event {
        var step = Step.needsMore
        var fault: H1Error?
        input.withUnsafeBytes { bytes in
            do throws(H1Error) { step = try next(bytes) } catch { fault = error }
        }
        if let fault { throw fault }
        switch step {
        case .needsMore: return .needMore
        case .skip(let count):
            input = input.dropFirst(count)
            return .needMore
        case .content(let skip, let count):
            let data = input.dropFirst(skip).prefix(count)
            input = input.dropFirst(skip + count)
            return .data(data)
        case .end(let count):
            input = input.dropFirst(count)
            return .end(trailers: trailers)
        }
    }

    /// Looks at the front of a buffer, from which the caller then takes what the step says.
    package mutating func next(_ input: UnsafeRawBufferPointer) throws(H1Error) -> Step {
        var position = 0
        if isDone { return .end(0) }
        while position < input.count {
            switch state {
            case .data(let remaining):
                let count = min(remaining, input.count - position)
                state = remaining == count ? .dataReturn : .data(remaining - count)
                return .content(skip: position, count: count)
            case .trailers:
                try readTrailers(input, &position)
                if isDone { return .end(position) }
            default:
                try stepFraming(input[position])
                position += 1
            }
        }
        return position == 0 ? .needsMore : .skip(position)
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

    /// Collects trailer lines up to the empty line that ends them.
    private mutating func readTrailers(
        _ input: UnsafeRawBufferPointer,
        _ position: inout Int
    ) throws(H1Error) {
        while position < input.count {
            guard trailerBytes.count < ChunkDecoder.longestTrailers else {
                throw .malformed("trailers too large")
            }
            let byte = input[position]
            trailerBytes.append(byte)
            position += 1
            guard byte == 0x0a else { continue }
            let count = trailerBytes.count
            guard count >= 2, trailerBytes[count - 2] == 0x0d else { throw .malformed("line end") }
            if count == 2 || count >= 4 && trailerBytes[count - 3] == 0x0a {
                trailers = try parseTrailers()
                state = .done
                return
            }
        }
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
        var headers = fields.takeHeaders()
        // RFC 9110 §6.5.1: framing and routing must not come late.
        for name in ["content-length", "transfer-encoding", "host", "trailer"] {
            headers.remove(name)
        }
        headers.removeHopByHop()
        return headers
    }
}
