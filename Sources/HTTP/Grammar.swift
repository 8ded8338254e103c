/// Byte classes of the HTTP grammar.
enum Grammar {
    /// RFC 9110 §5.6.2 `tchar`, one bit for each ASCII character below and from 64.
    private static let tokenLow: UInt64 = 0x03ff_6cfa_0000_0000
    private static let tokenHigh: UInt64 = 0x57ff_ffff_c7ff_fffe

    /// Whether the byte may stand in a token.
    @inline(__always)
    static func isToken(_ byte: UInt8) -> Bool {
        guard byte < 128 else { return false }
        let word = byte < 64 ? tokenLow : tokenHigh
        return (word >> UInt64(byte & 63)) & 1 == 1
    }

    /// Whether all bytes are token characters and there is at least one.
    @inline(__always)
    static func isToken(_ start: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        for offset in 0..<count where !isToken(start[offset]) { return false }
        return count > 0
    }

    /// Whether a field value has no control character but the tab.
    @inline(__always)
    static func isValue(_ start: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        guard count >= 8 else {
            for offset in 0..<count where !isFieldByte(start[offset]) { return false }
            return true
        }
        var offset = 0
        while offset + 8 <= count {
            guard areFieldBytes(start + offset) else { return false }
            offset += 8
        }
        // The last eight overlap those before them.
        return offset == count || areFieldBytes(start + (count - 8))
    }

    /// Whether eight bytes may stand in a field value.
    @inline(__always)
    private static func areFieldBytes(_ start: UnsafePointer<UInt8>) -> Bool {
        // A byte below 0x20 borrows, 0x7f becomes zero; either needs a closer look.
        let word = UnsafeRawPointer(start).loadUnaligned(as: UInt64.self)
        let delete = word ^ 0x7f7f_7f7f_7f7f_7f7f
        let low = (word &- 0x2020_2020_2020_2020) & ~word
        let suspects = low | (delete &- 0x0101_0101_0101_0101) & ~delete
        if suspects & 0x8080_8080_8080_8080 == 0 { return true }
        for place in 0..<8 where !isFieldByte(start[place]) { return false }
        return true
    }

    /// Whether the byte may stand in a field value.
    @inline(__always)
    static func isFieldByte(_ byte: UInt8) -> Bool {
        byte >= 0x20 ? byte != 0x7f : byte == 0x09
    }

    /// Whether the bytes spell `name`, which is lower case, in any letter case.
    @inline(__always)
    static func equal(
        _ start: UnsafePointer<UInt8>,
        _ count: Int,
        _ name: StaticString
    ) -> Bool {
        guard count == name.utf8CodeUnitCount else { return false }
        let wanted = name.utf8Start
        for offset in 0..<count where Headers.lowered(start[offset]) != wanted[offset] {
            return false
        }
        return true
    }

    /// Whether the byte is a space or a tab.
    @inline(__always)
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// Whether the byte is a decimal digit.
    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// The value of a hexadecimal digit, or nil.
    @inline(__always)
    static func hexDigit(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte &- 0x30 }
        let letter = byte | 0x20
        return letter &- 0x61 < 6 ? letter &- 0x61 + 10 : nil
    }

    /// The text of bytes known to be ASCII.
    @inline(__always)
    static func text(_ start: UnsafePointer<UInt8>, _ count: Int) -> String {
        String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// Whether the bytes are a host with an optional port, as in `Host` (RFC 9110 §7.2).
    static func isAuthority(_ start: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        var position = 0
        if count > 0, start[0] == UInt8(ascii: "[") {
            position = 1
            while position < count, start[position] != UInt8(ascii: "]") {
                let byte = start[position]
                guard
                    hexDigit(byte) != nil || byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
                else { return false }
                position += 1
            }
            guard position < count, position > 1 else { return false }
            position += 1
        } else {
            while position < count, start[position] != UInt8(ascii: ":") {
                guard isHostByte(start[position]) else { return false }
                position += 1
            }
        }
        if position == count { return true }
        guard start[position] == UInt8(ascii: ":"), count - position <= 6 else { return false }
        for offset in (position + 1)..<count where !isDigit(start[offset]) { return false }
        return true
    }

    /// RFC 3986 §3.2.2 `reg-name` without the comma, which would join two names.
    @inline(__always)
    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "%"), UInt8(ascii: "!"),
            UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("),
            UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ";"),
            UInt8(ascii: "="):
            true
        default: false
        }
    }
}
