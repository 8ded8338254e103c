/// An Application Load Balancer with its listeners.
package struct LoadBalancer: Sendable, Codable, Hashable {
    package var name: String
    package var arn: String
    package var listeners: [Listener]
    /// The attributes that were set, by key; `BalancingAttribute.loadBalancer` has the others.
    package var attributes: [String: String] = [:]

    /// Makes a load balancer.
    package init(name: String, arn: String, listeners: [Listener]) {
        self.name = name
        self.arn = arn
        self.listeners = listeners
    }

    /// `app/<name>/<id>`: the part of the ARN that access logs and metrics show.
    package var fullName: String {
        arn.firstRange(of: ":loadbalancer/").map { String(arn[$0.upperBound...]) } ?? name
    }

    /// The value of an attribute, set or by default.
    package func attribute(_ key: String) -> String {
        attributes[key] ?? BalancingAttribute.defaultValue(key, in: BalancingAttribute.loadBalancer)
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
    /// The attributes that were set, by key; `BalancingAttribute.listener` has the others.
    package var attributes: [String: String] = [:]
    /// The name of the security policy (`SslPolicy`); nil for the default one.
    package var securityPolicy: String?

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
