import JSON
import Model
import Registry

/// Tags, limits and TLS policies.
extension LoadBalancingService {
    func performRest(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "AddTags", "RemoveTags": return try await changeTags(call)
        case "DescribeTags": return try await describeTags(call)
        case "DescribeAccountLimits": return Self.limits
        case "DescribeSSLPolicies": return try Self.policies(call)
        case "DescribeCapacityReservation":
            _ = try balancer(call.text("LoadBalancerArn"), in: try await ledger.snapshot())
            return APIReply(["CapacityReservationState": []])
        default: return nil
        }
    }

    /// Checks that an ARN names something that is there.
    private func check(_ arn: String, in snapshot: Snapshot) throws(APIError) {
        if arn.contains(":loadbalancer/") {
            _ = try balancer(arn, in: snapshot)
        } else if arn.contains(":targetgroup/") {
            guard snapshot.targetGroups[arn] != nil else { throw Self.noGroup }
        } else if arn.contains(":listener-rule/") {
            _ = try rule(arn, in: snapshot)
        } else {
            _ = try listener(arn, in: snapshot)
        }
    }

    private func changeTags(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            for arn in Self.texts(call["ResourceArns"]) {
                try check(arn, in: draft.snapshot)
                var record = draft.record(Self.key(arn)) ?? JSONObject()
                var tags = record["Tags"]?.object ?? JSONObject()
                for tag in Self.tags(call["Tags"])?.object ?? JSONObject() {
                    tags[tag.key] = tag.value
                }
                for key in Self.texts(call["TagKeys"]) { tags[key] = nil }
                guard tags.count <= 50 else {
                    throw Self.error("TooManyTags", "A resource has at most 50 tags")
                }
                record["Tags"] = tags.isEmpty ? nil : .object(tags)
                draft.setRecord(Self.key(arn), record)
            }
            return APIReply()
        }
    }

    private func describeTags(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        var shown: [JSONValue] = []
        for arn in Self.texts(call["ResourceArns"]) {
            try check(arn, in: snapshot)
            let tags = snapshot.record(Self.key(arn))?["Tags"]?.object ?? JSONObject()
            let list = tags.map { tag -> JSONValue in
                ["Key": .string(tag.key), "Value": tag.value]
            }
            shown.append(["ResourceArn": .string(arn), "Tags": .array(list)])
        }
        return APIReply(["TagDescriptions": .array(shown)])
    }

    /// ELB: "Quotas for your Application Load Balancers".
    private static let limits = APIReply([
        "Limits": .array(
            [
                ("application-load-balancers", 50), ("listeners-per-application-load-balancer", 50),
                ("rules-per-application-load-balancer", 100), ("target-groups", 3000),
                ("targets-per-application-load-balancer", 1000),
                ("certificates-per-application-load-balancer", 25),
                ("condition-values-per-alb-rule", 5), ("condition-wildcards-per-alb-rule", 5),
                ("target-groups-per-action-on-application-load-balancer", 5),
            ].map { name, limit in
                ["Name": .string(name), "Max": .string(String(limit))] as JSONValue
            }
        )
    ])

    /// ELB: "Security policies for your Application Load Balancer".
    private static func policies(_ call: APICall) throws(APIError) -> APIReply {
        let names = texts(call["Names"])
        var policies = SecurityPolicy.listenerPolicies
        if !names.isEmpty {
            policies = []
            for name in names {
                guard let policy = SecurityPolicy.listener(name) else {
                    throw error("SSLPolicyNotFound", "SSL policy '\(name)' not found")
                }
                policies.append(policy)
            }
        }
        let shown = policies.map { policy in
            let ciphers = (policy.suites + policy.ciphers).enumerated().map { index, name in
                ["Name": .string(name), "Priority": .integer(index + 1)] as JSONValue
            }
            return [
                "Name": .string(policy.name),
                "SslProtocols": .array(policy.versions.map { .string($0.text) }),
                "Ciphers": .array(ciphers),
                "SupportedLoadBalancerTypes": ["application", "network"],
            ] as JSONValue
        }
        return APIReply(["SslPolicies": .array(shown)])
    }
}
