import JSON
import Model
import Registry

/// Load balancers.
extension LoadBalancingService {
    func createBalancer(_ call: APICall) async throws(APIError) -> APIReply {
        let name = call.text("Name")
        let isName =
            name.utf8.count <= 32 && !name.hasPrefix("-") && !name.hasSuffix("-")
            && !name.hasPrefix("internal-")
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
        guard isName, !name.isEmpty else {
            throw Self.validation("The load balancer name '\(name)' is not valid")
        }
        guard call["Type"]?.string ?? "application" == "application" else {
            throw Self.error(
                "OperationNotPermitted",
                "Only application load balancers are supported here."
            )
        }
        var record = JSONObject()
        record["Scheme"] = call["Scheme"] ?? "internet-facing"
        record["IpAddressType"] = call["IpAddressType"] ?? "ipv4"
        record["Subnets"] = Self.subnets(call)
        record["SecurityGroups"] = call["SecurityGroups"] ?? []
        guard !(record["Subnets"]?.array ?? []).isEmpty else {
            throw Self.validation("You must specify subnets or subnet mappings")
        }
        let settings = record
        return try await ledger.change { [self] draft throws(APIError) in
            if let twin = draft.snapshot.loadBalancers.values.first(where: { $0.name == name }) {
                let kept = draft.record(Self.key(twin.arn))
                let isSame = settings.allSatisfy { kept?[$0.key] == $0.value }
                guard isSame else {
                    throw Self.error(
                        "DuplicateLoadBalancerName",
                        "A load balancer with the same name '\(name)' exists, but with different "
                            + "settings"
                    )
                }
                return APIReply(["LoadBalancers": [shape(twin, in: draft.snapshot)]])
            }
            let arn = Self.arn("loadbalancer/app/\(name)/\(Self.makeID())")
            let balancer = LoadBalancer(name: name, arn: arn, listeners: [])
            var record = settings
            record["CreatedTime"] = Timestamp.json(Timestamp.now())
            record["Revision"] = .integer(draft.revision)
            record["Tags"] = Self.tags(call["Tags"])
            draft.put(.loadBalancer(balancer))
            draft.setRecord(Self.key(arn), record)
            return APIReply(["LoadBalancers": [shape(balancer, in: draft.snapshot)]])
        }
    }

    private static func subnets(_ call: APICall) -> JSONValue {
        let mapped = (call["SubnetMappings"]?.array ?? []).compactMap { $0["SubnetId"] }
        return .array((call["Subnets"]?.array ?? []) + mapped)
    }

    /// A load balancer as the API shows it; its DNS name is one that this machine answers to.
    private func shape(_ balancer: LoadBalancer, in snapshot: Snapshot) -> JSONValue {
        let record = snapshot.record(Self.key(balancer.arn))
        let isEverywhere = ledger.isEverywhere(record?["Revision"]?.int ?? 0)
        let subnets = record?["Subnets"]?.array ?? []
        let zones = subnets.enumerated().map { index, subnet -> JSONValue in
            let letter = ["a", "b", "c", "d", "e", "f"][index % 6]
            return [
                "ZoneName": .string("us-east-1\(letter)"), "SubnetId": subnet,
                "LoadBalancerAddresses": [],
            ]
        }
        return [
            "LoadBalancerArn": .string(balancer.arn),
            "DNSName": .string("\(balancer.name.lowercased()).elb.localhost"),
            "CanonicalHostedZoneId": "Z35SXDOTRQ7X7K",
            "CreatedTime": record?["CreatedTime"] ?? Timestamp.json(started),
            "LoadBalancerName": .string(balancer.name),
            "Scheme": record?["Scheme"] ?? "internet-facing", "VpcId": "vpc-local",
            "State": ["Code": isEverywhere ? "active" : "provisioning"], "Type": "application",
            "AvailabilityZones": .array(zones),
            "SecurityGroups": record?["SecurityGroups"] ?? [],
            "IpAddressType": record?["IpAddressType"] ?? "ipv4",
        ]
    }

    func describeBalancers(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let arns = Self.texts(call["LoadBalancerArns"])
        let names = Self.texts(call["Names"])
        let all = snapshot.loadBalancers.values.sorted { $0.arn < $1.arn }
        for arn in arns where snapshot.loadBalancers[arn] == nil { throw Self.noBalancer }
        for name in names where !all.contains(where: { $0.name == name }) {
            throw Self.error("LoadBalancerNotFound", "Load balancers '[\(name)]' not found")
        }
        let wanted = all.filter { balancer in
            (arns.isEmpty || arns.contains(balancer.arn))
                && (names.isEmpty || names.contains(balancer.name))
        }
        let entries = wanted.map { (key: $0.arn, value: shape($0, in: snapshot)) }
        return try Self.page("LoadBalancers", entries, call)
    }

    func deleteBalancer(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { draft throws(APIError) in
            // Deleting what is not there succeeds.
            guard let balancer = draft.snapshot.loadBalancers[call.text("LoadBalancerArn")] else {
                return APIReply()
            }
            guard balancer.attribute("deletion_protection.enabled") != "true" else {
                throw Self.error(
                    "OperationNotPermitted",
                    "Load balancer '\(balancer.arn)' cannot be deleted because deletion protection "
                        + "is enabled"
                )
            }
            for listener in balancer.listeners {
                for rule in listener.rules { draft.setRecord(Self.key(rule.arn), nil) }
                draft.setRecord(Self.key(listener.arn), nil)
            }
            draft.delete(.loadBalancer(balancer))
            draft.setRecord(Self.key(balancer.arn), nil)
            return APIReply()
        }
    }

    /// Security groups, subnets and address types are kept and shown; this machine has one network.
    func setNetwork(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let balancer = try balancer(call.text("LoadBalancerArn"), in: draft.snapshot)
            var record = draft.record(Self.key(balancer.arn)) ?? JSONObject()
            var output = JSONObject()
            switch call.operation.name {
            case "SetSecurityGroups":
                record["SecurityGroups"] = call["SecurityGroups"] ?? []
                output["SecurityGroupIds"] = record["SecurityGroups"]
            case "SetSubnets":
                record["Subnets"] = Self.subnets(call)
                if let type = call["IpAddressType"] { record["IpAddressType"] = type }
                draft.setRecord(Self.key(balancer.arn), record)
                let shown = shape(balancer, in: draft.snapshot)
                output["AvailabilityZones"] = shown["AvailabilityZones"]
                output["IpAddressType"] = shown["IpAddressType"]
            default:
                record["IpAddressType"] = call["IpAddressType"] ?? "ipv4"
                output["IpAddressType"] = record["IpAddressType"]
            }
            draft.setRecord(Self.key(balancer.arn), record)
            return APIReply(.object(output))
        }
    }

    // MARK: Attributes

    /// The attributes of a resource, all or those that a call changes.
    static func attributes(
        _ call: APICall,
        _ set: [String: String],
        _ catalogue: [BalancingAttribute]
    ) throws(APIError) -> (all: [String: String], reply: APIReply) {
        var all = set
        var inert: [String] = []
        for item in call["Attributes"]?.array ?? [] {
            let key = item["Key"]?.string ?? ""
            let value = item["Value"]?.string ?? ""
            guard let known = catalogue.first(where: { $0.key == key }) else {
                throw validation("Attribute '\(key)' is not recognized")
            }
            if let problem = known.problem(with: value) {
                throw validation("Attribute '\(key)' has the invalid value '\(value)': \(problem)")
            }
            if !known.hasEffect, value != known.standard { inert.append(key) }
            all[key] = value
        }
        let shown = catalogue.map { attribute -> JSONValue in
            [
                "Key": .string(attribute.key),
                "Value": .string(all[attribute.key] ?? attribute.standard),
            ]
        }
        var reply = APIReply(["Attributes": .array(shown)])
        if !inert.isEmpty {
            let text = "without effect on this machine: " + inert.joined(separator: ", ")
            reply.headers.append(("x-portico-note", text))
        }
        return (all, reply)
    }

    func balancerAttributes(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var balancer = try balancer(call.text("LoadBalancerArn"), in: draft.snapshot)
            let (all, reply) = try Self.attributes(
                call,
                balancer.attributes,
                BalancingAttribute.loadBalancer
            )
            if all != balancer.attributes {
                balancer.attributes = all
                draft.put(.loadBalancer(balancer))
            }
            return reply
        }
    }
}
