import Model

/// The attributes of a load balancer that shape its requests, read once per snapshot.
struct BalancerSettings: Sendable {
    /// How far an irregular request may go; AWS page "Application Load Balancers".
    enum DesyncMode: String, Sendable { case monitor, defensive, strictest }
    /// What becomes of a viewer's `X-Forwarded-For`.
    enum ForwardedForMode: String, Sendable { case append, preserve, remove }

    var idleTimeout: Duration
    var desyncMode: DesyncMode
    var dropsInvalidFields: Bool
    var preservesHost: Bool
    var addsTLSFields: Bool
    var addsClientPort: Bool
    var forwardedFor: ForwardedForMode
    var accessLog: AccessLogPlace?

    /// Where access logs go.
    struct AccessLogPlace: Sendable, Equatable {
        var bucket: String
        var prefix: String
    }

    init(_ balancer: LoadBalancer) {
        func isOn(_ key: String) -> Bool { balancer.attribute(key) == "true" }
        idleTimeout = .seconds(Int(balancer.attribute("idle_timeout.timeout_seconds")) ?? 60)
        desyncMode =
            DesyncMode(rawValue: balancer.attribute("routing.http.desync_mitigation_mode"))
            ?? .defensive
        dropsInvalidFields = isOn("routing.http.drop_invalid_header_fields.enabled")
        preservesHost = isOn("routing.http.preserve_host_header.enabled")
        addsTLSFields = isOn("routing.http.x_amzn_tls_version_and_cipher_suite.enabled")
        addsClientPort = isOn("routing.http.xff_client_port.enabled")
        forwardedFor =
            ForwardedForMode(
                rawValue: balancer.attribute("routing.http.xff_header_processing.mode")
            ) ?? .append
        if isOn("access_logs.s3.enabled") {
            accessLog = AccessLogPlace(
                bucket: balancer.attribute("access_logs.s3.bucket"),
                prefix: balancer.attribute("access_logs.s3.prefix")
            )
        }
    }
}

/// The attributes of a listener that shape messages.
struct ListenerSettings: Sendable {
    var keepsServerField: Bool
    /// Fields to put into every response.
    var inserted: [(name: String, value: String)]
    /// New names of fields that the load balancer adds to requests.
    var renamed: [String: String]

    init(_ listener: Listener) {
        keepsServerField = listener.attributes["routing.http.response.server.enabled"] != "false"
        inserted = BalancingAttribute.insertedHeaders.compactMap { key, name in
            listener.attributes[key].flatMap { $0.isEmpty ? nil : (name, $0) }
        }
        renamed = [:]
        for (key, name) in BalancingAttribute.renamedHeaders {
            if let other = listener.attributes[key], !other.isEmpty { renamed[name] = other }
        }
    }

    /// The name under which a field of the load balancer goes to targets.
    func name(of field: String) -> String { renamed[field] ?? field }
}

/// The attributes of a target group that decide who gets a request.
struct GroupSettings: Sendable {
    enum Algorithm: String, Sendable {
        case roundRobin = "round_robin"
        case leastOutstanding = "least_outstanding_requests"
        case random = "weighted_random"
    }

    enum Stickiness: Sendable, Equatable {
        case none
        case balancer(seconds: Int)
        case application(cookie: String, seconds: Int)
    }

    var algorithm: Algorithm
    /// Unit: seconds; 0 turns it off.
    var slowStart: Int
    var stickiness = Stickiness.none
    var minimumHealthy: Int
    /// Unit: percent; 0 when off.
    var minimumHealthyShare: Int

    init(_ group: TargetGroup) {
        func number(_ key: String) -> Int { Int(group.attribute(key)) ?? 0 }
        let routing = "target_group_health.unhealthy_state_routing.minimum_healthy_targets."
        algorithm =
            Algorithm(rawValue: group.attribute("load_balancing.algorithm.type")) ?? .roundRobin
        slowStart = number("slow_start.duration_seconds")
        minimumHealthy = max(1, number(routing + "count"))
        minimumHealthyShare = number(routing + "percentage")
        if group.attribute("stickiness.enabled") == "true" {
            stickiness =
                group.attribute("stickiness.type") == "app_cookie"
                ? .application(
                    cookie: group.attribute("stickiness.app_cookie.cookie_name"),
                    seconds: number("stickiness.app_cookie.duration_seconds")
                ) : .balancer(seconds: number("stickiness.lb_cookie.duration_seconds"))
        }
    }

    /// Whether so many healthy targets of all are enough to leave the others out.
    func suffices(healthy: Int, of all: Int) -> Bool {
        healthy >= min(minimumHealthy, all) && healthy * 100 >= minimumHealthyShare * all
            && healthy > 0
    }
}
