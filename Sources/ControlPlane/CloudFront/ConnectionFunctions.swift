import Crypto
import JSON
import Model
import Registry

/// Connection functions: code that decides about viewers' connections, in a development and a live stage.
///
/// Source: "CloudFront Connection Functions".
extension CloudFrontService {
    /// The most connection functions.
    private static let mostConnectionFunctions = 100
    /// The most bytes of a connection that a test gives.
    private static let maximumConnection = 40_960

    func performConnectionFunction(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "CreateConnectionFunction": try await createConnectionFunction(call)
        case "DescribeConnectionFunction": try await describeConnectionFunction(call)
        case "GetConnectionFunction": try await getConnectionFunction(call)
        case "UpdateConnectionFunction": try await updateConnectionFunction(call)
        case "PublishConnectionFunction": try await publishConnectionFunction(call)
        case "DeleteConnectionFunction": try await deleteConnectionFunction(call)
        case "ListConnectionFunctions": try await listConnectionFunctions(call)
        case "TestConnectionFunction": try await testConnectionFunction(call)
        default: nil
        }
    }

    /// A function by its id, name or ARN.
    func connectionFunction(
        _ identifier: String,
        in snapshot: Snapshot
    ) throws(APIError) -> (id: String, record: JSONObject) {
        let all = snapshot.records(of: ConnectionFunctionRecord.kind)
        let found = all.first { id, record in
            id == identifier || record["Name"]?.string == identifier
                || Self.arn("connection-function", id) == identifier
        }
        guard let found else {
            throw Self.error(
                "EntityNotFound",
                "The connection function \(identifier) was not found."
            )
        }
        return (found.id, found.document)
    }

    private func connectionStage(
        _ record: JSONObject,
        _ call: APICall
    ) throws(APIError) -> (name: String, content: JSONObject) {
        let name = call["Stage"]?.string ?? "DEVELOPMENT"
        guard let content = record[name == "LIVE" ? "Live" : "Development"]?.object else {
            throw Self.error("EntityNotFound", "The function has no stage \(name).")
        }
        return (name, content)
    }

    private func summary(
        _ id: String,
        _ record: JSONObject,
        _ stage: String,
        _ content: JSONObject,
        in snapshot: Snapshot
    ) -> JSONValue {
        var status = "UNPUBLISHED"
        if stage == "LIVE" || record["Live"]?["Code"] == content["Code"] {
            status = Self.isUsed(id, in: snapshot) ? "DEPLOYED" : "UNASSOCIATED"
        }
        return [
            "Name": record["Name"] ?? "", "Id": .string(id),
            "ConnectionFunctionConfig": content["Config"] ?? [:],
            "ConnectionFunctionArn": .string(Self.arn("connection-function", id)),
            "Status": .string(status), "Stage": .string(stage),
            "CreatedTime": record["Created"] ?? Timestamp.json(started),
            "LastModifiedTime": content["Modified"] ?? Timestamp.json(started),
        ]
    }

    private static func isUsed(_ id: String, in snapshot: Snapshot) -> Bool {
        snapshot.distributions.values.contains { $0.connectionFunctionID == id }
    }

    private func reply(
        _ id: String,
        _ record: JSONObject,
        _ stage: String,
        _ content: JSONObject,
        in snapshot: Snapshot
    ) -> APIReply {
        APIReply([
            "ConnectionFunctionSummary": summary(id, record, stage, content, in: snapshot),
            "ETag": content["ETag"] ?? "",
        ])
    }

    /// The development stage of a call; these functions are of the second runtime.
    private func connectionContent(
        _ call: APICall,
        in snapshot: Snapshot
    ) throws(APIError) -> JSONObject {
        let content = try content(call, in: snapshot, prefix: "Connection")
        guard content["Config"]?["Runtime"]?.string == "cloudfront-js-2.0" else {
            throw Self.argument("The runtime of a connection function is cloudfront-js-2.0.")
        }
        return content
    }

    private func createConnectionFunction(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let name = call.text("Name")
            let all = draft.snapshot.records(of: ConnectionFunctionRecord.kind)
            guard !all.contains(where: { $0.document["Name"]?.string == name }) else {
                throw Self.error(
                    "EntityAlreadyExists",
                    "A connection function of the name \(name) exists already."
                )
            }
            guard all.count < Self.mostConnectionFunctions else {
                throw Self.error(
                    "EntityLimitExceeded",
                    "There are \(Self.mostConnectionFunctions) connection functions already."
                )
            }
            let content = try connectionContent(call, in: draft.snapshot)
            let id = "cf_" + Ledger.random(27, of: "abcdefghijklmnopqrstuvwxyz0123456789")
            var record = JSONObject()
            record["Name"] = .string(name)
            record["Created"] = content["Modified"]
            record["Development"] = .object(content)
            let tags = Self.tags(call["Tags"])
            if !tags.isEmpty { record["Tags"] = .object(tags) }
            draft.setRecord(ConnectionFunctionRecord.key(id), record)
            var reply = reply(id, record, "DEVELOPMENT", content, in: draft.snapshot)
            var output = reply.output.object ?? JSONObject()
            output["Location"] = Self.location("connection-function/\(id)")
            reply.output = .object(output)
            return reply
        }
    }

    private func describeConnectionFunction(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let (id, record) = try connectionFunction(call.text("Identifier"), in: snapshot)
        let (name, content) = try connectionStage(record, call)
        return reply(id, record, name, content, in: snapshot)
    }

    private func getConnectionFunction(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let record = try connectionFunction(call.text("Identifier"), in: snapshot).record
        let content = try connectionStage(record, call).content
        var reply = APIReply([
            "ETag": content["ETag"] ?? "", "ContentType": "application/octet-stream",
        ])
        reply.payload = Base64.decode(content["Code"]?.string ?? "") ?? []
        return reply
    }

    private func updateConnectionFunction(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (id, record) = try connectionFunction(call.text("Id"), in: draft.snapshot)
            try Self.checkMatch(call, record["Development"]?["ETag"]?.string ?? "")
            let content = try connectionContent(call, in: draft.snapshot)
            record["Development"] = .object(content)
            draft.setRecord(ConnectionFunctionRecord.key(id), record)
            return reply(id, record, "DEVELOPMENT", content, in: draft.snapshot)
        }
    }

    private func publishConnectionFunction(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (id, record) = try connectionFunction(call.text("Id"), in: draft.snapshot)
            guard var content = record["Development"]?.object else {
                throw Self.error("EntityNotFound", "The function has no stage DEVELOPMENT.")
            }
            try Self.checkMatch(call, content["ETag"]?.string ?? "")
            content["ETag"] = .string(Self.makeETag())
            content["Modified"] = Timestamp.json(Timestamp.now())
            record["Live"] = .object(content)
            draft.setRecord(ConnectionFunctionRecord.key(id), record)
            return APIReply([
                "ConnectionFunctionSummary": summary(
                    id,
                    record,
                    "LIVE",
                    content,
                    in: draft.snapshot
                )
            ])
        }
    }

    private func deleteConnectionFunction(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let (id, record) = try connectionFunction(call.text("Id"), in: draft.snapshot)
            try Self.checkMatch(call, record["Development"]?["ETag"]?.string ?? "")
            guard !Self.isUsed(id, in: draft.snapshot) else {
                throw Self.error(
                    "CannotDeleteEntityWhileInUse",
                    "The connection function is used by one or more distributions."
                )
            }
            draft.setRecord(ConnectionFunctionRecord.key(id), nil)
            return .empty(204)
        }
    }

    private func listConnectionFunctions(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let wanted = call["Stage"]?.string
        var entries: [(key: String, value: JSONValue)] = []
        for (id, record) in snapshot.records(of: ConnectionFunctionRecord.kind) {
            for (stage, member) in [("DEVELOPMENT", "Development"), ("LIVE", "Live")]
            where wanted == nil || wanted == stage {
                guard let content = record[member]?.object else { continue }
                let shown = summary(id, record, stage, content, in: snapshot)
                entries.append(("\(id)/\(stage)", shown))
            }
        }
        let page = try Self.page(entries, call)
        var output = JSONObject()
        output["NextMarker"] = page["NextMarker"]
        output["ConnectionFunctions"] = .array(page["Items"]?.array ?? [])
        return APIReply(.object(output))
    }

    private func testConnectionFunction(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let (id, record) = try connectionFunction(call.text("Id"), in: snapshot)
        let (stage, content) = try connectionStage(record, call)
        try Self.checkMatch(call, content["ETag"]?.string ?? "")
        guard let event = Base64.decode(call.text("ConnectionObject")),
            event.count <= Self.maximumConnection,
            (try? JSONValue.parse(event[...]))?.object != nil
        else { throw Self.argument("The parameter ConnectionObject is not valid.") }
        let test = FunctionTest(
            record: snapshot.records[ConnectionFunctionRecord.key(id)] ?? "",
            stage: stage,
            snapshot: snapshot,
            event: event,
            isConnection: true
        )
        guard let outcome = await self.test(test) else {
            throw Self.error("EntityNotFound", "The function has no stage \(stage).")
        }
        if let failure = outcome.failure { throw Self.error("TestFunctionFailed", failure) }
        return APIReply([
            "ConnectionFunctionTestResult": [
                "ConnectionFunctionSummary": summary(id, record, stage, content, in: snapshot),
                "ComputeUtilization": .string(String(outcome.utilization)),
                "ConnectionFunctionExecutionLogs": .array(outcome.logs.map { .string($0) }),
                "ConnectionFunctionErrorMessage": .string(outcome.error),
                "ConnectionFunctionOutput": .string(outcome.output),
            ]
        ])
    }
}
