/// Wildcards by the table of all prefixes: too simple to be wrong.
enum NaiveWildcard {
    /// Whether `*` and `?` of a pattern cover a whole text.
    static func matches(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var row = [Bool](repeating: false, count: text.count + 1)
        row[0] = true
        for byte in pattern {
            var next = [Bool](repeating: false, count: text.count + 1)
            next[0] = byte == UInt8(ascii: "*") && row[0]
            for position in 0..<text.count {
                next[position + 1] =
                    switch byte {
                    case UInt8(ascii: "*"): row[position + 1] || next[position]
                    case UInt8(ascii: "?"): row[position]
                    default: row[position] && text[position] == byte
                    }
            }
            row = next
        }
        return row[text.count]
    }
}
