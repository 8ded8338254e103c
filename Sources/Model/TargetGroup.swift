/// A set of targets.
package struct TargetGroup: Sendable, Codable, Hashable {
    /// What stands behind the group.
    package enum Target: Sendable, Codable, Hashable {
        case address(host: String, port: Int)
        /// `name:version` or `name:alias`.
        case function(String)
    }

    /// How targets are spoken to.
    package enum Version: String, Sendable, Codable {
        case http1 = "HTTP1"
        case http2 = "HTTP2"
        case grpc = "GRPC"
    }

    package var name: String
    package var arn: String
    package var isTLS = false
    package var version = Version.http1
    package var targets: [Target]
    /// `lambda.multi_value_headers.enabled`.
    package var multiValueHeaders = false
    package var healthCheck = HealthCheck()
    /// The attributes that were set, by key; `BalancingAttribute.targetGroup` has the others.
    package var attributes: [String: String] = [:]

    /// Makes a target group.
    package init(name: String, arn: String, targets: [Target]) {
        self.name = name
        self.arn = arn
        self.targets = targets
    }

    /// The value of an attribute, set or by default.
    package func attribute(_ key: String) -> String {
        attributes[key] ?? BalancingAttribute.defaultValue(key, in: BalancingAttribute.targetGroup)
    }
}

/// How a target's health is found out.
package struct HealthCheck: Sendable, Codable, Hashable {
    package var isEnabled = true
    /// Nil: the group's own protocol.
    package var isTLS: Bool?
    package var path = "/"
    /// Unit: seconds.
    package var interval = 30
    /// Unit: seconds.
    package var timeout = 5
    package var healthyThreshold = 5
    package var unhealthyThreshold = 2
    /// `200`, `200,202` or `200-299`; codes of gRPC when `isGRPC`.
    package var matcher = "200"
    /// Whether a check is a gRPC call, as in groups of protocol version GRPC.
    package var isGRPC = false
    /// Nil: the traffic port.
    package var port: Int?

    /// Makes ALB's defaults.
    package init() {}

    /// Makes an ALB's defaults for groups of protocol version GRPC: a method that nobody has, and the code
    /// that says so.
    package static var grpc: HealthCheck {
        var check = HealthCheck()
        check.isGRPC = true
        check.path = "/AWS.ALB/healthcheck"
        check.matcher = "12"
        return check
    }

    /// What is out of bounds, as sentences; AWS page "Health checks for your target groups".
    package var problems: [String] {
        var found: [String] = []
        func check(_ isFine: Bool, _ message: String) { if !isFine { found.append(message) } }
        check((5...300).contains(interval), "the interval must be 5 to 300 seconds")
        check((2...120).contains(timeout), "the timeout must be 2 to 120 seconds")
        check(timeout < interval, "the timeout must be shorter than the interval")
        check((2...10).contains(healthyThreshold), "the healthy threshold must be 2 to 10")
        check((2...10).contains(unhealthyThreshold), "the unhealthy threshold must be 2 to 10")
        check(path.hasPrefix("/") && path.utf8.count <= 1024, "the path must start with /")
        let codes = isGRPC ? 0...99 : 200...499
        check(
            Self.isMatcher(matcher, codes),
            "'\(matcher)' names no status codes of \(codes.lowerBound) to \(codes.upperBound)"
        )
        return found
    }

    private static func isMatcher(_ text: String, _ codes: ClosedRange<Int>) -> Bool {
        !text.isEmpty
            && text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { piece in
                let ends = piece.split(separator: "-", omittingEmptySubsequences: false)
                    .map { Int($0) ?? -1 }
                return (1...2).contains(ends.count) && ends.allSatisfy { codes.contains($0) }
            }
    }

    /// Whether `200`, `200,202` or `200-299` names a status.
    package func accepts(_ status: Int) -> Bool {
        matcher.split(separator: ",").contains { piece in
            let ends = piece.split(separator: "-").map { Int($0.filter { $0 != " " }) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil else { return false }
            return first <= status && status <= last
        }
    }
}
