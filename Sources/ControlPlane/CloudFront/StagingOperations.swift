import JSON
import Model
import Registry

/// Continuous deployment: staging copies of distributions, and their promotion.
///
/// CloudFront: "Use continuous deployment to safely test CDN configuration changes".
extension CloudFrontService {
    func copyDistribution(_ call: APICall) async throws(APIError) -> APIReply {
        guard call["Staging"]?.bool == true || call["Staging"]?.string == "true" else {
            throw Self.argument(
                "The parameter Staging must be true: copies are staging distributions."
            )
        }
        return try await ledger.change { [self] draft throws(APIError) in
            let primary = try distribution(call.text("PrimaryDistributionId"), in: draft.snapshot)
            try Self.checkMatch(call, primary.etag)
            guard primary.served.isStaging != true else {
                throw Self.argument("The primary distribution is a staging distribution itself.")
            }
            var config = primary.config.object ?? JSONObject()
            config["CallerReference"] = .string(call.text("CallerReference"))
            config["Aliases"] = Self.list([])
            config["Staging"] = true
            config["ContinuousDeploymentPolicyId"] = ""
            if let isEnabled = call["Enabled"]?.bool { config["Enabled"] = .bool(isEnabled) }
            for id in draft.snapshot.distributions.keys {
                let twin = try distribution(id, in: draft.snapshot)
                guard twin.config["CallerReference"] != config["CallerReference"] else {
                    throw Self.error(
                        "DistributionAlreadyExists",
                        "The caller reference is associated with another distribution. Already "
                            + "exists: \(id)"
                    )
                }
            }
            let id = "E" + Ledger.random(13, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
            let record = try save(.object(config), id, JSONObject(), to: &draft)
            return located(reply(record, in: draft.snapshot, isDeployed: false))
        }
    }

    /// Puts the configuration of the staging distribution into the primary one, which keeps its names and
    /// its policy; the policy is off afterwards.
    func promoteStaging(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let primary = try distribution(call.text("Id"), in: draft.snapshot)
            let policyID = primary.served.continuousDeploymentPolicyID ?? ""
            let stagingID = call.text("StagingDistributionId")
            guard !stagingID.isEmpty else {
                throw Self.argument("The parameter StagingDistributionId is required.")
            }
            let staging = try distribution(stagingID, in: draft.snapshot)
            guard staging.served.isStaging == true else {
                throw Self.argument("The distribution \(stagingID) is no staging distribution.")
            }
            let versions = call.text("IfMatch").split(separator: ",").map {
                $0.filter { $0 != "\"" && $0 != " " }
            }
            guard versions.count == 2 else {
                throw Self.error(
                    "InvalidIfMatchVersion",
                    "The If-Match version is missing or not valid for the resource."
                )
            }
            guard versions == [primary.etag, staging.etag] else {
                throw Self.error(
                    "PreconditionFailed",
                    "The request failed because it didn't meet the preconditions in one or more "
                        + "request-header fields."
                )
            }
            var config = staging.config.object ?? JSONObject()
            for name in ["CallerReference", "Aliases", "ContinuousDeploymentPolicyId", "Staging"] {
                config[name] = primary.config[name]
            }
            let record = try save(.object(config), primary.id, primary.tags, to: &draft)
            let key = "cloudfront/continuous-deployment-policy/\(policyID)"
            if var policy = draft.record(key), var content = policy["Config"]?.object {
                content["Enabled"] = false
                policy["Config"] = .object(content)
                policy["ETag"] = .string(Self.makeETag())
                draft.setRecord(key, policy)
            }
            return reply(record, in: draft.snapshot, isDeployed: false)
        }
    }

    private func save(
        _ config: JSONValue,
        _ id: String,
        _ tags: JSONObject,
        to draft: inout Draft
    ) throws(APIError) -> DistributionRecord {
        let exists = draft.snapshot.distributions[id] != nil
        let builder = DistributionBuilder(snapshot: draft.snapshot, id: exists ? id : nil)
        let served = try builder.build(config, id: id)
        let record = DistributionRecord(
            config: config,
            served: served,
            revision: draft.revision,
            tags: tags
        )
        draft.put(.distribution(served))
        record.save(to: &draft)
        return record
    }

    /// Checks a policy's configuration; edges read it as it is kept.
    static func checkStagingPolicy(
        _ id: String,
        _ config: JSONValue,
        in snapshot: Snapshot
    ) throws(APIError) {
        let names = config["StagingDistributionDnsNames"]?.texts ?? []
        guard names.count <= 1 else {
            throw argument("A policy has one staging distribution.")
        }
        for name in names {
            let label = String(name.prefix { $0 != "." }).uppercased()
            guard snapshot.distributions[label]?.isStaging == true else {
                throw argument("There is no staging distribution \(name).")
            }
            let others = snapshot.records(of: "cloudfront/continuous-deployment-policy")
            let isTaken = others.contains { other in
                other.id != id
                    && (other.document["Config"]?["StagingDistributionDnsNames"]?.texts ?? [])
                        .contains(name)
            }
            guard !isTaken else {
                throw error(
                    "StagingDistributionInUse",
                    "The staging distribution \(name) is used by another policy."
                )
            }
        }
        guard let traffic = config["TrafficConfig"] else {
            guard config["Enabled"]?.bool != true else {
                throw argument("The parameter TrafficConfig is required.")
            }
            return
        }
        try checkTraffic(traffic)
    }

    private static func checkTraffic(_ traffic: JSONValue) throws(APIError) {
        let share = traffic["SingleWeightConfig"]
        let header = traffic["SingleHeaderConfig"]
        switch traffic["Type"]?.string {
        case "SingleWeight":
            guard header == nil, let share, let weight = share["Weight"]?.double,
                (0...0.15).contains(weight)
            else { throw argument("The parameter Weight must be from 0 to 0.15.") }
            guard let sticky = share["SessionStickinessConfig"] else { return }
            let idle = sticky["IdleTTL"]?.int ?? 0
            let most = sticky["MaximumTTL"]?.int ?? 0
            guard (300...3600).contains(idle), (300...3600).contains(most), idle <= most else {
                throw argument(
                    "IdleTTL and MaximumTTL must be from 300 to 3600, IdleTTL not above MaximumTTL."
                )
            }
        case "SingleHeader":
            guard share == nil, let name = header?["Header"]?.string,
                name.lowercased().hasPrefix("aws-cf-cd-"), name.utf8.count <= 256,
                header?["Value"]?.string?.isEmpty == false
            else { throw argument("The parameter Header must start with aws-cf-cd-.") }
        default: throw argument("The parameter Type of TrafficConfig is not valid.")
        }
    }
}
