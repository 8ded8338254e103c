import JSON
import Model
import Registry

/// Rules of listeners.
extension LoadBalancingService {
    private func check(
        _ rule: ListenerRule,
        isTLS: Bool,
        in snapshot: Snapshot
    ) throws(APIError) {
        try Self.check(rule.actions, in: snapshot)
        if let problem = rule.problems(isTLS: isTLS).first {
            throw Self.validation("The rule is not valid: \(problem)")
        }
    }

    private static func checkPriority(
        _ priority: Int,
        of arn: String?,
        in listener: Listener
    ) throws(APIError) {
        guard !listener.rules.contains(where: { $0.priority == priority && $0.arn != arn }) else {
            throw error("PriorityInUse", "Priority '\(priority)' is currently in use")
        }
    }

    func createRule(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (balancer, index) = try listener(call.text("ListenerArn"), in: draft.snapshot)
            let listener = balancer.listeners[index]
            var conditions: [RuleCondition] = []
            for item in call["Conditions"]?.array ?? [] {
                conditions.append(try RuleShapes.condition(item))
            }
            let base = listener.arn.replacing(":listener/", with: ":listener-rule/")
            var rule = ListenerRule(
                arn: base + "/" + Self.makeID(),
                priority: call["Priority"]?.int ?? 0,
                conditions: conditions,
                actions: try RuleShapes.actions(call["Actions"])
            )
            rule.transforms = try RuleShapes.transforms(call["Transforms"])
            try check(rule, isTLS: listener.isTLS, in: draft.snapshot)
            try Self.checkPriority(rule.priority, of: nil, in: listener)
            balancer.listeners[index].rules.append(rule)
            balancer.listeners[index].rules.sort { $0.priority < $1.priority }
            draft.put(.loadBalancer(balancer))
            if let tags = Self.tags(call["Tags"]) {
                var record = JSONObject()
                record["Tags"] = tags
                draft.setRecord(Self.key(rule.arn), record)
            }
            return APIReply(["Rules": [RuleShapes.shape(rule)]])
        }
    }

    func describeRules(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        var shown: [JSONValue] = []
        if let arn = call["ListenerArn"]?.string {
            let (balancer, index) = try listener(arn, in: snapshot)
            let listener = balancer.listeners[index]
            shown = listener.rules.map(RuleShapes.shape) + [RuleShapes.defaultRule(of: listener)]
        } else {
            let arns = Self.texts(call["RuleArns"])
            guard !arns.isEmpty else {
                throw Self.validation("You must specify either rule ARNs or a listener ARN")
            }
            let listeners = snapshot.loadBalancers.values.flatMap(\.listeners)
            for arn in arns {
                if let owner = listeners.first(where: { RuleShapes.defaultRuleARN(of: $0) == arn })
                {
                    shown.append(RuleShapes.defaultRule(of: owner))
                    continue
                }
                let (balancer, place, index) = try rule(arn, in: snapshot)
                shown.append(RuleShapes.shape(balancer.listeners[place].rules[index]))
            }
        }
        let entries = shown.enumerated().map { (key: String(100_000 + $0), value: $1) }
        return try Self.page("Rules", entries, call)
    }

    func modifyRule(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let arn = call.text("RuleArn")
            try checkDefault(arn, in: draft.snapshot)
            var (balancer, place, index) = try rule(arn, in: draft.snapshot)
            var rule = balancer.listeners[place].rules[index]
            if let given = call["Conditions"]?.array {
                rule.conditions = []
                for item in given { rule.conditions.append(try RuleShapes.condition(item)) }
            }
            if call["Actions"] != nil { rule.actions = try RuleShapes.actions(call["Actions"]) }
            if call["Transforms"] != nil {
                rule.transforms = try RuleShapes.transforms(call["Transforms"])
            } else if call["ResetTransforms"]?.bool == true {
                rule.transforms = []
            }
            try check(rule, isTLS: balancer.listeners[place].isTLS, in: draft.snapshot)
            balancer.listeners[place].rules[index] = rule
            draft.put(.loadBalancer(balancer))
            return APIReply(["Rules": [RuleShapes.shape(rule)]])
        }
    }

    /// Refuses what a default rule does not allow.
    private func checkDefault(_ arn: String, in snapshot: Snapshot) throws(APIError) {
        let listeners = snapshot.loadBalancers.values.flatMap(\.listeners)
        guard !listeners.contains(where: { RuleShapes.defaultRuleARN(of: $0) == arn }) else {
            throw Self.error(
                "OperationNotPermitted",
                "Default rule '\(arn)' cannot be modified or deleted; modify its listener"
            )
        }
    }

    func deleteRule(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let arn = call.text("RuleArn")
            try checkDefault(arn, in: draft.snapshot)
            var (balancer, place, index) = try rule(arn, in: draft.snapshot)
            balancer.listeners[place].rules.remove(at: index)
            draft.put(.loadBalancer(balancer))
            draft.setRecord(Self.key(arn), nil)
            return APIReply()
        }
    }

    /// All priorities change together, so that two rules can trade places.
    func setPriorities(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var changed: [String] = []
            for item in call["RulePriorities"]?.array ?? [] {
                let arn = item["RuleArn"]?.string ?? ""
                try checkDefault(arn, in: draft.snapshot)
                var (balancer, place, index) = try rule(arn, in: draft.snapshot)
                let priority = item["Priority"]?.int ?? 0
                guard (1...50_000).contains(priority) else {
                    throw Self.validation("The priority must be 1 to 50000, not \(priority)")
                }
                balancer.listeners[place].rules[index].priority = priority
                draft.put(.loadBalancer(balancer))
                changed.append(arn)
            }
            for balancer in draft.snapshot.loadBalancers.values {
                var sorted = balancer
                for index in sorted.listeners.indices {
                    sorted.listeners[index].rules.sort { $0.priority < $1.priority }
                    let rules = sorted.listeners[index].rules
                    for (first, second) in zip(rules, rules.dropFirst())
                    where first.priority == second.priority {
                        throw Self.error(
                            "PriorityInUse",
                            "Priority '\(first.priority)' is currently in use"
                        )
                    }
                }
                if sorted != balancer { draft.put(.loadBalancer(sorted)) }
            }
            var shown: [JSONValue] = []
            for arn in changed {
                let (balancer, place, index) = try rule(arn, in: draft.snapshot)
                shown.append(RuleShapes.shape(balancer.listeners[place].rules[index]))
            }
            return APIReply(["Rules": .array(shown)])
        }
    }
}
