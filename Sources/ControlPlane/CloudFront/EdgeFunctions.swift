import Crypto
import JSON
import Model
import Registry

/// CloudFront Functions: code in a development and a live stage.
extension CloudFrontService {
    /// The most bytes of a function's code.
    ///
    /// Source: "Quotas on CloudFront Functions".
    private static let maximumCode = 10_240

    static func functionKey(_ name: String) -> String { "cloudfront/function/\(name)" }

    static let missingFunction = error(
        "NoSuchFunctionExists",
        "The specified function does not exist."
    )

    func function(_ name: String, in snapshot: Snapshot) throws(APIError) -> JSONObject {
        guard let record = snapshot.record(Self.functionKey(name)) else {
            throw Self.missingFunction
        }
        return record
    }

    /// One of the two stages of a function.
    func stage(
        _ record: JSONObject,
        _ call: APICall
    ) throws(APIError) -> (
        name: String, content: JSONObject
    ) {
        let name = call["Stage"]?.string ?? "DEVELOPMENT"
        let member = name == "LIVE" ? "Live" : "Development"
        guard let content = record[member]?.object else { throw Self.missingFunction }
        return (name, content)
    }

    func functionSummary(
        _ record: JSONObject,
        _ stage: String,
        _ content: JSONObject,
        in snapshot: Snapshot
    ) -> JSONValue {
        let name = record["Name"]?.string ?? ""
        let arn = Self.arn("function", name)
        var status = "UNPUBLISHED"
        if stage == "LIVE" || record["Live"]?["Code"] == content["Code"] {
            status = Self.isAssociated(arn, in: snapshot) ? "DEPLOYED" : "UNASSOCIATED"
        }
        return [
            "Name": .string(name), "Status": .string(status),
            "FunctionConfig": content["Config"] ?? [:],
            "FunctionMetadata": [
                "FunctionARN": .string(arn), "Stage": .string(stage),
                "CreatedTime": record["Created"] ?? Timestamp.json(started),
                "LastModifiedTime": content["Modified"] ?? Timestamp.json(started),
            ],
        ]
    }

    private static func isAssociated(_ arn: String, in snapshot: Snapshot) -> Bool {
        // The text of a configuration names the function by its ARN.
        let quoted = JSONValue.string(arn).text
        return snapshot.records.contains {
            $0.key.hasPrefix("cloudfront/distribution/") && $0.value.contains(quoted)
        }
    }

    private func reply(
        _ record: JSONObject,
        _ stage: String,
        _ content: JSONObject,
        in snapshot: Snapshot
    ) -> APIReply {
        APIReply([
            "FunctionSummary": functionSummary(record, stage, content, in: snapshot),
            "ETag": content["ETag"] ?? "",
        ])
    }

    /// The development stage that a call's configuration and code make.
    ///
    /// Connection functions have the same members under names of their own, which `prefix` begins.
    func content(
        _ call: APICall,
        in snapshot: Snapshot,
        prefix: String = ""
    ) throws(APIError) -> JSONObject {
        let name = prefix + "FunctionCode"
        let code = call.text(name)
        guard let bytes = Base64.decode(code), !bytes.isEmpty else {
            throw Self.argument("The parameter \(name) is empty or not Base64.")
        }
        guard bytes.count <= Self.maximumCode else {
            throw APIError(
                .viewerFunctionSize,
                "The function's code is larger than \(Self.maximumCode) bytes."
            )
        }
        let config = try Quantities.checked(call[prefix + "FunctionConfig"] ?? [:])
        let stores = config["KeyValueStoreAssociations"]?.items ?? []
        guard stores.count <= 1 else {
            throw APIError(.viewerFunctionStore)
        }
        for store in stores {
            let arn = store["KeyValueStoreARN"]?.string ?? ""
            guard KeyValueStores.record(arn: arn, in: snapshot) != nil else {
                throw Self.error("EntityNotFound", "The key value store \(arn) was not found.")
            }
        }
        var content = JSONObject()
        content["Config"] = config
        content["Code"] = .string(code)
        content["ETag"] = .string(Self.makeETag())
        content["Modified"] = Timestamp.json(Timestamp.now())
        return content
    }

    func createFunction(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let name = call.text("Name")
            guard draft.record(Self.functionKey(name)) == nil else {
                throw Self.error(
                    "FunctionAlreadyExists",
                    "A function with the same name already exists in this account: \(name)"
                )
            }
            let content = try content(call, in: draft.snapshot)
            var record = JSONObject()
            record["Name"] = .string(name)
            record["Created"] = content["Modified"]
            record["Development"] = .object(content)
            let tags = Self.tags(call["Tags"])
            if !tags.isEmpty { record["Tags"] = .object(tags) }
            draft.setRecord(Self.functionKey(name), record)
            var reply = reply(record, "DEVELOPMENT", content, in: draft.snapshot)
            var output = reply.output.object ?? JSONObject()
            output["Location"] = Self.location("function/\(name)")
            reply.output = .object(output)
            return reply
        }
    }

    func describeFunction(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let record = try function(call.text("Name"), in: snapshot)
        let (name, content) = try stage(record, call)
        return reply(record, name, content, in: snapshot)
    }

    func getFunction(_ call: APICall) async throws(APIError) -> APIReply {
        let record = try function(call.text("Name"), in: try await ledger.snapshot())
        let content = try stage(record, call).content
        var reply = APIReply([
            "ETag": content["ETag"] ?? "", "ContentType": "application/octet-stream",
        ])
        reply.payload = Base64.decode(content["Code"]?.string ?? "") ?? []
        return reply
    }

    func updateFunction(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var record = try function(call.text("Name"), in: draft.snapshot)
            try Self.checkMatch(call, record["Development"]?["ETag"]?.string ?? "")
            let content = try content(call, in: draft.snapshot)
            record["Development"] = .object(content)
            draft.setRecord(Self.functionKey(call.text("Name")), record)
            var reply = reply(record, "DEVELOPMENT", content, in: draft.snapshot)
            // The model binds the version to a misspelt header; other clients read the right one.
            reply.headers.append(("ETag", content["ETag"]?.string ?? ""))
            return reply
        }
    }

    func publishFunction(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var record = try function(call.text("Name"), in: draft.snapshot)
            guard var content = record["Development"]?.object else { throw Self.missingFunction }
            try Self.checkMatch(call, content["ETag"]?.string ?? "")
            content["ETag"] = .string(Self.makeETag())
            content["Modified"] = Timestamp.json(Timestamp.now())
            record["Live"] = .object(content)
            draft.setRecord(Self.functionKey(call.text("Name")), record)
            return APIReply([
                "FunctionSummary": functionSummary(record, "LIVE", content, in: draft.snapshot)
            ])
        }
    }

    func deleteFunction(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let name = call.text("Name")
            let record = try function(name, in: draft.snapshot)
            try Self.checkMatch(call, record["Development"]?["ETag"]?.string ?? "")
            guard !Self.isAssociated(Self.arn("function", name), in: draft.snapshot) else {
                throw APIError(
                    .viewerFunctionInUse,
                    "Cannot delete the function because it is associated with one or more cache "
                        + "behaviors."
                )
            }
            draft.setRecord(Self.functionKey(name), nil)
            return .empty(204)
        }
    }

    func listFunctions(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let wanted = call["Stage"]?.string
        var entries: [(key: String, value: JSONValue)] = []
        for (name, record) in snapshot.records(of: "cloudfront/function") {
            for (stage, member) in [("DEVELOPMENT", "Development"), ("LIVE", "Live")]
            where wanted == nil || wanted == stage {
                guard let content = record[member]?.object else { continue }
                let shown = functionSummary(record, stage, content, in: snapshot)
                entries.append(("\(name)/\(stage)", shown))
            }
        }
        return APIReply(["FunctionList": try Self.page(entries, call)])
    }
}
