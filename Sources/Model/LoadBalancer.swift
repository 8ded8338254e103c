/// An Application Load Balancer with its listeners.
package struct LoadBalancer: Sendable, Codable, Hashable {
    package var name: String
    package var arn: String
    package var listeners: [Listener]

    /// Makes a load balancer.
    package init(name: String, arn: String, listeners: [Listener]) {
        self.name = name
        self.arn = arn
        self.listeners = listeners
    }
}

/// A port of a load balancer with its rules.
package struct Listener: Sendable, Codable, Hashable {
    package var arn: String
    package var port: Int
    package var isTLS: Bool
    /// By ascending priority.
    package var rules: [ListenerRule]
    package var defaultActions: [RuleAction]

    /// Makes a listener.
    package init(
        arn: String,
        port: Int,
        isTLS: Bool,
        rules: [ListenerRule],
        defaultActions: [RuleAction]
    ) {
        self.arn = arn
        self.port = port
        self.isTLS = isTLS
        self.rules = rules
        self.defaultActions = defaultActions
    }
}

/// A rule: all conditions must hold.
package struct ListenerRule: Sendable, Codable, Hashable {
    package var arn: String
    package var priority: Int
    package var conditions: [RuleCondition]
    package var actions: [RuleAction]

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
}

/// What a rule does.
package enum RuleAction: Sendable, Codable, Hashable {
    /// Target group ARNs with weights.
    case forward([WeightedTargetGroup])
    case redirect(RedirectAction)
    case fixedResponse(status: Int, contentType: String?, body: String?)

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

/// A set of targets.
package struct TargetGroup: Sendable, Codable, Hashable {
    /// What stands behind the group.
    package enum Target: Sendable, Codable, Hashable {
        case address(host: String, port: Int)
        /// `name:version` or `name:alias`.
        case function(String)
    }

    package var name: String
    package var arn: String
    package var isTLS = false
    package var targets: [Target]
    /// `lambda.multi_value_headers.enabled`.
    package var multiValueHeaders = false
    package var healthCheck = HealthCheck()

    /// Makes a target group.
    package init(name: String, arn: String, targets: [Target]) {
        self.name = name
        self.arn = arn
        self.targets = targets
    }
}

/// How a target's health is found out.
package struct HealthCheck: Sendable, Codable, Hashable {
    package var isEnabled = true
    package var path = "/"
    /// Unit: seconds.
    package var interval = 30
    /// Unit: seconds.
    package var timeout = 5
    package var healthyThreshold = 5
    package var unhealthyThreshold = 2
    /// `200`, `200,202` or `200-299`.
    package var matcher = "200"
    /// Nil: the traffic port.
    package var port: Int?

    /// Makes ALB's defaults.
    package init() {}
}
