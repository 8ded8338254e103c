import JSON

/// A filter pattern of CloudWatch Logs.
///
/// Source: "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail".
package struct LogFilter {
    /// The longest pattern.
    ///
    /// Unit: characters. Source: CloudWatch Logs API, "FilterLogEvents", filterPattern.
    package static let maximumLength = 1024

    /// A pattern that cannot be read.
    package struct Invalid: Error, Equatable {
        package let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    private enum Form {
        case everything
        case terms(LogTerms)
        case json(LogCondition)
        case columns(LogColumns)
    }

    private let form: Form

    /// Reads a pattern; an empty one lets everything through.
    package init(_ text: String) throws(Invalid) {
        guard text.count <= Self.maximumLength else {
            throw Invalid("A filter pattern has at most \(Self.maximumLength) characters")
        }
        var scanner = LogPatternScanner(text)
        scanner.skipSpaces()
        switch scanner.peek {
        case nil: form = .everything
        case "{":
            scanner.advance()
            form = .json(try LogCondition(&scanner))
            scanner.skipSpaces()
            guard scanner.take("}") else { throw Invalid("A } is missing at the end") }
            try scanner.expectEnd()
        case "[":
            scanner.advance()
            form = .columns(try LogColumns(&scanner))
            try scanner.expectEnd()
        default: form = .terms(try LogTerms(&scanner))
        }
    }

    /// Whether a message is let through.
    package func matches(_ message: String) -> Bool {
        switch form {
        case .everything: return true
        case .terms(let terms): return terms.match(message)
        case .json(let condition):
            guard message.utf8.contains(UInt8(ascii: "{")), let json = try? JSONValue.parse(message)
            else { return false }
            return condition.holds(of: json)
        case .columns(let columns): return columns.match(message)
        }
    }
}

/// Words that a message has to hold, or must not.
struct LogTerms {
    private var required: [LogText] = []
    private var excluded: [LogText] = []
    private var optional: [LogText] = []

    init(_ scanner: inout LogPatternScanner) throws(LogFilter.Invalid) {
        while true {
            scanner.skipSpaces()
            guard let first = scanner.peek else { break }
            if first == "-" || first == "?" { scanner.advance() }
            let text = try Self.term(&scanner)
            switch first {
            case "-": excluded.append(text)
            case "?": optional.append(text)
            default: required.append(text)
            }
        }
        // Source: the same page: with other terms beside them, those with a question mark are ignored.
        if !required.isEmpty || !excluded.isEmpty { optional = [] }
    }

    private static func term(
        _ scanner: inout LogPatternScanner
    ) throws(LogFilter.Invalid) -> LogText {
        if let quoted = try scanner.quotedText() { return .part(Array(quoted.utf8)) }
        if let pattern = try scanner.regularExpression() { return pattern }
        let word = scanner.word { !$0.isWhitespace }
        guard !word.isEmpty, word.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) else {
            throw LogFilter.Invalid("Invalid character(s) in term '\(word)'")
        }
        return .part(Array(word.utf8))
    }

    func match(_ message: String) -> Bool {
        required.allSatisfy { $0.isFound(in: message) }
            && !excluded.contains { $0.isFound(in: message) }
            && (optional.isEmpty || optional.contains { $0.isFound(in: message) })
    }
}

/// A text that is looked for: literally, with wildcards, or as a regular expression.
enum LogText {
    case part([UInt8])
    /// The whole text, in which `*` stands for any run of characters.
    case whole(String)
    case expression(Regex<AnyRegexOutput>)

    /// Whether a text holds this one.
    func isFound(in text: String) -> Bool {
        switch self {
        case .part(let part): Self.contains(text, part)
        case .whole(let pattern): Self.fits(Array(text.utf8), Array(pattern.utf8))
        case .expression(let expression): text.contains(expression)
        }
    }

    private static func contains(_ text: String, _ part: [UInt8]) -> Bool {
        guard let first = part.first else { return true }
        var text = text
        return text.withUTF8 { bytes in
            var at = 0
            while at + part.count <= bytes.count {
                if bytes[at] == first, bytes[at..<(at + part.count)].elementsEqual(part) {
                    return true
                }
                at += 1
            }
            return false
        }
    }

    /// Whether a text fits a pattern with `*`.
    private static func fits(_ text: [UInt8], _ pattern: [UInt8]) -> Bool {
        let star = UInt8(ascii: "*")
        var (at, place) = (0, 0)
        var resume: (text: Int, pattern: Int)?
        while at < text.count {
            if place < pattern.count, pattern[place] == star {
                resume = (at, place)
                place += 1
            } else if place < pattern.count, pattern[place] == text[at] {
                at += 1
                place += 1
            } else if let known = resume {
                resume = (known.text + 1, known.pattern)
                at = known.text + 1
                place = known.pattern + 1
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == star }
    }
}
