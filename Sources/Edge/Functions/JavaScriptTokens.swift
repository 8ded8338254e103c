/// A token of JavaScript with its place in the source.
struct JavaScriptToken: Equatable {
    enum Kind: Equatable { case word, number, text, template, pattern, sign }

    var kind: Kind
    var text: String
    /// Offsets of UTF-8 in the source.
    var range: Range<Int>
    var line: Int
}

/// Cuts JavaScript into tokens, as far as telling forbidden syntax needs it.
struct JavaScriptTokens {
    private let source: [UInt8]
    private var place = 0
    private var line = 1
    private(set) var all: [JavaScriptToken] = []
    /// For each open brace, whether it closes a substitution in a template.
    private var braces: [Bool] = []

    /// Signs of more than one character, the longest first.
    private static let signs = [
        ">>>=", "...", "===", "!==", "**=", "<<=", ">>=", ">>>", "&&=", "||=", "??=", "=>", "==",
        "!=", "<=", ">=", "&&", "||", "??", "?.", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=",
        "|=", "^=", "<<", ">>", "**",
    ].map { Array($0.utf8) }
    /// Words after which a slash begins a pattern.
    private static let openers: Set<String> = [
        "return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do",
        "instanceof", "await",
    ]

    init(_ text: String) {
        source = Array(text.utf8)
        while place < source.count { step() }
    }

    private func at(_ offset: Int) -> UInt8 {
        place + offset < source.count ? source[place + offset] : 0
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"),
            0x80...0xFF:
            true
        default: false
        }
    }

    private mutating func step() {
        let byte = at(0)
        switch byte {
        case UInt8(ascii: "\n"):
            line += 1
            place += 1
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): place += 1
        case UInt8(ascii: "/") where at(1) == UInt8(ascii: "/"):
            while place < source.count, at(0) != UInt8(ascii: "\n") { place += 1 }
        case UInt8(ascii: "/") where at(1) == UInt8(ascii: "*"): skipComment()
        case UInt8(ascii: "/") where mayBePattern: take(.pattern) { $0.skipPattern() }
        case UInt8(ascii: "\""), UInt8(ascii: "'"): take(.text) { $0.skipText(byte) }
        case UInt8(ascii: "`"): take(.template) { $0.skipTemplate() }
        case UInt8(ascii: "0")...UInt8(ascii: "9"): take(.number) { $0.skipNumber() }
        case UInt8(ascii: "}") where braces.last == true:
            braces.removeLast()
            take(.template) { $0.skipTemplate() }
        case _ where Self.isWord(byte):
            take(.word) { tokens in while Self.isWord(tokens.at(0)) { tokens.place += 1 } }
        default: takeSign(byte)
        }
    }

    private mutating func take(_ kind: JavaScriptToken.Kind, _ skip: (inout Self) -> Void) {
        let (start, first) = (place, line)
        skip(&self)
        let range = start..<min(max(place, start + 1), source.count)
        place = range.upperBound
        let text = String(decoding: source[range], as: UTF8.self)
        all.append(JavaScriptToken(kind: kind, text: text, range: range, line: first))
    }

    private mutating func takeSign(_ byte: UInt8) {
        if byte == UInt8(ascii: "{") { braces.append(false) }
        if byte == UInt8(ascii: "}"), !braces.isEmpty { braces.removeLast() }
        let long = Self.signs.first { sign in
            sign.indices.allSatisfy { at($0) == sign[$0] }
                // `a?.5:b` is a condition, not a chain.
                && !(sign == Array("?.".utf8) && (0x30...0x39).contains(at(2)))
        }
        take(.sign) { $0.place += long?.count ?? 1 }
    }

    /// Whether a slash begins a pattern here, by what stands before it.
    private var mayBePattern: Bool {
        guard let last = all.last else { return true }
        switch last.kind {
        case .word: return Self.openers.contains(last.text)
        case .number, .text, .template, .pattern: return false
        case .sign: return ![")", "]", "}", "++", "--"].contains(last.text)
        }
    }

    private mutating func skipComment() {
        place += 2
        while place < source.count, !(at(0) == UInt8(ascii: "*") && at(1) == UInt8(ascii: "/")) {
            if at(0) == UInt8(ascii: "\n") { line += 1 }
            place += 1
        }
        place = min(place + 2, source.count)
    }

    private mutating func skipText(_ quote: UInt8) {
        place += 1
        while place < source.count, at(0) != quote, at(0) != UInt8(ascii: "\n") {
            place += at(0) == UInt8(ascii: "\\") ? 2 : 1
        }
        place += 1
    }

    private mutating func skipPattern() {
        place += 1
        var isInClass = false
        while place < source.count, at(0) != UInt8(ascii: "\n") {
            switch at(0) {
            case UInt8(ascii: "\\"): place += 1
            case UInt8(ascii: "["): isInClass = true
            case UInt8(ascii: "]"): isInClass = false
            case UInt8(ascii: "/") where !isInClass:
                place += 1
                while Self.isWord(at(0)) { place += 1 }
                return
            default: break
            }
            place += 1
        }
    }

    /// From a back quote or the end of a substitution to the next one.
    private mutating func skipTemplate() {
        place += 1
        while place < source.count {
            switch at(0) {
            case UInt8(ascii: "\\"): place += 1
            case UInt8(ascii: "\n"): line += 1
            case UInt8(ascii: "`"):
                place += 1
                return
            case UInt8(ascii: "$") where at(1) == UInt8(ascii: "{"):
                place += 2
                braces.append(true)
                return
            default: break
            }
            place += 1
        }
    }

    private mutating func skipNumber() {
        while Self.isWord(at(0)) || at(0) == UInt8(ascii: ".")
            || (at(0) == UInt8(ascii: "+") || at(0) == UInt8(ascii: "-"))
                && [UInt8(ascii: "e"), UInt8(ascii: "E")].contains(source[place - 1])
        {
            place += 1
        }
    }
}
