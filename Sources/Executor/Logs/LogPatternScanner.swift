/// Reads the parts of a filter pattern.
struct LogPatternScanner {
    private let characters: [Character]
    private var at = 0

    init(_ text: String) { characters = Array(text) }

    /// The next character; nil at the end.
    var peek: Character? { at < characters.count ? characters[at] : nil }

    mutating func advance() { at += 1 }

    mutating func skipSpaces() { while peek?.isWhitespace == true { at += 1 } }

    /// Takes a text if it comes next.
    mutating func take(_ text: String) -> Bool {
        let wanted = Array(text)
        guard characters[min(at, characters.count)...].starts(with: wanted) else { return false }
        at += wanted.count
        return true
    }

    /// Takes a word, in any case, if it comes next and ends there.
    mutating func take(word: String) -> Bool {
        let end = at + word.count
        guard end <= characters.count,
            String(characters[at..<end]).uppercased() == word,
            end == characters.count || !(characters[end].isLetter || characters[end].isNumber)
        else { return false }
        at = end
        return true
    }

    /// Takes characters while they belong.
    mutating func word(_ belongs: (Character) -> Bool) -> String {
        let start = at
        while let next = peek, belongs(next) { at += 1 }
        return String(characters[start..<at])
    }

    /// Takes a text in double quotes, in which a backslash saves a quote; nil when none comes next.
    mutating func quotedText() throws(LogFilter.Invalid) -> String? {
        guard peek == "\"" else { return nil }
        at += 1
        var text = ""
        while let next = peek {
            at += 1
            if next == "\"" { return text }
            if next == "\\", let saved = peek, saved == "\"" || saved == "\\" {
                at += 1
                text.append(saved)
            } else {
                text.append(next)
            }
        }
        throw LogFilter.Invalid("A quote is not closed")
    }

    /// Takes a regular expression between percent signs; nil when none comes next.
    mutating func regularExpression() throws(LogFilter.Invalid) -> LogText? {
        guard peek == "%" else { return nil }
        at += 1
        let text = word { $0 != "%" }
        guard take("%") else { throw LogFilter.Invalid("A % is not closed") }
        guard !text.isEmpty, let expression = try? Regex(text) else {
            throw LogFilter.Invalid("Invalid regular expression '\(text)'")
        }
        return .expression(expression)
    }

    func expectEnd() throws(LogFilter.Invalid) {
        var rest = self
        rest.skipSpaces()
        if rest.peek != nil { throw LogFilter.Invalid("Invalid filter pattern") }
    }
}
