import Glibc

/// A pattern that JSON documents match or not, in the language of EventBridge and of Lambda's filters.
///
/// Source: "Creating Amazon EventBridge event patterns", "Comparison operators".
package struct EventPattern: Sendable {
    /// How deep a pattern may nest.
    package static let maximumDepth = 32
    /// How many conditions a pattern may hold.
    package static let maximumConditions = 1000

    /// Why a text is no pattern.
    package struct Invalid: Error, Sendable, Equatable {
        package let reason: String
    }

    /// One level of a pattern.
    private struct Level: Sendable {
        var fields: [(key: String, node: Node)] = []
        /// Of each group at least one level must match as well.
        var alternatives: [[Level]] = []
    }

    private indirect enum Node: Sendable {
        case level(Level)
        case any([PatternCondition])
    }

    private let root: Level

    /// Reads a pattern.
    package init(_ json: JSONValue) throws(Invalid) {
        var budget = Self.maximumConditions
        root = try Self.level(json, at: "", depth: 0, &budget)
        guard !root.fields.isEmpty || !root.alternatives.isEmpty else {
            throw Invalid(reason: "Empty event pattern is not allowed")
        }
    }

    /// Reads a pattern from text.
    package init(_ text: String) throws(Invalid) {
        let json: JSONValue
        do throws(JSONError) { json = try JSONValue.parse(text) } catch {
            throw Invalid(reason: "Filter is not an object")
        }
        try self.init(json)
    }

    /// Whether a document matches.
    package func matches(_ document: JSONValue) -> Bool { Self.matches(root, document) }

    // MARK: Reading

    private static func level(
        _ json: JSONValue,
        at path: String,
        depth: Int,
        _ budget: inout Int
    ) throws(Invalid) -> Level {
        guard let object = json.object else {
            throw Invalid(reason: path.isEmpty ? "Filter is not an object" : "\"\(path)\" is none")
        }
        guard depth < maximumDepth else { throw Invalid(reason: "The pattern nests too deep") }
        var level = Level()
        for member in object.members {
            if member.key == "$or" {
                guard let options = member.value.array, options.count > 1 else {
                    throw Invalid(
                        reason: "There must have at least 2 Objects in \"$or\" relationship."
                    )
                }
                var group: [Level] = []
                for option in options {
                    group.append(try Self.level(option, at: "$or", depth: depth + 1, &budget))
                }
                level.alternatives.append(group)
                continue
            }
            level.fields.append((member.key, try node(member, depth: depth, &budget)))
        }
        return level
    }

    private static func node(
        _ member: JSONObject.Member,
        depth: Int,
        _ budget: inout Int
    ) throws(Invalid) -> Node {
        guard let values = member.value.array else {
            guard member.value.object?.isEmpty == false else {
                throw Invalid(reason: "\"\(member.key)\" must be an object or an array")
            }
            return .level(try level(member.value, at: member.key, depth: depth + 1, &budget))
        }
        guard !values.isEmpty else { throw Invalid(reason: "Empty arrays are not allowed") }
        budget -= values.count
        guard budget >= 0 else { throw Invalid(reason: "The pattern has too many conditions") }
        var conditions: [PatternCondition] = []
        for value in values { conditions.append(try PatternCondition(value)) }
        return .any(conditions)
    }

    // MARK: Matching

    private static func matches(_ level: Level, _ document: JSONValue) -> Bool {
        // Of a list of objects one must match.
        if let list = document.array { return list.contains { matches(level, $0) } }
        for (key, node) in level.fields {
            let value = document.object?[key]
            switch node {
            case .level(let inner): guard matches(inner, value ?? .null) else { return false }
            case .any(let conditions):
                guard conditions.contains(where: { $0.matches(value) }) else { return false }
            }
        }
        return level.alternatives.allSatisfy { group in group.contains { matches($0, document) } }
    }
}

/// One condition on a value.
struct PatternCondition: Sendable {
    private enum Comparison: Sendable {
        case equal(JSONValue)
        case text(TextTest)
        case numeric([(sign: String, bound: Double)])
        case anythingBut([JSONValue])
        case anythingButText([TextTest])
        case exists(Bool)
        case block(address: [UInt8], bits: Int)
    }

    /// A test of a string.
    enum TextTest: Sendable {
        case prefix(String, ignoresCase: Bool)
        case suffix(String, ignoresCase: Bool)
        case equalIgnoringCase(String)
        case wildcard([String])

        func holds(_ text: String) -> Bool {
            switch self {
            case .prefix(let wanted, let ignores):
                ignores
                    ? text.lowercased().hasPrefix(wanted.lowercased()) : text.hasPrefix(wanted)
            case .suffix(let wanted, let ignores):
                ignores
                    ? text.lowercased().hasSuffix(wanted.lowercased()) : text.hasSuffix(wanted)
            case .equalIgnoringCase(let wanted): text.lowercased() == wanted.lowercased()
            case .wildcard(let pieces): Self.fits(text, pieces)
            }
        }

        /// Whether the pieces stand in a text in this order, the first at its start and the last at its end.
        private static func fits(_ text: String, _ pieces: [String]) -> Bool {
            guard let first = pieces.first, let last = pieces.last else { return false }
            if pieces.count == 1 { return text == first }
            guard text.hasPrefix(first), text.utf8.count >= first.utf8.count + last.utf8.count,
                text.hasSuffix(last)
            else { return false }
            var rest = text.dropFirst(first.count).dropLast(last.count)
            for piece in pieces.dropFirst().dropLast() where !piece.isEmpty {
                guard let found = rest.firstRange(of: piece) else { return false }
                rest = rest[found.upperBound...]
            }
            return true
        }
    }

    private let comparison: Comparison

    init(_ json: JSONValue) throws(EventPattern.Invalid) {
        guard let object = json.object else {
            if json.array != nil {
                throw EventPattern.Invalid(
                    reason: "Match value must be String, number, true, false, or null"
                )
            }
            comparison = .equal(json)
            return
        }
        guard object.count == 1, let member = object.members.first else {
            throw EventPattern.Invalid(reason: "Only one key allowed in match expression")
        }
        comparison = try Self.comparison(member.key, member.value)
    }

    private static func comparison(
        _ name: String,
        _ value: JSONValue
    ) throws(EventPattern.Invalid) -> Comparison {
        switch name {
        case "prefix", "suffix", "equals-ignore-case", "wildcard":
            return .text(try textTest(name, value))
        case "exists":
            guard let wanted = value.bool else {
                throw EventPattern.Invalid(
                    reason: "exists match pattern must be either true or false."
                )
            }
            return .exists(wanted)
        case "numeric": return .numeric(try bounds(value))
        case "anything-but": return try anythingBut(value)
        case "cidr":
            guard let text = value.string, let block = block(text) else {
                throw EventPattern.Invalid(reason: "Malformed CIDR, one '/' required")
            }
            return .block(address: block.address, bits: block.bits)
        default:
            throw EventPattern.Invalid(reason: "Unrecognized match type \(name)")
        }
    }

    private static func anythingBut(_ value: JSONValue) throws(EventPattern.Invalid) -> Comparison {
        if let object = value.object {
            guard object.count == 1, let member = object.members.first else {
                throw EventPattern.Invalid(reason: "Only one key allowed in match expression")
            }
            var tests: [TextTest] = []
            for text in member.value.array ?? [member.value] {
                tests.append(try textTest(member.key, text))
            }
            return .anythingButText(tests)
        }
        let values = value.array ?? [value]
        let isPlain = values.allSatisfy { $0.string != nil || $0.double != nil }
        guard isPlain, !values.isEmpty else {
            throw EventPattern.Invalid(
                reason: "Inside anything but list, start|null|boolean is not supported."
            )
        }
        return .anythingBut(values)
    }

    private static func textTest(
        _ name: String,
        _ value: JSONValue
    ) throws(EventPattern.Invalid) -> TextTest {
        let inner = value["equals-ignore-case"]?.string
        let text = value.string ?? inner
        guard let text, !(name == "wildcard" || name == "equals-ignore-case") || inner == nil else {
            throw EventPattern.Invalid(reason: "\(name) match pattern must be a string")
        }
        switch name {
        case "prefix": return .prefix(text, ignoresCase: inner != nil)
        case "suffix": return .suffix(text, ignoresCase: inner != nil)
        case "equals-ignore-case": return .equalIgnoringCase(text)
        case "wildcard":
            guard !text.contains("**") else {
                throw EventPattern.Invalid(reason: "Consecutive wildcard characters at pos")
            }
            return .wildcard(pieces(text))
        default: throw EventPattern.Invalid(reason: "Unrecognized match type \(name)")
        }
    }

    /// What stands between the wildcards; a backslash takes the sense of the next character.
    private static func pieces(_ text: String) -> [String] {
        var pieces = [""]
        var isEscaped = false
        for character in text {
            if isEscaped || character != "*" && character != "\\" {
                pieces[pieces.count - 1].append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else {
                pieces.append("")
            }
        }
        return pieces
    }

    private static func bounds(
        _ value: JSONValue
    ) throws(EventPattern.Invalid) -> [(sign: String, bound: Double)] {
        let invalid = EventPattern.Invalid(reason: "Invalid member in numeric match")
        let parts = value.array ?? []
        guard parts.count == 2 || parts.count == 4 else { throw invalid }
        var bounds: [(sign: String, bound: Double)] = []
        for index in stride(from: 0, to: parts.count, by: 2) {
            guard let sign = parts[index].string, ["<", "<=", "=", ">", ">="].contains(sign),
                let bound = parts[index + 1].double
            else { throw invalid }
            bounds.append((sign, bound))
        }
        return bounds
    }

    private static func block(_ text: String) -> (address: [UInt8], bits: Int)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let bits = Int(parts[1]), let address = address(String(parts[0])),
            (0...address.count * 8).contains(bits)
        else { return nil }
        return (address, bits)
    }

    private static func address(_ text: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes.prefix(4)) }
        return inet_pton(AF_INET6, text, &bytes) == 1 ? bytes : nil
    }

    // MARK: Matching

    /// Whether a value, or one of a list, fulfils the condition; nil when there is no such field.
    func matches(_ value: JSONValue?) -> Bool {
        if case .exists(let wanted) = comparison {
            return wanted == (value != nil && value?.object == nil)
        }
        guard let value else { return false }
        if let list = value.array { return list.contains(where: holds) }
        return holds(value)
    }

    private func holds(_ value: JSONValue) -> Bool {
        switch comparison {
        case .equal(let wanted): Self.isEqual(wanted, value)
        case .text(let test): value.string.map(test.holds) ?? false
        case .numeric(let bounds):
            value.double.map { number in bounds.allSatisfy { Self.compare(number, $0) } } ?? false
        case .anythingBut(let values): !values.contains { Self.isEqual($0, value) }
        case .anythingButText(let tests):
            value.string.map { text in !tests.contains { $0.holds(text) } } ?? true
        case .exists: true
        case .block(let address, let bits): Self.contains(address, bits, value.string ?? "")
        }
    }

    private static func isEqual(_ wanted: JSONValue, _ value: JSONValue) -> Bool {
        if let number = wanted.double { return value.double == number }
        return wanted == value
    }

    private static func compare(_ number: Double, _ bound: (sign: String, bound: Double)) -> Bool {
        switch bound.sign {
        case "<": number < bound.bound
        case "<=": number <= bound.bound
        case "=": number == bound.bound
        case ">": number > bound.bound
        default: number >= bound.bound
        }
    }

    private static func contains(_ block: [UInt8], _ bits: Int, _ text: String) -> Bool {
        guard let given = address(text), given.count == block.count else { return false }
        return (0..<bits).allSatisfy { bit in
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            return block[bit / 8] & mask == given[bit / 8] & mask
        }
    }
}
