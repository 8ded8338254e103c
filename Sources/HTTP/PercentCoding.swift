/// Percent-encoding (RFC 3986 §2.1).
package enum PercentCoding {
    /// Encodes all but letters, digits, `-`, `.`, `_`, `~` and the ASCII characters of `allowed`.
    package static func encode(_ text: String, allowed: String = "") -> String {
        let extra = Set(allowed.utf8)
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count + 16)
        for byte in text.utf8 {
            if isUnreserved(byte) || extra.contains(byte) {
                output.append(byte)
            } else {
                appendEncoded(byte, to: &output)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Decodes escapes; nil when one is malformed or the result is not UTF-8.
    package static func decode(_ text: String, plusIsSpace: Bool = false) -> String? {
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count)
        var bytes = text.utf8.makeIterator()
        while let byte = bytes.next() {
            if byte == UInt8(ascii: "%") {
                guard let high = bytes.next().flatMap(Grammar.hexDigit),
                    let low = bytes.next().flatMap(Grammar.hexDigit)
                else { return nil }
                output.append(high << 4 | low)
            } else {
                output.append(plusIsSpace && byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return String(validating: output, as: UTF8.self)
    }

    /// Appends the escape of one byte.
    static func appendEncoded(_ byte: UInt8, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "%"))
        for digit in [byte >> 4, byte & 15] {
            output.append(digit < 10 ? 0x30 + digit : 0x37 + digit)
        }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        Grammar.isDigit(byte) || (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "~")
    }
}
