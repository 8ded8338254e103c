/// A slice of a shared, immutable byte buffer: how bodies and encoded messages travel.
package typealias Bytes = ArraySlice<UInt8>

/// An ordered list of header fields that keeps the spelling and order of the wire.
///
/// All names and values live in one block, each field as `Name: value` with its line end, so that a run of
/// neighbours goes on the wire as it lies. An entry is the offsets of one field and the number of its name.
/// Names compare without regard to ASCII case (RFC 9110 §5.1).
package struct Headers: @unchecked Sendable {
    // SAFETY: a block is changed by its only owner alone, as `room` sees to; shared, it is only read.

    /// Where one field's name and value lie among the bytes.
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

    /// The fields and the bytes that they point into; nil while there was none.
    private(set) var block: FieldBlock?

    /// Makes an empty list.
    package init() {}

    /// Adopts a block with the fields found in it.
    init(_ block: FieldBlock) { self.block = block }

    /// The number of fields.
    package var count: Int { block?.count ?? 0 }

    /// The bytes of all names and values.
    package var byteCount: Int {
        guard let block else { return 0 }
        var total = 0
        for index in 0..<block.count {
            let entry = block[index]
            total += Int(entry.nameLength) + Int(entry.valueLength)
        }
        return total
    }

    /// The bytes of the name and the value at `index`.
    package func length(at index: Int) -> Int {
        let entry = entry(at: index)
        return Int(entry.nameLength) + Int(entry.valueLength)
    }

    /// The memory that the text of the fields takes as it lies.
    package var storedBytes: Int { block?.used ?? 0 }

    /// Makes room for more fields, so that appending them allocates once.
    package mutating func reserve(fields: Int, bytes: Int) {
        _ = room(fields: fields, bytes: bytes)
    }

    /// The same fields in no more memory than they take, for a list that is kept for long.
    package func compacted() -> Headers {
        guard let block, block.free >= Self.worthwhile else { return self }
        return Headers(block.compacted())
    }

    /// How much unused memory is worth a copy.
    ///
    /// Unit: bytes.
    private static let worthwhile = 64

    /// The block with this room, owned by this list alone; valid until the list's next change.
    @inline(__always)
    mutating func room(fields: Int, bytes: Int) -> Unmanaged<FieldBlock> {
        if isKnownUniquelyReferenced(&block) {
            let held = Unmanaged.passUnretained(block.unsafelyUnwrapped)
            let free = held._withUnsafeGuaranteedRef { $0.free }
            if free >= bytes + fields * MemoryLayout<Entry>.stride { return held }
        }
        return makeRoom(fields: fields, bytes: bytes)
    }

    @inline(never)
    private mutating func makeRoom(fields: Int, bytes: Int) -> Unmanaged<FieldBlock> {
        let made =
            block?.grown(fields: fields, bytes: bytes)
            ?? FieldBlock.make(fields: fields, bytes: bytes)
        block = made
        return Unmanaged.passUnretained(made)
    }

    /// The name of the field at `index` as it came.
    package func name(at index: Int) -> String {
        let entry = entry(at: index)
        return text(entry.nameStart, UInt32(entry.nameLength))
    }

    /// The value of the field at `index`; bytes that are not UTF-8 are read as ISO-8859-1.
    package func value(at index: Int) -> String {
        let entry = entry(at: index)
        return text(entry.valueStart, entry.valueLength)
    }

    /// The fields in wire order.
    package var entries: Entries { Entries(block: block) }

    /// The fields of a list in wire order, as offsets into its bytes.
    package struct Entries: RandomAccessCollection {
        fileprivate let block: FieldBlock?

        package var startIndex: Int { 0 }
        package var endIndex: Int { block?.count ?? 0 }
        package subscript(position: Int) -> Entry {
            guard let block, position >= 0, position < block.count else {
                preconditionFailure("there is no field \(position)")
            }
            return block[position]
        }
    }

    /// Runs with the bytes that the entries point into.
    package func withStoredBytes<Result>(
        _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        withBytes(0, UInt32(truncatingIfNeeded: storedBytes), body)
    }

    /// Which name the field at `index` has, `other` for one that is not listed.
    package func fieldName(at index: Int) -> FieldName { entry(at: index).name }

    /// The bytes of the value at `index`.
    package func valueBytes(at index: Int) -> Bytes {
        withValue(at: index) { Array($0)[...] }
    }

    /// Runs with the bytes of the name at `index`, which lie in the list.
    package func withName<Result>(
        at index: Int,
        _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        let entry = entry(at: index)
        return withBytes(entry.nameStart, UInt32(entry.nameLength), body)
    }

    /// Runs with the bytes of the value at `index`, which lie in the list.
    package func withValue<Result>(
        at index: Int,
        _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        withValue(of: entry(at: index), body)
    }

    /// Runs with the bytes of a value whose entry points into this list.
    @inline(__always)
    func withValue<Result>(
        of entry: Entry,
        _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        withBytes(entry.valueStart, entry.valueLength, body)
    }

    /// Runs with the fields as they lie.
    ///
    /// No reference is counted meanwhile: this list holds the block, and nobody changes a list that is read.
    @inline(__always)
    func withList<Result>(_ body: (FieldBlock.List) -> Result) -> Result {
        guard let block else { return body(FieldBlock.List(end: nil, count: 0)) }
        return Unmanaged.passUnretained(block)._withUnsafeGuaranteedRef { body($0.list) }
    }

    /// The field at `index`, which must be one of the list.
    @inline(__always)
    func entry(at index: Int) -> Entry {
        withList { list in
            guard index >= 0, index < list.count else {
                preconditionFailure("there is no field \(index)")
            }
            return list[index]
        }
    }

    @inline(__always)
    private func withBytes<Result>(
        _ start: UInt32,
        _ count: UInt32,
        _ body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        guard let block else { return body(UnsafeBufferPointer(start: nil, count: 0)) }
        return Unmanaged.passUnretained(block)._withUnsafeGuaranteedRef {
            body(UnsafeBufferPointer(start: $0.bytes + Int(start), count: Int(count)))
        }
    }

    /// Whether the field at `index` has this name, in any letter case.
    package func isNamed(_ name: String, at index: Int) -> Bool {
        guard Int(entry(at: index).nameLength) == name.utf8.count else { return false }
        return withName(at: index) { bytes in
            var position = 0
            for byte in name.utf8 {
                if Headers.lowered(bytes[position]) != Headers.lowered(byte) { return false }
                position += 1
            }
            return true
        }
    }

    /// The places of all fields of a name.
    func indices(of name: String) -> [Int] {
        let known = FieldName.find(name)
        return indices.filter { matches(known, name, at: $0) }
    }

    /// The place of the first field of a name, or nil.
    private func firstIndex(of name: String) -> Int? {
        let known = FieldName.find(name)
        if known != .other { return firstIndex(of: known) }
        return indices.first { isNamed(name, at: $0) }
    }

    private func matches(_ known: FieldName, _ name: String, at index: Int) -> Bool {
        known == .other ? isNamed(name, at: index) : entry(at: index).name == known
    }

    /// The place of the first field of a listed name, or nil.
    package func firstIndex(of name: FieldName) -> Int? {
        withList { list in
            for index in 0..<list.count where list[index].name == name { return index }
            return nil
        }
    }

    /// The first value under this name, or nil.
    package subscript(name: String) -> String? { firstIndex(of: name).map { value(at: $0) } }

    /// The first value under a listed name, or nil.
    package subscript(name: FieldName) -> String? { firstIndex(of: name).map { value(at: $0) } }

    /// All values under this name, in order.
    package func all(_ name: String) -> [String] { indices(of: name).map { value(at: $0) } }

    /// All values under a listed name, in order.
    package func all(_ name: FieldName) -> [String] {
        indices.filter { entry(at: $0).name == name }.map { value(at: $0) }
    }

    /// Whether a field of this name is there.
    package func contains(_ name: String) -> Bool { firstIndex(of: name) != nil }

    /// Whether a field of a listed name is there.
    package func contains(_ name: FieldName) -> Bool { firstIndex(of: name) != nil }

    /// Whether there is a field for whose number the test holds.
    @inline(__always)
    func contains(where test: (FieldName) -> Bool) -> Bool {
        withList { list in
            for index in 0..<list.count where test(list[index].name) { return true }
            return false
        }
    }
}

extension Headers {
    /// Whether the message is gRPC's, by its content type, which may name an encoding behind it.
    package var isGRPC: Bool {
        self[.contentType]?.lowercased().hasPrefix("application/grpc") ?? false
    }

    /// Whether a comma-separated list field holds this token, in any letter case (RFC 9110 §5.6.1).
    package func hasToken(_ token: String, in name: String) -> Bool {
        let wanted = token.lowercased()
        var isFound = false
        for index in indices where isNamed(name, at: index) {
            withValue(at: index) { value in
                guard let base = value.baseAddress else { return }
                FieldSection.forEachItem(base, value.count) { start, count in
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
        withBytes(start, length) { Headers.text(UnsafeRawBufferPointer($0)) }
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
    package var endIndex: Int { count }
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
