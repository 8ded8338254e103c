import JSON
import Model
import Registry

/// Tags of distributions, functions and key-value stores.
extension CloudFrontService {
    /// The tags of a request, as a map.
    static func tags(_ given: JSONValue?) -> JSONObject {
        var tags = JSONObject()
        for item in given?.items ?? [] {
            if let key = item["Key"]?.string { tags[key] = item["Value"] ?? "" }
        }
        return tags
    }

    func tags(_ call: APICall) async throws(APIError) -> APIReply {
        let arn = call.text("Resource")
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[2] == "cloudfront" else {
            throw Self.error("InvalidArgument", "The resource \(arn) is not valid.")
        }
        let id = parts[5].split(separator: "/").last.map(String.init) ?? ""
        guard call.operation.name != "ListTagsForResource" else {
            let snapshot = try await ledger.snapshot()
            let tags = try owner(parts[5], id, in: snapshot)
            let items = tags.map { tag -> JSONValue in
                ["Key": .string(tag.key), "Value": tag.value]
            }
            return APIReply(["Tags": ["Items": .array(items)]])
        }
        let kind = parts[5]
        return try await ledger.change { [self] draft throws(APIError) in
            var tags = try owner(kind, id, in: draft.snapshot)
            for tag in Self.tags(call["Tags"]) {
                guard !tag.key.lowercased().hasPrefix("aws:") else {
                    throw Self.error("InvalidTagging", "Tag keys cannot begin with aws:.")
                }
                tags[tag.key] = tag.value
            }
            for key in call["TagKeys"]?.texts ?? [] { tags[key] = nil }
            guard tags.count <= 50 else {
                throw Self.error("InvalidTagging", "A resource has at most 50 tags.")
            }
            try set(tags, of: kind, id, in: &draft)
            return .empty(204)
        }
    }

    private func owner(
        _ resource: Substring,
        _ id: String,
        in snapshot: Snapshot
    ) throws(APIError) -> JSONObject {
        if resource.hasPrefix("distribution/"), snapshot.distributions[id] != nil {
            return try distribution(id, in: snapshot).tags
        }
        let kind = resource.split(separator: "/").first ?? ""
        guard let record = snapshot.record("cloudfront/\(kind)/\(id)") else {
            throw Self.error("NoSuchResource", "The specified resource does not exist.")
        }
        return record["Tags"]?.object ?? JSONObject()
    }

    private func set(
        _ tags: JSONObject,
        of resource: Substring,
        _ id: String,
        in draft: inout Draft
    ) throws(APIError) {
        if resource.hasPrefix("distribution/") {
            var record = try distribution(id, in: draft.snapshot)
            record.tags = tags
            record.save(to: &draft)
            return
        }
        let key = "cloudfront/\(resource.split(separator: "/").first ?? "")/\(id)"
        guard var record = draft.record(key) else { return }
        record["Tags"] = .object(tags)
        draft.setRecord(key, record)
    }
}
