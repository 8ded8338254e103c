/// Walks over one JSON text without making values: for the hot path.
///
/// As strict as `JSONReader`, but it knows only what is common: what is rare (an escape, a byte that is not ASCII,
/// deep nesting) it gives up on, as on what is wrong. Then the text is to be read by `JSONReader`, which also
/// says where the mistake is.
package struct JSONWalk {
    /// How deep a skipped value may nest.
    package static let maximumDepth = 32

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var isFirst = true

    /// Begins at the start of a text.
    package init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// Whether nothing but white space is left.
    package mutating func isAtEnd() -> Bool {
        skipSpace()
        return position == bytes.count
    }

    /// Enters an object; false when there is none.
    package mutating func enterObject() -> Bool { enter(UInt8(ascii: "{")) }

    /// Enters an array; false when there is none.
    package mutating func enterArray() -> Bool { enter(UInt8(ascii: "[")) }

    /// What comes next inside of an object or array.
    package enum Step { case item, end, unknown }

    /// Goes to the next element of the array, or leaves it.
    package mutating func nextElement() -> Step { next(UInt8(ascii: "]")) }

    /// Goes to the next member of the object and gives where its key lies, or leaves the object.
    package mutating func nextKey() -> (step: Step, key: Range<Int>) {
        let step = next(UInt8(ascii: "}"))
        guard step == .item else { return (step, 0..<0) }
        guard let key = string() else { return (.unknown, 0..<0) }
        skipSpace()
        guard take(UInt8(ascii: ":")) else { return (.unknown, 0..<0) }
        return (.item, key)
    }

    /// Where the content of the string lies that comes next; nil when it is no plain string.
    package mutating func string() -> Range<Int>? {
        skipSpace()
        guard take(UInt8(ascii: "\"")) else { return nil }
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return start..<position - 1
            }
            guard byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\\") else { return nil }
            position += 1
        }
        return nil
    }

    /// Passes over a text that lies elsewhere, if just this comes next.
    package mutating func take(_ wanted: UnsafeBufferPointer<UInt8>) -> Bool {
        guard position + wanted.count <= bytes.count else { return false }
        for offset in wanted.indices where bytes[position + offset] != wanted[offset] {
            return false
        }
        position += wanted.count
        return true
    }

    /// Passes over a value of any kind; false when it is not plain.
    package mutating func skipValue(depth: Int = 0) -> Bool {
        skipSpace()
        guard position < bytes.count, depth < Self.maximumDepth else { return false }
        switch bytes[position] {
        case UInt8(ascii: "\""): return string() != nil
        case UInt8(ascii: "{"):
            guard enterObject() else { return false }
            while true {
                switch nextKey().step {
                case .item: guard skipValue(depth: depth + 1) else { return false }
                case .end: return true
                case .unknown: return false
                }
            }
        case UInt8(ascii: "["):
            guard enterArray() else { return false }
            while true {
                switch nextElement() {
                case .item: guard skipValue(depth: depth + 1) else { return false }
                case .end: return true
                case .unknown: return false
                }
            }
        case UInt8(ascii: "t"): return take("true")
        case UInt8(ascii: "f"): return take("false")
        case UInt8(ascii: "n"): return take("null")
        default: return wholeNumber()
        }
    }

    private mutating func wholeNumber() -> Bool {
        _ = take(UInt8(ascii: "-"))
        let start = position
        while position < bytes.count, bytes[position] &- 48 < 10 { position += 1 }
        let count = position - start
        guard count > 0, count < 18, count == 1 || bytes[start] != 48 else { return false }
        guard position < bytes.count else { return true }
        // A fraction or an exponent is for the other reader.
        return bytes[position] | 0x20 != UInt8(ascii: "e") && bytes[position] != UInt8(ascii: ".")
    }

    private mutating func enter(_ bracket: UInt8) -> Bool {
        skipSpace()
        isFirst = true
        return take(bracket)
    }

    private mutating func next(_ bracket: UInt8) -> Step {
        skipSpace()
        let first = isFirst
        isFirst = false
        if take(bracket) { return .end }
        if first { return .item }
        guard take(UInt8(ascii: ",")) else { return .unknown }
        skipSpace()
        // A comma before the end is a mistake.
        guard position < bytes.count, bytes[position] != bracket else { return .unknown }
        return .item
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte <= 0x20 else { return }
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            position += 1
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func take(_ word: StaticString) -> Bool {
        word.withUTF8Buffer { wanted in
            guard position + wanted.count <= bytes.count else { return false }
            for offset in wanted.indices where bytes[position + offset] != wanted[offset] {
                return false
            }
            position += wanted.count
            return true
        }
    }
}
