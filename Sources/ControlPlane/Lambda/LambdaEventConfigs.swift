import JSON
import Model
import Registry

/// How asynchronous invocations are retried and where their records go.
extension LambdaService {
    private func target(
        _ call: APICall,
        in snapshot: Snapshot
    ) throws(APIError) -> (record: FunctionRecord, qualifier: String) {
        let reference = try reference(call, in: snapshot)
        let qualifier = reference.qualifier ?? "$LATEST"
        guard let record = record(reference.name, in: snapshot),
            (try? find(reference, in: snapshot)) != nil
        else { throw .missing("The function doesn't exist.") }
        return (record, qualifier)
    }

    func putEventConfig(_ call: APICall, replaces: Bool) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (record, qualifier) = try target(call, in: draft.snapshot)
            let members = [
                "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig",
            ]
            guard members.contains(where: { call[$0] != nil }) else {
                throw .invalid(
                    "You must specify at least one of error handling or destination setting."
                )
            }
            let old = record["events", qualifier]?.object
            if !replaces, old == nil { throw Self.noEventConfig(record.name, qualifier) }
            var config = replaces ? JSONObject() : old ?? JSONObject()
            for name in members {
                if let value = call[name] { config[name] = value }
            }
            try check(config["DestinationConfig"], of: record.name, in: draft.snapshot)
            config["LastModified"] = Timestamp.json(Timestamp.now())
            record["events", qualifier] = .object(config)
            record.save(to: &draft)
            Self.changeSettings(of: record.name, in: &draft) {
                $0.events[qualifier] = Self.settings(config)
            }
            return APIReply(Self.shape(config, record.name, qualifier))
        }
    }

    private static func settings(_ config: JSONObject) -> EventSettings {
        var settings = EventSettings()
        settings.maximumRetryAttempts = config["MaximumRetryAttempts"]?.int
        settings.maximumAge = config["MaximumEventAgeInSeconds"]?.int
        settings.onSuccess = destination(config["DestinationConfig"], "OnSuccess")
        settings.onFailure = destination(config["DestinationConfig"], "OnFailure")
        return settings
    }

    private static func destination(_ config: JSONValue?, _ side: String) -> String? {
        let arn = config?[side]?["Destination"]?.string ?? ""
        return arn.isEmpty ? nil : arn
    }

    private func check(
        _ config: JSONValue?,
        of name: String,
        in snapshot: Snapshot
    ) throws(APIError) {
        let success = Self.destination(config, "OnSuccess")
        let failure = Self.destination(config, "OnFailure")
        for (side, arn) in [("OnSuccess", success), ("OnFailure", failure)] {
            guard let arn else { continue }
            let service = arn.split(separator: ":", omittingEmptySubsequences: false).dropFirst(2)
            switch service.first {
            case "lambda":
                guard let target = try? FunctionReference(arn),
                    snapshot.resolve(function: target.arn) != nil
                else { throw .invalid("The destination ARN \(arn) is invalid.") }
                if target.name == name {
                    throw .invalid("You can't specify the function as a destination for itself.")
                }
            case "sqs", "sns", "events": break
            case "s3" where side == "OnFailure": break
            default:
                func text(_ kind: String, _ arn: String?) -> String {
                    arn.map { "\(kind)(destination=\($0))" } ?? "null"
                }
                throw .invalid(
                    "The provided destination config DestinationConfig(onSuccess="
                        + "\(text("OnSuccess", success)), onFailure="
                        + "\(text("OnFailure", failure))) is invalid."
                )
            }
        }
    }

    private static func shape(
        _ config: JSONObject,
        _ name: String,
        _ qualifier: String
    ) -> JSONValue {
        var members = config
        members["FunctionArn"] = .string(FunctionARN(name: name, qualifier: qualifier).text)
        let given = config["DestinationConfig"]
        members["DestinationConfig"] = [
            "OnSuccess": given?["OnSuccess"] ?? [:], "OnFailure": given?["OnFailure"] ?? [:],
        ]
        return .object(members)
    }

    private static func noEventConfig(_ name: String, _ qualifier: String) -> APIError {
        let arn = FunctionARN(name: name, qualifier: qualifier).text
        return .missing("The function \(arn) doesn't have an EventInvokeConfig")
    }

    func getEventConfig(_ call: APICall) async throws(APIError) -> APIReply {
        let (record, qualifier) = try target(call, in: try await ledger.snapshot())
        guard let config = record["events", qualifier]?.object else {
            throw Self.noEventConfig(record.name, qualifier)
        }
        return APIReply(Self.shape(config, record.name, qualifier))
    }

    func deleteEventConfig(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (record, qualifier) = try target(call, in: draft.snapshot)
            guard record["events", qualifier] != nil else {
                throw Self.noEventConfig(record.name, qualifier)
            }
            record["events", qualifier] = nil
            record.save(to: &draft)
            Self.changeSettings(of: record.name, in: &draft) { $0.events[qualifier] = nil }
            return .empty(204)
        }
    }

    func listEventConfigs(_ call: APICall) async throws(APIError) -> APIReply {
        let (record, _) = try target(call, in: try await ledger.snapshot())
        let entries = record["events"].members.sorted { $0.key < $1.key }.map { entry in
            let config = entry.value.object ?? JSONObject()
            return (key: entry.key, value: Self.shape(config, record.name, entry.key))
        }
        let (page, next) = try Self.paging(call).page(entries)
        var output = JSONObject()
        output["FunctionEventInvokeConfigs"] = .array(page)
        output["NextMarker"] = Paging.encode(next)
        return APIReply(.object(output))
    }
}
