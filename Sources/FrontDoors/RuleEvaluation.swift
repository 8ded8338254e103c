import HTTP
import Model

/// Finds the rule of a listener that takes a request.
enum RuleEvaluation {
    /// The actions of the first rule whose conditions all hold, else the default actions.
    static func actions(
        of listener: Listener,
        for head: RequestHead,
        sourceIP: String
    ) -> [RuleAction] {
        for rule in listener.rules.sorted(by: { $0.priority < $1.priority })
        where rule.conditions.allSatisfy({ holds($0, for: head, sourceIP: sourceIP) }) {
            return rule.actions
        }
        return listener.defaultActions
    }

    /// Whether any value of a condition matches.
    static func holds(_ condition: RuleCondition, for head: RequestHead, sourceIP: String) -> Bool {
        switch condition {
        case .hostHeader(let patterns):
            patterns.contains { Wildcard.matches($0, head.host, ignoringCase: true) }
        case .pathPattern(let patterns):
            patterns.contains { Wildcard.matches($0, head.path) }
        case .httpHeader(let name, let values):
            head.headers.all(name).contains { value in
                values.contains { Wildcard.matches($0, value, ignoringCase: true) }
            }
        case .requestMethod(let methods): methods.contains(head.method)
        case .queryString(let pairs): holdsAny(of: pairs, in: head.query)
        case .sourceIP(let ranges):
            ranges.contains { AddressRange($0)?.contains(sourceIP) ?? false }
        }
    }

    private static func holdsAny(of pairs: [RuleCondition.QueryPair], in query: String?) -> Bool {
        let sent = QueryText.pairs(query)
        return pairs.contains { wanted in
            sent.contains { key, value in
                (wanted.key.map { Wildcard.matches($0, key, ignoringCase: true, escapes: true) }
                    ?? true)
                    && Wildcard.matches(wanted.value, value, ignoringCase: true, escapes: true)
            }
        }
    }
}
