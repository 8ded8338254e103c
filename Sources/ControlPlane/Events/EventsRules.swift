import JSON
import Model
import Registry

/// Rules and their targets.
extension EventsService {
    private static func rule(
        _ name: String,
        _ bus: String,
        in snapshot: Snapshot
    ) throws(APIError) -> RuleDocument {
        guard let kept = snapshot.record(RuleDocument.id(name, bus: bus)) else {
            let place = bus == "default" ? "EventBus default" : "EventBus \(bus)"
            throw APIError(
                400,
                "ResourceNotFoundException",
                "Rule \(name) does not exist on \(place)."
            )
        }
        return RuleDocument(kept: kept)
    }

    private static func rule(
        _ call: APICall,
        _ member: String = "Name",
        in snapshot: Snapshot
    ) throws(APIError) -> RuleDocument {
        let bus = RuleDocument.busName(call["EventBusName"]?.string)
        return try rule(call.text(member), bus, in: snapshot)
    }

    func putRule(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let bus = RuleDocument.busName(call["EventBusName"]?.string)
            guard has(bus: bus, in: draft.snapshot) else { throw Self.missingBus(bus) }
            let name = call.text("Name")
            let earlier = draft.snapshot.record(RuleDocument.id(name, bus: bus))
                .map(RuleDocument.init(kept:))
            let all = draft.snapshot.records(of: "\(RuleDocument.kind)/\(bus)")
            guard earlier != nil || all.count < RuleDocument.maximumRules else {
                throw APIError(
                    400,
                    "LimitExceededException",
                    "The requested resource exceeds the maximum number allowed."
                )
            }
            var rule: RuleDocument
            do throws(RuleDocument.Refusal) {
                rule = try RuleDocument(
                    call.input,
                    replacing: earlier,
                    now: Timestamp.now()
                )
            } catch {
                throw .refused(error)
            }
            if let tags = call["Tags"], earlier == nil { rule.set("Tags", tags) }
            draft.put(rule.resource)
            return APIReply(["RuleArn": .string(rule.arn)])
        }
    }

    private static func shown(_ rule: RuleDocument) -> JSONValue {
        var members = rule.members
        for name in ["Targets", "Created", "Tags"] { members[name] = nil }
        return .object(members)
    }

    func describeRule(_ call: APICall) async throws(APIError) -> APIReply {
        APIReply(Self.shown(try Self.rule(call, in: try await ledger.snapshot())))
    }

    func listRules(_ call: APICall) async throws(APIError) -> APIReply {
        let bus = RuleDocument.busName(call["EventBusName"]?.string)
        let snapshot = try await ledger.snapshot()
        guard has(bus: bus, in: snapshot) else { throw Self.missingBus(bus) }
        let prefix = call.text("NamePrefix")
        let found = snapshot.records(of: "\(RuleDocument.kind)/\(bus)")
            .filter { $0.id.hasPrefix(prefix) }
            .map { (key: $0.id, value: Self.shown(RuleDocument(kept: $0.document))) }
        let (page, next) = try Self.paging(call).page(found)
        return Self.listed("Rules", page, next)
    }

    func setState(_ call: APICall, _ state: String) async throws(APIError) -> APIReply {
        try await ledger.change { draft throws(APIError) in
            var rule = try Self.rule(call, in: draft.snapshot)
            rule.set("State", .string(state))
            draft.put(rule.resource)
            return APIReply()
        }
    }

    func deleteRule(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { draft throws(APIError) in
            // A rule that is not there counts as deleted.
            guard let rule = try? Self.rule(call, in: draft.snapshot) else { return APIReply() }
            guard rule.targets.isEmpty else {
                throw APIError(
                    400,
                    "ValidationException",
                    "Rule can't be deleted since it has targets."
                )
            }
            draft.delete(rule.resource)
            return APIReply()
        }
    }

    // MARK: Targets

    func putTargets(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { draft throws(APIError) in
            var rule = try Self.rule(call, "Rule", in: draft.snapshot)
            for target in call["Targets"]?.array ?? [] {
                do throws(RuleDocument.Refusal) { try rule.put(target: target) } catch {
                    throw .refused(error)
                }
            }
            draft.put(rule.resource)
            return APIReply(["FailedEntryCount": 0, "FailedEntries": []])
        }
    }

    func removeTargets(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { draft throws(APIError) in
            var rule = try Self.rule(call, "Rule", in: draft.snapshot)
            var failed: [JSONValue] = []
            for id in (call["Ids"]?.array ?? []).compactMap(\.string)
            where !rule.remove(target: id) {
                failed.append([
                    "TargetId": .string(id), "ErrorCode": "ResourceNotFoundException",
                    "ErrorMessage": .string("Rule \(rule.name) does not have target \(id)."),
                ])
            }
            draft.put(rule.resource)
            return APIReply([
                "FailedEntryCount": .integer(failed.count), "FailedEntries": .array(failed),
            ])
        }
    }

    func listTargets(_ call: APICall) async throws(APIError) -> APIReply {
        let rule = try Self.rule(call, "Rule", in: try await ledger.snapshot())
        let found = rule.targets.map { (key: $0["Id"]?.string ?? "", value: $0) }
        let (page, next) = try Self.paging(call).page(found.sorted { $0.key < $1.key })
        return Self.listed("Targets", page, next)
    }

    func listNames(_ call: APICall) async throws(APIError) -> APIReply {
        let bus = RuleDocument.busName(call["EventBusName"]?.string)
        let arn = call.text("TargetArn")
        let found = try await ledger.snapshot().records(of: "\(RuleDocument.kind)/\(bus)")
            .filter { entry in
                RuleDocument(kept: entry.document).targets.contains { $0["Arn"]?.string == arn }
            }
            .map { (key: $0.id, value: JSONValue.string($0.id)) }
        let (page, next) = try Self.paging(call).page(found)
        return Self.listed("RuleNames", page, next)
    }

    // MARK: Tags

    private static func tagged(
        _ call: APICall,
        in snapshot: Snapshot
    ) throws(APIError) -> RuleDocument {
        let arn = call.text("ResourceARN")
        let place = arn.split(separator: "/").dropFirst().map(String.init)
        guard arn.contains(":rule/"), let name = place.last else {
            throw APIError(400, "ValidationException", "Tags are kept for rules alone here.")
        }
        return try rule(name, place.count > 1 ? place[0] : "default", in: snapshot)
    }

    func tag(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { draft throws(APIError) in
            var rule = try Self.tagged(call, in: draft.snapshot)
            let given = call["Tags"]?.array ?? []
            let names = Set(given.compactMap { $0["Key"]?.string })
            let kept = (rule.members["Tags"]?.array ?? [])
                .filter { !names.contains($0["Key"]?.string ?? "") }
            rule.set("Tags", .array(kept + given))
            draft.put(rule.resource)
            return APIReply()
        }
    }

    func untag(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { draft throws(APIError) in
            var rule = try Self.tagged(call, in: draft.snapshot)
            let names = Set((call["TagKeys"]?.array ?? []).compactMap(\.string))
            let kept = (rule.members["Tags"]?.array ?? [])
                .filter { !names.contains($0["Key"]?.string ?? "") }
            rule.set("Tags", .array(kept))
            draft.put(rule.resource)
            return APIReply()
        }
    }

    func listTags(_ call: APICall) async throws(APIError) -> APIReply {
        let rule = try Self.tagged(call, in: try await ledger.snapshot())
        return APIReply(["Tags": rule.members["Tags"] ?? []])
    }
}
