import JSON
import Model
import Registry

/// Routes, integrations, stages, authorizers and deployments of an API.
extension GatewayService {
    private func shown(_ part: JSONValue, _ kind: GatewayKind, _ id: String) -> JSONValue {
        var members = part.object ?? JSONObject()
        members[kind.idMember] = .string(id)
        return .object(members)
    }

    func createPart(_ kind: GatewayKind, _ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var record = try record(call.text("ApiId"), in: draft.snapshot)
            var part = call.input.object ?? JSONObject()
            part["ApiId"] = nil
            for (name, value) in kind.defaults(call.input) where part[name] == nil {
                part[name] = value
            }
            let id = kind.idLength.map(Self.makeID) ?? call.text(kind.idMember)
            var parts = record[kind]
            guard parts[id] == nil else {
                throw APIError(409, "ConflictException", "\(kind.name) already exists")
            }
            try checkTwin(part, kind, parts, except: nil)
            stamp(&part, kind, isNew: true)
            try checkPart(.object(part), kind, record, in: draft.snapshot)
            parts[id] = .object(part)
            record[kind] = parts
            if kind.name == "Deployment" { try deploy(id, call, &record) }
            try Self.save(record, to: &draft)
            return noted(APIReply(shown(.object(part), kind, id)), kind, part)
        }
    }

    private func checkTwin(
        _ part: JSONObject,
        _ kind: GatewayKind,
        _ parts: JSONObject,
        except id: String?
    ) throws(APIError) {
        guard kind.name == "Route", let key = part["RouteKey"] else { return }
        if parts.contains(where: { $0.key != id && $0.value["RouteKey"] == key }) {
            throw APIError(
                409,
                "ConflictException",
                "Route with key \(key.string ?? "") already exists for this API"
            )
        }
    }

    private func stamp(_ part: inout JSONObject, _ kind: GatewayKind, isNew: Bool) {
        guard ["Stage", "Deployment"].contains(kind.name) else { return }
        let now = JSONValue.integer(Int(Timestamp.now()))
        if isNew { part["CreatedDate"] = now }
        if kind.name == "Stage" { part["LastUpdatedDate"] = now }
    }

    /// Checks a part that nothing need refer to yet.
    private func checkPart(
        _ part: JSONValue,
        _ kind: GatewayKind,
        _ record: GatewayRecord,
        in snapshot: Snapshot
    ) throws(APIError) {
        switch kind.name {
        case "Integration":
            _ = try GatewayBuilder(record: record, snapshot: snapshot).integration(part)
        case "Stage":
            let deployment = part["DeploymentId"]?.string
            if let deployment, record[.deployment][deployment] == nil {
                throw Self.bad("Deployment ID \(deployment) doesn't exist")
            }
        default: break
        }
    }

    /// Stages serve the routes of the API as they are now.
    private func noted(_ reply: APIReply, _ kind: GatewayKind, _ part: JSONObject) -> APIReply {
        guard kind.name == "Stage", part["AutoDeploy"]?.bool != true else { return reply }
        var reply = reply
        reply.headers.append(
            ("x-portico-note", "the stage serves changes at once, as with AutoDeploy")
        )
        return reply
    }

    private func deploy(
        _ id: String,
        _ call: APICall,
        _ record: inout GatewayRecord
    ) throws(APIError) {
        guard let name = call["StageName"]?.string else { return }
        var stages = record[.stage]
        guard var stage = stages[name]?.object else { throw Self.missing("Stage", name) }
        stage["DeploymentId"] = .string(id)
        stages[name] = .object(stage)
        record[.stage] = stages
    }

    private func part(
        _ kind: GatewayKind,
        _ call: APICall,
        _ record: GatewayRecord
    ) throws(APIError) -> (id: String, JSONValue) {
        let id = call.text(kind.idMember)
        guard let part = record[kind][id] else { throw Self.missing(kind.name, id) }
        return (id, part)
    }

    func getPart(_ kind: GatewayKind, _ call: APICall) async throws(APIError) -> APIReply {
        let record = try record(call.text("ApiId"), in: try await ledger.snapshot())
        let (id, part) = try part(kind, call, record)
        return APIReply(shown(part, kind, id))
    }

    func listParts(_ kind: GatewayKind, _ call: APICall) async throws(APIError) -> APIReply {
        let record = try record(call.text("ApiId"), in: try await ledger.snapshot())
        let entries = record[kind].members.sorted { $0.key < $1.key }
            .map { (key: $0.key, value: shown($0.value, kind, $0.key)) }
        return try Self.page(entries, call)
    }

    func updatePart(_ kind: GatewayKind, _ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var record = try record(call.text("ApiId"), in: draft.snapshot)
            let (id, old) = try part(kind, call, record)
            var part = old.object ?? JSONObject()
            for member in call.input.object ?? JSONObject()
            where member.key != "ApiId" && member.key != kind.idMember {
                part[member.key] = member.value
            }
            var parts = record[kind]
            try checkTwin(part, kind, parts, except: id)
            stamp(&part, kind, isNew: false)
            try checkPart(.object(part), kind, record, in: draft.snapshot)
            parts[id] = .object(part)
            record[kind] = parts
            try Self.save(record, to: &draft)
            return noted(APIReply(shown(.object(part), kind, id)), kind, part)
        }
    }

    func deletePart(_ kind: GatewayKind, _ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var record = try record(call.text("ApiId"), in: draft.snapshot)
            let (id, _) = try part(kind, call, record)
            try checkUnused(id, kind, record)
            var parts = record[kind]
            parts[id] = nil
            record[kind] = parts
            try Self.save(record, to: &draft)
            return .empty(204)
        }
    }

    private func checkUnused(
        _ id: String,
        _ kind: GatewayKind,
        _ record: GatewayRecord
    ) throws(APIError) {
        switch kind.name {
        case "Integration":
            let user = record[.route].first { $0.value["Target"]?.string == "integrations/\(id)" }
            if let key = user?.value["RouteKey"]?.string {
                throw APIError(
                    409,
                    "ConflictException",
                    "Cannot delete Integration '\(id)', it is referenced by the route '\(key)'"
                )
            }
        case "Authorizer":
            if record[.route].contains(where: { $0.value["AuthorizerId"]?.string == id }) {
                throw APIError(
                    409,
                    "ConflictException",
                    "Cannot delete authorizer '\(id)', is referenced in at least one route"
                )
            }
        case "Deployment":
            if record[.stage].contains(where: { $0.value["DeploymentId"]?.string == id }) {
                throw Self.bad(
                    "Active stages pointing to this deployment must be moved or deleted"
                )
            }
        default: break
        }
    }
}
