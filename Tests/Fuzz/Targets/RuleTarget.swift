import FrontDoors
import HTTP
import Model

/// Conditions of a load balancer's rules against a matcher too simple to be wrong, and regular expressions, which must
/// find what they replace.
enum RuleTarget {
    static func run(_ input: ArraySlice<UInt8>) {
        let parts = input.split(separator: 10, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.count <= 128 }), let kind = parts[0].first
        else { return }
        let pattern = String(decoding: parts[0].dropFirst(), as: UTF8.self)
        let text = String(decoding: parts[1], as: UTF8.self)
        let head = RequestHead(method: "GET", path: "/" + text, query: text, headers: ["X-A": text])
        func holds(_ condition: RuleCondition) -> Bool {
            RuleEvaluation.holds(condition, for: head, sourceIP: "198.51.100.7")
        }
        switch kind % 4 {
        case 0:
            let isMatch = NaiveWildcard.matches(Array(pattern.utf8), Array(head.path.utf8))
            precondition(holds(.pathPattern([pattern])) == isMatch, "two matchers disagree")
        case 1:
            let lower = NaiveWildcard.matches(lowered(pattern), lowered(text))
            precondition(
                holds(.httpHeader(name: "x-a", values: [pattern])) == lower,
                "two matchers disagree about a field"
            )
        case 2: _ = holds(.queryString([.init(key: nil, value: pattern)]))
        default: expression(pattern, text, holds(.httpHeaderRegex(name: "x-a", values: [pattern])))
        }
    }

    private static func expression(_ pattern: String, _ text: String, _ holds: Bool) {
        guard let regex = try? LinearRegex(pattern) else {
            precondition(!holds, "a pattern that does not compile matched")
            return
        }
        precondition(regex.isFound(in: text) == holds, "the rule and its expression disagree")
        let replaced = regex.replacingFirst(in: text, with: "$0")
        precondition((replaced != nil) == holds, "what is found is not what is replaced")
        precondition(replaced ?? text == text, "a match replaced by itself changed the text")
        precondition(
            regex.replacingAll(in: text, with: "$0") == text,
            "matches replaced by themselves changed the text"
        )
    }

    private static func lowered(_ text: String) -> [UInt8] {
        text.utf8.map { (65...90).contains($0) ? $0 | 0x20 : $0 }
    }
}
