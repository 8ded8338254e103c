import JSON
import Model
import Registry

/// The API of the content of key-value stores.
///
/// CloudFront: "Working with key value data"; limits from "Quotas on key value stores".
final class KeyValueService: APIService {
    private static let maximumKey = 512
    private static let maximumValue = 1024
    private static let maximumChanges = 50
    private static let maximumSize = 5 << 20

    private let ledger: Ledger

    init(ledger: Ledger) { self.ledger = ledger }

    func speaksOfAccounts(in operation: String) -> Bool { false }

    func perform(_ call: APICall) async throws(APIError) -> APIReply {
        switch call.operation.name {
        case "DescribeKeyValueStore":
            let (_, record) = try store(call, in: try await ledger.snapshot())
            return describe(record)
        case "ListKeys": return try await listKeys(call)
        case "GetKey": return try await getKey(call)
        case "PutKey":
            let pair: JSONValue = ["Key": call["Key"] ?? "", "Value": call["Value"] ?? ""]
            return try await change(call, puts: [pair], deletes: [])
        case "DeleteKey":
            return try await change(call, puts: [], deletes: [call.text("Key")])
        case "UpdateKeys":
            return try await change(
                call,
                puts: call["Puts"]?.array ?? [],
                deletes: (call["Deletes"]?.array ?? []).compactMap { $0["Key"]?.string }
            )
        default: throw invalid("\(call.operation.name) is not supported here.")
        }
    }

    private func invalid(_ message: String) -> APIError {
        APIError(400, "ValidationException", message)
    }

    private func store(
        _ call: APICall,
        in snapshot: Snapshot
    ) throws(APIError) -> (name: String, JSONObject) {
        guard let found = KeyValueStores.record(arn: call.text("KvsARN"), in: snapshot) else {
            throw APIError(404, "ResourceNotFoundException", "Key value store was not found.")
        }
        return found
    }

    private static func size(_ pairs: JSONObject) -> Int {
        pairs.reduce(0) { $0 + $1.key.utf8.count + ($1.value.string ?? "").utf8.count }
    }

    private static func counts(_ record: JSONObject) -> JSONObject {
        let pairs = record["Pairs"]?.object ?? JSONObject()
        var members = JSONObject()
        members["ItemCount"] = .integer(pairs.count)
        members["TotalSizeInBytes"] = .integer(size(pairs))
        return members
    }

    private func describe(_ record: JSONObject) -> APIReply {
        var members = Self.counts(record)
        members["KvsARN"] = record["ARN"]
        members["Created"] = record["Created"]
        members["LastModified"] = record["LastModifiedTime"]
        members["ETag"] = record["ContentETag"]
        let isEverywhere = ledger.isEverywhere(record["Revision"]?.int ?? 0)
        members["Status"] = isEverywhere ? "READY" : "PROVISIONING"
        return APIReply(.object(members))
    }

    private func listKeys(_ call: APICall) async throws(APIError) -> APIReply {
        let (_, record) = try store(call, in: try await ledger.snapshot())
        let pairs = record["Pairs"]?.object ?? JSONObject()
        let entries = pairs.members.sorted { $0.key < $1.key }.map { pair in
            (key: pair.key, value: ["Key": .string(pair.key), "Value": pair.value] as JSONValue)
        }
        let token = call["NextToken"]?.string
        let marker = token.flatMap(Paging.decode)
        guard token == nil || marker != nil else { throw invalid("The NextToken is not valid.") }
        let limit = call["MaxResults"]?.int ?? 10
        let (page, next) = Paging(marker: marker, limit: limit).page(entries)
        var members = JSONObject()
        members["Items"] = .array(page)
        members["NextToken"] = Paging.encode(next)
        return APIReply(.object(members))
    }

    private func getKey(_ call: APICall) async throws(APIError) -> APIReply {
        let (_, record) = try store(call, in: try await ledger.snapshot())
        guard let value = record["Pairs"]?[call.text("Key")] else {
            throw APIError(404, "ResourceNotFoundException", "Key was not found.")
        }
        var members = Self.counts(record)
        members["Key"] = .string(call.text("Key"))
        members["Value"] = value
        return APIReply(.object(members))
    }

    private func change(
        _ call: APICall,
        puts: [JSONValue],
        deletes: [String]
    ) async throws(APIError) -> APIReply {
        guard (1...Self.maximumChanges).contains(puts.count + deletes.count) else {
            throw APIError(.keyValueChanges)
        }
        let touched = puts.compactMap { $0["Key"]?.string } + deletes
        guard Set(touched).count == touched.count else {
            throw invalid("A key stands twice in the call.")
        }
        for pair in puts {
            let key = pair["Key"]?.string ?? ""
            guard (1...Self.maximumKey).contains(key.utf8.count) else {
                throw APIError(.keyValueKey)
            }
            guard (1...Self.maximumValue).contains((pair["Value"]?.string ?? "").utf8.count) else {
                throw APIError(.keyValueValue)
            }
        }
        return try await ledger.change { [self] draft throws(APIError) in
            var (name, record) = try store(call, in: draft.snapshot)
            guard call.text("IfMatch") == record["ContentETag"]?.string else {
                throw APIError(
                    .keyValueMatch,
                    "The If-Match version does not match the store's ETag."
                )
            }
            var pairs = record["Pairs"]?.object ?? JSONObject()
            for key in deletes {
                guard pairs[key] != nil else {
                    throw APIError(404, "ResourceNotFoundException", "Key was not found.")
                }
                pairs[key] = nil
            }
            for pair in puts {
                if let key = pair["Key"]?.string { pairs[key] = pair["Value"] }
            }
            guard Self.size(pairs) <= Self.maximumSize else {
                throw APIError(
                    .keyValueSize,
                    "The store would be larger than \(Self.maximumSize) bytes."
                )
            }
            record["Pairs"] = .object(pairs)
            record["ContentETag"] = .string(CloudFrontService.makeETag())
            record["LastModifiedTime"] = Timestamp.json(Timestamp.now())
            record["Revision"] = .integer(draft.revision)
            draft.setRecord("\(KeyValueStores.kind)/\(name)", record)
            var members = Self.counts(record)
            members["ETag"] = record["ContentETag"]
            return APIReply(.object(members))
        }
    }
}
