/// An attribute of a load balancer, a listener or a target group: what it may hold and its default.
///
/// Source: the botocore model of elbv2, `LoadBalancerAttribute` and `TargetGroupAttribute`.
package struct BalancingAttribute: Sendable {
    /// What a value may be.
    package enum Form: Sendable {
        case bool
        case choice([String])
        case number(ClosedRange<Int>, or: [String])
        case text
    }

    package var key: String
    package var standard: String
    package var form: Form
    /// Whether this machine behaves differently when it is set.
    package var hasEffect: Bool

    private init(_ key: String, _ standard: String, _ form: Form, hasEffect: Bool = true) {
        self.key = key
        self.standard = standard
        self.form = form
        self.hasEffect = hasEffect
    }

    /// What is wrong with a value; nil when nothing is.
    package func problem(with value: String) -> String? {
        switch form {
        case .bool: return ["true", "false"].contains(value) ? nil : "true or false is wanted"
        case .choice(let all):
            return all.contains(value) ? nil : "one of \(all.joined(separator: ", ")) is wanted"
        case .number(let range, let words):
            if words.contains(value) { return nil }
            guard let number = Int(value), range.contains(number) else {
                return "a number from \(range.lowerBound) to \(range.upperBound) is wanted"
            }
            return nil
        case .text: return value.utf8.count <= 1024 ? nil : "at most 1024 characters are allowed"
        }
    }

    static func defaultValue(_ key: String, in catalogue: [BalancingAttribute]) -> String {
        catalogue.first { $0.key == key }?.standard ?? ""
    }

    /// What a load balancer has.
    package static let loadBalancer = [
        BalancingAttribute("access_logs.s3.enabled", "false", .bool),
        BalancingAttribute("access_logs.s3.bucket", "", .text),
        BalancingAttribute("access_logs.s3.prefix", "", .text),
        BalancingAttribute("connection_logs.s3.enabled", "false", .bool, hasEffect: false),
        BalancingAttribute("connection_logs.s3.bucket", "", .text, hasEffect: false),
        BalancingAttribute("connection_logs.s3.prefix", "", .text, hasEffect: false),
        BalancingAttribute("health_check_logs.s3.enabled", "false", .bool, hasEffect: false),
        BalancingAttribute("health_check_logs.s3.bucket", "", .text, hasEffect: false),
        BalancingAttribute("health_check_logs.s3.prefix", "", .text, hasEffect: false),
        BalancingAttribute(
            "client_keep_alive.seconds",
            "3600",
            .number(60...604_800, or: []),
            hasEffect: false
        ),
        BalancingAttribute("deletion_protection.enabled", "false", .bool),
        BalancingAttribute("idle_timeout.timeout_seconds", "60", .number(1...4000, or: [])),
        BalancingAttribute("ipv6.deny_all_igw_traffic", "false", .bool, hasEffect: false),
        BalancingAttribute("load_balancing.cross_zone.enabled", "true", .choice(["true"])),
        BalancingAttribute(
            "routing.http.desync_mitigation_mode",
            "defensive",
            .choice(["monitor", "defensive", "strictest"])
        ),
        BalancingAttribute("routing.http.drop_invalid_header_fields.enabled", "false", .bool),
        BalancingAttribute("routing.http.preserve_host_header.enabled", "false", .bool),
        BalancingAttribute(
            "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
            "false",
            .bool
        ),
        BalancingAttribute("routing.http.xff_client_port.enabled", "false", .bool),
        BalancingAttribute(
            "routing.http.xff_header_processing.mode",
            "append",
            .choice(["append", "preserve", "remove"])
        ),
        BalancingAttribute("routing.http2.enabled", "true", .bool),
        BalancingAttribute("waf.fail_open.enabled", "false", .bool, hasEffect: false),
        BalancingAttribute("zonal_shift.config.enabled", "false", .bool, hasEffect: false),
    ]

    /// The response fields that a listener can add, by the key that holds their value.
    package static let insertedHeaders: [(key: String, name: String)] = [
        ("strict_transport_security", "Strict-Transport-Security"),
        ("access_control_allow_origin", "Access-Control-Allow-Origin"),
        ("access_control_allow_methods", "Access-Control-Allow-Methods"),
        ("access_control_allow_headers", "Access-Control-Allow-Headers"),
        ("access_control_allow_credentials", "Access-Control-Allow-Credentials"),
        ("access_control_expose_headers", "Access-Control-Expose-Headers"),
        ("access_control_max_age", "Access-Control-Max-Age"),
        ("content_security_policy", "Content-Security-Policy"),
        ("x_content_type_options", "X-Content-Type-Options"),
        ("x_frame_options", "X-Frame-Options"),
    ].map { ("routing.http.response.\($0.0).header_value", $0.1) }

    /// The request fields that a listener can rename, by the key that holds the new name.
    package static let renamedHeaders: [(key: String, name: String)] = [
        ("x_amzn_mtls_clientcert_serial_number", "X-Amzn-Mtls-Clientcert-Serial-Number"),
        ("x_amzn_mtls_clientcert_issuer", "X-Amzn-Mtls-Clientcert-Issuer"),
        ("x_amzn_mtls_clientcert_subject", "X-Amzn-Mtls-Clientcert-Subject"),
        ("x_amzn_mtls_clientcert_validity", "X-Amzn-Mtls-Clientcert-Validity"),
        ("x_amzn_mtls_clientcert_leaf", "X-Amzn-Mtls-Clientcert-Leaf"),
        ("x_amzn_mtls_clientcert", "X-Amzn-Mtls-Clientcert"),
        ("x_amzn_tls_version", "X-Amzn-Tls-Version"),
        ("x_amzn_tls_cipher_suite", "X-Amzn-Tls-Cipher-Suite"),
    ].map { ("routing.http.request.\($0.0).header_name", $0.1) }

    /// What a listener has.
    package static let listener =
        [BalancingAttribute("routing.http.response.server.enabled", "true", .bool)]
        + insertedHeaders.map { BalancingAttribute($0.key, "", .text) }
        + renamedHeaders.map {
            BalancingAttribute($0.key, "", .text, hasEffect: !$0.key.contains("_mtls_"))
        }

    /// What a target group has.
    package static let targetGroup = [
        BalancingAttribute(
            "deregistration_delay.timeout_seconds",
            "300",
            .number(0...3600, or: []),
            hasEffect: false
        ),
        BalancingAttribute("stickiness.enabled", "false", .bool),
        BalancingAttribute("stickiness.type", "lb_cookie", .choice(["lb_cookie", "app_cookie"])),
        BalancingAttribute(
            "stickiness.lb_cookie.duration_seconds",
            "86400",
            .number(1...604_800, or: [])
        ),
        BalancingAttribute("stickiness.app_cookie.cookie_name", "", .text),
        BalancingAttribute(
            "stickiness.app_cookie.duration_seconds",
            "86400",
            .number(1...604_800, or: [])
        ),
        BalancingAttribute(
            "load_balancing.cross_zone.enabled",
            "use_load_balancer_configuration",
            .choice(["true", "false", "use_load_balancer_configuration"]),
            hasEffect: false
        ),
        BalancingAttribute(
            "load_balancing.algorithm.type",
            "round_robin",
            .choice(["round_robin", "least_outstanding_requests", "weighted_random"])
        ),
        BalancingAttribute(
            "load_balancing.algorithm.anomaly_mitigation",
            "off",
            .choice(["on", "off"]),
            hasEffect: false
        ),
        BalancingAttribute("slow_start.duration_seconds", "0", .number(30...900, or: ["0"])),
        BalancingAttribute(
            "target_group_health.dns_failover.minimum_healthy_targets.count",
            "1",
            .number(1...1000, or: ["off"]),
            hasEffect: false
        ),
        BalancingAttribute(
            "target_group_health.dns_failover.minimum_healthy_targets.percentage",
            "off",
            .number(1...100, or: ["off"]),
            hasEffect: false
        ),
        BalancingAttribute(
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
            "1",
            .number(1...1000, or: [])
        ),
        BalancingAttribute(
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
            "off",
            .number(1...100, or: ["off"])
        ),
        BalancingAttribute("lambda.multi_value_headers.enabled", "false", .bool),
    ]
}

extension TargetGroup {
    /// What does not go together in the attributes, as sentences.
    package var attributeProblems: [String] {
        var found: [String] = []
        let name = attribute("stickiness.app_cookie.cookie_name")
        let isSticky = attribute("stickiness.enabled") == "true"
        if isSticky, attribute("stickiness.type") == "app_cookie", name.isEmpty {
            found.append("stickiness by the application's cookie needs the cookie's name")
        }
        if name.uppercased().hasPrefix("AWSALB") {
            found.append("a cookie whose name starts with AWSALB is the load balancer's own")
        }
        let algorithm = attribute("load_balancing.algorithm.type")
        if algorithm == "least_outstanding_requests",
            attribute("slow_start.duration_seconds") != "0"
        {
            found.append("slow start does not go with least_outstanding_requests")
        }
        if attribute("load_balancing.algorithm.anomaly_mitigation") == "on",
            algorithm != "weighted_random"
        {
            found.append("anomaly mitigation goes with weighted_random only")
        }
        return found
    }
}
