package import HTTP
package import Model

/// The rules of a listener, prepared once per snapshot.
package struct RuleEvaluation: Sendable {
    /// What a request is met with.
    struct Decision: Sendable {
        var actions: [RuleAction]
        var rewrites: [Rewrite] = []
        /// 0 for the default actions.
        var priority = 0
    }

    /// A transform with its compiled pattern.
    struct Rewrite: Sendable {
        var kind: RuleTransform.Kind
        var regex: LinearRegex
        var replacement: String
    }

    private struct Rule: Sendable {
        var conditions: [CompiledCondition]
        var decision: Decision
    }

    private let rules: [Rule]
    private let standard: Decision

    /// Prepares a listener's rules in the order of their priorities.
    init(_ listener: Listener) {
        rules = listener.rules.sorted { $0.priority < $1.priority }.map { rule in
            let rewrites = rule.transforms.compactMap { transform in
                (try? LinearRegex(transform.pattern)).map {
                    Rewrite(kind: transform.kind, regex: $0, replacement: transform.replacement)
                }
            }
            return Rule(
                conditions: rule.conditions.map(CompiledCondition.init),
                decision: Decision(
                    actions: rule.actions,
                    rewrites: rewrites,
                    priority: rule.priority
                )
            )
        }
        standard = Decision(actions: listener.defaultActions)
    }

    /// The first rule whose conditions all hold, else the default actions.
    func decide(_ head: RequestHead, sourceIP: String) -> Decision {
        for rule in rules
        where rule.conditions.allSatisfy({ $0.holds(for: head, sourceIP: sourceIP) }) {
            return rule.decision
        }
        return standard
    }

    /// Whether any value of a condition matches.
    package static func holds(
        _ condition: RuleCondition,
        for head: RequestHead,
        sourceIP: String
    ) -> Bool {
        CompiledCondition(condition).holds(for: head, sourceIP: sourceIP)
    }
}

/// A condition with its patterns prepared.
enum CompiledCondition: Sendable {
    /// A value of a condition: with wildcards or a regular expression.
    enum Pattern: Sendable {
        case wildcard(Wildcard)
        case regex(LinearRegex)

        func matches(_ text: String) -> Bool {
            switch self {
            case .wildcard(let wildcard): wildcard.matches(text)
            case .regex(let regex): regex.isFound(in: text)
            }
        }
    }

    case host([Pattern])
    case path([Pattern])
    case header(String, [Pattern])
    case method(Set<String>)
    case query([(key: Wildcard?, value: Wildcard)])
    case source([AddressRange])

    init(_ condition: RuleCondition) {
        func wildcards(_ texts: [String], ignoringCase: Bool) -> [Pattern] {
            texts.map { .wildcard(Wildcard($0, ignoringCase: ignoringCase)) }
        }
        // Patterns that do not compile were refused when the rule was made; here they match nothing.
        func regexes(_ texts: [String]) -> [Pattern] {
            texts.compactMap { try? LinearRegex($0) }.map(Pattern.regex)
        }
        switch condition {
        case .hostHeader(let texts): self = .host(wildcards(texts, ignoringCase: true))
        case .hostHeaderRegex(let texts): self = .host(regexes(texts))
        case .pathPattern(let texts): self = .path(wildcards(texts, ignoringCase: false))
        case .pathRegex(let texts): self = .path(regexes(texts))
        case .httpHeader(let name, let texts):
            self = .header(name, wildcards(texts, ignoringCase: true))
        case .httpHeaderRegex(let name, let texts): self = .header(name, regexes(texts))
        case .requestMethod(let methods): self = .method(Set(methods))
        case .queryString(let pairs):
            func prepared(_ text: String) -> Wildcard {
                Wildcard(text, ignoringCase: true, escapes: true)
            }
            self = .query(pairs.map { ($0.key.map(prepared), prepared($0.value)) })
        case .sourceIP(let ranges): self = .source(ranges.compactMap(AddressRange.init))
        }
    }

    /// Whether any value matches.
    func holds(for head: RequestHead, sourceIP: String) -> Bool {
        switch self {
        case .host(let patterns):
            let host = head.host
            return patterns.contains { $0.matches(host) }
        case .path(let patterns): return patterns.contains { $0.matches(head.path) }
        case .header(let name, let patterns):
            return head.headers.all(name).contains { value in
                patterns.contains { $0.matches(value) }
            }
        case .method(let methods): return methods.contains(head.method)
        case .query(let pairs):
            let sent = QueryText.pairs(head.query)
            return pairs.contains { wanted in
                sent.contains { key, value in
                    (wanted.key?.matches(key) ?? true) && wanted.value.matches(value)
                }
            }
        case .source(let ranges): return ranges.contains { $0.contains(sourceIP) }
        }
    }
}
