extension Headers {
    /// Adds a field at the end.
    package mutating func append(_ name: String, _ value: String) {
        name.withBytes { name in
            let known = name.baseAddress.map { FieldName.find($0, name.count) } ?? .other
            value.withBytes { append(known, spelled: name, $0) }
        }
    }

    /// Adds a field of a listed name at the end.
    package mutating func append(_ name: FieldName, _ value: String) {
        value.withBytes { append(name, $0) }
    }

    /// Adds a field of a listed name whose value is bytes at the end.
    package mutating func append(_ name: FieldName, _ value: Bytes) {
        value.withUnsafeBufferPointer { append(name, $0) }
    }

    /// Adds a field of a listed name whose value lies in memory at the end.
    package mutating func append(_ name: FieldName, _ value: UnsafeBufferPointer<UInt8>) {
        name.text.withUTF8Buffer { append(name, spelled: $0, value) }
    }

    /// Adds a field of a listed name whose value is known to hold no control character at the end.
    package mutating func append(_ name: FieldName, clean value: UnsafeBufferPointer<UInt8>) {
        name.text.withUTF8Buffer { append(name, spelled: $0, value, isClean: true) }
    }

    /// Adds a field of another list at the end, byte for byte.
    package mutating func append(from other: Headers, at index: Int) {
        let entry = other.entry(at: index)
        other.withName(at: index) { name in
            other.withValue(at: index) { value in
                append(entry.name, spelled: name, value, isClean: entry.isClean)
            }
        }
    }

    /// Adds all fields of another list at the end, byte for byte.
    package mutating func append(contentsOf other: Headers) {
        other.withStoredBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            other.withList { added in
                let room = room(fields: added.count, bytes: bytes.count)
                room._withUnsafeGuaranteedRef { block in
                    let shift = UInt32(truncatingIfNeeded: block.used)
                    block.append(start, bytes.count)
                    for index in 0..<added.count {
                        var entry = added[index]
                        entry.nameStart &+= shift
                        entry.valueStart &+= shift
                        block.append(entry)
                    }
                }
            }
        }
    }

    /// Adds a field whose name and value are bytes at the end.
    @inline(__always)
    mutating func append(
        _ known: FieldName,
        spelled name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>,
        isClean: Bool? = nil
    ) {
        let isClean = isClean ?? Self.isClean(known, name, value)
        let room = room(fields: 1, bytes: name.count + value.count + 4)
        room._withUnsafeGuaranteedRef {
            $0.append(known, spelled: name, value, isClean: isClean)
        }
    }

    @inline(__always)
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
        guard let first = firstIndex(of: name) else { return append(name, value) }
        let places = (first..<count).filter { entry(at: $0).name == name }
        append(name, value)
        replace(places)
    }

    /// Moves the last field to the first of these places and removes the fields at the others.
    private mutating func replace(_ places: [Int]) {
        guard let first = places.first else { return }
        let room = room(fields: 0, bytes: 0)
        room._withUnsafeGuaranteedRef { block in
            block[first] = block[block.count - 1]
            let others = places.dropFirst() + [block.count - 1]
            var index = 0
            block.keep { _ in
                defer { index += 1 }
                return !others.contains(index)
            }
        }
    }

    /// Puts an entry whose bytes are in the list before all others.
    mutating func prepend(_ entry: Entry) {
        let room = room(fields: 1, bytes: 0)
        room._withUnsafeGuaranteedRef { block in
            block.append(entry)
            for index in (1..<block.count).reversed() { block[index] = block[index - 1] }
            block[0] = entry
        }
    }

    /// Takes the last entry out; its bytes stay.
    mutating func takeLast() -> Entry {
        room(fields: 0, bytes: 0)._withUnsafeGuaranteedRef { $0.removeLast() }
    }

    /// Removes every field of this name.
    package mutating func remove(_ name: String) {
        let known = FieldName.find(name)
        if known != .other { return remove(known) }
        remove(at: indices.filter { isNamed(name, at: $0) })
    }

    /// Removes every field of a listed name.
    package mutating func remove(_ name: FieldName) {
        guard contains(name) else { return }
        keep { $0.name != name }
    }

    /// Removes every field for whose number the test holds.
    package mutating func removeAll(where test: (FieldName) -> Bool) {
        if contains(where: test) { keep { !test($0.name) } }
    }

    /// Removes every field for which the test on its name holds.
    package mutating func removeAll(where test: (String) -> Bool) {
        remove(at: indices.filter { test(name(at: $0)) })
    }

    /// Keeps the fields that pass.
    mutating func keep(_ passes: (Entry) -> Bool) {
        room(fields: 0, bytes: 0)._withUnsafeGuaranteedRef { $0.keep(passes) }
    }

    /// Removes the fields at these places.
    private mutating func remove(at places: [Int]) {
        guard !places.isEmpty else { return }
        var index = 0
        keep { _ in
            defer { index += 1 }
            return !places.contains(index)
        }
    }
}
