/// Reads mapping templates; AWS page "API Gateway mapping template and access logging variable reference".
struct VelocityParser {
    /// The longest template.
    ///
    /// Unit: bytes. Source: AWS page "Quotas for configuring and running a REST API".
    static let sizeLimit = 300 << 10
    /// How deep directives and expressions may nest.
    static let depthLimit = 64

    let text: [Character]
    var position = 0
    var depth = 0

    init(_ text: String) { self.text = Array(text) }

    static func parse(_ template: String) throws(VelocityError) -> [VelocityNode] {
        guard template.utf8.count <= sizeLimit else { throw VelocityError("is too large") }
        var parser = VelocityParser(template)
        let nodes = try parser.block(until: [])
        guard parser.position == parser.text.count else {
            throw VelocityError("has an #end without a beginning")
        }
        return nodes
    }

    var current: Character? { position < text.count ? text[position] : nil }

    func starts(with word: String, at offset: Int = 0) -> Bool {
        text[min(position + offset, text.count)...].starts(with: word)
    }

    mutating func take(_ word: String) -> Bool {
        guard starts(with: word) else { return false }
        position += word.count
        return true
    }

    mutating func enter() throws(VelocityError) {
        depth += 1
        guard depth <= Self.depthLimit else { throw VelocityError("nests too deeply") }
    }

    // MARK: Text and directives

    /// Reads up to one of the directives, which is left in place, or to the end.
    mutating func block(until ends: [String]) throws(VelocityError) -> [VelocityNode] {
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

    mutating func close(_ bracket: String = ")") throws(VelocityError) {
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
}
