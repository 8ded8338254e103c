import Glibc

/// Walks the lines of one complete head in place.
struct HeadLines {
    private let bytes: UnsafeRawBufferPointer
    private var position: Int
    /// The start line without its line end.
    let startLine: Range<Int>
    /// Where the head ends, the empty line included; set once the fields are read.
    private(set) var end = 0

    /// Finds the start line; nil when the head is not complete yet.
    init?(_ all: UnsafeRawBufferPointer, limits: HeadLimits) throws(H1Error) {
        // RFC 9112 §2.2: a server should ignore an empty line before the request line.
        var start = 0
        while start + 1 < all.count, start < 4, all[start] == 13, all[start + 1] == 10 {
            start += 2
        }
        bytes = all
        guard let feed = Self.lineFeed(all, from: start) else {
            if all.count - start > limits.bytes { throw .headTooLarge }
            if all.count - start > limits.target + 64 { throw .targetTooLong }
            return nil
        }
        guard feed > start, all[feed - 1] == 13 else { throw .malformed("line end") }
        startLine = start..<feed - 1
        position = feed + 1
    }

    private static func lineFeed(_ all: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = all.baseAddress, start < all.count,
            let found = memchr(base + start, 10, all.count - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    func byte(_ index: Int) -> UInt8 { bytes[index] }

    func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[range])
    }

    func text(_ range: Range<Int>) -> String {
        let part = slice(range)
        return String(validating: part, as: UTF8.self)
            ?? String(String.UnicodeScalarView(part.map { Unicode.Scalar($0) }))
    }

    /// The head's bytes in a buffer of their own, for `Headers`.
    func copy() -> [UInt8] { [UInt8](bytes[..<end]) }

    func find(_ wanted: UInt8, from start: Int, to limit: Int) -> Int? {
        guard let base = bytes.baseAddress, start < limit,
            let found = memchr(base + start, Int32(wanted), limit - start)
        else { return nil }
        return UnsafeRawPointer(found) - base
    }

    func isToken(_ range: Range<Int>) -> Bool {
        for index in range where ByteClass.table[Int(bytes[index])] & ByteClass.token == 0 {
            return false
        }
        return true
    }

    func isFieldText(_ range: Range<Int>) -> Bool {
        for index in range where ByteClass.table[Int(bytes[index])] & ByteClass.fieldText == 0 {
            return false
        }
        return true
    }

    func method(_ range: Range<Int>) -> String {
        for known in ["GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "PATCH"]
        where known.utf8.count == range.count && known.utf8.elementsEqual(slice(range)) {
            return known
        }
        return text(range)
    }

    func version(_ range: Range<Int>) throws(H1Error) -> HTTPVersion {
        let part = slice(range)
        if part.elementsEqual("HTTP/1.1".utf8) { return .http11 }
        if part.elementsEqual("HTTP/1.0".utf8) { return .http10 }
        guard part.starts(with: "HTTP/".utf8) else { throw .malformed("version") }
        throw .unsupportedVersion
    }

    /// Splits the request target into path and query; an absolute form replaces Host (RFC 9112 §3.2.2).
    func setTarget(_ range: Range<Int>, of head: inout RequestHead) throws(H1Error) {
        guard !range.isEmpty else { throw .malformed("request target") }
        for index in range where bytes[index] <= 32 || bytes[index] == 127 || bytes[index] == 35 {
            throw .malformed("request target")
        }
        var start = range.lowerBound
        if bytes[start] != 47 {
            if range.count == 1, bytes[start] == 42, head.method == "OPTIONS" {
                head.path = "*"
                return
            }
            if head.method == "CONNECT" {
                head.path = text(range)
                return
            }
            let target = text(range)
            let lowered = target.lowercased()
            guard lowered.hasPrefix("http://") || lowered.hasPrefix("https://") else {
                throw .malformed("request target")
            }
            start += lowered.hasPrefix("https://") ? 8 : 7
            var authorityEnd = start
            while authorityEnd < range.upperBound, bytes[authorityEnd] != 47,
                bytes[authorityEnd] != 63
            {
                authorityEnd += 1
            }
            guard authorityEnd > start else { throw .malformed("request target") }
            head.headers.set("Host", text(start..<authorityEnd))
            start = authorityEnd
        }
        let question = find(63, from: start, to: range.upperBound)
        head.path =
            start == (question ?? range.upperBound)
            ? "/" : text(start..<(question ?? range.upperBound))
        head.query = question.map { text($0 + 1..<range.upperBound) }
    }

    /// Reads the field lines up to the empty line; nil when that has not come yet.
    mutating func fields(limits: HeadLimits) throws(H1Error) -> HeadFields? {
        var fields = HeadFields()
        fields.entries.reserveCapacity(16)
        while true {
            guard let feed = Self.lineFeed(bytes, from: position) else {
                if bytes.count > limits.bytes { throw .headTooLarge }
                return nil
            }
            guard feed > position, bytes[feed - 1] == 13 else { throw .malformed("line end") }
            if feed - 1 == position {
                end = feed + 1
                guard end <= limits.bytes else { throw .headTooLarge }
                return fields
            }
            guard feed <= limits.bytes, fields.entries.count < limits.fields else {
                throw .headTooLarge
            }
            try field(position..<feed - 1, into: &fields)
            position = feed + 1
        }
    }

    private func field(_ line: Range<Int>, into fields: inout HeadFields) throws(H1Error) {
        guard let colon = find(58, from: line.lowerBound, to: line.upperBound),
            colon > line.lowerBound,
            isToken(line.lowerBound..<colon)
        else { throw .malformed("field name") }
        var start = colon + 1
        var stop = line.upperBound
        while start < stop, bytes[start] == 32 || bytes[start] == 9 { start += 1 }
        while stop > start, bytes[stop - 1] == 32 || bytes[stop - 1] == 9 { stop -= 1 }
        guard isFieldText(start..<stop) else { throw .malformed("field value") }
        fields.entries.append(
            Headers.Entry(
                nameStart: line.lowerBound,
                nameLength: colon - line.lowerBound,
                valueStart: start,
                valueLength: stop - start
            )
        )
        try fields.note(name: slice(line.lowerBound..<colon), value: slice(start..<stop))
    }
}

/// What a byte may be part of.
enum ByteClass {
    static let token: UInt8 = 1
    static let fieldText: UInt8 = 2

    /// Bits of every byte: RFC 9110 §5.6.2 for tokens, §5.5 for field values.
    static let table: [UInt8] = (0...255).map { (code: Int) -> UInt8 in
        let byte = UInt8(code)
        var bits: UInt8 = 0
        let isAlphanumeric =
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
        if isAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains(byte) { bits |= token }
        if byte == 9 || (byte >= 32 && byte != 127) { bits |= fieldText }
        return bits
    }
}
