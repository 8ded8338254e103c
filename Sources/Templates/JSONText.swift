/// Writes a resolved value as JSON.
enum JSONText {
    static func write(_ node: TemplateNode) -> String {
        switch node.content {
        case .null: return "null"
        case .scalar(let text, let isPlain):
            let isLiteral = isPlain && (text == "true" || text == "false" || Double(text) != nil)
            return isLiteral ? text : quote(text)
        case .list(let elements): return "[" + elements.map(write).joined(separator: ",") + "]"
        case .map(let entries):
            let members = entries.map { quote($0.key) + ":" + write($0.value) }
            return "{" + members.joined(separator: ",") + "}"
        }
    }

    private static func quote(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0}"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
