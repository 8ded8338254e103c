/// Base64 by RFC 4648.
package enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
    )
    private static let urlAlphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
    )
    private static let invalid: UInt8 = 0xFF
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: invalid, count: 256)
        for (value, digit) in alphabet.enumerated() { table[Int(digit)] = UInt8(value) }
        return table
    }()

    /// The standard alphabet, padded.
    package static func encode(_ bytes: [UInt8]) -> String {
        encode(bytes, alphabet, pads: true)
    }

    /// The alphabet that is safe in URLs, without padding.
    package static func encodeURL(_ bytes: [UInt8]) -> String {
        encode(bytes, urlAlphabet, pads: false)
    }

    private static func encode(_ bytes: [UInt8], _ alphabet: [UInt8], pads: Bool) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var position = 0
        while position < bytes.count {
            let left = min(3, bytes.count - position)
            var group = UInt32(bytes[position]) << 16
            if left > 1 { group |= UInt32(bytes[position + 1]) << 8 }
            if left > 2 { group |= UInt32(bytes[position + 2]) }
            for digit in 0...left {
                text.append(alphabet[Int(group >> UInt32(18 - 6 * digit)) & 63])
            }
            if pads, left < 3 { text += [UInt8](repeating: 0x3D, count: 3 - left) }
            position += 3
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of a padded text in the standard alphabet; nil when it is anything else.
    package static func decode(_ text: String) -> [UInt8]? { decode(Array(text.utf8)) }

    /// The bytes of padded digits in the standard alphabet; nil when they are anything else.
    package static func decode(_ digits: [UInt8]) -> [UInt8]? {
        guard digits.count.isMultiple(of: 4) else { return nil }
        let padding = digits.reversed().prefix(2).prefix { $0 == 0x3D }.count
        let end = digits.count - padding
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 4 * 3)
        var group: UInt32 = 0
        var bits = 0
        for position in 0..<end {
            let value = values[Int(digits[position])]
            guard value != invalid else { return nil }
            group = group << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(bits)))
            }
        }
        // Bits that no byte uses must be zero, so that every value has one text.
        return group & ((1 << UInt32(bits)) - 1) == 0 ? bytes : nil
    }
}
