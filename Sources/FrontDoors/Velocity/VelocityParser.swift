/// Reads mapping templates; AWS page "API Gateway mapping template and access logging variable reference".
struct VelocityParser {
    /// The longest template.
    ///
    /// Unit: bytes. Source: AWS page "Quotas for configuring and running a REST API".
    static let sizeLimit = 300 << 10
    /// How deep directives and expressions may nest.
    static let depthLimit = 64

    private let text: [Character]
    private var position = 0
    private var depth = 0

    private init(_ text: String) { self.text = Array(text) }

    static func parse(_ template: String) throws(VelocityError) -> [VelocityNode] {
        guard template.utf8.count <= sizeLimit else { throw VelocityError("is too large") }
        var parser = VelocityParser(template)
        let nodes = try parser.block(until: [])
        guard parser.position == parser.text.count else {
            throw VelocityError("has an #end without a beginning")
        }
        return nodes
    }

    private var current: Character? { position < text.count ? text[position] : nil }

    private func starts(with word: String, at offset: Int = 0) -> Bool {
        text[min(position + offset, text.count)...].starts(with: word)
    }

    private mutating func take(_ word: String) -> Bool {
        guard starts(with: word) else { return false }
        position += word.count
        return true
    }

    private mutating func enter() throws(VelocityError) {
        depth += 1
        guard depth <= Self.depthLimit else { throw VelocityError("nests too deeply") }
    }

    // MARK: Text and directives

    /// Reads up to one of the directives, which is left in place, or to the end.
    private mutating func block(until ends: [String]) throws(VelocityError) -> [VelocityNode] {
        try enter()
        defer { depth -= 1 }
        var nodes: [VelocityNode] = []
        var plain = ""
        func flush() {
            if !plain.isEmpty { nodes.append(.text(plain)) }
            plain = ""
        }
        while let next = current {
            switch next {
            case "\\" where position + 1 < text.count && "$#".contains(text[position + 1]):
                plain.append(text[position + 1])
                position += 2
            case "$":
                if let node = try referenceNode() {
                    flush()
                    nodes.append(node)
                } else {
                    plain.append(next)
                    position += 1
                }
            case "#":
                if ends.contains(where: { directive($0) != nil }) || directive("end") != nil {
                    flush()
                    return nodes
                }
                if skipComment() { continue }
                if let node = try directiveNode() {
                    flush()
                    nodes.append(contentsOf: node)
                } else {
                    plain.append(next)
                    position += 1
                }
            default:
                plain.append(next)
                position += 1
            }
        }
        flush()
        if !ends.isEmpty { throw VelocityError("lacks an #end") }
        return nodes
    }

    /// How long the directive of this name is, with its `#`, if it stands here.
    private func directive(_ name: String) -> Int? {
        for form in ["#" + name, "#{" + name + "}"] where starts(with: form) {
            let after = position + form.count
            let isWhole = form.hasSuffix("}") || after >= text.count || !text[after].isLetter
            // `#else` must not be taken for the start of `#elseif`.
            if isWhole { return form.count }
        }
        return nil
    }

    private mutating func skipComment() -> Bool {
        if take("##") {
            while let next = current, !next.isNewline { position += 1 }
            if current != nil { position += 1 }
            return true
        }
        if take("#*") {
            while current != nil, !take("*#") { position += 1 }
            return true
        }
        return false
    }

    /// A line that holds a directive alone leaves no line behind.
    private mutating func skipLineEnd() {
        var end = position
        while end < text.count, text[end] == " " || text[end] == "\t" { end += 1 }
        if end < text.count, text[end].isNewline { position = end + 1 }
    }

    private mutating func directiveNode() throws(VelocityError) -> [VelocityNode]? {
        if take("#[[") {
            var literal = ""
            while let next = current, !take("]]#") {
                literal.append(next)
                position += 1
            }
            return [.text(literal)]
        }
        for name in ["set", "if", "foreach", "break", "stop", "define"] {
            guard let length = directive(name) else { continue }
            position += length
            switch name {
            case "set": return [try setDirective()]
            case "if": return [try choiceDirective()]
            case "foreach": return [try loopDirective()]
            case "define": return [try defineDirective()]
            case "break": return [.leave]
            default: return [.stop]
            }
        }
        for name in ["include", "parse", "evaluate", "macro"] where directive(name) != nil {
            throw VelocityError("uses #\(name), which is not supported")
        }
        return nil
    }

    private mutating func open() throws(VelocityError) {
        skipSpace()
        guard take("(") else { throw VelocityError("lacks a ( after a directive") }
        skipSpace()
    }

    private mutating func close(_ bracket: String = ")") throws(VelocityError) {
        skipSpace()
        guard take(bracket) else { throw VelocityError("lacks a \(bracket)") }
    }

    private mutating func setDirective() throws(VelocityError) -> VelocityNode {
        try open()
        guard take("$"), let target = try reference() else {
            throw VelocityError("sets no reference")
        }
        skipSpace()
        guard take("=") else { throw VelocityError("lacks a = in #set") }
        let value = try expression()
        try close()
        skipLineEnd()
        return .set(target, value)
    }

    private mutating func choiceDirective() throws(VelocityError) -> VelocityNode {
        var branches: [(condition: VelocityExpression, body: [VelocityNode])] = []
        var otherwise: [VelocityNode] = []
        try open()
        var condition = try expression()
        try close()
        skipLineEnd()
        while true {
            let body = try block(until: ["elseif", "else", "end"])
            branches.append((condition, body))
            if let length = directive("elseif") {
                position += length
                try open()
                condition = try expression()
                try close()
                skipLineEnd()
                continue
            }
            if let length = directive("else") {
                position += length
                skipLineEnd()
                otherwise = try block(until: ["end"])
            }
            try end()
            return .choice(branches, otherwise: otherwise)
        }
    }

    private mutating func end() throws(VelocityError) {
        guard let length = directive("end") else { throw VelocityError("lacks an #end") }
        position += length
        skipLineEnd()
    }

    private mutating func loopDirective() throws(VelocityError) -> VelocityNode {
        try open()
        guard take("$") else { throw VelocityError("lacks a reference in #foreach") }
        let isBraced = take("{")
        let name = identifier()
        if isBraced { try close("}") }
        skipSpace()
        guard !name.isEmpty, take("in") else { throw VelocityError("lacks 'in' in #foreach") }
        let list = try expression()
        try close()
        skipLineEnd()
        let body = try block(until: ["end"])
        try end()
        return .loop(name, list, body)
    }

    private mutating func defineDirective() throws(VelocityError) -> VelocityNode {
        try open()
        guard take("$") else { throw VelocityError("defines no reference") }
        let name = identifier()
        try close()
        skipLineEnd()
        let body = try block(until: ["end"])
        try end()
        return .define(name, body)
    }

    // MARK: References

    private mutating func identifier() -> String {
        let start = position
        while let next = current,
            next.isASCII && next.isLetter || next == "_"
                || (position > start && (next.isASCII && next.isNumber || next == "-"))
        {
            position += 1
        }
        return String(text[start..<position])
    }

    private mutating func referenceNode() throws(VelocityError) -> VelocityNode? {
        let start = position
        position += 1
        let isQuiet = take("!")
        guard let found = try reference() else {
            position = start
            return nil
        }
        return .reference(found, source: String(text[start..<position]), isQuiet: isQuiet)
    }

    /// Reads what follows `$`, or `$!`.
    private mutating func reference() throws(VelocityError) -> VelocityReference? {
        let isBraced = take("{")
        let name = identifier()
        guard !name.isEmpty else { return nil }
        var found = VelocityReference(name: name, steps: [])
        while let next = current {
            if next == "[" {
                position += 1
                found.steps.append(.index(try expression()))
                try close("]")
                continue
            }
            guard next == ".", position + 1 < text.count,
                text[position + 1].isLetter || text[position + 1] == "_"
            else { break }
            position += 1
            let member = identifier()
            if current == "(" {
                position += 1
                found.steps.append(.method(member, try list(until: ")")))
            } else {
                found.steps.append(.property(member))
            }
        }
        if isBraced { try close("}") }
        return found
    }

    // MARK: Expressions

    private mutating func skipSpace() {
        while let next = current, next.isWhitespace { position += 1 }
    }

    private mutating func list(
        until bracket: String
    ) throws(VelocityError) -> [VelocityExpression] {
        var all: [VelocityExpression] = []
        skipSpace()
        if take(bracket) { return all }
        while true {
            all.append(try expression())
            skipSpace()
            if take(bracket) { return all }
            guard take(",") else { throw VelocityError("lacks a \(bracket)") }
        }
    }

    private mutating func expression(
        above strength: Int = 0
    ) throws(VelocityError) -> VelocityExpression {
        try enter()
        defer { depth -= 1 }
        var left = try operand()
        while true {
            skipSpace()
            let start = position
            guard let found = operation(), found.strength > strength else {
                position = start
                return left
            }
            left = .binary(found, left, try expression(above: found.strength))
        }
    }

    private mutating func operation() -> VelocityExpression.Operator? {
        let symbols = ["||", "&&", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%"]
        for symbol in symbols where take(symbol) {
            return VelocityExpression.Operator(rawValue: symbol)
        }
        let words: [(String, VelocityExpression.Operator)] = [
            ("or", .or), ("and", .and), ("eq", .equal), ("ne", .unequal), ("le", .lessOrEqual),
            ("lt", .less), ("ge", .greaterOrEqual), ("gt", .greater),
        ]
        for (word, found) in words where starts(with: word) {
            let after = position + word.count
            guard after >= text.count || !text[after].isLetter else { continue }
            position = after
            return found
        }
        return nil
    }

    private mutating func operand() throws(VelocityError) -> VelocityExpression {
        skipSpace()
        guard let next = current else { throw VelocityError("ends in an expression") }
        switch next {
        case "!":
            position += 1
            return .not(try operand())
        case "(":
            position += 1
            let inner = try expression()
            try close()
            return inner
        case "$":
            position += 1
            _ = take("!")
            guard let found = try reference() else { throw VelocityError("has a bare $") }
            return .reference(found)
        case "'", "\"": return try quoted(next)
        case "[": return try bracketed()
        case "{": return try map()
        case "-", "0"..."9": return try number()
        default:
            let word = identifier()
            switch word {
            case "true": return .literal(.bool(true))
            case "false": return .literal(.bool(false))
            case "null": return .literal(.null)
            case "not": return .not(try operand())
            default: throw VelocityError("has '\(word.isEmpty ? String(next) : word)'")
            }
        }
    }

    private mutating func quoted(_ mark: Character) throws(VelocityError) -> VelocityExpression {
        position += 1
        var content = ""
        while let next = current {
            position += 1
            if next == mark {
                if current == mark {
                    content.append(mark)
                    position += 1
                    continue
                }
                if mark == "'" || !(content.contains("$") || content.contains("#")) {
                    return .literal(.string(content))
                }
                var inner = VelocityParser(content)
                inner.depth = depth
                return .interpolated(try inner.block(until: []))
            }
            if next == "\\", mark == "\"", let escaped = current, escaped == "\"" {
                content.append(escaped)
                position += 1
                continue
            }
            content.append(next)
        }
        throw VelocityError("has an unterminated string")
    }

    private mutating func bracketed() throws(VelocityError) -> VelocityExpression {
        position += 1
        skipSpace()
        if take("]") { return .list([]) }
        let first = try expression()
        skipSpace()
        if take("..") {
            let last = try expression()
            try close("]")
            return .range(first, last)
        }
        if take("]") { return .list([first]) }
        guard take(",") else { throw VelocityError("lacks a ]") }
        return .list([first] + (try list(until: "]")))
    }

    private mutating func map() throws(VelocityError) -> VelocityExpression {
        position += 1
        var entries: [(VelocityExpression, VelocityExpression)] = []
        skipSpace()
        if take("}") { return .map([]) }
        while true {
            let key = try operand()
            try close(":")
            entries.append((key, try expression()))
            skipSpace()
            if take("}") { return .map(entries) }
            guard take(",") else { throw VelocityError("lacks a }") }
            skipSpace()
        }
    }

    private mutating func number() throws(VelocityError) -> VelocityExpression {
        let start = position
        if current == "-" { position += 1 }
        while let next = current, next.isASCII, next.isNumber { position += 1 }
        var isWhole = true
        if current == ".", position + 1 < text.count, text[position + 1].isNumber {
            isWhole = false
            position += 1
            while let next = current, next.isASCII, next.isNumber { position += 1 }
        }
        let literal = String(text[start..<position])
        if isWhole, let value = Int(literal) { return .literal(.integer(value)) }
        guard Double(literal) != nil else { throw VelocityError("has the number '\(literal)'") }
        return .literal(.decimal(literal))
    }
}
