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
        fields.finish()
        let arn = evaluator.primaryID(resource)
        let listeners = resources("Listener")
            .filter { evaluator.property("LoadBalancerArn", of: $0) == arn }
            .compactMap(listener)
        let name = evaluator.balancerName(resource)
        made.append(.loadBalancer(LoadBalancer(name: name, arn: arn, listeners: listeners)))
    }

    func listener(_ resource: ResourceEntry) -> Listener? {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("LoadBalancerArn")
        let scheme = fields.required("Protocol") ?? "HTTP"
        if scheme != "HTTP", scheme != "HTTPS" {
            fields.error("Protocol", "'\(scheme)' is neither HTTP nor HTTPS")
        }
        let arn = evaluator.primaryID(resource)
        let rules = resources("ListenerRule")
            .filter { evaluator.property("ListenerArn", of: $0) == arn }
            .compactMap(rule).sorted { $0.priority < $1.priority }
        for (first, second) in zip(rules, rules.dropFirst()) where first.priority == second.priority
        {
            fields.error("Port", "two rules have the priority \(first.priority)")
        }
        return Listener(
            arn: arn,
            port: fields.int("Port") ?? (scheme == "HTTPS" ? 443 : 80),
            isTLS: scheme == "HTTPS",
            rules: rules,
            defaultActions: fields.each("DefaultActions").compactMap(action)
        )
    }

    func rule(_ resource: ResourceEntry) -> ListenerRule? {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("ListenerArn")
        let conditions = fields.each("Conditions").compactMap(condition)
        let actions = fields.each("Actions").compactMap(action)
        guard let priority = fields.int("Priority") else {
            fields.error("Priority", "a whole number is required")
            return nil
        }
        if !(1...50_000).contains(priority) { fields.error("Priority", "1 to 50000 is allowed") }
        return ListenerRule(
            arn: evaluator.primaryID(resource),
            priority: priority,
            conditions: conditions,
            actions: actions
        )
    }

    private func condition(_ fields: Fields) -> RuleCondition? {
        defer { fields.finish() }
        func values(_ key: String) -> [String] {
            let direct = fields.strings("Values")
            let config = fields.fields(key)
            let inner = config?.strings("Values") ?? []
            config?.finish()
            if direct.isEmpty, inner.isEmpty { fields.error(key, "values are required") }
            return direct + inner
        }
        switch fields.required("Field") {
        case "host-header": return .hostHeader(values("HostHeaderConfig"))
        case "path-pattern": return .pathPattern(values("PathPatternConfig"))
        case "http-request-method": return .requestMethod(values("HttpRequestMethodConfig"))
        case "source-ip": return .sourceIP(values("SourceIpConfig"))
        case "http-header":
            guard let config = fields.fields("HttpHeaderConfig") else { break }
            defer { config.finish() }
            guard let name = config.required("HttpHeaderName") else { return nil }
            return .httpHeader(name: name, values: config.strings("Values"))
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
                status: config.int("StatusCode") ?? 200,
                contentType: config.string("ContentType"),
                body: config.string("MessageBody")
            )
        case nil: return nil
        default: break
        }
        fields.error("Type", "this action is not supported or lacks its configuration")
        return nil
    }

    private func forward(_ fields: Fields) -> RuleAction? {
        var groups: [RuleAction.WeightedTargetGroup] = []
        if let config = fields.fields("ForwardConfig") {
            groups = config.each("TargetGroups").compactMap { group in
                defer { group.finish() }
                return group.required("TargetGroupArn").map {
                    RuleAction.WeightedTargetGroup(arn: $0, weight: group.int("Weight") ?? 1)
                }
            }
            config.finish()
        }
        if let arn = fields.string("TargetGroupArn"), groups.isEmpty { groups = [.init(arn: arn)] }
        if groups.isEmpty { fields.error("TargetGroupArn", "a target group is required") }
        return groups.isEmpty ? nil : .forward(groups)
    }

    private func functionTarget(
        _ id: String,
        of group: ResourceEntry,
        _ fields: Fields
    ) -> TargetGroup.Target? {
        guard let reference = functionKey(id) else {
            fields.error("Id", "'\(id)' is no function")
            return nil
        }
        uses.append(
            FunctionUse(
                call: .loadBalancer(targetGroup: evaluator.primaryID(group)),
                reference: reference,
                node: fields.node["Id"] ?? fields.node,
                path: fields.path + ".Id",
                isRefused: true
            )
        )
        return .function(reference)
    }

    func mapTargetGroup(_ resource: ResourceEntry) {
        let fields = fields(resource)
        _ = fields.string("Name")
        let type = fields.string("TargetType") ?? "instance"
        let port = fields.int("Port") ?? 80
        let scheme = fields.string("Protocol")
        let targets = fields.each("Targets").compactMap { target -> TargetGroup.Target? in
            defer { target.finish() }
            guard let id = target.required("Id") else { return nil }
            if type == "lambda" { return functionTarget(id, of: resource, target) }
            return .address(host: id, port: target.int("Port") ?? port)
        }
        if type != "lambda", type != "ip" {
            fields.error("TargetType", "only lambda and ip are supported, not \(type)")
        }
        var group = TargetGroup(
            name: evaluator.balancerName(resource),
            arn: evaluator.primaryID(resource),
            targets: targets
        )
        group.isTLS = scheme == "HTTPS"
        for attribute in fields.each("TargetGroupAttributes") {
            let key = attribute.required("Key") ?? ""
            guard key == "lambda.multi_value_headers.enabled" else {
                _ = attribute.string("Value")
                attribute.error("Key", "the attribute \(key) is not supported")
                continue
            }
            group.multiValueHeaders = attribute.bool("Value") ?? false
        }
        var check = HealthCheck()
        check.isEnabled = fields.bool("HealthCheckEnabled") ?? (type != "lambda")
        check.path = fields.string("HealthCheckPath") ?? check.path
        check.interval = fields.int("HealthCheckIntervalSeconds") ?? (type == "lambda" ? 35 : 30)
        check.timeout = fields.int("HealthCheckTimeoutSeconds") ?? (type == "lambda" ? 30 : 5)
        check.healthyThreshold = fields.int("HealthyThresholdCount") ?? 5
        check.unhealthyThreshold = fields.int("UnhealthyThresholdCount") ?? 2
        if let matcher = fields.fields("Matcher") {
            check.matcher = matcher.string("HttpCode") ?? check.matcher
            matcher.finish()
        }
        if let text = fields.string("HealthCheckPort"), text != "traffic-port" {
            check.port = fields.int("HealthCheckPort")
        }
        group.healthCheck = check
        fields.finish()
        made.append(.targetGroup(group))
    }
}
