import Model

extension ResourceMapper {
    private func resources(_ type: String) -> [ResourceEntry] {
        evaluator.order.compactMap { evaluator.resources[$0] }
            .filter { $0.type == "AWS::ElasticLoadBalancingV2::" + type }
    }

    func mapBalancer(_ resource: ResourceEntry) {
        let fields = fields(resource)
        _ = fields.string("Name")
        if let type = fields.string("Type"), type != "application" {
            fields.error("Type", "only application load balancers are supported")
        }
        // One machine has no zones, subnets or firewalls, and is internal in any case.
        let arn = evaluator.primaryID(resource)
        let listeners = resources("Listener")
            .filter { evaluator.property("LoadBalancerArn", of: $0) == arn }
            .compactMap(listener)
        let name = evaluator.balancerName(resource)
        var balancer = LoadBalancer(name: name, arn: arn, listeners: listeners)
        balancer.attributes = attributes(
            fields,
            "LoadBalancerAttributes",
            BalancingAttribute.loadBalancer
        )
        if balancer.attribute("access_logs.s3.enabled") == "true",
            balancer.attribute("access_logs.s3.bucket").isEmpty
        {
            fields.error("LoadBalancerAttributes", "access logs need access_logs.s3.bucket")
        }
        fields.finish()
        made.append(.loadBalancer(balancer))
    }

    /// Reads key and value pairs; unknown keys and bad values are errors, those without effect warnings.
    private func attributes(
        _ fields: Fields,
        _ key: String,
        _ catalogue: [BalancingAttribute]
    ) -> [String: String] {
        var result: [String: String] = [:]
        for attribute in fields.each(key) {
            let name = attribute.required("Key") ?? ""
            let value = attribute.string("Value") ?? ""
            attribute.finish()
            guard let known = catalogue.first(where: { $0.key == name }) else {
                attribute.error("Key", "there is no attribute \(name)")
                continue
            }
            if let problem = known.problem(with: value) {
                attribute.error("Value", "\(problem) for \(name), not '\(value)'")
                continue
            }
            if !known.hasEffect, value != known.standard {
                evaluator.warning(
                    attribute.node,
                    attribute.path,
                    "the attribute \(name) has no effect here"
                )
            }
            result[name] = value
        }
        return result
    }

    private func report(_ problems: [String], _ fields: Fields, _ key: String) {
        for problem in problems { fields.error(key, problem) }
    }

    func listener(_ resource: ResourceEntry) -> Listener? {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("LoadBalancerArn")
        let scheme = fields.required("Protocol") ?? "HTTP"
        let isTLS = scheme == "HTTPS"
        if scheme != "HTTP", !isTLS {
            fields.error("Protocol", "'\(scheme)' is neither HTTP nor HTTPS")
        }
        let arn = evaluator.primaryID(resource)
        let rules = resources("ListenerRule")
            .filter { evaluator.property("ListenerArn", of: $0) == arn }
            .compactMap { rule($0, isTLS: isTLS) }.sorted { $0.priority < $1.priority }
        for (first, second) in zip(rules, rules.dropFirst()) where first.priority == second.priority
        {
            fields.error("Port", "two rules have the priority \(first.priority)")
        }
        let actions = actions(fields, "DefaultActions")
        report(RuleAction.problems(actions, isTLS: isTLS), fields, "DefaultActions")
        var listener = Listener(
            arn: arn,
            port: fields.int("Port") ?? (isTLS ? 443 : 80),
            isTLS: isTLS,
            rules: rules,
            defaultActions: actions
        )
        if isTLS, let name = fields.string("SslPolicy") {
            listener.securityPolicy = name
            if let policy = SecurityPolicy.listener(name) {
                if let lacks = policy.lacks { fields.note("SslPolicy", lacks) }
            } else {
                fields.error("SslPolicy", "'\(name)' is no security policy that is known here")
            }
        }
        if !(1...65_535).contains(listener.port) { fields.error("Port", "1 to 65535 is allowed") }
        listener.attributes = attributes(
            fields,
            "ListenerAttributes",
            BalancingAttribute.listener
        )
        return listener
    }

    /// A rule; `isTLS` is that of its listener, looked up when it is not given.
    func rule(_ resource: ResourceEntry, isTLS: Bool? = nil) -> ListenerRule? {
        let fields = fields(resource)
        defer { fields.finish() }
        let owner = fields.required("ListenerArn")
        let conditions = fields.each("Conditions").compactMap(condition)
        let actions = actions(fields, "Actions")
        let transforms = fields.each("Transforms").compactMap(transform)
        guard let priority = fields.int("Priority") else {
            fields.error("Priority", "a whole number is required")
            return nil
        }
        var rule = ListenerRule(
            arn: evaluator.primaryID(resource),
            priority: priority,
            conditions: conditions,
            actions: actions
        )
        rule.transforms = transforms
        let listener = resources("Listener").first { evaluator.primaryID($0) == owner }
        let secure =
            isTLS
            ?? (listener.flatMap { evaluator.property("Protocol", of: $0) } == "HTTPS")
        report(rule.problems(isTLS: secure), fields, "Conditions")
        return rule
    }

    private func condition(_ fields: Fields) -> RuleCondition? {
        defer { fields.finish() }
        func values(
            _ key: String,
            _ plain: ([String]) -> RuleCondition,
            regex: (([String]) -> RuleCondition)? = nil
        ) -> RuleCondition {
            let direct = fields.strings("Values")
            let config = fields.fields(key)
            let inner = config?.strings("Values") ?? []
            let patterns = config?.strings("RegexValues") ?? []
            config?.finish()
            if !direct.isEmpty, config != nil {
                fields.error(key, "values stand in Values or in \(key), not in both")
            }
            if !patterns.isEmpty, let regex {
                if !inner.isEmpty { fields.error(key, "Values and RegexValues exclude each other") }
                return regex(patterns)
            }
            if !patterns.isEmpty { fields.error(key, "RegexValues are not allowed here") }
            return plain(direct + inner)
        }
        switch fields.required("Field") {
        case "host-header":
            return values(
                "HostHeaderConfig",
                RuleCondition.hostHeader,
                regex: RuleCondition.hostHeaderRegex
            )
        case "path-pattern":
            return values(
                "PathPatternConfig",
                RuleCondition.pathPattern,
                regex: RuleCondition.pathRegex
            )
        case "http-request-method":
            return values("HttpRequestMethodConfig", RuleCondition.requestMethod)
        case "source-ip": return values("SourceIpConfig", RuleCondition.sourceIP)
        case "http-header":
            guard let config = fields.fields("HttpHeaderConfig") else { break }
            defer { config.finish() }
            guard let name = config.required("HttpHeaderName") else { return nil }
            let patterns = config.strings("RegexValues")
            let texts = config.strings("Values")
            return patterns.isEmpty
                ? .httpHeader(name: name, values: texts)
                : .httpHeaderRegex(name: name, values: patterns)
        case "query-string":
            guard let config = fields.fields("QueryStringConfig") else { break }
            defer { config.finish() }
            return .queryString(
                config.each("Values").map { pair in
                    defer { pair.finish() }
                    let value = pair.required("Value") ?? ""
                    return RuleCondition.QueryPair(key: pair.string("Key"), value: value)
                }
            )
        case nil: return nil
        default: break
        }
        fields.error("Field", "this condition is unknown or lacks its configuration")
        return nil
    }

    private func transform(_ fields: Fields) -> RuleTransform? {
        defer { fields.finish() }
        guard let kind = fields.choice("Type", RuleTransform.Kind.self) else { return nil }
        let key = kind == .host ? "HostHeaderRewriteConfig" : "UrlRewriteConfig"
        guard let config = fields.fields(key) else {
            fields.error(key, "\(key) is required")
            return nil
        }
        defer { config.finish() }
        let rewrites = config.each("Rewrites")
        if rewrites.count != 1 { config.error("Rewrites", "exactly one rewrite is wanted") }
        defer { for rewrite in rewrites { rewrite.finish() } }
        guard let first = rewrites.first, let regex = first.required("Regex"),
            let replacement = first.required("Replace")
        else { return nil }
        return RuleTransform(kind: kind, pattern: regex, replacement: replacement)
    }

    // MARK: Actions

    /// Actions by ascending `Order`; without it in the order in which they stand.
    private func actions(_ fields: Fields, _ key: String) -> [RuleAction] {
        let listed = fields.each(key).enumerated().map { index, fields in
            (order: fields.int("Order"), index: index, fields: fields)
        }
        if listed.count > 1, listed.contains(where: { $0.order == nil }) {
            fields.error(key, "each of several actions needs an Order")
        }
        return listed.sorted { ($0.order ?? 0, $0.index) < ($1.order ?? 0, $1.index) }
            .compactMap { action($0.fields) }
    }

    private func action(_ fields: Fields) -> RuleAction? {
        defer { fields.finish() }
        _ = fields.int("Order")
        switch fields.required("Type") {
        case "forward": return forward(fields)
        case "redirect":
            guard let config = fields.fields("RedirectConfig") else { break }
            defer { config.finish() }
            let code = config.required("StatusCode") ?? ""
            var redirect = RedirectAction(status: code == "HTTP_302" ? 302 : 301)
            if code != "HTTP_301", code != "HTTP_302" {
                config.error("StatusCode", "HTTP_301 or HTTP_302 is wanted here")
            }
            redirect.scheme = config.string("Protocol") ?? redirect.scheme
            redirect.host = config.string("Host") ?? redirect.host
            redirect.port = config.string("Port") ?? redirect.port
            redirect.path = config.string("Path") ?? redirect.path
            redirect.query = config.string("Query") ?? redirect.query
            return .redirect(redirect)
        case "fixed-response":
            guard let config = fields.fields("FixedResponseConfig") else { break }
            defer { config.finish() }
            return .fixedResponse(
                status: Int(config.required("StatusCode") ?? "") ?? 0,
                contentType: config.string("ContentType"),
                body: config.string("MessageBody")
            )
        case "jwt-validation":
            guard let config = fields.fields("JwtValidationConfig") else { break }
            return validation(config)
        case "authenticate-oidc", "authenticate-cognito":
            for key in ["AuthenticateOidcConfig", "AuthenticateCognitoConfig"] {
                _ = fields.value(key)
            }
            fields.error(
                "Type",
                "signing users in needs an identity provider and is not supported; "
                    + "jwt-validation is"
            )
            return nil
        case nil: return nil
        default: break
        }
        fields.error("Type", "this action is not supported or lacks its configuration")
        return nil
    }

    private func validation(_ config: Fields) -> RuleAction? {
        defer { config.finish() }
        guard let url = config.required("JwksEndpoint"), let issuer = config.required("Issuer")
        else { return nil }
        var validation = TokenValidation(keySetURL: url, issuer: issuer)
        validation.claims = config.each("AdditionalClaims").compactMap { claim in
            defer { claim.finish() }
            guard let name = claim.required("Name"),
                let format = claim.choice("Format", TokenValidation.Claim.Format.self)
            else { return nil }
            return TokenValidation.Claim(
                name: name,
                format: format,
                values: claim.strings("Values")
            )
        }
        return .validateToken(validation)
    }

    private func forward(_ fields: Fields) -> RuleAction? {
        var groups: [RuleAction.WeightedTargetGroup] = []
        var seconds: Int?
        if let config = fields.fields("ForwardConfig") {
            groups = config.each("TargetGroups").compactMap { group in
                defer { group.finish() }
                return group.required("TargetGroupArn").map {
                    RuleAction.WeightedTargetGroup(arn: $0, weight: group.int("Weight") ?? 1)
                }
            }
            if let stickiness = config.fields("TargetGroupStickinessConfig") {
                let duration = stickiness.int("DurationSeconds")
                if stickiness.bool("Enabled") ?? false {
                    if duration == nil {
                        stickiness.error("DurationSeconds", "DurationSeconds is required")
                    }
                    seconds = duration ?? 1
                } else if duration != nil {
                    stickiness.warning("DurationSeconds", "a duration goes with Enabled: true")
                }
                stickiness.finish()
            }
            config.finish()
        }
        if let arn = fields.string("TargetGroupArn") {
            if groups.isEmpty {
                groups = [.init(arn: arn)]
            } else if groups.map(\.arn) != [arn] {
                fields.error("TargetGroupArn", "ForwardConfig names other target groups")
            }
        }
        if groups.isEmpty { fields.error("TargetGroupArn", "a target group is required") }
        if groups.isEmpty { return nil }
        return seconds.map { .stickyForward(groups, seconds: $0) } ?? .forward(groups)
    }
}
