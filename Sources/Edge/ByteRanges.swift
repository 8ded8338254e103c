import HTTP

/// The ranges of bytes that a request asks for (RFC 9110 §14.1.2).
enum ByteRanges: Equatable {
    case ranges([Range<Int>])
    /// The header is not understood, or its ranges do not ascend: the whole object is the answer.
    case ignored
    case unsatisfiable

    /// Reads a `Range` header for an object of a size.
    ///
    /// Source: "How CloudFront processes partial requests for an object (range GETs)".
    init(_ text: String, size: Int) {
        guard text.lowercased().hasPrefix("bytes=") else {
            self = .ignored
            return
        }
        var found: [Range<Int>] = []
        var isBeyond = false
        let parts = text.dropFirst(6).split(separator: ",", omittingEmptySubsequences: false)
        for part in parts {
            guard let bounds = Self.bounds(part.trimmingASCIIWhitespace()) else {
                self = .ignored
                return
            }
            switch bounds {
            case (nil, let suffix?):
                if suffix == 0 || size == 0 {
                    isBeyond = true
                } else {
                    found.append(max(0, size - suffix)..<size)
                }
            case (let first?, let last):
                if first >= size {
                    isBeyond = true
                } else {
                    found.append(first..<min(size, last.map { $0 + 1 } ?? size))
                }
            case (nil, nil):
                self = .ignored
                return
            }
        }
        let ascends = zip(found, found.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }
        if parts.count == 1, isBeyond {
            self = .unsatisfiable
        } else if found.isEmpty || isBeyond || !ascends || found.count > Self.limit {
            self = .ignored
        } else {
            self = .ranges(found)
        }
    }

    /// The most ranges that one request gets.
    static let limit = 64

    private static func bounds(_ part: Substring) -> (Int?, Int?)? {
        guard let dash = part.firstIndex(of: "-") else { return nil }
        let left = part[..<dash]
        let right = part[part.index(after: dash)...]
        func number(_ text: Substring) -> Int?? {
            if text.isEmpty { return .some(nil) }
            guard text.utf8.allSatisfy({ 48...57 ~= $0 }) else { return nil }
            return .some(min(Int(text) ?? .max - 1, .max - 1))
        }
        guard let first = number(left), let last = number(right) else { return nil }
        if let first, let last, first > last { return nil }
        return (first, last)
    }
}

/// A range with the size of its object, as `Content-Range` names it.
struct ContentRange: Equatable {
    var range: Range<Int>
    var total: Int

    init(_ range: Range<Int>, of total: Int) {
        self.range = range
        self.total = total
    }

    /// Reads `bytes 0-99/1000`; nil for anything else.
    init?(_ text: String) {
        guard text.lowercased().hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).split(separator: "/")
        guard parts.count == 2, let total = Int(parts[1]) else { return nil }
        let bounds = parts[0].split(separator: "-").map { Int($0) }
        guard bounds.count == 2, let first = bounds[0], let last = bounds[1], first >= 0,
            first <= last, last < total
        else { return nil }
        self.init(first..<last + 1, of: total)
    }

    var text: String { "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(total)" }
}

/// Parts of one object, joined where they touch.
struct StoredParts: Sendable {
    struct Part: Sendable {
        var start: Int
        var bytes: Bytes

        var range: Range<Int> { start..<start + bytes.count }
    }

    /// The most separate parts of one object; the object is forgotten beyond it.
    static let limit = 256

    /// Unit: bytes.
    let total: Int
    /// In ascending order, never touching each other.
    private(set) var parts: [Part] = []

    init(total: Int) { self.total = total }

    var byteCount: Int { parts.reduce(0) { $0 + $1.bytes.count } }

    /// Adds a part; false when there are too many.
    mutating func add(_ part: Part) -> Bool {
        var joined = part
        var rest: [Part] = []
        for other in parts {
            if other.range.upperBound < joined.start || other.start > joined.range.upperBound {
                rest.append(other)
            } else {
                joined = Self.join(other, joined)
            }
        }
        rest.append(joined)
        parts = rest.sorted { $0.start < $1.start }
        return parts.count <= Self.limit
    }

    /// The bytes of a range, when they are all here.
    func bytes(_ range: Range<Int>) -> Bytes? {
        for part in parts where part.start <= range.lowerBound {
            guard part.range.upperBound >= range.upperBound else { continue }
            let first = part.bytes.startIndex + range.lowerBound - part.start
            return part.bytes[first..<first + range.count]
        }
        return nil
    }

    private static func join(_ left: Part, _ right: Part) -> Part {
        let (first, second) = left.start <= right.start ? (left, right) : (right, left)
        let known = first.range.upperBound - second.start
        guard known < second.bytes.count else { return first }
        return Part(start: first.start, bytes: first.bytes + second.bytes.dropFirst(known))
    }
}
