import JSON
import Model
import Registry

/// Tags of functions.
extension LambdaService {
    /// The most tags of a function.
    ///
    /// Source: Lambda API, "TagResource".
    private static let maximumTags = 50

    private func tagged(
        _ call: APICall,
        in snapshot: Snapshot
    ) throws(APIError) -> FunctionRecord {
        let arn = call.text("Resource")
        let reference = try FunctionReference(arn)
        guard reference.qualifier == nil else {
            throw .invalid(
                "Tags on function aliases and versions are not supported. Please specify a function "
                    + "ARN."
            )
        }
        guard let record = record(reference.name, in: snapshot) else {
            throw .functionNotFound(arn)
        }
        return record
    }

    func tagResource(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var record = try tagged(call, in: draft.snapshot)
            let given = call["Tags"]?.object ?? JSONObject()
            guard !given.isEmpty else {
                throw .invalid("An error occurred and the request cannot be processed.")
            }
            var tags = record["tags"]
            for tag in given { tags[tag.key] = tag.value }
            try Self.check(tags: tags)
            record["tags"] = tags
            record.save(to: &draft)
            return .empty(204)
        }
    }

    /// AWS Lambda, "Using tags on Lambda functions": counts, lengths and the reserved prefix.
    static func check(tags: JSONObject) throws(APIError) {
        guard tags.count <= maximumTags else {
            throw .invalid("Number of tags exceeds resource tag limit.")
        }
        for tag in tags {
            guard (1...128).contains(tag.key.utf16.count),
                tag.value.string?.utf16.count ?? 0 <= 256
            else {
                throw .invalid("A tag's key has 1 to 128 characters and its value at most 256.")
            }
            guard !tag.key.lowercased().hasPrefix("aws:") else {
                throw .invalid("System tags cannot be added/updated by requester.")
            }
        }
    }

    func untagResource(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var record = try tagged(call, in: draft.snapshot)
            var tags = record["tags"]
            for key in call["TagKeys"]?.array ?? [] {
                if let key = key.string { tags[key] = nil }
            }
            record["tags"] = tags
            record.save(to: &draft)
            return .empty(204)
        }
    }

    func listTags(_ call: APICall) async throws(APIError) -> APIReply {
        let record = try tagged(call, in: try await ledger.snapshot())
        return APIReply(["Tags": .object(record["tags"])])
    }
}
