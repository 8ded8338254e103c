import JSON

/// The resource policy of a REST API; AWS page "Control access to a REST API with API Gateway resource
/// policies".
struct ResourcePolicy: Sendable {
    /// What is known of a caller.
    struct Caller: Sendable {
        var address: String
        var userAgent: String
        var referer: String
        var isTLS: Bool
    }

    private let statements: [JSONValue]
    /// What `execute-api:/` stands for.
    private let prefix: String

    /// Reads a policy; nil when it has no statements.
    init?(_ text: String, apiARN: String) {
        guard let document = try? JSONValue.parse(text), let member = document["Statement"] else {
            return nil
        }
        statements = member.array ?? [member]
        prefix = apiARN + "/"
    }

    /// The effect on a method for a caller; a denial outweighs everything.
    func effect(on resource: String, for caller: Caller) -> PolicyDocument.Effect {
        var effect = PolicyDocument.Effect.none
        for statement in statements where applies(statement, resource, caller) {
            if statement["Effect"]?.string == "Deny" { return .deny }
            if statement["Effect"]?.string == "Allow" { effect = .allow }
        }
        return effect
    }

    private static func texts(_ value: JSONValue?) -> [String] {
        value?.array?.map { $0.string ?? $0.text } ?? value.map { [$0.string ?? $0.text] } ?? []
    }

    private func applies(_ statement: JSONValue, _ resource: String, _ caller: Caller) -> Bool {
        let principals =
            statement["Principal"]?.object == nil
            ? Self.texts(statement["Principal"]) : Self.texts(statement["Principal"]?["AWS"])
        guard principals.contains("*") else { return false }
        let isAbout = Self.texts(statement["Action"]).contains {
            Wildcard.matches($0, "execute-api:Invoke", ignoringCase: true)
        }
        let isHere = Self.texts(statement["Resource"]).contains { pattern in
            let whole =
                pattern.hasPrefix("execute-api:/") ? prefix + pattern.dropFirst(13) : pattern
            return Wildcard.matches(whole, resource)
        }
        guard isAbout, isHere else { return false }
        for condition in statement["Condition"]?.object?.members ?? [] {
            for rule in condition.value.object?.members ?? [] {
                let values = Self.texts(rule.value)
                if !Self.holds(condition.key, rule.key.lowercased(), values, caller) {
                    return false
                }
            }
        }
        return true
    }

    /// Whether a condition holds; unknown ones never do, and were refused with the template.
    private static func holds(
        _ operation: String,
        _ key: String,
        _ values: [String],
        _ caller: Caller
    ) -> Bool {
        let isInside = values.contains { AddressRange($0)?.contains(caller.address) ?? false }
        let text: String
        switch key {
        case "aws:sourceip":
            return operation == "IpAddress"
                ? isInside : operation == "NotIpAddress" ? !isInside : false
        case "aws:securetransport":
            return operation == "Bool" && values.contains(String(caller.isTLS))
        case "aws:useragent": text = caller.userAgent
        case "aws:referer": text = caller.referer
        default: return false
        }
        switch operation {
        case "StringEquals": return values.contains(text)
        case "StringNotEquals": return !values.contains(text)
        case "StringLike": return values.contains { Wildcard.matches($0, text) }
        case "StringNotLike": return !values.contains { Wildcard.matches($0, text) }
        default: return false
        }
    }
}
