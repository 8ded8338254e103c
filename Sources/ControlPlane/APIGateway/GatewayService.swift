import JSON
import Model
import Registry

/// The API of API Gateway's HTTP APIs (`apigatewayv2`).
final class GatewayService: APIService {
    let ledger: Ledger
    /// The port that viewers reach over HTTPS.
    let httpsPort: Int
    /// When this node began; what templates brought in carries it as its date.
    let started = Timestamp.now()

    init(ledger: Ledger, httpsPort: Int) {
        self.ledger = ledger
        self.httpsPort = httpsPort
    }

    func perform(_ call: APICall) async throws(APIError) -> APIReply {
        let name = call.operation.name
        if let kind = GatewayKind.all.first(where: { $0.operations.contains(name) }) {
            switch name {
            case "Create" + kind.name: return try await createPart(kind, call)
            case "Get" + kind.name: return try await getPart(kind, call)
            case "Update" + kind.name: return try await updatePart(kind, call)
            case "Delete" + kind.name: return try await deletePart(kind, call)
            default: return try await listParts(kind, call)
            }
        }
        switch name {
        case "CreateApi": return try await createAPI(call)
        case "GetApi": return try await getAPI(call)
        case "GetApis": return try await listAPIs(call)
        case "UpdateApi": return try await updateAPI(call)
        case "DeleteApi": return try await deleteAPI(call)
        case "DeleteCorsConfiguration": return try await deleteCORS(call)
        case "GetTags", "TagResource", "UntagResource": return try await tags(call)
        default: break
        }
        if let reply = try await performDomain(call) { return reply }
        throw Self.bad("\(name) is not supported here.")
    }

    static func bad(_ message: String) -> APIError {
        APIError(400, "BadRequestException", message)
    }

    static func missing(_ what: String, _ id: String) -> APIError {
        APIError(
            404,
            "NotFoundException",
            "Invalid \(what) identifier specified \(FunctionARN.account):\(id)",
            ["resourceType": what]
        )
    }

    func record(_ id: String, in snapshot: Snapshot) throws(APIError) -> GatewayRecord {
        guard let record = GatewayRecord(id, in: snapshot, started: started) else {
            throw Self.missing("API", id)
        }
        return record
    }

    /// Keeps a record and what edges serve of it; throws when it cannot be served.
    static func save(_ record: GatewayRecord, to draft: inout Draft) throws(APIError) {
        let api = try GatewayBuilder(record: record, snapshot: draft.snapshot).build()
        draft.put(.api(api))
        record.save(to: &draft)
    }

    /// A page of entries in ascending order of their keys.
    static func page(
        _ entries: [(key: String, value: JSONValue)],
        _ call: APICall
    ) throws(APIError) -> APIReply {
        var marker: String?
        if let token = call["NextToken"]?.string, !token.isEmpty {
            marker = Paging.decode(token)
            guard marker != nil else { throw bad("Invalid NextToken: \(token)") }
        }
        let limit = call["MaxResults"].map { $0.int ?? Int($0.string ?? "") ?? 0 } ?? 500
        guard limit > 0 else { throw bad("MaxResults must be a positive number") }
        let (page, next) = Paging(marker: marker, limit: limit).page(entries)
        var output = JSONObject()
        output["Items"] = .array(page)
        output["NextToken"] = Paging.encode(next)
        return APIReply(.object(output))
    }

    static func makeID(_ count: Int) -> String {
        Ledger.random(count, of: "abcdefghijklmnopqrstuvwxyz0123456789")
    }

    // MARK: APIs

    private func shown(_ record: GatewayRecord) -> JSONValue {
        var members = record.api
        members["ApiId"] = .string(record.id)
        members["ApiEndpoint"] = .string(
            "https://\(record.id).execute-api.localhost:\(httpsPort)"
        )
        for (name, value) in [
            ("ApiKeySelectionExpression", "$request.header.x-api-key"),
            ("RouteSelectionExpression", "$request.method $request.path"),
            ("ProtocolType", "HTTP"), ("IpAddressType", "ipv4"),
        ] where members[name] == nil {
            members[name] = .string(value)
        }
        members["DisableExecuteApiEndpoint"] = members["DisableExecuteApiEndpoint"] ?? false
        members["Tags"] = members["Tags"] ?? [:]
        return .object(members)
    }

    func createAPI(_ call: APICall) async throws(APIError) -> APIReply {
        guard call["ProtocolType"]?.string == "HTTP" else {
            throw Self.bad("Only the ProtocolType HTTP is supported here.")
        }
        return try await ledger.change { [self] draft throws(APIError) in
            var api = call.input.object ?? JSONObject()
            for name in ["Target", "RouteKey", "CredentialsArn"] { api[name] = nil }
            api["CreatedDate"] = .integer(Int(Timestamp.now()))
            var record = GatewayRecord(id: Self.makeID(10), api: api)
            if let target = call["Target"]?.string { quickCreate(target, call, &record) }
            try Self.save(record, to: &draft)
            return APIReply(shown(record))
        }
    }

    /// An integration, a route and a stage in one go, managed by API Gateway.
    private func quickCreate(_ target: String, _ call: APICall, _ record: inout GatewayRecord) {
        let isFunction = GatewayBuilder.function(target) != nil
        var integration = JSONObject()
        integration["ApiGatewayManaged"] = true
        integration["ConnectionType"] = "INTERNET"
        integration["IntegrationType"] = isFunction ? "AWS_PROXY" : "HTTP_PROXY"
        integration["IntegrationMethod"] = isFunction ? "POST" : "ANY"
        integration["IntegrationUri"] = .string(target)
        integration["PayloadFormatVersion"] = isFunction ? "2.0" : "1.0"
        integration["TimeoutInMillis"] = 30_000
        integration["CredentialsArn"] = call["CredentialsArn"]
        let id = Self.makeID(7)
        record[.integration] = [id: JSONValue.object(integration)].asObject
        record[.route] =
            [
                Self.makeID(7): [
                    "ApiGatewayManaged": true, "ApiKeyRequired": false,
                    "AuthorizationType": "NONE", "RouteKey": call["RouteKey"] ?? "$default",
                    "Target": .string("integrations/\(id)"),
                ]
            ].asObject
        let now = JSONValue.integer(Int(Timestamp.now()))
        record[.stage] =
            [
                "$default": [
                    "ApiGatewayManaged": true, "AutoDeploy": true, "CreatedDate": now,
                    "LastUpdatedDate": now,
                    "DefaultRouteSettings": ["DetailedMetricsEnabled": false],
                    "RouteSettings": [:], "StageVariables": [:],
                ]
            ].asObject
    }

    func getAPI(_ call: APICall) async throws(APIError) -> APIReply {
        APIReply(shown(try record(call.text("ApiId"), in: try await ledger.snapshot())))
    }

    func listAPIs(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let entries = snapshot.apis.keys.sorted().compactMap { id in
            GatewayRecord(id, in: snapshot, started: started).map { (key: id, value: shown($0)) }
        }
        return try Self.page(entries, call)
    }

    func updateAPI(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var record = try record(call.text("ApiId"), in: draft.snapshot)
            for member in call.input.object ?? JSONObject()
            where !["ApiId", "Target", "RouteKey", "CredentialsArn"].contains(member.key) {
                record.api[member.key] = member.value
            }
            try Self.save(record, to: &draft)
            return APIReply(shown(record))
        }
    }

    func deleteAPI(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let record = try record(call.text("ApiId"), in: draft.snapshot)
            let isMapped = draft.snapshot.domains.values.contains { domain in
                domain.mappings.contains { $0.api == record.id }
            }
            guard !isMapped else {
                throw Self.bad(
                    "Deleting API failed. Please remove all base path mappings related to the API in "
                        + "your account."
                )
            }
            if let api = draft.snapshot.apis[record.id] { draft.delete(.api(api)) }
            draft.setRecord(GatewayRecord.key(record.id), nil)
            return .empty(204)
        }
    }

    func deleteCORS(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var record = try record(call.text("ApiId"), in: draft.snapshot)
            record.api["CorsConfiguration"] = nil
            try Self.save(record, to: &draft)
            return .empty(204)
        }
    }

    /// Tags of APIs by their ARN.
    private func tags(_ call: APICall) async throws(APIError) -> APIReply {
        let arn = call.text("ResourceArn")
        let id = arn.split(separator: "/").last.map(String.init) ?? ""
        guard call.operation.name != "GetTags" else {
            let record = try record(id, in: try await ledger.snapshot())
            return APIReply(["Tags": record.api["Tags"] ?? [:]])
        }
        return try await ledger.change { [self] draft throws(APIError) in
            var record = try record(id, in: draft.snapshot)
            var tags = record.api["Tags"]?.object ?? JSONObject()
            for tag in call["Tags"]?.object ?? JSONObject() { tags[tag.key] = tag.value }
            for key in call["TagKeys"]?.array ?? [] {
                if let key = key.string { tags[key] = nil }
            }
            record.api["Tags"] = .object(tags)
            try Self.save(record, to: &draft)
            return .empty(call.operation.status)
        }
    }
}

extension Dictionary where Key == String, Value == JSONValue {
    /// An object with the keys in ascending order.
    var asObject: JSONObject {
        var object = JSONObject()
        for (key, value) in sorted(by: { $0.key < $1.key }) { object[key] = value }
        return object
    }
}
