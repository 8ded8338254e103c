/// Decodes the chunked transfer coding, strictly (RFC 9112 §7.1).
///
/// A value to feed: it says how much of the input it took and which part of that is content.
package struct ChunkDecoder: Sendable {
    /// What the decoder found at the front of its input.
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

    private enum State: Sendable {
        case size
        case content(Int)
        case contentEnd
        case trailers
        case done
    }

    /// The longest size line with its extensions, in bytes.
    package static let maximumSizeLine = 1_024
    /// The longest trailer section, in bytes.
    package static let maximumTrailers = 8_192

    private var state = State.size
    /// The fields after the last chunk.
    package private(set) var trailers = Headers()

    /// Makes a decoder at the start of a body.
    package init() {}

    /// Looks at the front of the input.
    ///
    /// - Throws: `H1Error.malformed` for a bad size, a missing line end or oversized framing.
    package mutating func next(_ input: UnsafeRawBufferPointer) throws(H1Error) -> Step {
        switch state {
        case .size: return try size(input)
        case .content(let left):
            guard !input.isEmpty else { return .needsMore }
            let count = min(left, input.count)
            state = left == count ? .contentEnd : .content(left - count)
            return .content(skip: 0, count: count)
        case .contentEnd:
            guard input.count >= 2 else { return .needsMore }
            guard input[0] == 13, input[1] == 10 else { throw .malformed("chunk end") }
            state = .size
            return .skip(2)
        case .trailers: return try trailerSection(input)
        case .done: return .end(0)
        }
    }

    private mutating func size(_ input: UnsafeRawBufferPointer) throws(H1Error) -> Step {
        guard let feed = input.firstIndex(of: 10) else {
            if input.count > Self.maximumSizeLine { throw .malformed("chunk size line too long") }
            return .needsMore
        }
        guard feed <= Self.maximumSizeLine else { throw .malformed("chunk size line too long") }
        guard feed > 1, input[feed - 1] == 13 else { throw .malformed("chunk size") }
        var number = 0
        var digits = 0
        while digits < feed - 1, let digit = Self.hexadecimal(input[digits]) {
            guard digits < 15 else { throw .malformed("chunk size") }
            number = number << 4 | Int(digit)
            digits += 1
        }
        guard digits > 0, digits == feed - 1 || input[digits] == 59 else {
            throw .malformed("chunk size")
        }
        for index in digits..<feed - 1 where input[index] < 32 && input[index] != 9 {
            throw .malformed("chunk extension")
        }
        state = number == 0 ? .trailers : .content(number)
        return .skip(feed + 1)
    }

    private mutating func trailerSection(_ input: UnsafeRawBufferPointer) throws(H1Error) -> Step {
        guard input.count >= 2 else { return .needsMore }
        if input[0] == 13, input[1] == 10 {
            state = .done
            return .end(2)
        }
        guard let feed = input.firstIndex(of: 10) else {
            if input.count > Self.maximumTrailers { throw .malformed("trailers too large") }
            return .needsMore
        }
        guard feed > 1, input[feed - 1] == 13,
            let colon = input[..<feed].firstIndex(of: 58), colon > 0,
            input[..<colon].allSatisfy({ ByteClass.table[Int($0)] & ByteClass.token != 0 }),
            input[colon + 1..<feed - 1].allSatisfy({
                ByteClass.table[Int($0)] & ByteClass.fieldText != 0
            })
        else { throw .malformed("trailer field") }
        guard trailers.byteCount + feed <= Self.maximumTrailers else {
            throw .malformed("trailers too large")
        }
        let value = String(decoding: input[colon + 1..<feed - 1], as: UTF8.self)
        trailers.append(
            String(decoding: input[..<colon], as: UTF8.self),
            String(value.trimmingASCIIWhitespace())
        )
        return .skip(feed + 1)
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }
}

extension Headers {
    /// Removes what belongs to one connection only (RFC 9110 §7.6.1), with all that Connection names.
    package mutating func removeHopByHop(keepUpgrade: Bool = false) {
        var named: [String] = []
        for value in all("connection") {
            named += value.split(separator: ",").map { $0.trimmingASCIIWhitespace().lowercased() }
        }
        let fixed = [
            "connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "trailer",
            "proxy-authenticate", "proxy-authorization",
        ]
        removeAll { name in
            let lowered = name.lowercased()
            if lowered == "upgrade" { return !keepUpgrade }
            return fixed.contains(lowered) || named.contains(lowered)
        }
    }
}
