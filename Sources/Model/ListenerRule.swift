/// A rule: all conditions must hold.
package struct ListenerRule: Sendable, Codable, Hashable {
    package var arn: String
    /// 1 to 50000, unique in its listener; the lowest is tried first.
    package var priority: Int
    package var conditions: [RuleCondition]
    /// In the order in which they run; the last one ends the request.
    package var actions: [RuleAction]
    package var transforms: [RuleTransform] = []

    /// Makes a rule.
    package init(arn: String, priority: Int, conditions: [RuleCondition], actions: [RuleAction]) {
        self.arn = arn
        self.priority = priority
        self.conditions = conditions
        self.actions = actions
    }
}

/// A condition: any of its values suffices.
package enum RuleCondition: Sendable, Codable, Hashable {
    case hostHeader([String])
    case pathPattern([String])
    case httpHeader(name: String, values: [String])
    case requestMethod([String])
    /// A nil key matches the value under any key.
    case queryString([QueryPair])
    case sourceIP([String])
    case hostHeaderRegex([String])
    case pathRegex([String])
    case httpHeaderRegex(name: String, values: [String])

    /// A key and value pattern of a query condition.
    package struct QueryPair: Sendable, Codable, Hashable {
        package var key: String?
        package var value: String

        /// Makes a pair.
        package init(key: String?, value: String) {
            self.key = key
            self.value = value
        }
    }

    /// The field's name in AWS APIs.
    package var field: String {
        switch self {
        case .hostHeader, .hostHeaderRegex: "host-header"
        case .pathPattern, .pathRegex: "path-pattern"
        case .httpHeader, .httpHeaderRegex: "http-header"
        case .requestMethod: "http-request-method"
        case .queryString: "query-string"
        case .sourceIP: "source-ip"
        }
    }
}

/// What a rule does.
package enum RuleAction: Sendable, Codable, Hashable {
    /// Target group ARNs with weights.
    case forward([WeightedTargetGroup])
    case redirect(RedirectAction)
    case fixedResponse(status: Int, contentType: String?, body: String?)
    /// As `forward`, and a viewer stays with its group for so many seconds.
    case stickyForward([WeightedTargetGroup], seconds: Int)
    /// Lets only requests with a valid token go on to the next action.
    case validateToken(TokenValidation)

    /// A target group and its share.
    package struct WeightedTargetGroup: Sendable, Codable, Hashable {
        package var arn: String
        package var weight: Int

        /// Makes a share.
        package init(arn: String, weight: Int = 1) {
            self.arn = arn
            self.weight = weight
        }
    }

    /// The groups that a forward action names.
    package var targetGroups: [WeightedTargetGroup] {
        switch self {
        case .forward(let groups), .stickyForward(let groups, _): groups
        case .redirect, .fixedResponse, .validateToken: []
        }
    }

    /// Whether no action may follow.
    package var isTerminal: Bool {
        if case .validateToken = self { false } else { true }
    }
}

/// Where a redirect goes; parts may hold `#{protocol}`, `#{host}`, `#{port}`, `#{path}`, `#{query}`.
package struct RedirectAction: Sendable, Codable, Hashable {
    package var scheme = "#{protocol}"
    package var host = "#{host}"
    package var port = "#{port}"
    package var path = "/#{path}"
    package var query = "#{query}"
    /// 301 or 302.
    package var status: Int

    /// Makes a redirect that changes nothing yet.
    package init(status: Int) { self.status = status }
}

/// What a `jwt-validation` action asks of the bearer token.
package struct TokenValidation: Sendable, Codable, Hashable {
    /// A claim that must hold one of some values.
    package struct Claim: Sendable, Codable, Hashable {
        /// How the claim holds its values.
        package enum Format: String, Sendable, Codable {
            case single = "single-string"
            case array = "string-array"
            case words = "space-separated-values"
        }

        package var name: String
        package var format: Format
        package var values: [String]

        /// Makes a claim to check.
        package init(name: String, format: Format, values: [String]) {
            self.name = name
            self.format = format
            self.values = values
        }
    }

    package var keySetURL: String
    package var issuer: String
    package var claims: [Claim] = []

    /// Makes a validation by key set and issuer alone.
    package init(keySetURL: String, issuer: String) {
        self.keySetURL = keySetURL
        self.issuer = issuer
    }
}

/// A rewrite between the choice of the rule and the target.
package struct RuleTransform: Sendable, Codable, Hashable {
    /// What is rewritten.
    package enum Kind: String, Sendable, Codable {
        case host = "host-header-rewrite"
        /// Path and query together.
        case url = "url-rewrite"
    }

    package var kind: Kind
    package var pattern: String
    /// May hold `$1` to `$9`.
    package var replacement: String

    /// Makes a rewrite.
    package init(kind: Kind, pattern: String, replacement: String) {
        self.kind = kind
        self.pattern = pattern
        self.replacement = replacement
    }
}
