/// A slice of a shared, immutable byte buffer: how bodies and encoded messages travel.
package typealias Bytes = ArraySlice<UInt8>

/// An ordered list of header fields that keeps the spelling and order of the wire.
///
/// All names and values live in one buffer, each field as `Name: value` with its line end, so that a run of
/// neighbours goes on the wire as it lies. An entry is the offsets of one field and the number of its name.
/// Names compare without regard to ASCII case (RFC 9110 §5.1).
package struct Headers: Sendable {
    /// Where one field's name and value lie in `buffer`.
    package struct Entry: Sendable {
        package var nameStart: UInt32
        package var valueStart: UInt32
        package var valueLength: UInt32
        package var nameLength: UInt16
        /// Which name it is, `other` for one that is not listed.
        package var name: FieldName
        /// Whether name and value may go on the wire as they are: a token, and no control character.
        package var isClean: Bool

        /// Makes an entry from offsets into the buffer.
        package init(
            _ name: FieldName,
            nameStart: Int,
            nameLength: Int,
            valueStart: Int,
            valueLength: Int,
            isClean: Bool
        ) {
            self.name = name
            self.isClean = isClean
            self.nameStart = UInt32(truncatingIfNeeded: nameStart)
            self.nameLength = UInt16(truncatingIfNeeded: nameLength)
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

    /// Makes room for more fields, so that appending them allocates once.
    package mutating func reserve(fields: Int, bytes: Int) {
        buffer.reserveCapacity(buffer.count + bytes)
        entries.reserveCapacity(entries.count + fields)
    }

    /// The name of the field at `index` as it came.
    package func name(at index: Int) -> String {
        let entry = entries[index]
        return text(Int(entry.nameStart), Int(entry.nameLength))
    }

    /// The value of the field at `index`; bytes that are not UTF-8 are read as ISO-8859-1.
    package func value(at index: Int) -> String {
        let entry = entries[index]
        return text(Int(entry.valueStart), Int(entry.valueLength))
    }

    /// The bytes of the value at `index`.
    package func valueBytes(at index: Int) -> Bytes {
        let entry = entries[index]
        let start = Int(entry.valueStart)
        return buffer[start..<start + Int(entry.valueLength)]
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

    /// The places of all fields of a name.
    private func indices(of name: String) -> [Int] {
        let known = FieldName.find(name)
        return entries.indices.filter { matches(known, name, at: $0) }
    }

    /// The place of the first field of a name, or nil.
    private func firstIndex(of name: String) -> Int? {
        let known = FieldName.find(name)
        return entries.indices.first { matches(known, name, at: $0) }
    }

    private func matches(_ known: FieldName, _ name: String, at index: Int) -> Bool {
        known == .other ? isNamed(name, at: index) : entries[index].name == known
    }

    /// The place of the first field of a listed name, or nil.
    package func firstIndex(of name: FieldName) -> Int? {
        entries.firstIndex { $0.name == name }
    }

    /// The first value under this name, or nil.
    package subscript(name: String) -> String? { firstIndex(of: name).map { value(at: $0) } }

    /// The first value under a listed name, or nil.
    package subscript(name: FieldName) -> String? { firstIndex(of: name).map { value(at: $0) } }

    /// All values under this name, in order.
    package func all(_ name: String) -> [String] { indices(of: name).map { value(at: $0) } }

    /// All values under a listed name, in order.
    package func all(_ name: FieldName) -> [String] {
        entries.indices.filter { entries[$0].name == name }.map { value(at: $0) }
    }

    /// Whether a field of this name is there.
    package func contains(_ name: String) -> Bool { firstIndex(of: name) != nil }

    /// Whether a field of a listed name is there.
    package func contains(_ name: FieldName) -> Bool { entries.contains { $0.name == name } }
}

// MARK: - Changes

extension Headers {
    /// Adds a field at the end.
    package mutating func append(_ name: String, _ value: String) {
        var (name, value) = (name, value)
        name.withUTF8 { name in
            let known = name.baseAddress.map { FieldName.find($0, name.count) } ?? .other
            value.withUTF8 { append(known, spelled: name, $0) }
        }
    }

    /// Adds a field of a listed name at the end.
    package mutating func append(_ name: FieldName, _ value: String) {
        var value = value
        value.withUTF8 { value in
            name.text.withUTF8Buffer { append(name, spelled: $0, value) }
        }
    }

    /// Adds a field of a listed name whose value is bytes at the end.
    package mutating func append(_ name: FieldName, _ value: Bytes) {
        value.withUnsafeBufferPointer { value in
            name.text.withUTF8Buffer { append(name, spelled: $0, value) }
        }
    }

    /// Adds a field of another list at the end, byte for byte.
    package mutating func append(from other: Headers, at index: Int) {
        let entry = other.entries[index]
        other.buffer.withUnsafeBufferPointer { bytes in
            append(
                entry.name,
                spelled: Self.slice(bytes, entry.nameStart, Int(entry.nameLength)),
                Self.slice(bytes, entry.valueStart, Int(entry.valueLength)),
                isClean: entry.isClean
            )
        }
    }

    private static func slice(
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ start: UInt32,
        _ count: Int
    ) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: bytes[Int(start)..<Int(start) + count])
    }

    private mutating func append(
        _ known: FieldName,
        spelled name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>,
        isClean: Bool? = nil
    ) {
        let nameStart = buffer.count
        // Put together aside, so that the list grows once: each append has its price.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: name.count + value.count + 4) {
            room in
            guard let start = room.baseAddress else { return }
            if let from = name.baseAddress { start.update(from: from, count: name.count) }
            start[name.count] = 0x3a
            start[name.count + 1] = 0x20
            let valueStart = start + name.count + 2
            if let from = value.baseAddress { valueStart.update(from: from, count: value.count) }
            valueStart[value.count] = 0x0d
            valueStart[value.count + 1] = 0x0a
            buffer.append(contentsOf: UnsafeBufferPointer(room))
        }
        entries.append(
            Entry(
                known,
                nameStart: nameStart,
                nameLength: name.count,
                valueStart: nameStart + name.count + 2,
                valueLength: value.count,
                isClean: isClean ?? Self.isClean(known, name, value)
            )
        )
    }

    private static func isClean(
        _ known: FieldName,
        _ name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        // A listed name is a token by itself.
        if known == .other {
            guard let start = name.baseAddress, Grammar.isToken(start, name.count),
                name.count <= UInt16.max
            else { return false }
        }
        return value.baseAddress.map { Grammar.isValue($0, value.count) } ?? true
    }

    /// Replaces all fields of this name by one, at the place of the first, else at the end.
    package mutating func set(_ name: String, _ value: String) {
        let places = indices(of: name)
        append(name, value)
        replace(places)
    }

    /// Replaces all fields of a listed name by one, at the place of the first, else at the end.
    package mutating func set(_ name: FieldName, _ value: String) {
        let places = entries.indices.filter { entries[$0].name == name }
        append(name, value)
        replace(places)
    }

    /// Moves the last field to the first of these places and removes the fields at the others.
    private mutating func replace(_ places: [Int]) {
        guard let first = places.first else { return }
        entries[first] = entries.removeLast()
        for index in places.dropFirst().reversed() { entries.remove(at: index) }
    }

    /// Removes every field of this name.
    package mutating func remove(_ name: String) {
        let known = FieldName.find(name)
        if known != .other { return remove(known) }
        let keep = entries.indices.filter { !isNamed(name, at: $0) }
        if keep.count != entries.count { entries = keep.map { entries[$0] } }
    }

    /// Removes every field of a listed name.
    package mutating func remove(_ name: FieldName) { entries.removeAll { $0.name == name } }

    /// Removes every field for whose number the test holds.
    package mutating func removeAll(where test: (FieldName) -> Bool) {
        guard entries.contains(where: { test($0.name) }) else { return }
        entries.removeAll { test($0.name) }
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

    private func text(_ start: Int, _ length: Int) -> String {
        buffer.withUnsafeBytes { bytes in
            let range = start..<start + length
            return Headers.text(UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
    }

    /// The bytes as UTF-8, or as ISO-8859-1 when they are not UTF-8.
    static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        var high: UInt8 = 0
        for byte in bytes { high |= byte }
        // The standard library's validating initialiser costs ten times as much for a short text.
        if high < 0x80 { return String(decoding: bytes, as: UTF8.self) }
        return String(validating: bytes, as: UTF8.self)
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
