import JSON
import Model
import Registry

/// How a target of a group is, as the health checks have found.
package struct TargetCondition: Sendable {
    /// `initial`, `healthy`, `unhealthy`, `unused` or `unavailable`.
    package var state: String
    package var reason: String?
    package var description: String?

    /// Makes a condition; reason and description are AWS's code and text for it.
    package init(state: String, reason: String? = nil, description: String? = nil) {
        self.state = state
        self.reason = reason
        self.description = description
    }
}

/// The Elastic Load Balancing API for application load balancers.
final class LoadBalancingService: APIService {
    let ledger: Ledger
    /// How a target of a group is.
    let health: @Sendable (TargetGroup, TargetGroup.Target) -> TargetCondition
    /// When this node began; what templates brought in carries it as its date.
    let started = Timestamp.now()

    init(
        ledger: Ledger,
        health: @escaping @Sendable (TargetGroup, TargetGroup.Target) -> TargetCondition
    ) {
        self.ledger = ledger
        self.health = health
    }

    func perform(_ call: APICall) async throws(APIError) -> APIReply {
        if let reply = try await performBalancer(call) { return reply }
        if let reply = try await performGroup(call) { return reply }
        if let reply = try await performListener(call) { return reply }
        if let reply = try await performRule(call) { return reply }
        if let reply = try await performRest(call) { return reply }
        throw Self.error(
            "OperationNotPermitted",
            "\(call.operation.name) is not supported here."
        )
    }

    private func performBalancer(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "CreateLoadBalancer": try await createBalancer(call)
        case "DescribeLoadBalancers": try await describeBalancers(call)
        case "DeleteLoadBalancer": try await deleteBalancer(call)
        case "SetSecurityGroups", "SetSubnets", "SetIpAddressType":
            try await setNetwork(call)
        case "DescribeLoadBalancerAttributes", "ModifyLoadBalancerAttributes":
            try await balancerAttributes(call)
        default: nil
        }
    }

    private func performGroup(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "CreateTargetGroup": try await createGroup(call)
        case "DescribeTargetGroups": try await describeGroups(call)
        case "ModifyTargetGroup": try await modifyGroup(call)
        case "DeleteTargetGroup": try await deleteGroup(call)
        case "RegisterTargets": try await registerTargets(call)
        case "DeregisterTargets": try await deregisterTargets(call)
        case "DescribeTargetHealth": try await describeHealth(call)
        case "DescribeTargetGroupAttributes", "ModifyTargetGroupAttributes":
            try await groupAttributes(call)
        default: nil
        }
    }

    private func performListener(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "CreateListener": try await createListener(call)
        case "DescribeListeners": try await describeListeners(call)
        case "ModifyListener": try await modifyListener(call)
        case "DeleteListener": try await deleteListener(call)
        case "DescribeListenerAttributes", "ModifyListenerAttributes":
            try await listenerAttributes(call)
        case "DescribeListenerCertificates", "AddListenerCertificates",
            "RemoveListenerCertificates":
            try await listenerCertificates(call)
        default: nil
        }
    }

    private func performRule(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "CreateRule": try await createRule(call)
        case "DescribeRules": try await describeRules(call)
        case "ModifyRule": try await modifyRule(call)
        case "DeleteRule": try await deleteRule(call)
        case "SetRulePriorities": try await setPriorities(call)
        default: nil
        }
    }

    // MARK: Errors

    /// An error of the model with its status.
    static func error(_ code: String, _ message: String) -> APIError {
        APIError(ServiceModel.loadBalancing.exception(code)?.error?.status ?? 400, code, message)
    }

    static func validation(_ message: String) -> APIError {
        APIError(400, "ValidationError", message)
    }

    static let noBalancer = error(
        "LoadBalancerNotFound",
        "One or more load balancers not found"
    )
    static let noListener = error("ListenerNotFound", "One or more listeners not found")
    static let noRule = error("RuleNotFound", "One or more rules not found")
    static let noGroup = error("TargetGroupNotFound", "One or more target groups not found")

    // MARK: Shared

    static func makeID() -> String { Ledger.random(16, of: "0123456789abcdef") }

    static func arn(_ resource: String) -> String {
        "arn:aws:elasticloadbalancing:us-east-1:\(FunctionARN.account):\(resource)"
    }

    static func texts(_ value: JSONValue?) -> [String] {
        (value?.array ?? []).compactMap(\.string)
    }

    /// What the API keeps beside what edges serve, by the resource's ARN.
    static func key(_ arn: String) -> String { "elb/resource/" + arn }

    static func tags(_ given: JSONValue?) -> JSONValue? {
        guard let all = given?.array, !all.isEmpty else { return nil }
        var tags = JSONObject()
        for tag in all {
            if let key = tag["Key"]?.string { tags[key] = tag["Value"] ?? "" }
        }
        return .object(tags)
    }

    /// A page of entries in ascending order of their keys, under the name of the output's list.
    static func page(
        _ member: String,
        _ entries: [(key: String, value: JSONValue)],
        _ call: APICall
    ) throws(APIError) -> APIReply {
        var marker: String?
        if let given = call["Marker"]?.string, !given.isEmpty {
            marker = Paging.decode(given)
            guard marker != nil else { throw validation("The marker '\(given)' is not valid") }
        }
        let paging = Paging(marker: marker, limit: call["PageSize"]?.int ?? 400)
        let (page, next) = paging.page(entries)
        var output = JSONObject()
        output[member] = .array(page)
        output["NextMarker"] = Paging.encode(next)
        return APIReply(.object(output))
    }

    func balancer(_ arn: String, in snapshot: Snapshot) throws(APIError) -> LoadBalancer {
        guard let balancer = snapshot.loadBalancers[arn] else { throw Self.noBalancer }
        return balancer
    }

    /// The listener of an ARN with its load balancer and its place there.
    func listener(
        _ arn: String,
        in snapshot: Snapshot
    ) throws(APIError) -> (balancer: LoadBalancer, index: Int) {
        for balancer in snapshot.loadBalancers.values {
            if let index = balancer.listeners.firstIndex(where: { $0.arn == arn }) {
                return (balancer, index)
            }
        }
        throw Self.noListener
    }

    /// The rule of an ARN with its load balancer and its places there.
    func rule(
        _ arn: String,
        in snapshot: Snapshot
    ) throws(APIError) -> (balancer: LoadBalancer, listener: Int, index: Int) {
        for balancer in snapshot.loadBalancers.values {
            for (place, listener) in balancer.listeners.enumerated() {
                if let index = listener.rules.firstIndex(where: { $0.arn == arn }) {
                    return (balancer, place, index)
                }
            }
        }
        throw Self.noRule
    }

    /// The load balancers that send requests to a group.
    static func users(of group: String, in snapshot: Snapshot) -> [String] {
        snapshot.loadBalancers.values.filter { balancer in
            balancer.listeners.contains { listener in
                (listener.defaultActions + listener.rules.flatMap(\.actions)).contains {
                    $0.targetGroups.contains { $0.arn == group }
                }
            }
        }.map(\.arn).sorted()
    }

    /// Checks that every group that actions name is there.
    static func check(_ actions: [RuleAction], in snapshot: Snapshot) throws(APIError) {
        for action in actions {
            for group in action.targetGroups where snapshot.targetGroups[group.arn] == nil {
                throw noGroup
            }
        }
    }
}
