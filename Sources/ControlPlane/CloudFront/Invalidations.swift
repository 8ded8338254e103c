import JSON
import Model
import Registry

/// Invalidations: paths that the edges forget.
extension CloudFrontService {
    /// How many invalidations of a distribution are remembered.
    private static let maximumRemembered = 500
    /// The most paths of one batch.
    ///
    /// Source: CloudFront quotas.
    private static let maximumPaths = 3000

    private static func kind(_ distribution: String) -> String {
        "cloudfront/invalidation/\(distribution)"
    }

    func runningInvalidations(of distribution: String, in snapshot: Snapshot) -> Int {
        snapshot.records(of: Self.kind(distribution)).count {
            $0.document["Status"]?.string == "InProgress"
        }
    }

    private static func shown(_ id: String, _ record: JSONObject) -> JSONValue {
        var members = record
        members["Id"] = .string(id)
        return .object(members)
    }

    /// Whether a text is a path, or `#` and a tag.
    ///
    /// Source: "What you need to know when invalidating files", "Invalidate files by cache tag".
    private static func isItem(_ text: String) -> Bool {
        guard text.first == "#" else { return text.hasPrefix("/") || text.hasPrefix("*") }
        return (2...257).contains(text.utf8.count)
            && text.utf8.allSatisfy { 33...126 ~= $0 && $0 != UInt8(ascii: ",") }
    }

    func createInvalidation(_ call: APICall) async throws(APIError) -> APIReply {
        guard let given = call["InvalidationBatch"] else {
            throw Self.error("MissingBody", "This operation requires a body.")
        }
        let batch = try Quantities.checked(given)
        let paths = batch["Paths"]?.texts ?? []
        guard !paths.isEmpty, paths.allSatisfy(Self.isItem) else {
            throw Self.argument("Your request contains one or more invalid invalidation paths.")
        }
        guard paths.count <= Self.maximumPaths else {
            throw Self.error("BatchTooLarge", "The batch has more than \(Self.maximumPaths) paths.")
        }
        let owner = call.text("DistributionId")
        let id = "I" + Ledger.random(13, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        let (known, isNew) = try await remember(batch, as: id, of: owner)
        if isNew {
            await invalidate(owner, paths)
            try await finish(id, of: owner)
        }
        return APIReply([
            "Invalidation": known,
            "Location": Self.location(
                "distribution/\(owner)/invalidation/\(known["Id"]?.string ?? id)"
            ),
        ])
    }

    /// Keeps a batch as running; an equal one with the same caller reference is returned instead.
    private func remember(
        _ batch: JSONValue,
        as id: String,
        of owner: String
    ) async throws(APIError) -> (JSONValue, Bool) {
        try await ledger.change { [self] draft throws(APIError) in
            _ = try distribution(owner, in: draft.snapshot)
            let all = draft.snapshot.records(of: Self.kind(owner))
            let reference = batch["CallerReference"]
            let twin = all.first {
                $0.document["InvalidationBatch"]?["CallerReference"] == reference
            }
            if let twin {
                guard twin.document["InvalidationBatch"] == batch else {
                    throw Self.argument(
                        "Your request contains a caller reference that was used for a previous "
                            + "invalidation batch for the same distribution."
                    )
                }
                return (Self.shown(twin.id, twin.document), false)
            }
            if all.count >= Self.maximumRemembered {
                let oldest = all.min {
                    $0.document["CreateTime"]?.double ?? 0 < $1.document["CreateTime"]?.double ?? 0
                }
                if let oldest { draft.setRecord("\(Self.kind(owner))/\(oldest.id)", nil) }
            }
            var record = JSONObject()
            record["Status"] = "InProgress"
            record["CreateTime"] = Timestamp.json(Timestamp.now())
            record["InvalidationBatch"] = batch
            draft.setRecord("\(Self.kind(owner))/\(id)", record)
            return (Self.shown(id, record), true)
        }
    }

    private func finish(_ id: String, of owner: String) async throws(APIError) {
        try await ledger.change { draft throws(APIError) in
            let key = "\(Self.kind(owner))/\(id)"
            guard var record = draft.record(key) else { return }
            record["Status"] = "Completed"
            draft.setRecord(key, record)
        }
    }

    func getInvalidation(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let owner = call.text("DistributionId")
        _ = try distribution(owner, in: snapshot)
        let id = call.text("Id")
        guard let record = snapshot.record("\(Self.kind(owner))/\(id)") else {
            throw Self.error(
                "NoSuchInvalidation",
                "The specified invalidation does not exist."
            )
        }
        return APIReply(["Invalidation": Self.shown(id, record)])
    }

    func listInvalidations(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let owner = call.text("DistributionId")
        _ = try distribution(owner, in: snapshot)
        // The latest one comes first; the marker is the id of the last one shown.
        let all = snapshot.records(of: Self.kind(owner)).sorted {
            $0.document["CreateTime"]?.double ?? 0 > $1.document["CreateTime"]?.double ?? 0
        }
        let marker = call["Marker"]?.string ?? ""
        var rest = all[...]
        if let position = all.firstIndex(where: { $0.id == marker }) {
            rest = all[(position + 1)...]
        }
        let limit = call["MaxItems"].flatMap { Int($0.string ?? "") } ?? Self.pageSize
        guard limit > 0 else { throw Self.argument("The parameter MaxItems is not valid.") }
        let page = rest.prefix(limit)
        var members =
            Self.list(
                page.map { id, record in
                    var summary = record
                    summary["Id"] = .string(id)
                    return .object(summary)
                }
            ).object ?? JSONObject()
        members["Marker"] = .string(marker)
        members["MaxItems"] = .integer(limit)
        members["IsTruncated"] = .bool(page.count < rest.count)
        if page.count < rest.count { members["NextMarker"] = page.last.map { .string($0.id) } }
        return APIReply(["InvalidationList": .object(members)])
    }
}
