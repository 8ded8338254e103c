/// A regular expression as a tree.
indirect enum RegexNode {
    case empty
    case scalars(ScalarSet)
    case assert(LinearRegex.Assertion)
    case sequence([RegexNode])
    case choice([RegexNode])
    case repeated(RegexNode, least: Int, most: Int?, isLazy: Bool)
    case group(RegexNode, number: Int)
}

/// Reads the text of a regular expression.
struct RegexParser {
    /// The largest count in `{n,m}`.
    static let repeatLimit = 1000
    /// How deep groups may nest.
    static let depthLimit = 100

    private struct Flags {
        var ignoresCase = false
        var dotTakesNewline = false
        var isMultiline = false
    }

    private let text: [Unicode.Scalar]
    private var position = 0
    private var depth = 0
    private var flags = Flags()
    private(set) var groupCount = 0

    init(_ pattern: String) { text = Array(pattern.unicodeScalars) }

    private var current: Unicode.Scalar? { position < text.count ? text[position] : nil }

    private func failure(_ message: String) -> LinearRegex.Failure {
        LinearRegex.Failure(message: message)
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard current == scalar else { return false }
        position += 1
        return true
    }

    private mutating func take(_ word: String) -> Bool {
        let scalars = Array(word.unicodeScalars)
        guard text[position...].starts(with: scalars) else { return false }
        position += scalars.count
        return true
    }

    mutating func parse() throws(LinearRegex.Failure) -> RegexNode {
        let node = try choice()
        guard position == text.count else { throw failure("has a ) without its (") }
        return node
    }

    private mutating func choice() throws(LinearRegex.Failure) -> RegexNode {
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(LinearRegex.Failure) -> RegexNode {
        var items: [RegexNode] = []
        while let next = current, next != "|", next != ")" {
            let atom = try atom()
            items.append(try quantified(atom))
        }
        return items.count == 1 ? items[0] : items.isEmpty ? .empty : .sequence(items)
    }

    private mutating func quantified(_ atom: RegexNode) throws(LinearRegex.Failure) -> RegexNode {
        var bounds: (least: Int, most: Int?)?
        switch current {
        case "*": bounds = (0, nil)
        case "+": bounds = (1, nil)
        case "?": bounds = (0, 1)
        case "{":
            guard let counted = try counts() else { return atom }
            bounds = counted
        default: return atom
        }
        guard let bounds else { return atom }
        position += 1
        if take("+") { throw failure("has a possessive quantifier, which is not supported") }
        let isLazy = take("?")
        if let next = current, "*+?".unicodeScalars.contains(next) {
            throw failure("repeats a repetition")
        }
        return .repeated(atom, least: bounds.least, most: bounds.most, isLazy: isLazy)
    }

    /// Reads `{n}`, `{n,}` or `{n,m}` up to its brace; nil when the brace is meant literally.
    private mutating func counts() throws(LinearRegex.Failure) -> (least: Int, most: Int?)? {
        guard let close = text[position...].firstIndex(of: "}") else { return nil }
        let inside = String(String.UnicodeScalarView(text[(position + 1)..<close]))
        let parts = inside.split(separator: ",", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let least = Int(parts[0]), least >= 0 else {
            return nil
        }
        var most: Int? = least
        if parts.count == 2 {
            most = Int(parts[1])
            if most == nil, !parts[1].isEmpty { return nil }
        }
        guard max(least, most ?? 0) <= Self.repeatLimit, least <= most ?? least else {
            throw failure("has a count outside 0 to \(Self.repeatLimit)")
        }
        position = close
        return (least, most)
    }

    private func literal(_ scalar: Unicode.Scalar) -> RegexNode {
        set(ScalarSet(ranges: [scalar.value...scalar.value]))
    }

    private func set(_ set: ScalarSet) -> RegexNode {
        .scalars(flags.ignoresCase ? set.ignoringCase : set)
    }

    private mutating func atom() throws(LinearRegex.Failure) -> RegexNode {
        guard let next = current else { return .empty }
        position += 1
        switch next {
        case ".": return .scalars(flags.dotTakesNewline ? .any : .notNewline)
        case "^": return .assert(flags.isMultiline ? .lineStart : .start)
        case "$": return .assert(flags.isMultiline ? .lineEnd : .end)
        case "[": return set(try bracket())
        case "(": return try group()
        case "\\": return try escape()
        case "*", "+", "?": throw failure("repeats nothing at its \(next)")
        default: return literal(next)
        }
    }

    private mutating func group() throws(LinearRegex.Failure) -> RegexNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthLimit else { throw failure("nests groups too deeply") }
        let outer = flags
        var number: Int?
        if take("?") {
            guard
                take("P<")
                    || (current == "<" && !["=", "!"].contains(text.dropFirst(position + 1).first))
            else {
                if try readFlags() { return .empty }
                let body = try groupBody()
                flags = outer
                return body
            }
            if current == "<" { position += 1 }
            guard let close = text[position...].firstIndex(of: ">"), close > position else {
                throw failure("has a group without a name")
            }
            position = close + 1
        }
        groupCount += 1
        number = groupCount
        let body = try groupBody()
        flags = outer
        return .group(body, number: number ?? 0)
    }

    private mutating func groupBody() throws(LinearRegex.Failure) -> RegexNode {
        let body = try choice()
        guard take(")") else { throw failure("has a ( without its )") }
        return body
    }

    /// Reads `i:`, `-s:`, `:` or `i)`; true when the flags hold for the rest of the enclosing group.
    private mutating func readFlags() throws(LinearRegex.Failure) -> Bool {
        var isOn = true
        while let next = current {
            position += 1
            switch next {
            case "i": flags.ignoresCase = isOn
            case "s": flags.dotTakesNewline = isOn
            case "m": flags.isMultiline = isOn
            case "-": isOn = false
            case ":": return false
            case ")": return true
            case "=", "!", "<": throw failure("looks around, which is not supported")
            case ">": throw failure("has an atomic group, which is not supported")
            default: throw failure("has the group (?\(next), which is not supported")
            }
        }
        throw failure("has a ( without its )")
    }

    private mutating func escape() throws(LinearRegex.Failure) -> RegexNode {
        guard let next = current else { throw failure("ends with a backslash") }
        switch next {
        case "b":
            position += 1
            return .assert(.boundary)
        case "B":
            position += 1
            return .assert(.noBoundary)
        case "A":
            position += 1
            return .assert(.start)
        case "z":
            position += 1
            return .assert(.end)
        case "1"..."9", "k", "g":
            throw failure("refers back to a group, which is not supported")
        default: return set(try escapedSet())
        }
    }

    /// The set that an escape means inside or outside of brackets.
    private mutating func escapedSet() throws(LinearRegex.Failure) -> ScalarSet {
        guard let next = current else { throw failure("ends with a backslash") }
        position += 1
        func one(_ value: UInt32) -> ScalarSet { ScalarSet(ranges: [value...value]) }
        func not(_ set: ScalarSet) -> ScalarSet { ScalarSet(ranges: set.ranges, isNegated: true) }
        switch next {
        case "d": return .digit
        case "D": return not(.digit)
        case "w": return .word
        case "W": return not(.word)
        case "s": return .space
        case "S": return not(.space)
        case "t": return one(9)
        case "n": return one(10)
        case "v": return one(11)
        case "f": return one(12)
        case "r": return one(13)
        case "a": return one(7)
        case "x": return one(try hexadecimal())
        case "p", "P": throw failure("has a Unicode class, which is not supported")
        case "0"..."9", "A"..."Z", "a"..."z":
            throw failure("has the escape \\\(next), which is not supported")
        default: return one(next.value)
        }
    }

    private mutating func hexadecimal() throws(LinearRegex.Failure) -> UInt32 {
        var digits: ArraySlice<Unicode.Scalar>
        if take("{") {
            guard let close = text[position...].firstIndex(of: "}") else {
                throw failure("has a malformed \\x")
            }
            digits = text[position..<close]
            position = close + 1
        } else {
            digits = text[position...].prefix(2)
            position += digits.count
        }
        let value = UInt32(String(String.UnicodeScalarView(digits)), radix: 16)
        guard let value, Unicode.Scalar(value) != nil else { throw failure("has a malformed \\x") }
        return value
    }

    private mutating func bracket() throws(LinearRegex.Failure) -> ScalarSet {
        var set = ScalarSet(ranges: [])
        set.isNegated = take("^")
        var isFirst = true
        while let next = current, next != "]" || isFirst {
            isFirst = false
            if take("[:") {
                set.ranges += try posixClass()
                continue
            }
            position += 1
            let low = next == "\\" ? try escapedSet() : ScalarSet(ranges: [next.value...next.value])
            let isOne = low.ranges.count == 1 && low.ranges[0].count == 1 && !low.isNegated
            guard isOne, current == "-", position + 1 < text.count, text[position + 1] != "]" else {
                set.ranges += low.positive
                continue
            }
            position += 1
            guard let end = current else { break }
            position += 1
            let high = end == "\\" ? try escapedSet() : ScalarSet(ranges: [end.value...end.value])
            guard high.ranges.count == 1, !high.isNegated,
                low.ranges[0].lowerBound <= high.ranges[0].lowerBound
            else { throw failure("has a range whose end comes first") }
            set.ranges.append(low.ranges[0].lowerBound...high.ranges[0].upperBound)
        }
        guard take("]") else { throw failure("has a [ without its ]") }
        return set
    }

    private mutating func posixClass() throws(LinearRegex.Failure) -> [ClosedRange<UInt32>] {
        let classes: [(String, [ClosedRange<UInt32>])] = [
            ("alpha", [65...90, 97...122]), ("digit", [48...57]), ("upper", [65...90]),
            ("lower", [97...122]), ("alnum", [48...57, 65...90, 97...122]),
            ("space", [9...13, 32...32]), ("xdigit", [48...57, 65...70, 97...102]),
            ("punct", [33...47, 58...64, 91...96, 123...126]), ("word", ScalarSet.word.ranges),
        ]
        for (name, ranges) in classes where take(name + ":]") { return ranges }
        throw failure("has an unknown class of characters")
    }
}

/// Lays a tree out as steps.
struct RegexCompiler {
    private(set) var steps: [LinearRegex.Step] = []

    mutating func compile(_ node: RegexNode) throws(LinearRegex.Failure) {
        try emit(.group(node, number: 0))
        steps.append(.match)
    }

    private mutating func emit(_ node: RegexNode) throws(LinearRegex.Failure) {
        guard steps.count < LinearRegex.stepLimit else {
            throw LinearRegex.Failure(message: "is too large")
        }
        switch node {
        case .empty: break
        case .scalars(let set): steps.append(.scalars(set))
        case .assert(let assertion): steps.append(.assert(assertion))
        case .sequence(let items): for item in items { try emit(item) }
        case .choice(let branches): try emitChoice(branches)
        case .group(let body, let number):
            steps.append(.save(2 * number))
            try emit(body)
            steps.append(.save(2 * number + 1))
        case .repeated(let body, let least, let most, let isLazy):
            for _ in 0..<least { try emit(body) }
            if let most {
                try emitOptional(body, count: most - least, isLazy)
            } else {
                try emitLoop(body, isLazy)
            }
        }
    }

    private mutating func emitChoice(_ branches: [RegexNode]) throws(LinearRegex.Failure) {
        var exits: [Int] = []
        for (index, branch) in branches.enumerated() {
            guard index < branches.count - 1 else {
                try emit(branch)
                break
            }
            let fork = steps.count
            steps.append(.jump(0))
            try emit(branch)
            exits.append(steps.count)
            steps.append(.jump(0))
            steps[fork] = .split(fork + 1, steps.count)
        }
        for exit in exits { steps[exit] = .jump(steps.count) }
    }

    private mutating func emitLoop(_ body: RegexNode, _ isLazy: Bool) throws(LinearRegex.Failure) {
        let fork = steps.count
        steps.append(.jump(0))
        try emit(body)
        steps.append(.jump(fork))
        steps[fork] = isLazy ? .split(steps.count, fork + 1) : .split(fork + 1, steps.count)
    }

    private mutating func emitOptional(
        _ body: RegexNode,
        count: Int,
        _ isLazy: Bool
    ) throws(LinearRegex.Failure) {
        var forks: [Int] = []
        for _ in 0..<count {
            forks.append(steps.count)
            steps.append(.jump(0))
            try emit(body)
        }
        for fork in forks {
            steps[fork] = isLazy ? .split(steps.count, fork + 1) : .split(fork + 1, steps.count)
        }
    }
}
