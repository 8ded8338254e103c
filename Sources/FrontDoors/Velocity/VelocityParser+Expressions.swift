/// References and expressions of mapping templates.
extension VelocityParser {
    mutating func identifier() -> String {
        let start = position
        while let next = current,
            next.isASCII && next.isLetter || next == "_"
                || (position > start && (next.isASCII && next.isNumber || next == "-"))
        {
            position += 1
        }
        return String(text[start..<position])
    }

    mutating func referenceNode() throws(VelocityError) -> VelocityNode? {
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
    mutating func reference() throws(VelocityError) -> VelocityReference? {
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

    mutating func skipSpace() {
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

    mutating func expression(
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
