import Foundation

/// A play in one file: origins, functions, a door, clients, and what must be true at the end.
///
/// A block starts at the left margin with its kind; its lines are indented. Within a line, two or more
/// spaces set header fields apart; text in quotes may hold `\r \n \t \0 \"` and `\xNN`, and `*N` after it
/// repeats it. A line that begins with `#` is a comment; the first one is the title.
struct Dialogue {
    /// One indented line of a block.
    struct Line {
        let number: Int
        let verb: String
        var words: [String] = []
        var fields: [(name: String, value: String)] = []
    }

    /// A block with its script.
    struct Block {
        let head: Line
        var lines: [Line] = []
        /// The lines as they stand, for blocks that hold a program.
        var text = ""

        /// Takes a line in; one that begins with a quote goes on with the line before it.
        fileprivate mutating func add(_ trimmed: String, _ number: Int) throws {
            guard head.verb != "function" else { return }
            if trimmed.hasPrefix("\""), let last = lines.popLast() {
                var line = last
                line.words += try Dialogue.words(trimmed, number)
                lines.append(line)
            } else {
                lines.append(try Dialogue.line(trimmed, number))
            }
        }
    }

    let title: String
    var blocks: [Block] = []

    init(_ text: String) throws {
        var title = ""
        for (offset, raw) in text.components(separatedBy: "\n").enumerated() {
            let trimmed = raw.trimmingCharacters(in: .whitespaces)
            if trimmed.hasPrefix("#") {
                if title.isEmpty { title = String(trimmed.drop { $0 == "#" || $0 == " " }) }
                continue
            }
            if trimmed.isEmpty { continue }
            if !raw.hasPrefix(" ") {
                blocks.append(Block(head: try Self.line(trimmed, offset + 1)))
            } else if !blocks.isEmpty {
                blocks[blocks.count - 1].text += raw + "\n"
                try blocks[blocks.count - 1].add(trimmed, offset + 1)
            }
        }
        self.title = title
    }

    /// A line as its verb, words and fields.
    fileprivate static func line(_ text: String, _ number: Int) throws -> Line {
        var words: [String] = []
        var fields: [(name: String, value: String)] = []
        for segment in try segments(of: text, number) {
            if let field = field(segment), !words.isEmpty {
                let value = try Self.words(field.value, number)
                // A quoted value may repeat; a bare one is taken as it is.
                fields.append((field.name, field.value.hasPrefix("\"") ? value[0] : field.value))
            } else {
                words += try Self.words(segment, number)
            }
        }
        let verb = words.isEmpty ? "" : words.removeFirst()
        return Line(number: number, verb: verb, words: words, fields: fields)
    }

    private static func field(_ segment: String) -> (name: String, value: String)? {
        guard let colon = segment.firstIndex(of: ":"), colon > segment.startIndex,
            segment[..<colon].allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" }),
            segment[segment.index(after: colon)...].first == " "
        else { return nil }
        let value = segment[segment.index(after: colon)...]
        return (String(segment[..<colon]), value.trimmingCharacters(in: .whitespaces))
    }

    /// The parts between runs of two or more spaces outside quotes.
    private static func segments(of text: String, _ number: Int) throws -> [String] {
        var parts: [String] = [""]
        var isQuoted = false
        var previous: Character = "x"
        for character in text {
            if character == "\"", previous != "\\" { isQuoted.toggle() }
            if !isQuoted, character == " ", previous == " " {
                if !parts[parts.count - 1].isEmpty { parts.append("") }
            } else {
                parts[parts.count - 1].append(character)
            }
            previous = character == "\\" && previous == "\\" ? "x" : character
        }
        guard !isQuoted else { throw DialogueError(number, "a quote without its end") }
        return parts.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    /// The words of a segment, with quotes taken off and repetitions written out.
    fileprivate static func words(_ segment: String, _ number: Int) throws -> [String] {
        var words: [String] = []
        var rest = segment[...]
        while let first = rest.first {
            if first == " " {
                rest = rest.dropFirst()
            } else if first == "\"" {
                words.append(try quoted(&rest, number))
            } else {
                words.append(String(rest.prefix { $0 != " " }))
                rest = rest.drop { $0 != " " }
            }
        }
        return words
    }

    /// One or more quoted texts that touch, as one word.
    private static func quoted(_ rest: inout Substring, _ number: Int) throws -> String {
        var all = ""
        while rest.first == "\"" {
            rest = rest.dropFirst()
            var text = ""
            while let character = rest.popFirst(), character != "\"" {
                text.unicodeScalars.append(
                    contentsOf: character == "\\"
                        ? try escape(&rest, number).unicodeScalars
                        : String(character).unicodeScalars
                )
            }
            if rest.first == "*" {
                let digits = rest.dropFirst().prefix { $0.isNumber }
                text = String(repeating: text, count: Int(digits) ?? 1)
                rest = rest.dropFirst(1 + digits.count)
            }
            all += text
        }
        return all
    }

    private static func escape(_ rest: inout Substring, _ number: Int) throws -> String {
        switch rest.popFirst() {
        case "r": return "\r"
        case "n": return "\n"
        case "t": return "\t"
        case "0": return "\0"
        case "\"": return "\""
        case "\\": return "\\"
        case "x":
            let digits = rest.prefix(2)
            rest = rest.dropFirst(2)
            guard let byte = UInt8(digits, radix: 16) else {
                throw DialogueError(number, "\\x wants two digits")
            }
            return String(UnicodeScalar(byte))
        case let other: throw DialogueError(number, "unknown escape \(other ?? " ")")
        }
    }
}

/// Something in a dialogue that cannot be played.
struct DialogueError: Error, CustomStringConvertible {
    let description: String

    init(_ line: Int, _ text: String) { description = "line \(line): \(text)" }
}

extension String {
    /// One byte per scalar: a dialogue's `\xNN` is a byte, not a character of two.
    var dialogueBytes: [UInt8] { unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } }
}
