/// A regular expression that is matched in time linear in the text.
///
/// The dialect is that of RE2 without Unicode classes: no look-around, back-references, atomic groups or
/// possessive quantifiers, as the AWS page "Condition types for listener rules" has it.
package struct LinearRegex: Sendable {
    /// Why a pattern is refused.
    package struct Failure: Error, Sendable {
        /// A sentence's end that follows the quoted pattern.
        package var message: String
    }

    enum Assertion: Sendable { case start, end, lineStart, lineEnd, boundary, noBoundary }

    enum Step: Sendable {
        case scalars(ScalarSet)
        /// Both ways are open; the first is preferred.
        case split(Int, Int)
        case jump(Int)
        case save(Int)
        case assert(Assertion)
        case match
    }

    /// The most steps of a compiled pattern.
    static let stepLimit = 20_000

    private let steps: [Step]
    private let slotCount: Int

    /// Compiles a pattern.
    package init(_ pattern: String) throws(Failure) {
        var parser = RegexParser(pattern)
        let node = try parser.parse()
        var compiler = RegexCompiler()
        try compiler.compile(node)
        steps = compiler.steps
        slotCount = 2 * (parser.groupCount + 1)
    }

    /// What is wrong with a pattern, to follow it in a sentence; nil when it compiles.
    package static func problem(with pattern: String) -> String? {
        do throws(Failure) {
            _ = try LinearRegex(pattern)
            return nil
        } catch {
            return error.message
        }
    }

    /// Whether the pattern is found anywhere in the text.
    package func isFound(in text: some StringProtocol) -> Bool {
        firstMatch(in: Array(text.unicodeScalars)) != nil
    }

    /// The text with its first match replaced, `$1` to `$9` and `$0` filled in; nil without a match.
    package func replacingFirst(in text: String, with template: String) -> String? {
        let scalars = Array(text.unicodeScalars)
        guard let slots = firstMatch(in: scalars) else { return nil }
        var result = String.UnicodeScalarView(scalars[..<slots[0]])
        var rest = Array(template.unicodeScalars)[...]
        while let next = rest.popFirst() {
            guard next == "$", let digit = rest.first?.value, (48...57).contains(digit) else {
                if next == "$", rest.first == "$" { rest.removeFirst() }
                result.append(next)
                continue
            }
            rest.removeFirst()
            let group = Int(digit - 48) * 2
            if group + 1 < slots.count, slots[group] >= 0, slots[group + 1] >= 0 {
                result.append(contentsOf: scalars[slots[group]..<slots[group + 1]])
            }
        }
        result.append(contentsOf: scalars[slots[1]...])
        return String(result)
    }

    /// The text with every match replaced, from left to right.
    package func replacingAll(in text: String, with template: String) -> String {
        var result = ""
        var rest = Array(text.unicodeScalars)
        while !rest.isEmpty, let slots = firstMatch(in: rest) {
            let end = max(slots[1], slots[0] == slots[1] ? slots[0] + 1 : slots[1])
            let piece = String(String.UnicodeScalarView(rest[..<min(end, rest.count)]))
            result += replacingFirst(in: piece, with: template) ?? piece
            rest.removeSubrange(..<min(end, rest.count))
        }
        return result + String(String.UnicodeScalarView(rest))
    }

    // MARK: Running

    private struct Thread {
        var step: Int
        var slots: [Int]
    }

    /// Start and end of the leftmost match and its groups; -1 where a group took no part.
    private func firstMatch(in text: [Unicode.Scalar]) -> [Int]? {
        var current: [Thread] = []
        var next: [Thread] = []
        var marks = [Int](repeating: -1, count: steps.count)
        var found: [Int]?
        for position in 0...text.count {
            if found == nil {
                let fresh = Thread(step: 0, slots: [Int](repeating: -1, count: slotCount))
                add(fresh, at: position, text, &current, &marks)
            }
            if current.isEmpty, found != nil { break }
            next.removeAll(keepingCapacity: true)
            search: for thread in current {
                switch steps[thread.step] {
                case .match:
                    found = thread.slots
                    break search
                case .scalars(let set) where position < text.count && set.contains(text[position]):
                    let ahead = Thread(step: thread.step + 1, slots: thread.slots)
                    add(ahead, at: position + 1, text, &next, &marks)
                default: continue
                }
            }
            swap(&current, &next)
        }
        return found
    }

    /// Follows the steps that take no text, each once per position.
    private func add(
        _ thread: Thread,
        at position: Int,
        _ text: [Unicode.Scalar],
        _ list: inout [Thread],
        _ marks: inout [Int]
    ) {
        var stack = [thread]
        while var thread = stack.popLast() {
            guard marks[thread.step] != position else { continue }
            marks[thread.step] = position
            switch steps[thread.step] {
            case .jump(let target):
                thread.step = target
                stack.append(thread)
            case .split(let first, let second):
                stack.append(Thread(step: second, slots: thread.slots))
                thread.step = first
                stack.append(thread)
            case .save(let slot):
                thread.slots[slot] = position
                thread.step += 1
                stack.append(thread)
            case .assert(let assertion):
                guard Self.holds(assertion, at: position, text) else { continue }
                thread.step += 1
                stack.append(thread)
            case .scalars, .match: list.append(thread)
            }
        }
    }

    private static func holds(
        _ assertion: Assertion,
        at position: Int,
        _ text: [Unicode.Scalar]
    ) -> Bool {
        func isWord(_ index: Int) -> Bool {
            text.indices.contains(index) && ScalarSet.word.contains(text[index])
        }
        return switch assertion {
        case .start: position == 0
        case .end: position == text.count
        case .lineStart: position == 0 || text[position - 1] == "\n"
        case .lineEnd: position == text.count || text[position] == "\n"
        case .boundary: isWord(position - 1) != isWord(position)
        case .noBoundary: isWord(position - 1) == isWord(position)
        }
    }
}

/// A set of characters as ranges.
struct ScalarSet: Sendable {
    var ranges: [ClosedRange<UInt32>]
    var isNegated = false

    static let digit = ScalarSet(ranges: [48...57])
    static let word = ScalarSet(ranges: [48...57, 65...90, 95...95, 97...122])
    static let space = ScalarSet(ranges: [9...10, 12...13, 32...32])
    static let any = ScalarSet(ranges: [], isNegated: true)
    static let notNewline = ScalarSet(ranges: [10...10], isNegated: true)

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        ranges.contains { $0.contains(scalar.value) } != isNegated
    }

    /// The ranges that an unnegated set has.
    var positive: [ClosedRange<UInt32>] {
        guard isNegated else { return ranges }
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { result.append(next...range.lowerBound - 1) }
            next = max(next, range.upperBound + 1)
        }
        if next <= 0x10_FFFF { result.append(next...0x10_FFFF) }
        return result
    }

    /// The set with both letter cases of its ASCII letters.
    var ignoringCase: ScalarSet {
        var all = ranges
        for range in ranges {
            for (letters, shift) in [(UInt32(65)...90, Int64(32)), (UInt32(97)...122, -32)] {
                let low = max(range.lowerBound, letters.lowerBound)
                let high = min(range.upperBound, letters.upperBound)
                guard low <= high else { continue }
                all.append(UInt32(Int64(low) + shift)...UInt32(Int64(high) + shift))
            }
        }
        return ScalarSet(ranges: all, isNegated: isNegated)
    }
}
