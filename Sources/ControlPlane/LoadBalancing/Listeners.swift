import JSON
import Model
import Registry

/// Listeners of load balancers.
extension LoadBalancingService {
    private func shape(
        _ listener: Listener,
        of balancer: LoadBalancer,
        in snapshot: Snapshot
    ) -> JSONValue {
        let record = snapshot.record(Self.key(listener.arn))
        var members = JSONObject()
        members["ListenerArn"] = .string(listener.arn)
        members["LoadBalancerArn"] = .string(balancer.arn)
        members["Port"] = .integer(listener.port)
        members["Protocol"] = listener.isTLS ? "HTTPS" : "HTTP"
        members["DefaultActions"] = RuleShapes.shape(listener.defaultActions)
        if listener.isTLS {
            members["SslPolicy"] = .string(
                listener.securityPolicy ?? SecurityPolicy.listenerDefault
            )
            members["Certificates"] = record?["Certificates"] ?? []
            members["MutualAuthentication"] = ["Mode": "off"]
        }
        return .object(members)
    }

    /// Reads what a call says of a listener; nil members stay as they are.
    private func apply(
        _ call: APICall,
        to listener: inout Listener,
        _ record: inout JSONObject,
        in snapshot: Snapshot
    ) throws(APIError) {
        if let scheme = call["Protocol"]?.string {
            guard scheme == "HTTP" || scheme == "HTTPS" else {
                throw Self.error("UnsupportedProtocol", "The protocol '\(scheme)' is not supported")
            }
            listener.isTLS = scheme == "HTTPS"
        }
        if let port = call["Port"]?.int { listener.port = port }
        if call["DefaultActions"] != nil {
            listener.defaultActions = try RuleShapes.actions(call["DefaultActions"])
        }
        try Self.check(listener.defaultActions, in: snapshot)
        if let problem = RuleAction.problems(listener.defaultActions, isTLS: listener.isTLS).first {
            throw Self.validation("The default actions are not valid: \(problem)")
        }
        if let certificates = call["Certificates"] { record["Certificates"] = certificates }
        if let name = call["SslPolicy"]?.string {
            guard SecurityPolicy.listener(name) != nil else {
                throw Self.error("SSLPolicyNotFound", "SSL policy '\(name)' not found")
            }
            listener.securityPolicy = name
        }
        guard listener.isTLS else { return }
        let mode = call["MutualAuthentication"]?["Mode"]?.string ?? "off"
        guard mode == "off" else {
            throw Self.error(
                "OperationNotPermitted",
                "Mutual authentication '\(mode)' is not supported here."
            )
        }
        guard record["Certificates"]?.array?.isEmpty == false else {
            throw Self.error(
                "CertificateNotFound",
                "A certificate must be specified for HTTPS listeners"
            )
        }
    }

    func createListener(_ call: APICall) async throws(APIError) -> APIReply {
        guard let port = call["Port"]?.int, let scheme = call["Protocol"]?.string else {
            throw Self.validation("A port and a protocol must be specified")
        }
        return try await ledger.change { [self] draft throws(APIError) in
            var balancer = try balancer(call.text("LoadBalancerArn"), in: draft.snapshot)
            guard !balancer.listeners.contains(where: { $0.port == port }) else {
                throw Self.error(
                    "DuplicateListener",
                    "A listener already exists on this port for this load balancer "
                        + "'\(balancer.arn)'"
                )
            }
            guard balancer.listeners.count < 50 else {
                throw Self.error("TooManyListeners", "A load balancer has at most 50 listeners")
            }
            let base = balancer.arn.replacing(":loadbalancer/", with: ":listener/")
            var listener = Listener(
                arn: base + "/" + Self.makeID(),
                port: port,
                isTLS: scheme == "HTTPS",
                rules: [],
                defaultActions: []
            )
            var record = JSONObject()
            try apply(call, to: &listener, &record, in: draft.snapshot)
            record["Tags"] = Self.tags(call["Tags"])
            balancer.listeners.append(listener)
            draft.put(.loadBalancer(balancer))
            draft.setRecord(Self.key(listener.arn), record)
            return APIReply(["Listeners": [shape(listener, of: balancer, in: draft.snapshot)]])
        }
    }

    func describeListeners(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let arns = Self.texts(call["ListenerArns"])
        var entries: [(key: String, value: JSONValue)] = []
        if let arn = call["LoadBalancerArn"]?.string {
            let balancer = try balancer(arn, in: snapshot)
            for listener in balancer.listeners where arns.isEmpty || arns.contains(listener.arn) {
                entries.append((listener.arn, shape(listener, of: balancer, in: snapshot)))
            }
        } else {
            guard !arns.isEmpty else {
                throw Self.validation(
                    "You must specify either listener ARNs or a load balancer ARN"
                )
            }
            for arn in arns {
                let (balancer, index) = try listener(arn, in: snapshot)
                let shown = shape(balancer.listeners[index], of: balancer, in: snapshot)
                entries.append((arn, shown))
            }
        }
        entries.sort { $0.key < $1.key }
        return try Self.page("Listeners", entries, call)
    }

    func modifyListener(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (balancer, index) = try listener(call.text("ListenerArn"), in: draft.snapshot)
            var listener = balancer.listeners[index]
            var record = draft.record(Self.key(listener.arn)) ?? JSONObject()
            try apply(call, to: &listener, &record, in: draft.snapshot)
            let isTaken = balancer.listeners.contains {
                $0.port == listener.port && $0.arn != listener.arn
            }
            guard !isTaken else {
                throw Self.error(
                    "DuplicateListener",
                    "A listener already exists on this port for this load balancer "
                        + "'\(balancer.arn)'"
                )
            }
            balancer.listeners[index] = listener
            draft.put(.loadBalancer(balancer))
            draft.setRecord(Self.key(listener.arn), record)
            return APIReply(["Listeners": [shape(listener, of: balancer, in: draft.snapshot)]])
        }
    }

    func deleteListener(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (balancer, index) = try listener(call.text("ListenerArn"), in: draft.snapshot)
            let listener = balancer.listeners.remove(at: index)
            for rule in listener.rules { draft.setRecord(Self.key(rule.arn), nil) }
            draft.put(.loadBalancer(balancer))
            draft.setRecord(Self.key(listener.arn), nil)
            return APIReply()
        }
    }

    func listenerAttributes(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (balancer, index) = try listener(call.text("ListenerArn"), in: draft.snapshot)
            let (all, reply) = try Self.attributes(
                call,
                balancer.listeners[index].attributes,
                BalancingAttribute.listener
            )
            if all != balancer.listeners[index].attributes {
                balancer.listeners[index].attributes = all
                draft.put(.loadBalancer(balancer))
            }
            return reply
        }
    }

    /// Certificates are kept and shown; this machine's own authority signs what viewers see.
    func listenerCertificates(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let (balancer, index) = try listener(call.text("ListenerArn"), in: draft.snapshot)
            let arn = balancer.listeners[index].arn
            var record = draft.record(Self.key(arn)) ?? JSONObject()
            var extra = Self.texts(record["ExtraCertificates"])
            let given = (call["Certificates"]?.array ?? []).compactMap {
                $0["CertificateArn"]?.string
            }
            switch call.operation.name {
            case "AddListenerCertificates":
                extra += given.filter { !extra.contains($0) }
            case "RemoveListenerCertificates": extra.removeAll(where: given.contains)
            default: break
            }
            if call.operation.name != "DescribeListenerCertificates" {
                record["ExtraCertificates"] = .array(extra.map(JSONValue.string))
                draft.setRecord(Self.key(arn), record)
            }
            guard call.operation.name != "RemoveListenerCertificates" else { return APIReply() }
            let own = (record["Certificates"]?.array ?? []).compactMap {
                $0["CertificateArn"]?.string
            }
            let isAdd = call.operation.name == "AddListenerCertificates"
            let shown = (isAdd ? [] : own.map { ($0, true) }) + extra.map { ($0, false) }
            return APIReply([
                "Certificates": .array(
                    shown.map { arn, isDefault in
                        ["CertificateArn": .string(arn), "IsDefault": .bool(isDefault)]
                    }
                )
            ])
        }
    }
}
