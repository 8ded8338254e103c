/// Appends compact JSON to a buffer; commas come by themselves.
package struct JSONWriter: Sendable {
    /// What was written so far.
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    /// Makes an empty writer.
    package init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    /// Opens an object.
    package mutating func beginObject() { open(UInt8(ascii: "{")) }
    /// Closes the object.
    package mutating func endObject() { close(UInt8(ascii: "}")) }
    /// Opens an array.
    package mutating func beginArray() { open(UInt8(ascii: "[")) }
    /// Closes the array.
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    /// Writes a key; its value comes next.
    ///
    /// Literals go to the overload below, which has less to look for.
    @_disfavoredOverload
    package mutating func key(_ name: String) {
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// Writes a key that is a literal: ASCII with nothing to escape.
    package mutating func key(_ name: StaticString) {
        name.withUTF8Buffer { key(plain: $0, lowercasing: false) }
    }

    /// Writes a string.
    package mutating func string(_ text: String) {
        separate()
        quote(text)
    }

    /// Writes a key that lies in a buffer: the name of a field, made lower case.
    package mutating func key(lowercasing ascii: UnsafeBufferPointer<UInt8>) {
        key(plain: ascii, lowercasing: true)
    }

    /// Writes a key with nothing to escape, put together first so that the buffer grows once.
    private mutating func key(plain name: UnsafeBufferPointer<UInt8>, lowercasing: Bool) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: name.count + 4) { whole in
            var length = 0
            func put(_ byte: UInt8) {
                whole[length] = byte
                length += 1
            }
            if needsComma { put(UInt8(ascii: ",")) }
            put(UInt8(ascii: "\""))
            for byte in name { put(lowercasing && byte &- 65 < 26 ? byte | 0x20 : byte) }
            put(UInt8(ascii: "\""))
            put(UInt8(ascii: ":"))
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: whole[..<length]))
        }
        needsComma = false
    }

    /// Writes a string that lies in a buffer as UTF-8.
    package mutating func string(_ utf8: UnsafeBufferPointer<UInt8>) {
        separate()
        quote(utf8)
    }

    /// Writes an integer.
    package mutating func int(_ value: Int) { raw(String(value)) }
    /// Writes a truth value.
    package mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }
    /// Writes null.
    package mutating func null() { raw("null") }

    /// Writes a finite number; JSON has no others, so they become null.
    package mutating func double(_ value: Double) {
        raw(value.isFinite ? "\(value)" : "null")
    }

    /// Writes text that is JSON already.
    package mutating func raw(_ json: String) {
        separate()
        bytes.append(contentsOf: json.utf8)
    }

    /// Writes bytes that are JSON already.
    package mutating func raw(_ json: some Collection<UInt8>) {
        separate()
        bytes.append(contentsOf: json)
    }

    /// Writes an object without members.
    package mutating func emptyObject() {
        beginObject()
        endObject()
    }

    /// Writes a key and a string.
    package mutating func field(_ name: StaticString, _ text: String) {
        key(name)
        string(text)
    }

    /// Writes a key and an integer.
    package mutating func field(_ name: StaticString, _ value: Int) {
        key(name)
        int(value)
    }

    /// Writes a key and a truth value.
    package mutating func field(_ name: StaticString, _ value: Bool) {
        key(name)
        bool(value)
    }

    /// Writes a key that is not known before, and a string.
    @_disfavoredOverload
    package mutating func field(_ name: String, _ text: String) {
        key(name)
        string(text)
    }

    /// Writes a whole value.
    package mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let value): bool(value)
        case .integer(let value): int(value)
        case .number(let literal): raw(literal)
        case .string(let text): string(text)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let object):
            beginObject()
            for member in object {
                key(member.key)
                self.value(member.value)
            }
            endObject()
        }
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func quote(_ text: String) {
        var text = text
        text.withUTF8 { quote($0) }
    }

    private mutating func quote(_ utf8: UnsafeBufferPointer<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        // Most text needs no escapes; to find that out takes no branches.
        var escapes: UInt8 = 0
        for byte in utf8 { escapes |= Self.escaped(byte) }
        if escapes != 0 { escape(utf8) } else { bytes.append(contentsOf: utf8) }
        bytes.append(UInt8(ascii: "\""))
    }

    /// 1 for a byte that needs an escape, 0 for others.
    @inline(__always)
    private static func escaped(_ byte: UInt8) -> UInt8 {
        (byte < 0x20 ? 1 : 0) | (byte == UInt8(ascii: "\"") ? 1 : 0)
            | (byte == UInt8(ascii: "\\") ? 1 : 0)
    }

    private mutating func escape(_ utf8: UnsafeBufferPointer<UInt8>) {
        var start = 0
        for offset in utf8.indices where Self.escaped(utf8[offset]) != 0 {
            bytes.append(contentsOf: utf8[start..<offset])
            escape(utf8[offset])
            start = offset + 1
        }
        bytes.append(contentsOf: utf8[start...])
    }

    private mutating func escape(_ byte: UInt8) {
        bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 8: bytes.append(UInt8(ascii: "b"))
        case 9: bytes.append(UInt8(ascii: "t"))
        case 10: bytes.append(UInt8(ascii: "n"))
        case 12: bytes.append(UInt8(ascii: "f"))
        case 13: bytes.append(UInt8(ascii: "r"))
        case 0..<0x20:
            let digits = Array("0123456789abcdef".utf8)
            bytes.append(contentsOf: "u00".utf8)
            bytes.append(digits[Int(byte >> 4)])
            bytes.append(digits[Int(byte & 15)])
        default: bytes.append(byte)
        }
    }
}
