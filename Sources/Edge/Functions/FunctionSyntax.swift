/// What of JavaScript's syntax a runtime takes: what its page lists, and no more.
///
/// Sources: "JavaScript runtime 1.0 features for CloudFront Functions", "JavaScript runtime 2.0 features
/// for CloudFront Functions", Core features.
struct FunctionSyntax {
    private let tokens: [JavaScriptToken]
    private let source: String
    private let runtime: FunctionRuntime

    init(_ source: String, _ runtime: FunctionRuntime) {
        self.source = source
        self.runtime = runtime
        tokens = JavaScriptTokens(source).all
    }

    /// The first thing that the runtime does not take, in a sentence; nil when all is taken.
    var refusal: String? {
        for index in tokens.indices where !isImport(index) {
            if let name = refused(index) {
                return "SyntaxError: \(name) not supported in \(runtime.rawValue) "
                    + "(line \(tokens[index].line))"
            }
        }
        return nil
    }

    /// The code as JavaScriptCore evaluates it: leading imports become calls of `require`.
    var evaluable: String {
        guard runtime == .two else { return source }
        var bytes = Array(source.utf8)
        for index in tokens.indices.reversed()
        where isImport(index) && tokens[index].text == "import" {
            let call = "const \(tokens[index + 1].text)=require(\(tokens[index + 3].text))"
            let range = tokens[index].range.lowerBound..<tokens[index + 3].range.upperBound
            bytes.replaceSubrange(range, with: Array(call.utf8))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func text(_ index: Int) -> String {
        guard tokens.indices.contains(index) else { return "" }
        let token = tokens[index]
        return token.kind == .word || token.kind == .sign ? token.text : "\(token.kind)"
    }

    /// Whether a token is part of `import name from 'module'`, which 2.0 takes.
    private func isImport(_ index: Int) -> Bool {
        guard runtime == .two else { return false }
        return (max(0, index - 3)...index).contains { first in
            text(first) == "import" && text(first + 2) == "from"
                && tokens.indices.contains(first + 3) && tokens[first + 3].kind == .text
                && tokens[first + 1].kind == .word && text(first - 1) != "."
        }
    }

    private func refused(_ index: Int) -> String? {
        let token = tokens[index]
        switch token.kind {
        case .word: return refusedWord(token.text, index)
        case .sign: return refusedSign(token.text, index)
        case .number:
            if runtime == .one, token.text.contains("_") { return "numeric separators are" }
            let isPlain = !token.text.lowercased().hasPrefix("0x")
            return isPlain && token.text.hasSuffix("n") ? "big integers are" : nil
        case .text, .template, .pattern: return nil
        }
    }

    private func refusedWord(_ word: String, _ index: Int) -> String? {
        // The name of a member may be any word.
        if text(index - 1) == "." || text(index + 1) == ":" && text(index - 1) != "?" { return nil }
        switch word {
        case "class", "super", "yield", "enum", "export", "import", "debugger", "with":
            return "`\(word)` is"
        case "let", "const":
            if runtime == .one { return "`\(word)` is" }
            return ["[", "{"].contains(text(index + 1)) ? "destructuring is" : nil
        case "var": return ["[", "{"].contains(text(index + 1)) ? "destructuring is" : nil
        case "async" where runtime == .one && text(index + 1) == "function": return "`async` is"
        case "await" where runtime == .one: return "`await` is"
        case "function": return text(index + 1) == "*" ? "generators are" : parameters(index)
        case "of" where isLoop(index): return "`for…of` is"
        default: return nil
        }
    }

    private func refusedSign(_ sign: String, _ index: Int) -> String? {
        switch sign {
        case "?.": "optional chaining is"
        case "??": "the operator ?? is"
        case "??=", "||=", "&&=": "the operator \(sign) is"
        case "...": isRest(index) ? nil : "spreading is"
        case "=>":
            text(index - 1) == ")" && ["}", "]"].contains(text(index - 2))
                ? "destructuring or a default of a parameter is" : nil
        default: nil
        }
    }

    /// Whether three dots are a rest parameter: a name, the end of a list, and a body.
    private func isRest(_ index: Int) -> Bool {
        text(index + 2) == ")" && ["{", "=>"].contains(text(index + 3))
    }

    /// Whether `of` stands in the head of a loop.
    private func isLoop(_ index: Int) -> Bool {
        let first = ["let", "const", "var"].contains(text(index - 2)) ? index - 3 : index - 2
        return text(first) == "(" && text(first - 1) == "for"
    }

    /// What of a function's parameters is refused.
    private func parameters(_ index: Int) -> String? {
        var place = index + 1
        while place < tokens.count, text(place) != "(" { place += 1 }
        var depth = 0
        while place < tokens.count {
            switch text(place) {
            case "(": depth += 1
            case ")": depth -= 1
            case "{", "[": return "destructuring of parameters is"
            case "=": return "a default of a parameter is"
            default: break
            }
            if depth == 0 { return nil }
            place += 1
        }
        return nil
    }
}
