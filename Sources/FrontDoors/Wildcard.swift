/// A pattern with `*` (any run, `/` included) and `?` (one byte), anchored at both ends.
struct Wildcard: Sendable {
    private enum Step: Equatable {
        case any, one
        case byte(UInt8)
    }

    private let steps: [Step]
    private let ignoresCase: Bool

    /// Prepares a pattern; a backslash makes the next byte literal when `escapes` is set.
    init(_ pattern: String, ignoringCase: Bool = false, escapes: Bool = false) {
        steps = Self.compile(pattern, ignoringCase, escapes)
        ignoresCase = ignoringCase
    }

    /// Whether the whole text matches a pattern.
    static func matches(
        _ pattern: String,
        _ text: String,
        ignoringCase: Bool = false,
        escapes: Bool = false
    ) -> Bool {
        Wildcard(pattern, ignoringCase: ignoringCase, escapes: escapes).matches(text)
    }

    /// Whether the whole text matches.
    func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { matches($0) }
    }

    private func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        var position = 0
        var step = 0
        var star = -1
        var resume = 0
        while position < text.count {
            let byte = ignoresCase ? Self.lowered(text[position]) : text[position]
            if step < steps.count, steps[step] == .any {
                star = step
                resume = position
                step += 1
            } else if step < steps.count, steps[step] == .one || steps[step] == .byte(byte) {
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
        return steps[step...].allSatisfy { $0 == .any }
    }

    private static func compile(
        _ pattern: String,
        _ ignoresCase: Bool,
        _ escapes: Bool
    ) -> [Step] {
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
            default: steps.append(.byte(ignoresCase ? lowered(byte) : byte))
            }
            isEscaped = false
        }
        return steps
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        byte &- 65 < 26 ? byte | 0x20 : byte
    }
}
