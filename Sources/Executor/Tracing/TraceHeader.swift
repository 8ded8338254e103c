/// The value of `X-Amzn-Trace-Id`.
///
/// Source: AWS X-Ray, "Tracing header".
package struct TraceHeader: Sendable, Equatable {
    /// Whether the trace is kept.
    package enum Decision: String, Sendable {
        case sampled = "1", notSampled = "0"
        /// The receiver is asked to decide.
        case requested = "?"
    }

    /// The trace's id: `1-`, 8 hexadecimal digits of the second, `-`, 24 digits.
    package var root: String?
    /// The id of the segment that made the call.
    package var parent: String?
    package var decision: Decision?
    /// Further fields, such as `Self` and `Lineage`, as they came.
    package var others: [String] = []

    /// Reads a header; what is not valid is left out, so that an empty text gives an empty header.
    package init(_ text: String) {
        for field in text.split(separator: ";") {
            let field = field.drop { $0 == " " }
            let trimmed = field.lastIndex { $0 != " " }.map { field[...$0] } ?? ""
            guard let mark = trimmed.firstIndex(of: "=") else { continue }
            let value = String(trimmed[trimmed.index(after: mark)...])
            switch trimmed[..<mark] {
            case "Root": if Self.isRoot(value) { root = value }
            case "Parent": if Self.isHexadecimal(value, 16) { parent = value }
            case "Sampled": decision = Decision(rawValue: value)
            default: others.append(String(trimmed))
            }
        }
    }

    /// The header as it is sent on.
    package var text: String {
        var fields: [String] = []
        if let root { fields.append("Root=" + root) }
        if let parent { fields.append("Parent=" + parent) }
        if let decision { fields.append("Sampled=" + decision.rawValue) }
        return (fields + others).joined(separator: ";")
    }

    static func isRoot(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        return parts.count == 3 && parts[0] == "1" && isHexadecimal(parts[1], 8)
            && isHexadecimal(parts[2], 24)
    }

    private static func isHexadecimal(_ text: some StringProtocol, _ count: Int) -> Bool {
        text.utf8.count == count
            && text.utf8.allSatisfy { $0 &- 48 < 10 || ($0 | 0x20) &- 97 < 6 }
    }

    /// A new trace's id.
    static func makeRoot(second: Int64) -> String {
        let time = String(second, radix: 16)
        return "1-\(String(repeating: "0", count: max(0, 8 - time.count)))\(time)-\(makeID(24))"
    }

    /// Random hexadecimal digits, such as the 16 of a segment's id.
    static func makeID(_ count: Int = 16) -> String {
        var generator = SystemRandomNumberGenerator()
        var text = ""
        while text.count < count {
            let digits = String(generator.next() as UInt64, radix: 16)
            text += String(repeating: "0", count: 16 - digits.count) + digits
        }
        return String(text.prefix(count))
    }
}
