/// A pattern for messages of columns with spaces between them, such as `[ip, user, ..., status = 4*, size]`.
struct LogColumns {
    private struct Column {
        /// Each holds one of the alternatives' conditions.
        var alternatives: [[LogTest]] = []

        func matches(_ text: String) -> Bool {
            alternatives.isEmpty
                || alternatives.contains { $0.allSatisfy { $0.holds(of: text) } }
        }
    }

    private var columns: [Column] = []
    /// Before which column any number of columns may stand.
    private var gap: Int?

    init(_ scanner: inout LogPatternScanner) throws(LogFilter.Invalid) {
        repeat {
            scanner.skipSpaces()
            if scanner.take("...") {
                guard gap == nil else { throw LogFilter.Invalid("Only one ... may be used") }
                gap = columns.count
            } else {
                columns.append(try Self.column(&scanner))
            }
            scanner.skipSpaces()
        } while scanner.take(",")
        guard scanner.take("]") else { throw LogFilter.Invalid("A ] is missing") }
    }

    private static func column(
        _ scanner: inout LogPatternScanner
    ) throws(LogFilter.Invalid) -> Column {
        var column = Column()
        var conditions: [LogTest] = []
        while true {
            scanner.skipSpaces()
            let name = scanner.word { $0.isLetter || $0.isNumber || "_-.$".contains($0) }
            guard !name.isEmpty else { throw LogFilter.Invalid("A field name is missing") }
            scanner.skipSpaces()
            if let next = scanner.peek, next == "," || next == "]" {
                if !conditions.isEmpty { column.alternatives.append(conditions) }
                return column
            }
            conditions.append(try LogTest(&scanner))
            scanner.skipSpaces()
            if scanner.take("&&") { continue }
            column.alternatives.append(conditions)
            conditions = []
            guard scanner.take("||") else { return column }
        }
    }

    func match(_ message: String) -> Bool {
        let texts = Self.split(message)
        guard let gap else {
            return texts.count == columns.count && zip(columns, texts).allSatisfy { $0.matches($1) }
        }
        guard texts.count >= columns.count else { return false }
        let last = columns.count - gap
        return zip(columns[..<gap], texts).allSatisfy { $0.matches($1) }
            && zip(columns[gap...], texts.suffix(last)).allSatisfy { $0.matches($1) }
    }

    /// The columns of a message; what stands in brackets or quotes is one.
    static func split(_ message: String) -> [String] {
        var found: [String] = []
        var rest = message[...]
        while true {
            rest = rest.drop(while: \.isWhitespace)
            guard let first = rest.first else { return found }
            let closing: Character? = first == "[" ? "]" : first == "\"" ? "\"" : nil
            if let closing, let end = rest.dropFirst().firstIndex(of: closing) {
                found.append(String(rest[rest.index(after: rest.startIndex)..<end]))
                rest = rest[rest.index(after: end)...]
            } else {
                let word = rest.prefix { !$0.isWhitespace }
                found.append(String(word))
                rest = rest[word.endIndex...]
            }
        }
    }
}
