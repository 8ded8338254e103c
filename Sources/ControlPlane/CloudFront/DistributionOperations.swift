import JSON
import Model
import Registry

/// Creating, reading, changing and deleting distributions.
extension CloudFrontService {
    private static let missing = error(
        "NoSuchDistribution",
        "The specified distribution does not exist."
    )

    func distribution(
        _ id: String,
        in snapshot: Snapshot
    ) throws(APIError) -> DistributionRecord {
        guard let record = DistributionRecord(id, in: snapshot, started: started) else {
            throw Self.missing
        }
        return record
    }

    /// The configuration of a call, checked and with its defaults.
    private func config(_ given: JSONValue?) throws(APIError) -> JSONValue {
        guard let given, given.object != nil else {
            throw Self.error("MissingBody", "This operation requires a body.")
        }
        return DistributionDefaults.filled(try Quantities.checked(given))
    }

    func reply(
        _ record: DistributionRecord,
        in snapshot: Snapshot,
        isDeployed: Bool? = nil
    ) -> APIReply {
        let running = runningInvalidations(of: record.id, in: snapshot)
        let shown = record.shown(
            isDeployed: isDeployed ?? ledger.isEverywhere(record.revision),
            running: running,
            in: snapshot
        )
        var reply = APIReply(["Distribution": shown, "ETag": .string(record.etag)])
        let notes = DistributionBuilder.withoutEffect(record.config)
        if !notes.isEmpty {
            let text = "without effect on this machine: " + notes.joined(separator: ", ")
            reply.headers.append(("x-portico-note", text))
        }
        return reply
    }

    func createDistribution(_ call: APICall) async throws(APIError) -> APIReply {
        let withTags = call["DistributionConfigWithTags"]
        let config = try config(withTags?["DistributionConfig"] ?? call["DistributionConfig"])
        let tags = Self.tags(withTags?["Tags"])
        return try await ledger.change { [self] draft throws(APIError) in
            let reference = config["CallerReference"]
            for id in draft.snapshot.distributions.keys {
                guard let twin = DistributionRecord(id, in: draft.snapshot, started: started),
                    twin.config["CallerReference"] == reference
                else { continue }
                guard twin.config == config, !refusesEqualReference else {
                    throw Self.error(
                        "DistributionAlreadyExists",
                        "The caller reference that you are using to create a distribution is "
                            + "associated with another distribution. Already exists: \(id)"
                    )
                }
                return located(reply(twin, in: draft.snapshot))
            }
            let id = "E" + Ledger.random(13, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
            let builder = DistributionBuilder(snapshot: draft.snapshot, id: nil)
            let served = try builder.build(config, id: id)
            let record = DistributionRecord(
                config: config,
                served: served,
                revision: draft.revision,
                tags: tags
            )
            draft.put(.distribution(served))
            record.save(to: &draft)
            return located(reply(record, in: draft.snapshot, isDeployed: false))
        }
    }

    func located(_ reply: APIReply) -> APIReply {
        var reply = reply
        var output = reply.output.object ?? JSONObject()
        let id = output["Distribution"]?["Id"]?.string ?? ""
        output["Location"] = Self.location("distribution/\(id)")
        reply.output = .object(output)
        return reply
    }

    func getDistribution(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let record = try distribution(call.text("Id"), in: snapshot)
        await ledger.settle(record.revision)
        return reply(record, in: snapshot)
    }

    func getDistributionConfig(_ call: APICall) async throws(APIError) -> APIReply {
        let record = try distribution(call.text("Id"), in: try await ledger.snapshot())
        return APIReply(["DistributionConfig": record.config, "ETag": .string(record.etag)])
    }

    func updateDistribution(_ call: APICall) async throws(APIError) -> APIReply {
        try Self.checkUpdate(call["DistributionConfig"])
        let config = try config(call["DistributionConfig"])
        return try await ledger.change { [self] draft throws(APIError) in
            var record = try distribution(call.text("Id"), in: draft.snapshot)
            try Self.checkMatch(call, record.etag)
            guard config["CallerReference"] == record.config["CallerReference"] else {
                throw Self.error(
                    "IllegalUpdate",
                    "The update contains modifications that are not allowed."
                )
            }
            let builder = DistributionBuilder(snapshot: draft.snapshot, id: record.id)
            let served = try builder.build(config, id: record.id)
            record = DistributionRecord(
                config: config,
                served: served,
                revision: draft.revision,
                tags: record.tags
            )
            draft.put(.distribution(served))
            record.save(to: &draft)
            return reply(record, in: draft.snapshot, isDeployed: false)
        }
    }

    /// Members that are optional at creation and required in updates.
    ///
    /// CloudFront: "Fields required in DistributionConfig when you update a distribution".
    private static func checkUpdate(_ config: JSONValue?) throws(APIError) {
        guard let config else { return }
        for name in [
            "Aliases", "DefaultRootObject", "CacheBehaviors", "CustomErrorResponses", "Logging",
            "PriceClass", "ViewerCertificate", "Restrictions", "WebACLId", "HttpVersion",
        ] where config[name] == nil {
            throw error("IllegalUpdate", "\(name) is required for updates")
        }
        for origin in config["Origins"]?.items ?? [] {
            guard let custom = origin["CustomOriginConfig"] else { continue }
            for name in ["OriginReadTimeout", "OriginKeepaliveTimeout"] where custom[name] == nil {
                throw error("IllegalUpdate", "\(name) is required for updates")
            }
        }
        let behaviors =
            [config["DefaultCacheBehavior"] ?? [:]] + (config["CacheBehaviors"]?.items ?? [])
        for behavior in behaviors {
            if behavior["SmoothStreaming"] == nil {
                throw argument("The parameter SmoothStreaming flag is missing")
            }
            for name in [
                "AllowedMethods", "Compress", "LambdaFunctionAssociations",
                "FieldLevelEncryptionId",
            ] where behavior[name] == nil {
                throw error("IllegalUpdate", "\(name) is required for updates")
            }
        }
    }

    func deleteDistribution(_ call: APICall) async throws(APIError) -> APIReply {
        let known = try distribution(call.text("Id"), in: try await ledger.snapshot())
        await ledger.settle(known.revision)
        return try await ledger.change { [self] draft throws(APIError) in
            let record = try distribution(call.text("Id"), in: draft.snapshot)
            try Self.checkMatch(call, record.etag)
            guard !record.served.isEnabled, ledger.isEverywhere(record.revision) else {
                throw Self.error(
                    "DistributionNotDisabled",
                    "The distribution you are trying to delete has not been disabled."
                )
            }
            draft.delete(.distribution(record.served))
            DistributionRecord.remove(record.id, from: &draft)
            for (id, _) in draft.snapshot.records(of: "cloudfront/invalidation/\(record.id)") {
                draft.setRecord("cloudfront/invalidation/\(record.id)/\(id)", nil)
            }
            return .empty(204)
        }
    }

    // MARK: Lists

    func listDistributions(_ call: APICall) async throws(APIError) -> APIReply {
        APIReply(["DistributionList": try await list(call) { _ in true }])
    }

    private func list(
        _ call: APICall,
        where isWanted: (DistributionRecord) -> Bool
    ) async throws(APIError) -> JSONValue {
        let snapshot = try await ledger.snapshot()
        let entries = snapshot.distributions.keys.sorted()
            .compactMap { DistributionRecord($0, in: snapshot, started: started) }
            .filter(isWanted)
            .map { record in
                let isDeployed = ledger.isEverywhere(record.revision)
                return (key: record.id, value: record.summary(isDeployed: isDeployed))
            }
        return try Self.page(entries, call)
    }

    /// The lists of distributions by something that they use.
    func performList(_ call: APICall) async throws(APIError) -> APIReply? {
        let test: (Distribution) -> Bool
        switch call.operation.name {
        case "ListDistributionsByCachePolicyId":
            let id = call.text("CachePolicyId")
            test = { $0.behaviors.contains { $0.cachePolicy.id == id } }
        case "ListDistributionsByOriginRequestPolicyId":
            let id = call.text("OriginRequestPolicyId")
            test = { $0.behaviors.contains { $0.originRequestPolicy?.id == id } }
        case "ListDistributionsByResponseHeadersPolicyId":
            let id = call.text("ResponseHeadersPolicyId")
            test = { $0.behaviors.contains { $0.responseHeadersPolicy?.id == id } }
        case "ListDistributionsByKeyGroup":
            let id = call.text("KeyGroupId")
            test = { $0.behaviors.contains { $0.trustedKeyGroups.contains(id) } }
        case "ListDistributionsByRealtimeLogConfig":
            let name = try realTimeLog(
                call,
                in: try await ledger.snapshot(),
                prefix: "RealtimeLogConfig"
            ).name
            return APIReply([
                "DistributionList": try await list(call) { $0.served.uses(realTimeLog: name) }
            ])
        case "ListDistributionsByTrustStore":
            let id = try await trustStore(call.text("TrustStoreIdentifier")).id
            return APIReply([
                "DistributionList": try await list(call) {
                    $0.served.viewerAuthentication?.trustStoreID == id
                }
            ])
        case "ListDistributionsByConnectionFunction":
            let id = try connectionFunction(
                call.text("ConnectionFunctionIdentifier"),
                in: try await ledger.snapshot()
            ).id
            return APIReply([
                "DistributionList": try await list(call) { $0.served.connectionFunctionID == id }
            ])
        case "ListDistributionsByWebACLId":
            let id = call.text("WebACLId")
            return APIReply([
                "DistributionList": try await list(call) { record in
                    let own = record.config["WebACLId"]?.string ?? ""
                    return id == "null" ? own.isEmpty : own == id
                }
            ])
        default: return nil
        }
        let snapshot = try await ledger.snapshot()
        let entries = snapshot.distributions.values.filter(test).map(\.id).sorted()
            .map { (key: $0, value: JSONValue.string($0)) }
        return APIReply(["DistributionIdList": try Self.page(entries, call)])
    }

    func listConflictingAliases(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let own = try distribution(call.text("DistributionId"), in: snapshot)
        let wanted = call.text("Alias").lowercased()
        var entries: [(key: String, value: JSONValue)] = []
        for other in snapshot.distributions.values where other.id != own.id {
            for alias in other.aliases where Self.conflicts(alias.lowercased(), wanted) {
                let value: JSONValue = [
                    "Alias": .string(alias), "DistributionId": .string(other.id),
                    "AccountId": .string(FunctionARN.account),
                ]
                entries.append((alias, value))
            }
        }
        entries.sort { $0.key < $1.key }
        return APIReply(["ConflictingAliasesList": try Self.page(entries, call)])
    }

    private static func conflicts(_ alias: String, _ wanted: String) -> Bool {
        if alias == wanted { return true }
        func covers(_ pattern: String, _ name: String) -> Bool {
            guard pattern.hasPrefix("*.") else { return false }
            return name.split(separator: ".").dropFirst().joined(separator: ".")
                == pattern.dropFirst(2)
        }
        return covers(alias, wanted) || covers(wanted, alias)
    }

    func associateAlias(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let alias = call.text("Alias")
            let target = try distribution(call.text("TargetDistributionId"), in: draft.snapshot)
            for other in draft.snapshot.distributions.values.filter({ $0.aliases.contains(alias) })
            where other.id != target.id {
                var record = try distribution(other.id, in: draft.snapshot)
                let kept = other.aliases.filter { $0 != alias }
                try setAliases(kept, of: &record, in: &draft)
            }
            if !target.served.aliases.contains(alias) {
                var record = target
                try setAliases(target.served.aliases + [alias], of: &record, in: &draft)
            }
            return APIReply(status: 200)
        }
    }

    private func setAliases(
        _ aliases: [String],
        of record: inout DistributionRecord,
        in draft: inout Draft
    ) throws(APIError) {
        var config = record.config.object ?? JSONObject()
        config["Aliases"] = Self.list(aliases.map(JSONValue.string))
        let served = try DistributionBuilder(snapshot: draft.snapshot, id: record.id)
            .build(.object(config), id: record.id)
        record = DistributionRecord(
            config: .object(config),
            served: served,
            revision: draft.revision,
            tags: record.tags
        )
        draft.put(.distribution(served))
        record.save(to: &draft)
    }
}
