import Glibc

/// Reads the field lines of a head or of trailers and collects what decides about framing.
struct FieldSection: ~Copyable {
    /// The fields found; complete with their bytes once the empty line was there.
    var headers = Headers()
    var hostCount = 0
    var hostStart = 0
    var hostLength = 0
    var contentLength: Int?
    var hasTransferEncoding = false
    var isChunked = false
    var closes = false
    var keepsAlive = false
    var connectionUpgrade = false
    var hasUpgrade = false
    var expectsContinue = false

    /// Gives the fields away, so that nobody shares them with the message they belong to.
    mutating func takeHeaders() -> Headers {
        let taken = headers
        headers = Headers()
        return taken
    }

    /// Reads lines from `start` to the empty line; gives the offset after it, or nil for more bytes.
    mutating func parse(
        _ base: UnsafePointer<UInt8>,
        from start: Int,
        count: Int,
        limits: HeadLimits
    ) throws(H1Error) -> Int? {
        var block = FieldBlock.make(fields: 0, bytes: 0)
        var position = start
        while true {
            guard let end = try FieldSection.lineEnd(base, from: position, count: count) else {
                if count > limits.bytes { throw .headTooLarge }
                return nil
            }
            let next = end + 2
            if next > limits.bytes { throw .headTooLarge }
            if end == position {
                let wanted = next - start + Self.roomForMore
                if block.free < wanted { block = block.grown(fields: 0, bytes: wanted) }
                block.append(base + start, next - start)
                headers = Headers(block)
                return next
            }
            if block.count == limits.fields { throw .headTooLarge }
            if block.free < MemoryLayout<Headers.Entry>.stride {
                block = block.grown(fields: block.count, bytes: 0)
            }
            try parseLine(base, position, end, section: start, into: block)
            position = next
        }
    }

    /// What the fields that a proxy adds take.
    ///
    /// Unit: bytes.
    private static let roomForMore = 448

    /// The offset of the CRLF that ends the line at `position`, or nil when it is not there yet.
    @inline(__always)
    static func lineEnd(
        _ base: UnsafePointer<UInt8>,
        from position: Int,
        count: Int
    ) throws(H1Error) -> Int? {
        guard position < count, let found = memchr(base + position, 0x0a, count - position) else {
            return nil
        }
        let feed = UnsafeRawPointer(found) - UnsafeRawPointer(base)
        guard feed > position, base[feed - 1] == 0x0d else { throw .malformed("line end") }
        return feed - 1
    }

    @inline(__always)
    private mutating func parseLine(
        _ base: UnsafePointer<UInt8>,
        _ start: Int,
        _ end: Int,
        section: Int,
        into block: FieldBlock
    ) throws(H1Error) {
        if Grammar.isBlank(base[start]) { throw .malformed("folded field") }
        guard let mark = memchr(base + start, 0x3a, end - start) else {
            throw FieldSection.nameFault(base, start, stop: end, end)
        }
        let colon = UnsafeRawPointer(mark) - UnsafeRawPointer(base)
        let name = FieldName.find(base + start, colon - start)
        // A listed name is a token by itself.
        guard name != .other || Grammar.isToken(base + start, colon - start) else {
            throw FieldSection.nameFault(base, start, stop: colon, end)
        }
        var first = colon + 1
        var last = end
        while first < last, Grammar.isBlank(base[first]) { first += 1 }
        while last > first, Grammar.isBlank(base[last - 1]) { last -= 1 }
        guard Grammar.isValue(base + first, last - first) else { throw .malformed("field value") }
        block.append(
            Headers.Entry(
                name,
                nameStart: start - section,
                nameLength: colon - start,
                valueStart: first - section,
                valueLength: last - first,
                isClean: true
            )
        )
        try note(name, base + first, last - first, at: first)
    }

    /// Says what is wrong with a name that stopped being a token at `stop`.
    private static func nameFault(
        _ base: UnsafePointer<UInt8>,
        _ start: Int,
        stop: Int,
        _ end: Int
    ) -> H1Error {
        guard let found = memchr(base + start, 0x3a, end - start) else {
            return .malformed("field without a colon")
        }
        let colon = UnsafeRawPointer(found) - UnsafeRawPointer(base)
        if colon > start, Grammar.isBlank(base[colon - 1]) {
            return .malformed("white space before a colon")
        }
        return .malformed("field name")
    }

    /// Remembers the fields that decide about framing and the connection.
    @inline(__always)
    private mutating func note(
        _ name: FieldName,
        _ value: UnsafePointer<UInt8>,
        _ length: Int,
        at start: Int
    ) throws(H1Error) {
        switch name {
        case .host:
            hostCount += 1
            hostStart = start
            hostLength = length
        case .expect:
            if Grammar.equal(value, length, "100-continue") { expectsContinue = true }
        case .upgrade: hasUpgrade = length > 0
        case .connection: noteConnection(value, length)
        case .contentLength:
            if contentLength != nil { throw .ambiguousLength("several Content-Length fields") }
            contentLength = try FieldSection.number(value, length)
        case .transferEncoding:
            if hasTransferEncoding {
                throw .ambiguousLength("several Transfer-Encoding fields")
            }
            hasTransferEncoding = true
            isChunked = Grammar.equal(value, length, "chunked")
        default: break
        }
    }

    /// Whether a value of Connection is what servers mostly send, which needs no look at its items.
    @inline(__always)
    static func isKeepAlive(_ value: UnsafePointer<UInt8>, _ length: Int) -> Bool {
        length == 10 && memcmp(value, "keep-alive", 10) == 0
    }

    private mutating func noteConnection(_ value: UnsafePointer<UInt8>, _ length: Int) {
        if Self.isKeepAlive(value, length) {
            keepsAlive = true
            return
        }
        FieldSection.forEachItem(value, length) { start, count in
            switch count {
            case 5 where Grammar.equal(start, count, "close"): closes = true
            case 7 where Grammar.equal(start, count, "upgrade"): connectionUpgrade = true
            case 10 where Grammar.equal(start, count, "keep-alive"): keepsAlive = true
            default: break
            }
        }
    }

    /// Visits the trimmed items of a comma-separated list that are not empty.
    @inline(__always)
    static func forEachItem(
        _ value: UnsafePointer<UInt8>,
        _ length: Int,
        _ body: (UnsafePointer<UInt8>, Int) -> Void
    ) {
        var start = 0
        while start < length {
            var end = start
            while end < length, value[end] != UInt8(ascii: ",") { end += 1 }
            var first = start
            var last = end
            while first < last, Grammar.isBlank(value[first]) { first += 1 }
            while last > first, Grammar.isBlank(value[last - 1]) { last -= 1 }
            if last > first { body(value + first, last - first) }
            start = end + 1
        }
    }

    /// A Content-Length: digits only, at most 18 of them.
    private static func number(
        _ value: UnsafePointer<UInt8>,
        _ length: Int
    ) throws(H1Error) -> Int {
        guard length > 0, length <= 18 else { throw .ambiguousLength("Content-Length") }
        var result = 0
        for offset in 0..<length {
            guard Grammar.isDigit(value[offset]) else { throw .ambiguousLength("Content-Length") }
            result = result * 10 + Int(value[offset] &- 0x30)
        }
        return result
    }

    /// Refuses every pair of framing fields that two readers could read differently.
    func checkFraming(version: HTTPVersion) throws(H1Error) {
        guard hasTransferEncoding else { return }
        if version == .http10 { throw .ambiguousLength("Transfer-Encoding in HTTP/1.0") }
        if contentLength != nil {
            throw .ambiguousLength("Content-Length beside Transfer-Encoding")
        }
        if !isChunked { throw .unsupportedCoding }
    }

    /// Whether the connection stays open after this message.
    func persists(_ version: HTTPVersion) -> Bool {
        !closes && (version == .http11 || keepsAlive)
    }
}
