import JSON
import Model
import Registry
import Templates

/// Key-value stores by their records.
enum KeyValueStores {
    static let kind = "cloudfront/key-value-store"

    /// The record of a store that an ARN names.
    static func record(arn: String, in snapshot: Snapshot) -> (name: String, JSONObject)? {
        snapshot.records(of: kind).first { $0.document["ARN"]?.string == arn }
            .map { ($0.id, $0.document) }
    }
}

/// The management of key-value stores; their content has an API of its own.
extension CloudFrontService {
    private func store(_ name: String, in snapshot: Snapshot) throws(APIError) -> JSONObject {
        guard let record = snapshot.record("\(KeyValueStores.kind)/\(name)") else {
            throw Self.error("EntityNotFound", "The key value store was not found.")
        }
        return record
    }

    private func shown(_ record: JSONObject) -> JSONValue {
        var members = JSONObject()
        for name in ["Name", "Id", "Comment", "ARN", "LastModifiedTime"] {
            members[name] = record[name]
        }
        let isEverywhere = ledger.isEverywhere(record["Revision"]?.int ?? 0)
        members["Status"] = isEverywhere ? "READY" : "PROVISIONING"
        return .object(members)
    }

    private func reply(_ record: JSONObject) -> APIReply {
        APIReply(["KeyValueStore": shown(record), "ETag": record["ETag"] ?? ""])
    }

    func createStore(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let name = call.text("Name")
            let key = "\(KeyValueStores.kind)/\(name)"
            guard draft.record(key) == nil else {
                throw Self.error(
                    "EntityAlreadyExists",
                    "A key value store of the name \(name) exists already."
                )
            }
            let id = Ledger.uuid()
            var record = JSONObject()
            record["Name"] = .string(name)
            record["Id"] = .string(id)
            record["Comment"] = call["Comment"] ?? ""
            record["ARN"] = .string(Self.arn("key-value-store", id))
            record["Created"] = Timestamp.json(Timestamp.now())
            record["LastModifiedTime"] = record["Created"]
            record["ETag"] = .string(Self.makeETag())
            record["ContentETag"] = .string(Self.makeETag())
            record["Revision"] = .integer(draft.revision)
            if let source = call["ImportSource"] {
                record["Pairs"] = .object(try Self.imported(source, in: draft.snapshot))
            }
            draft.setRecord(key, record)
            var output = reply(record).output.object ?? JSONObject()
            output["Location"] = Self.location("key-value-store/\(name)")
            return APIReply(.object(output))
        }
    }

    /// The pairs of a file in a bucket that is a folder here.
    private static func imported(
        _ source: JSONValue,
        in snapshot: Snapshot
    ) throws(APIError) -> JSONObject {
        let arn = source["SourceARN"]?.string ?? ""
        guard let place = KeyValueImport(arn: arn), let folder = snapshot.buckets[place.bucket]
        else {
            throw argument("The import source \(arn) is no object of a bucket that is known here.")
        }
        do {
            var pairs = JSONObject()
            for (key, value) in try KeyValueImport.pairs(of: place.file(in: folder)) {
                pairs[key] = .string(value)
            }
            return pairs
        } catch {
            throw argument("The import source \(arn) cannot be read: \(error)")
        }
    }

    func describeStore(_ call: APICall) async throws(APIError) -> APIReply {
        reply(try store(call.text("Name"), in: try await ledger.snapshot()))
    }

    func updateStore(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var record = try store(call.text("Name"), in: draft.snapshot)
            try Self.checkMatch(call, record["ETag"]?.string ?? "")
            record["Comment"] = call["Comment"] ?? ""
            record["LastModifiedTime"] = Timestamp.json(Timestamp.now())
            record["ETag"] = .string(Self.makeETag())
            draft.setRecord("\(KeyValueStores.kind)/\(call.text("Name"))", record)
            return reply(record)
        }
    }

    func deleteStore(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let record = try store(call.text("Name"), in: draft.snapshot)
            try Self.checkMatch(call, record["ETag"]?.string ?? "")
            let arn = record["ARN"]?.text ?? ""
            let isUsed = draft.snapshot.records.contains {
                $0.key.hasPrefix("cloudfront/function/") && $0.value.contains(arn)
            }
            guard !isUsed else {
                throw Self.error(
                    "CannotDeleteEntityWhileInUse",
                    "The key value store is associated with one or more functions."
                )
            }
            draft.setRecord("\(KeyValueStores.kind)/\(call.text("Name"))", nil)
            return .empty(204)
        }
    }

    func listStores(_ call: APICall) async throws(APIError) -> APIReply {
        let wanted = call["Status"]?.string
        let entries = try await ledger.snapshot().records(of: KeyValueStores.kind)
            .map { (key: $0.id, value: shown($0.document)) }
            .filter { entry in wanted.map { entry.value["Status"]?.string == $0 } ?? true }
        return APIReply(["KeyValueStoreList": try Self.page(entries, call)])
    }
}
