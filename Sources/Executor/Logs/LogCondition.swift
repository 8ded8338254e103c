import JSON

/// A condition on a message in JSON, such as `{ $.level = "ERROR" && $.latency > 100 }`.
indirect enum LogCondition {
    /// How many conditions may stand inside of each other.
    static let maximumDepth = 32

    case all([LogCondition])
    case any([LogCondition])
    case test(path: [Step], LogTest)

    /// One step of a path.
    enum Step {
        case member(String)
        case element(Int)
        case every
    }

    init(_ scanner: inout LogPatternScanner) throws(LogFilter.Invalid) {
        self = try Self.alternatives(&scanner, depth: 0)
    }

    private static func alternatives(
        _ scanner: inout LogPatternScanner,
        depth: Int
    ) throws(LogFilter.Invalid) -> LogCondition {
        var all = [try conjunction(&scanner, depth: depth)]
        while true {
            scanner.skipSpaces()
            guard scanner.take("||") else { return all.count == 1 ? all[0] : .any(all) }
            all.append(try conjunction(&scanner, depth: depth))
        }
    }

    private static func conjunction(
        _ scanner: inout LogPatternScanner,
        depth: Int
    ) throws(LogFilter.Invalid) -> LogCondition {
        var all = [try simple(&scanner, depth: depth)]
        while true {
            scanner.skipSpaces()
            guard scanner.take("&&") else { return all.count == 1 ? all[0] : .all(all) }
            all.append(try simple(&scanner, depth: depth))
        }
    }

    private static func simple(
        _ scanner: inout LogPatternScanner,
        depth: Int
    ) throws(LogFilter.Invalid) -> LogCondition {
        guard depth < maximumDepth else { throw LogFilter.Invalid("Too many parentheses") }
        scanner.skipSpaces()
        if scanner.take("(") {
            let inside = try alternatives(&scanner, depth: depth + 1)
            scanner.skipSpaces()
            guard scanner.take(")") else { throw LogFilter.Invalid("A ) is missing") }
            return inside
        }
        let path = try self.path(&scanner)
        return .test(path: path, try LogTest(&scanner))
    }

    /// `$.a.b[0].c`, `$.a[*]`, `$["a b"]`.
    private static func path(_ scanner: inout LogPatternScanner) throws(LogFilter.Invalid) -> [Step]
    {
        guard scanner.take("$") else {
            throw LogFilter.Invalid("A property selector begins with $")
        }
        var steps: [Step] = []
        while true {
            if scanner.take(".") {
                let name = scanner.word { $0.isLetter || $0.isNumber || "_-".contains($0) }
                guard !name.isEmpty else { throw LogFilter.Invalid("A property name is missing") }
                steps.append(.member(name))
            } else if scanner.take("[") {
                if let name = try scanner.quotedText() {
                    steps.append(.member(name))
                } else if scanner.take("*") {
                    steps.append(.every)
                } else if let number = Int(scanner.word(\.isNumber)) {
                    steps.append(.element(number))
                } else {
                    throw LogFilter.Invalid("Invalid array index")
                }
                guard scanner.take("]") else { throw LogFilter.Invalid("A ] is missing") }
            } else {
                guard !steps.isEmpty else { throw LogFilter.Invalid("A property name is missing") }
                return steps
            }
        }
    }

    /// Whether it holds of a value.
    func holds(of json: JSONValue) -> Bool {
        switch self {
        case .all(let conditions): return conditions.allSatisfy { $0.holds(of: json) }
        case .any(let conditions): return conditions.contains { $0.holds(of: json) }
        case .test(let path, let test):
            let values = Self.values(json, path[...])
            if case .isMissing = test { return values.isEmpty }
            return values.contains { test.holds(of: $0) }
        }
    }

    private static func values(_ json: JSONValue, _ path: ArraySlice<Step>) -> [JSONValue] {
        guard let step = path.first else { return [json] }
        let rest = path.dropFirst()
        switch step {
        case .member(let name): return json[name].map { values($0, rest) } ?? []
        case .element(let index): return json[index].map { values($0, rest) } ?? []
        case .every: return (json.array ?? []).flatMap { values($0, rest) }
        }
    }
}

/// What is asked of one value.
enum LogTest {
    case isNull, isTrue, isFalse, isMissing
    case text(LogText, isWanted: Bool)
    case number(LogComparison, Double)

    /// Reads operator and operand.
    init(_ scanner: inout LogPatternScanner) throws(LogFilter.Invalid) {
        scanner.skipSpaces()
        if scanner.take(word: "IS") {
            scanner.skipSpaces()
            if scanner.take(word: "NULL") {
                self = .isNull
            } else if scanner.take(word: "TRUE") {
                self = .isTrue
            } else if scanner.take(word: "FALSE") {
                self = .isFalse
            } else {
                throw LogFilter.Invalid("IS takes NULL, TRUE or FALSE")
            }
            return
        }
        if scanner.take(word: "NOT") {
            scanner.skipSpaces()
            guard scanner.take(word: "EXISTS") else {
                throw LogFilter.Invalid("NOT is followed by EXISTS")
            }
            self = .isMissing
            return
        }
        try self.init(comparing: &scanner)
    }

    private init(comparing scanner: inout LogPatternScanner) throws(LogFilter.Invalid) {
        guard let comparison = LogComparison(&scanner) else {
            throw LogFilter.Invalid("A comparison operator is missing")
        }
        scanner.skipSpaces()
        let isEquality = comparison == .equal || comparison == .unequal
        if isEquality, let expression = try scanner.regularExpression() {
            self = .text(expression, isWanted: comparison == .equal)
            return
        }
        if isEquality, let quoted = try scanner.quotedText() {
            self = .text(.whole(quoted), isWanted: comparison == .equal)
            return
        }
        let word = scanner.word { !$0.isWhitespace && !"&|(){}[],\"".contains($0) }
        if let number = Double(word), number.isFinite {
            self = .number(comparison, number)
        } else if isEquality, !word.isEmpty {
            self = .text(.whole(word), isWanted: comparison == .equal)
        } else {
            throw LogFilter.Invalid("\(comparison.rawValue) takes a number")
        }
    }

    /// Whether it holds of a value of a message.
    func holds(of value: JSONValue) -> Bool {
        switch self {
        case .isNull: return value.isNull
        case .isTrue: return value.bool == true
        case .isFalse: return value.bool == false
        case .isMissing: return false
        case .text(let text, let isWanted):
            guard value.object == nil, value.array == nil, !value.isNull else { return false }
            return text.isFound(in: value.string ?? value.text) == isWanted
        case .number(let comparison, let number):
            return (value.double ?? value.string.flatMap(Double.init)).map {
                comparison.holds($0, number)
            } ?? false
        }
    }

    /// Whether it holds of a column of a message.
    func holds(of column: String) -> Bool { holds(of: JSONValue.string(column)) }
}

/// How numbers are compared.
enum LogComparison: String, CaseIterable {
    case lessOrEqual = "<=", greaterOrEqual = ">=", unequal = "!=", equal = "=", less = "<"
    case greater = ">"

    /// Takes an operator; nil when none comes next.
    init?(_ scanner: inout LogPatternScanner) {
        for comparison in Self.allCases where scanner.take(comparison.rawValue) {
            self = comparison
            return
        }
        return nil
    }

    func holds(_ left: Double, _ right: Double) -> Bool {
        switch self {
        case .lessOrEqual: left <= right
        case .greaterOrEqual: left >= right
        case .unequal: left != right
        case .equal: left == right
        case .less: left < right
        case .greater: left > right
        }
    }
}
