import JSON
import Model
import Registry

/// Target groups and their targets.
extension LoadBalancingService {
    private func group(_ arn: String, in snapshot: Snapshot) throws(APIError) -> TargetGroup {
        guard let group = snapshot.targetGroups[arn] else { throw Self.noGroup }
        return group
    }

    private static func type(_ group: TargetGroup, _ record: JSONObject?) -> String {
        if let type = record?["TargetType"]?.string { return type }
        if case .function = group.targets.first { return "lambda" }
        return "ip"
    }

    private func shape(_ group: TargetGroup, in snapshot: Snapshot) -> JSONValue {
        let record = snapshot.record(Self.key(group.arn))
        let type = Self.type(group, record)
        let check = group.healthCheck
        var members = JSONObject()
        members["TargetGroupArn"] = .string(group.arn)
        members["TargetGroupName"] = .string(group.name)
        if type != "lambda" {
            members["Protocol"] = group.isTLS ? "HTTPS" : "HTTP"
            members["Port"] = record?["Port"] ?? .integer(group.isTLS ? 443 : 80)
            members["VpcId"] = record?["VpcId"] ?? "vpc-local"
            members["ProtocolVersion"] = .string(group.version.rawValue)
            let isTLS = check.isTLS ?? group.isTLS
            members["HealthCheckProtocol"] = isTLS ? "HTTPS" : "HTTP"
            members["HealthCheckPort"] =
                check.port.map { .string(String($0)) } ?? "traffic-port"
        }
        members["HealthCheckEnabled"] = .bool(check.isEnabled)
        members["HealthCheckIntervalSeconds"] = .integer(check.interval)
        members["HealthCheckTimeoutSeconds"] = .integer(check.timeout)
        members["HealthyThresholdCount"] = .integer(check.healthyThreshold)
        members["UnhealthyThresholdCount"] = .integer(check.unhealthyThreshold)
        members["HealthCheckPath"] = .string(check.path)
        members["Matcher"] = [check.isGRPC ? "GrpcCode" : "HttpCode": .string(check.matcher)]
        let users = Self.users(of: group.arn, in: snapshot)
        members["LoadBalancerArns"] = .array(users.map(JSONValue.string))
        members["TargetType"] = .string(type)
        members["IpAddressType"] = record?["IpAddressType"] ?? "ipv4"
        return .object(members)
    }

    /// Reads the health settings of a call; what is absent stays as it is.
    private static func apply(
        _ call: APICall,
        to check: inout HealthCheck
    ) throws(APIError) {
        if let value = call["HealthCheckEnabled"]?.bool { check.isEnabled = value }
        if let value = call["HealthCheckPath"]?.string { check.path = value }
        if let value = call["HealthCheckIntervalSeconds"]?.int { check.interval = value }
        if let value = call["HealthCheckTimeoutSeconds"]?.int { check.timeout = value }
        if let value = call["HealthyThresholdCount"]?.int { check.healthyThreshold = value }
        if let value = call["UnhealthyThresholdCount"]?.int { check.unhealthyThreshold = value }
        let code = check.isGRPC ? "GrpcCode" : "HttpCode"
        if let value = call["Matcher"]?[code]?.string { check.matcher = value }
        if let value = call["HealthCheckPort"]?.string {
            check.port = Int(value)
            guard check.port != nil || value == "traffic-port" else {
                throw validation("Health check port '\(value)' is not valid")
            }
        }
        if let value = call["HealthCheckProtocol"]?.string {
            guard value == "HTTP" || value == "HTTPS" else {
                throw error("UnsupportedProtocol", "Health check protocol '\(value)' is not valid")
            }
            check.isTLS = value == "HTTPS"
        }
        if let problem = check.problems.first {
            throw validation("The health check is not valid: \(problem)")
        }
    }

    func createGroup(_ call: APICall) async throws(APIError) -> APIReply {
        let name = call.text("Name")
        let isName =
            (1...32).contains(name.utf8.count) && !name.hasPrefix("-") && !name.hasSuffix("-")
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        guard isName else {
            throw Self.validation("The target group name '\(name)' is not valid")
        }
        let type = call["TargetType"]?.string ?? "instance"
        guard type != "alb" else {
            throw Self.error("OperationNotPermitted", "Targets of the type alb are not supported.")
        }
        let scheme = call["Protocol"]?.string
        if type != "lambda" {
            guard let scheme else { throw Self.validation("A protocol must be specified") }
            guard scheme == "HTTP" || scheme == "HTTPS" else {
                throw Self.error("UnsupportedProtocol", "The protocol '\(scheme)' is not supported")
            }
            guard call["Port"] != nil else { throw Self.validation("A port must be specified") }
        }
        return try await ledger.change { [self] draft throws(APIError) in
            let arn = Self.arn("targetgroup/\(name)/\(Self.makeID())")
            var group = TargetGroup(name: name, arn: arn, targets: [])
            group.isTLS = scheme == "HTTPS"
            group.version =
                call["ProtocolVersion"]?.string.flatMap(TargetGroup.Version.init) ?? .http1
            if group.version == .grpc { group.healthCheck = .grpc }
            if type == "lambda" {
                // Lambda: "Health checks for Lambda targets" are off unless asked for.
                group.healthCheck.isEnabled = false
                group.healthCheck.interval = 35
                group.healthCheck.timeout = 30
            }
            try Self.apply(call, to: &group.healthCheck)
            var record = JSONObject()
            record["TargetType"] = .string(type)
            for member in ["Port", "VpcId", "IpAddressType"] { record[member] = call[member] }
            if let twin = draft.snapshot.targetGroups.values.first(where: { $0.name == name }) {
                var same = group
                (same.arn, same.targets, same.attributes) = (
                    twin.arn, twin.targets, twin.attributes
                )
                same.multiValueHeaders = twin.multiValueHeaders
                guard same == twin else {
                    throw Self.error(
                        "DuplicateTargetGroupName",
                        "A target group with the same name '\(name)' exists, but with different "
                            + "settings"
                    )
                }
                return APIReply(["TargetGroups": [shape(twin, in: draft.snapshot)]])
            }
            record["Tags"] = Self.tags(call["Tags"])
            draft.put(.targetGroup(group))
            draft.setRecord(Self.key(arn), record)
            return APIReply(["TargetGroups": [shape(group, in: draft.snapshot)]])
        }
    }

    func describeGroups(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let arns = Self.texts(call["TargetGroupArns"])
        let names = Self.texts(call["Names"])
        let all = snapshot.targetGroups.values.sorted { $0.arn < $1.arn }
        for arn in arns where snapshot.targetGroups[arn] == nil { throw Self.noGroup }
        for name in names where !all.contains(where: { $0.name == name }) { throw Self.noGroup }
        let user = call["LoadBalancerArn"]?.string
        if let user { _ = try balancer(user, in: snapshot) }
        let wanted = all.filter { group in
            (arns.isEmpty || arns.contains(group.arn))
                && (names.isEmpty || names.contains(group.name))
                && (user.map { Self.users(of: group.arn, in: snapshot).contains($0) } ?? true)
        }
        let entries = wanted.map { (key: $0.arn, value: shape($0, in: snapshot)) }
        return try Self.page("TargetGroups", entries, call)
    }

    func modifyGroup(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var group = try group(call.text("TargetGroupArn"), in: draft.snapshot)
            try Self.apply(call, to: &group.healthCheck)
            draft.put(.targetGroup(group))
            return APIReply(["TargetGroups": [shape(group, in: draft.snapshot)]])
        }
    }

    func deleteGroup(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { draft throws(APIError) in
            guard let group = draft.snapshot.targetGroups[call.text("TargetGroupArn")] else {
                return APIReply()
            }
            guard Self.users(of: group.arn, in: draft.snapshot).isEmpty else {
                throw Self.error(
                    "ResourceInUse",
                    "Target group '\(group.arn)' is currently in use by a listener or a rule"
                )
            }
            draft.delete(.targetGroup(group))
            draft.setRecord(Self.key(group.arn), nil)
            return APIReply()
        }
    }

    func groupAttributes(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var group = try group(call.text("TargetGroupArn"), in: draft.snapshot)
            let type = Self.type(group, draft.record(Self.key(group.arn)))
            let catalogue = BalancingAttribute.targetGroup.filter { attribute in
                attribute.key.hasPrefix("lambda.") == (type == "lambda")
                    || attribute.key.hasPrefix("target_group_health.")
                    || attribute.key.hasPrefix("load_balancing.cross_zone")
            }
            let (all, reply) = try Self.attributes(call, group.attributes, catalogue)
            guard all != group.attributes else { return reply }
            group.attributes = all
            group.multiValueHeaders =
                group.attribute("lambda.multi_value_headers.enabled") == "true"
            if let problem = group.attributeProblems.first { throw Self.validation(problem) }
            draft.put(.targetGroup(group))
            return reply
        }
    }

    // MARK: Targets

    private func targets(
        _ call: APICall,
        of group: TargetGroup,
        _ record: JSONObject?,
        in snapshot: Snapshot
    ) throws(APIError) -> [TargetGroup.Target] {
        let type = Self.type(group, record)
        let standard = record?["Port"]?.int ?? (group.isTLS ? 443 : 80)
        var targets: [TargetGroup.Target] = []
        for item in call["Targets"]?.array ?? [] {
            let id = item["Id"]?.string ?? ""
            switch type {
            case "lambda":
                guard let arn = FunctionARN(id), id.hasPrefix("arn:"),
                    snapshot.resolve(function: id) != nil
                else { throw Self.error("InvalidTarget", "The target '\(id)' is no function") }
                let reference = arn.name + (arn.qualifier.map { ":" + $0 } ?? "")
                targets.append(.function(reference))
            case "ip": targets.append(.address(host: id, port: item["Port"]?.int ?? standard))
            default:
                throw Self.error(
                    "InvalidTarget",
                    "There are no instances here; use a target group of the type ip or lambda"
                )
            }
        }
        return targets
    }

    func registerTargets(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var group = try group(call.text("TargetGroupArn"), in: draft.snapshot)
            let record = draft.record(Self.key(group.arn))
            let targets = try targets(call, of: group, record, in: draft.snapshot)
            for target in targets where !group.targets.contains(target) {
                group.targets.append(target)
            }
            if case .function = group.targets.first, group.targets.count > 1 {
                throw Self.error("TooManyTargets", "A lambda target group has one function")
            }
            if case .function(let reference)? = targets.first {
                let call = FunctionCall.loadBalancer(targetGroup: group.arn)
                guard draft.snapshot.permits(call, toInvoke: reference) else {
                    throw APIError(
                        403,
                        "AccessDenied",
                        "elasticloadbalancing principal does not have permission to invoke "
                            + "\(reference) from target group \(group.arn)"
                    )
                }
            }
            draft.put(.targetGroup(group))
            return APIReply()
        }
    }

    func deregisterTargets(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var group = try group(call.text("TargetGroupArn"), in: draft.snapshot)
            for item in call["Targets"]?.array ?? [] {
                let id = item["Id"]?.string ?? ""
                let port = item["Port"]?.int
                group.targets.removeAll { target in
                    switch target {
                    case .address(let host, let own):
                        host == id && (port.map { $0 == own } ?? true)
                    case .function(let reference): Self.arn(of: reference) == id
                    }
                }
            }
            draft.put(.targetGroup(group))
            return APIReply()
        }
    }

    private static func arn(of reference: String) -> String {
        guard let arn = FunctionARN(reference) else { return reference }
        return FunctionARN(name: arn.name, qualifier: arn.qualifier).text
    }

    func describeHealth(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let group = try group(call.text("TargetGroupArn"), in: snapshot)
        let wanted = (call["Targets"]?.array ?? []).compactMap { $0["Id"]?.string }
        let isUsed = !Self.users(of: group.arn, in: snapshot).isEmpty
        var shown: [JSONValue] = []
        for target in group.targets {
            var description = JSONObject()
            let id: String
            switch target {
            case .address(let host, let port):
                id = host
                description["Id"] = .string(host)
                description["Port"] = .integer(port)
            case .function(let reference):
                id = Self.arn(of: reference)
                description["Id"] = .string(id)
            }
            guard wanted.isEmpty || wanted.contains(id) else { continue }
            let condition =
                isUsed
                ? health(group, target)
                : TargetCondition(
                    state: "unused",
                    reason: "Target.NotInUse",
                    description: "Target group is not configured to receive traffic from the load "
                        + "balancer"
                )
            var state = JSONObject()
            state["State"] = .string(condition.state)
            state["Reason"] = condition.reason.map(JSONValue.string)
            state["Description"] = condition.description.map(JSONValue.string)
            var entry = JSONObject()
            entry["Target"] = .object(description)
            if let port = group.healthCheck.port ?? description["Port"]?.int {
                entry["HealthCheckPort"] = .string(String(port))
            }
            entry["TargetHealth"] = .object(state)
            shown.append(.object(entry))
        }
        return APIReply(["TargetHealthDescriptions": .array(shown)])
    }
}
