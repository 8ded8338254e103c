import JSON
import Model
import Registry

/// Function URLs.
extension LambdaService {
    /// The function or alias that a call names, which must be there.
    private func owner(
        _ call: APICall,
        in snapshot: Snapshot,
        missing: String
    ) throws(APIError) -> (record: FunctionRecord, qualifier: String?) {
        let reference = try reference(call, in: snapshot)
        guard let record = record(reference.name, in: snapshot),
            (try? find(reference, in: snapshot)) != nil
        else { throw .missing(missing) }
        return (record, reference.qualifier)
    }

    private static let noFunction = "Function does not exist"
    private static let noResource = "The resource you requested does not exist."

    private static func key(_ qualifier: String?) -> String { qualifier ?? "$LATEST" }

    func createURL(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (record, qualifier) = try owner(
                call,
                in: draft.snapshot,
                missing: Self.noFunction
            )
            let key = Self.key(qualifier)
            guard draft.snapshot.functionSettings[record.name]?.urls[key] == nil else {
                let arn = FunctionARN(name: record.name, qualifier: qualifier).text
                throw .conflict(
                    "Failed to create function url config for [functionArn = \(arn)]. Error message: "
                        + " FunctionUrlConfig exists for this Lambda function"
                )
            }
            let id = Ledger.random(32, of: "abcdefghijklmnopqrstuvwxyz234567")
            var url = FunctionURL(id: id, requiresSignature: false)
            Self.apply(call, to: &url)
            let now = Timestamp.iso8601(Timestamp.now())
            record["urls", key] = ["CreationTime": .string(now), "LastModifiedTime": .string(now)]
            record.save(to: &draft)
            Self.changeSettings(of: record.name, in: &draft) { $0.urls[key] = url }
            var shown = shape(url, record, qualifier)
            if call["InvokeMode"] == nil { shown["InvokeMode"] = nil }
            return APIReply(.object(shown))
        }
    }

    private static func apply(_ call: APICall, to url: inout FunctionURL) {
        if let type = call["AuthType"]?.string { url.requiresSignature = type == "AWS_IAM" }
        if let mode = call["InvokeMode"]?.string { url.streams = mode == "RESPONSE_STREAM" }
        guard let given = call["Cors"] else { return }
        func names(_ member: String) -> [String] {
            (given[member]?.array ?? []).compactMap(\.string)
        }
        var cors = HTTPAPI.CORS()
        cors.allowOrigins = names("AllowOrigins")
        cors.allowMethods = names("AllowMethods")
        cors.allowHeaders = names("AllowHeaders")
        cors.exposeHeaders = names("ExposeHeaders")
        cors.allowCredentials = given["AllowCredentials"]?.bool ?? false
        cors.maxAge = given["MaxAge"]?.int
        url.cors = given.object?.isEmpty == true ? nil : cors
    }

    private func shape(
        _ url: FunctionURL,
        _ record: FunctionRecord,
        _ qualifier: String?
    ) -> JSONObject {
        let kept = record["urls", Self.key(qualifier)]
        var members = JSONObject()
        members["FunctionUrl"] = .string(
            "https://\(url.id).lambda-url.us-east-1.localhost:\(httpsPort)/"
        )
        let arn = FunctionARN(name: record.name, qualifier: qualifier).text
        members["FunctionArn"] = .string(arn)
        members["AuthType"] = url.requiresSignature ? "AWS_IAM" : "NONE"
        members["CreationTime"] =
            kept?["CreationTime"] ?? .string(Timestamp.iso8601(started))
        members["LastModifiedTime"] =
            kept?["LastModifiedTime"] ?? .string(Timestamp.iso8601(started))
        members["InvokeMode"] = url.streams ? "RESPONSE_STREAM" : "BUFFERED"
        if let cors = url.cors { members["Cors"] = Self.shape(cors) }
        return members
    }

    private static func shape(_ cors: HTTPAPI.CORS) -> JSONValue {
        var members = JSONObject()
        for (name, values) in [
            ("AllowOrigins", cors.allowOrigins), ("AllowMethods", cors.allowMethods),
            ("AllowHeaders", cors.allowHeaders), ("ExposeHeaders", cors.exposeHeaders),
        ] where !values.isEmpty {
            members[name] = .array(values.map(JSONValue.string))
        }
        members["AllowCredentials"] = .bool(cors.allowCredentials)
        members["MaxAge"] = cors.maxAge.map(JSONValue.integer)
        return .object(members)
    }

    func updateURL(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (record, qualifier) = try owner(
                call,
                in: draft.snapshot,
                missing: Self.noFunction
            )
            let key = Self.key(qualifier)
            guard var url = draft.snapshot.functionSettings[record.name]?.urls[key] else {
                throw .missing(Self.noResource)
            }
            Self.apply(call, to: &url)
            let now = JSONValue.string(Timestamp.iso8601(Timestamp.now()))
            let creation = record["urls", key]?["CreationTime"] ?? now
            record["urls", key] = ["CreationTime": creation, "LastModifiedTime": now]
            record.save(to: &draft)
            let changed = url
            Self.changeSettings(of: record.name, in: &draft) { $0.urls[key] = changed }
            return APIReply(.object(shape(url, record, qualifier)))
        }
    }

    func getURL(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let (record, qualifier) = try owner(call, in: snapshot, missing: Self.noResource)
        guard let url = snapshot.functionSettings[record.name]?.urls[Self.key(qualifier)] else {
            throw .missing(Self.noResource)
        }
        return APIReply(.object(shape(url, record, qualifier)))
    }

    func deleteURL(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (record, qualifier) = try owner(
                call,
                in: draft.snapshot,
                missing: Self.noResource
            )
            let key = Self.key(qualifier)
            guard draft.snapshot.functionSettings[record.name]?.urls[key] != nil else {
                throw .missing(Self.noResource)
            }
            record["urls", key] = nil
            record.save(to: &draft)
            Self.changeSettings(of: record.name, in: &draft) { $0.urls[key] = nil }
            return .empty(204)
        }
    }

    func listURLs(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let (record, _) = try owner(call, in: snapshot, missing: Self.noFunction)
        let all = snapshot.functionSettings[record.name]?.urls ?? [:]
        let entries = all.keys.sorted().compactMap { key -> (key: String, value: JSONValue)? in
            guard let url = all[key] else { return nil }
            return (key, .object(shape(url, record, key == "$LATEST" ? nil : key)))
        }
        let (page, next) = try Self.paging(call).page(entries)
        var output = JSONObject()
        output["FunctionUrlConfigs"] = .array(page)
        output["NextMarker"] = Paging.encode(next)
        return APIReply(.object(output))
    }
}
