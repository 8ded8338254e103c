/// A slice of a shared, immutable byte buffer: how bodies and encoded messages travel.
package typealias Bytes = ArraySlice<UInt8>

/// An ordered list of header fields that keeps the spelling and order of the wire.
///
/// All names and values live in one buffer; an entry is four offsets. Names compare without regard to
/// ASCII case (RFC 9110 §5.1).
package struct Headers: Sendable {
    /// Where one field's name and value lie in `buffer`.
    package struct Entry: Sendable {
        package var nameStart: UInt32
        package var nameLength: UInt32
        package var valueStart: UInt32
        package var valueLength: UInt32

        /// Makes an entry from offsets into the buffer.
        package init(nameStart: Int, nameLength: Int, valueStart: Int, valueLength: Int) {
            self.nameStart = UInt32(truncatingIfNeeded: nameStart)
            self.nameLength = UInt32(truncatingIfNeeded: nameLength)
            self.valueStart = UInt32(truncatingIfNeeded: valueStart)
            self.valueLength = UInt32(truncatingIfNeeded: valueLength)
        }
    }

    /// The bytes that the entries point into.
    package var buffer: [UInt8] = []
    /// The fields in wire order.
    package var entries: [Entry] = []

    /// Makes an empty list.
    package init() {}

    /// Adopts a parsed head: the buffer as read and the fields found in it.
    package init(buffer: [UInt8], entries: [Entry]) {
        self.buffer = buffer
        self.entries = entries
    }

    /// The number of fields.
    package var count: Int { entries.count }

    /// The bytes of all names and values.
    package var byteCount: Int {
        entries.reduce(0) { $0 + Int($1.nameLength) + Int($1.valueLength) }
    }

    /// The name of the field at `index` as it came.
    package func name(at index: Int) -> String {
        let entry = entries[index]
        return text(entry.nameStart, entry.nameLength)
    }

    /// The value of the field at `index`; bytes that are not UTF-8 are read as ISO-8859-1.
    package func value(at index: Int) -> String {
        let entry = entries[index]
        return text(entry.valueStart, entry.valueLength)
    }

    /// Whether the field at `index` has this name, in any letter case.
    package func isNamed(_ name: StaticString, at index: Int) -> Bool {
        let entry = entries[index]
        guard Int(entry.nameLength) == name.utf8CodeUnitCount else { return false }
        let start = Int(entry.nameStart)
        return name.withUTF8Buffer { wanted in
            for offset in 0..<wanted.count
            where Headers.lowered(buffer[start + offset]) != Headers.lowered(wanted[offset]) {
                return false
            }
            return true
        }
    }

    /// Whether the field at `index` has this name, in any letter case.
    package func isNamed(_ name: String, at index: Int) -> Bool {
        let entry = entries[index]
        guard Int(entry.nameLength) == name.utf8.count else { return false }
        var position = Int(entry.nameStart)
        for byte in name.utf8 {
            if Headers.lowered(buffer[position]) != Headers.lowered(byte) { return false }
            position += 1
        }
        return true
    }

    /// The first value under this name, or nil.
    package subscript(name: String) -> String? {
        for index in entries.indices where isNamed(name, at: index) { return value(at: index) }
        return nil
    }

    /// All values under this name, in order.
    package func all(_ name: String) -> [String] {
        entries.indices.filter { isNamed(name, at: $0) }.map { value(at: $0) }
    }

    /// Whether a field of this name is there.
    package func contains(_ name: String) -> Bool {
        entries.indices.contains { isNamed(name, at: $0) }
    }

    /// Adds a field at the end.
    package mutating func append(_ name: String, _ value: String) {
        let nameStart = buffer.count
        buffer.append(contentsOf: name.utf8)
        let valueStart = buffer.count
        buffer.append(contentsOf: value.utf8)
        entries.append(
            Entry(
                nameStart: nameStart,
                nameLength: valueStart - nameStart,
                valueStart: valueStart,
                valueLength: buffer.count - valueStart
            )
        )
    }

    /// Replaces all fields of this name by one, at the place of the first, else at the end.
    package mutating func set(_ name: String, _ value: String) {
        guard let first = entries.indices.first(where: { isNamed(name, at: $0) }) else {
            append(name, value)
            return
        }
        append(name, value)
        let replacement = entries.removeLast()
        for index in entries.indices.reversed() where index > first && isNamed(name, at: index) {
            entries.remove(at: index)
        }
        entries[first] = replacement
    }

    /// Removes every field of this name.
    package mutating func remove(_ name: String) {
        let keep = entries.indices.filter { !isNamed(name, at: $0) }
        if keep.count != entries.count { entries = keep.map { entries[$0] } }
    }

    /// Removes every field for which the test on its name holds.
    package mutating func removeAll(where test: (String) -> Bool) {
        let keep = entries.indices.filter { !test(name(at: $0)) }
        if keep.count != entries.count { entries = keep.map { entries[$0] } }
    }

    /// Whether a comma-separated list field holds this token, in any letter case (RFC 9110 §5.6.1).
    package func hasToken(_ token: String, in name: String) -> Bool {
        let wanted = token.lowercased()
        var isFound = false
        buffer.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            for index in entries.indices where isNamed(name, at: index) {
                let entry = entries[index]
                FieldSection.forEachItem(
                    base + Int(entry.valueStart),
                    Int(entry.valueLength)
                ) { start, count in
                    if Headers.equal(start, count, wanted) { isFound = true }
                }
            }
        }
        return isFound
    }

    /// Lower-cases one ASCII byte.
    @inline(__always)
    package static func lowered(_ byte: UInt8) -> UInt8 {
        byte &- 65 < 26 ? byte | 0x20 : byte
    }

    private func text(_ start: UInt32, _ length: UInt32) -> String {
        buffer.withUnsafeBytes { bytes in
            let range = Int(start)..<Int(start) + Int(length)
            return Headers.text(UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
    }

    /// The bytes as UTF-8, or as ISO-8859-1 when they are not UTF-8.
    static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(validating: bytes, as: UTF8.self)
            ?? String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }
}

extension Headers: RandomAccessCollection {
    /// A field as text.
    package typealias Element = (name: String, value: String)

    package var startIndex: Int { 0 }
    package var endIndex: Int { entries.count }
    package subscript(position: Int) -> Element { (name(at: position), value(at: position)) }
}

extension Headers: ExpressibleByDictionaryLiteral {
    /// Makes a list from name and value pairs, in order.
    package init(dictionaryLiteral elements: (String, String)...) {
        self.init()
        for (name, value) in elements { append(name, value) }
    }
}

extension Headers: Equatable {
    package static func == (left: Headers, right: Headers) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { $0 == $1 }
    }
}

extension StringProtocol {
    /// The text without leading and trailing spaces and tabs.
    package func trimmingASCIIWhitespace() -> SubSequence {
        guard let first = firstIndex(where: { $0 != " " && $0 != "\t" }) else {
            return self[endIndex...]
        }
        var end = endIndex
        while end > first, self[index(before: end)] == " " || self[index(before: end)] == "\t" {
            end = index(before: end)
        }
        return self[first..<end]
    }
}
