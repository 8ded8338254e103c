import Crypto
import JSON
import Model
import Registry

/// What the API knows of one distribution.
struct DistributionRecord: Sendable {
    let id: String
    /// With its defaults filled in.
    var config: JSONValue
    var etag: String
    /// Unit: seconds since 1970.
    var modified: Double
    /// The registry's revision that carries the last change.
    var revision: Int
    var tags: JSONObject
    /// What edges serve.
    var served: Distribution

    private static let kind = "cloudfront/distribution"

    /// Reads what is known; nil when there is no such distribution.
    ///
    /// A distribution of a template, or one that a template has changed since, has the configuration that
    /// follows from what edges serve.
    init?(_ id: String, in snapshot: Snapshot, started: Double) {
        guard let served = snapshot.distributions[id] else { return nil }
        self.id = id
        self.served = served
        let record = snapshot.record("\(Self.kind)/\(id)")
        tags = record?["Tags"]?.object ?? JSONObject()
        if let record, let config = record["Config"], let etag = record["ETag"]?.string,
            let built = try? DistributionBuilder(snapshot: snapshot, id: id).build(config, id: id),
            built == served
        {
            self.config = config
            self.etag = etag
            modified = record["Modified"]?.double ?? started
            revision = record["Revision"]?.int ?? 0
        } else {
            config = DistributionShape.config(served)
            let digest = Digest.hex(Digest.sha256(config.text)).uppercased()
            etag = "E" + digest.prefix(13)
            modified = started
            revision = 0
        }
    }

    /// Makes the record of a new distribution.
    init(config: JSONValue, served: Distribution, revision: Int, tags: JSONObject) {
        id = served.id
        self.config = config
        self.served = served
        self.revision = revision
        self.tags = tags
        etag = CloudFrontService.makeETag()
        modified = Timestamp.now()
    }

    func save(to draft: inout Draft) {
        var record = JSONObject()
        record["Config"] = config
        record["ETag"] = .string(etag)
        record["Modified"] = Timestamp.json(modified)
        record["Revision"] = .integer(revision)
        if !tags.isEmpty { record["Tags"] = .object(tags) }
        draft.setRecord("\(Self.kind)/\(id)", record)
    }

    static func remove(_ id: String, from draft: inout Draft) {
        draft.setRecord("\(kind)/\(id)", nil)
    }

    var arn: String { CloudFrontService.arn("distribution", id) }

    /// The distribution as the API shows it.
    func shown(isDeployed: Bool, running: Int, in snapshot: Snapshot) -> JSONValue {
        var members = JSONObject()
        members["Id"] = .string(id)
        members["ARN"] = .string(arn)
        members["Status"] = isDeployed ? "Deployed" : "InProgress"
        members["LastModifiedTime"] = Timestamp.json(modified)
        members["InProgressInvalidationBatches"] = .integer(running)
        members["DomainName"] = .string(served.domainName)
        members["ActiveTrustedSigners"] = ["Enabled": false, "Quantity": 0]
        let groups = Set(served.behaviors.flatMap(\.trustedKeyGroups)).sorted()
        var active =
            CloudFrontService.list(
                groups.map { group in
                    let keys = snapshot.keyGroups[group]?.keys ?? []
                    return [
                        "KeyGroupId": .string(group),
                        "KeyPairIds": CloudFrontService.list(keys.map(JSONValue.string)),
                    ]
                }
            ).object ?? JSONObject()
        active["Enabled"] = .bool(!groups.isEmpty)
        members["ActiveTrustedKeyGroups"] = .object(active)
        members["DistributionConfig"] = config
        if !served.aliases.isEmpty { members["AliasICPRecordals"] = aliasRecordals }
        return .object(members)
    }

    private var aliasRecordals: JSONValue {
        .array(served.aliases.map { ["CNAME": .string($0), "ICPRecordalStatus": "APPROVED"] })
    }

    /// How it stands in lists.
    func summary(isDeployed: Bool) -> JSONValue {
        var members = JSONObject()
        members["Id"] = .string(id)
        members["ARN"] = .string(arn)
        members["ETag"] = .string(etag)
        members["Status"] = isDeployed ? "Deployed" : "InProgress"
        members["LastModifiedTime"] = Timestamp.json(modified)
        members["DomainName"] = .string(served.domainName)
        for name in [
            "Aliases", "Origins", "OriginGroups", "DefaultCacheBehavior", "CacheBehaviors",
            "CustomErrorResponses", "Comment", "PriceClass", "Enabled", "ViewerCertificate",
            "Restrictions", "WebACLId", "HttpVersion", "IsIPV6Enabled", "Staging",
        ] {
            members[name] = config[name]
        }
        if !served.aliases.isEmpty { members["AliasICPRecordals"] = aliasRecordals }
        return .object(members)
    }
}
