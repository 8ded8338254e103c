import JSON
import Model
import Registry

/// Configurations of real-time logs.
///
/// CloudFront: "Use real-time access logs".
extension CloudFrontService {
    func performRealTimeLog(_ call: APICall) async throws(APIError) -> APIReply? {
        switch call.operation.name {
        case "CreateRealtimeLogConfig": try await createRealTimeLog(call)
        case "GetRealtimeLogConfig":
            reply(log: try realTimeLog(call, in: try await ledger.snapshot()).record)
        case "UpdateRealtimeLogConfig": try await updateRealTimeLog(call)
        case "DeleteRealtimeLogConfig": try await deleteRealTimeLog(call)
        case "ListRealtimeLogConfigs": try await listRealTimeLogs(call)
        default: nil
        }
    }

    /// A configuration by name or ARN.
    func realTimeLog(
        _ call: APICall,
        in snapshot: Snapshot,
        prefix: String = ""
    ) throws(APIError) -> (name: String, record: JSONObject) {
        let arn = call[prefix.isEmpty ? "ARN" : prefix + "Arn"]?.string ?? ""
        let given = call[prefix + "Name"]?.string ?? ""
        let name = given.isEmpty ? RealTimeLogRecord.name(of: arn) : given
        guard !name.isEmpty, let record = snapshot.record(RealTimeLogRecord.key(name)) else {
            throw Self.error(
                "NoSuchRealtimeLogConfig",
                "The real-time log configuration does not exist."
            )
        }
        return (name, record)
    }

    private func reply(log record: JSONObject) -> APIReply {
        APIReply(["RealtimeLogConfig": .object(record)])
    }

    /// The record that the members of a call make, checked.
    private func record(_ call: APICall, name: String) throws(APIError) -> JSONObject {
        let fields = (call["Fields"]?.array ?? []).compactMap(\.string)
        let ends = call["EndPoints"]?.array ?? []
        let rate = call["SamplingRate"]?.int ?? 0
        guard !fields.isEmpty, Set(RealTimeFieldNames.all).isSuperset(of: fields) else {
            throw Self.argument("The parameter Fields is empty or has a field that is not known.")
        }
        guard (1...100).contains(rate) else {
            throw Self.argument("The parameter SamplingRate is not from 1 to 100.")
        }
        guard ends.count == 1, ends[0]["StreamType"]?.string == "Kinesis",
            ends[0]["KinesisStreamConfig"]?["StreamARN"]?.string?.hasPrefix("arn:aws:kinesis:")
                == true
        else { throw Self.argument("The parameter EndPoints is not one Kinesis stream.") }
        var record = JSONObject()
        record["Name"] = .string(name)
        record["ARN"] = .string(RealTimeLogRecord.arn(name))
        record["SamplingRate"] = .integer(rate)
        record["Fields"] = .array(fields.map(JSONValue.string))
        record["EndPoints"] = .array(ends)
        return record
    }

    private func createRealTimeLog(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let name = call.text("Name")
            guard draft.record(RealTimeLogRecord.key(name)) == nil else {
                throw Self.error(
                    "RealtimeLogConfigAlreadyExists",
                    "A real-time log configuration with this name already exists."
                )
            }
            let record = try record(call, name: name)
            draft.setRecord(RealTimeLogRecord.key(name), record)
            return reply(log: record)
        }
    }

    private func updateRealTimeLog(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let name = try realTimeLog(call, in: draft.snapshot).name
            let record = try record(call, name: name)
            draft.setRecord(RealTimeLogRecord.key(name), record)
            return reply(log: record)
        }
    }

    private func deleteRealTimeLog(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let name = try realTimeLog(call, in: draft.snapshot).name
            let isUsed = draft.snapshot.distributions.values.contains {
                $0.uses(realTimeLog: name)
            }
            guard !isUsed else {
                throw Self.error(
                    "RealtimeLogConfigInUse",
                    "Cannot delete the real-time log configuration because a cache behavior uses it."
                )
            }
            draft.setRecord(RealTimeLogRecord.key(name), nil)
            return .empty(204)
        }
    }

    private func listRealTimeLogs(_ call: APICall) async throws(APIError) -> APIReply {
        let entries = try await ledger.snapshot().records(of: RealTimeLogRecord.kind)
            .map { (key: $0.id, value: JSONValue.object($0.document)) }
        return APIReply(["RealtimeLogConfigs": try Self.page(entries, call)])
    }
}

extension Distribution {
    /// Whether a behaviour writes by this configuration.
    func uses(realTimeLog name: String) -> Bool {
        behaviors.contains { behavior in
            behavior.realTimeLog.map { RealTimeLogRecord.name(of: $0) } == name
        }
    }
}
