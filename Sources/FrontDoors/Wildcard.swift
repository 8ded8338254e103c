/// Patterns with `*` (any run, `/` included) and `?` (one byte), anchored at both ends.
enum Wildcard {
    /// Whether the whole text matches; a backslash makes the next byte literal when `escapes` is set.
    static func matches(
        _ pattern: String,
        _ text: some StringProtocol,
        ignoringCase: Bool = false,
        escapes: Bool = false
    ) -> Bool {
        let pattern = compile(pattern, ignoringCase: ignoringCase, escapes: escapes)
        let text = text.utf8.map { ignoringCase ? lowered($0) : $0 }
        var position = 0
        var step = 0
        var star = -1
        var resume = 0
        while position < text.count {
            if step < pattern.count, pattern[step] == .any {
                star = step
                resume = position
                step += 1
            } else if step < pattern.count,
                pattern[step] == .one || pattern[step] == .byte(text[position])
            {
                step += 1
                position += 1
            } else if star >= 0 {
                step = star + 1
                resume += 1
                position = resume
            } else {
                return false
            }
        }
        return pattern[step...].allSatisfy { $0 == .any }
    }

    private enum Step: Equatable {
        case any, one
        case byte(UInt8)
    }

    private static func compile(_ pattern: String, ignoringCase: Bool, escapes: Bool) -> [Step] {
        var steps: [Step] = []
        var isEscaped = false
        for byte in pattern.utf8 {
            if escapes, !isEscaped, byte == UInt8(ascii: "\\") {
                isEscaped = true
                continue
            }
            switch byte {
            case UInt8(ascii: "*") where !isEscaped: if steps.last != .any { steps.append(.any) }
            case UInt8(ascii: "?") where !isEscaped: steps.append(.one)
            default: steps.append(.byte(ignoringCase ? lowered(byte) : byte))
            }
            isEscaped = false
        }
        return steps
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        byte &- 65 < 26 ? byte | 0x20 : byte
    }
}
