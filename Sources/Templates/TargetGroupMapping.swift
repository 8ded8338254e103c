import Model

extension ResourceMapper {
    func mapTargetGroup(_ resource: ResourceEntry) {
        let fields = fields(resource)
        _ = fields.string("Name")
        let type = fields.string("TargetType") ?? "instance"
        let scheme = fields.string("Protocol")
        if let scheme, scheme != "HTTP", scheme != "HTTPS" {
            fields.error("Protocol", "'\(scheme)' is neither HTTP nor HTTPS")
        }
        let standard = scheme == "HTTPS" ? 443 : 80
        let port = fields.int("Port") ?? standard
        var group = TargetGroup(
            name: evaluator.balancerName(resource),
            arn: evaluator.primaryID(resource),
            targets: targets(resource, fields, type, port)
        )
        group.isTLS = scheme == "HTTPS"
        group.version = protocolVersion(fields)
        group.attributes = groupAttributes(fields, isFunction: type == "lambda")
        group.multiValueHeaders = group.attribute("lambda.multi_value_headers.enabled") == "true"
        for problem in group.attributeProblems { fields.error("TargetGroupAttributes", problem) }
        group.healthCheck = healthCheck(fields, type, group.version)
        fields.finish()
        made.append(.targetGroup(group))
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

    private func targets(
        _ group: ResourceEntry,
        _ fields: Fields,
        _ type: String,
        _ port: Int
    ) -> [TargetGroup.Target] {
        let listed = fields.each("Targets")
        if type == "lambda", listed.count > 1 {
            fields.error("Targets", "a lambda target group has one function")
        }
        switch type {
        case "lambda", "ip": break
        case "instance" where listed.isEmpty: break
        case "instance":
            fields.error("TargetType", "there are no instances here; use ip or lambda")
        default: fields.error("TargetType", "only lambda and ip are supported, not \(type)")
        }
        return listed.compactMap { target in
            defer { target.finish() }
            guard let id = target.required("Id") else { return nil }
            if type == "lambda" { return functionTarget(id, of: group, target) }
            return .address(host: id, port: target.int("Port") ?? port)
        }
    }

    private func protocolVersion(_ fields: Fields) -> TargetGroup.Version {
        fields.choice("ProtocolVersion", TargetGroup.Version.self) ?? .http1
    }

    private func groupAttributes(_ fields: Fields, isFunction: Bool) -> [String: String] {
        var result: [String: String] = [:]
        for attribute in fields.each("TargetGroupAttributes") {
            let name = attribute.required("Key") ?? ""
            let value = attribute.string("Value") ?? ""
            attribute.finish()
            guard let known = BalancingAttribute.targetGroup.first(where: { $0.key == name }),
                isFunction == name.hasPrefix("lambda.")
                    || name.hasPrefix("target_group_health.")
                    || name.hasPrefix("load_balancing.cross_zone")
            else {
                let kind = isFunction ? "lambda target group" : "target group of addresses"
                attribute.error("Key", "a \(kind) has no attribute \(name)")
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

    private func healthCheck(
        _ fields: Fields,
        _ type: String,
        _ version: TargetGroup.Version
    ) -> HealthCheck {
        let isFunction = type == "lambda"
        var check = version == .grpc ? HealthCheck.grpc : HealthCheck()
        check.isEnabled = fields.bool("HealthCheckEnabled") ?? !isFunction
        if !check.isEnabled, !isFunction {
            fields.error("HealthCheckEnabled", "only the checks of functions can be turned off")
        }
        if let scheme = fields.string("HealthCheckProtocol") {
            if scheme != "HTTP", scheme != "HTTPS" {
                fields.error("HealthCheckProtocol", "'\(scheme)' is neither HTTP nor HTTPS")
            }
            check.isTLS = scheme == "HTTPS"
        }
        check.path = fields.string("HealthCheckPath") ?? check.path
        check.interval = fields.int("HealthCheckIntervalSeconds") ?? (isFunction ? 35 : 30)
        check.timeout = fields.int("HealthCheckTimeoutSeconds") ?? (isFunction ? 30 : 5)
        check.healthyThreshold = fields.int("HealthyThresholdCount") ?? 5
        check.unhealthyThreshold = fields.int("UnhealthyThresholdCount") ?? 2
        if let matcher = fields.fields("Matcher") {
            check.matcher = matcher.string(check.isGRPC ? "GrpcCode" : "HttpCode") ?? check.matcher
            matcher.finish()
        }
        if let text = fields.string("HealthCheckPort"), text != "traffic-port" {
            check.port = fields.int("HealthCheckPort")
        }
        for problem in check.problems { fields.error("HealthCheckPath", problem) }
        return check
    }
}
