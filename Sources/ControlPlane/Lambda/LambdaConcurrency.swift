import JSON
import Model
import Registry

/// Reserved and provisioned concurrency.
extension LambdaService {
    /// The account's concurrency.
    ///
    /// Source: Lambda quotas.
    static let accountConcurrency = 1000
    /// What must stay for functions without a reserve.
    ///
    /// Source: "Configuring reserved concurrency".
    static let minimumUnreserved = 100

    /// Changes the settings of a function that are kept for the edges.
    static func changeSettings(
        of name: String,
        in draft: inout Draft,
        _ body: (inout FunctionSettings) -> Void
    ) {
        let old = draft.snapshot.functionSettings[name]
        var settings = old ?? FunctionSettings(function: name)
        body(&settings)
        guard settings != old else { return }
        if !settings.isEmpty {
            draft.put(.functionSettings(settings))
        } else if old != nil {
            draft.delete(.functionSettings(settings))
        }
    }

    private func wholeFunction(
        _ call: APICall,
        in snapshot: Snapshot
    ) throws(APIError) -> FunctionRecord {
        var reference = try reference(call, in: snapshot)
        guard reference.qualifier == nil else {
            throw .invalid(
                "This operation is permitted on Lambda functions only. Aliases and versions do not "
                    + "support this operation. Please specify either a function name or an "
                    + "unqualified function ARN."
            )
        }
        reference.qualifier = "$LATEST"
        return try record(reference, in: snapshot)
    }

    func putConcurrency(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let record = try wholeFunction(call, in: draft.snapshot)
            let wanted = call["ReservedConcurrentExecutions"]?.int ?? 0
            let others = draft.snapshot.functionSettings.values
                .filter { $0.function != record.name }
                .reduce(0) { $0 + ($1.reservedConcurrency ?? 0) }
            guard Self.accountConcurrency - others - wanted >= Self.minimumUnreserved else {
                throw Self.tooLittleLeft("ReservedConcurrentExecutions")
            }
            let provisioned =
                draft.snapshot.functionSettings[record.name]?
                .provisionedConcurrency.values.reduce(0, +) ?? 0
            guard wanted >= provisioned else {
                throw .invalid(
                    "ReservedConcurrentExecutions  \(wanted) should not be lower than function's "
                        + "total provisioned concurrency [\(provisioned)]."
                )
            }
            Self.changeSettings(of: record.name, in: &draft) { $0.reservedConcurrency = wanted }
            return APIReply(["ReservedConcurrentExecutions": .integer(wanted)])
        }
    }

    private static func tooLittleLeft(_ what: String) -> APIError {
        .invalid(
            "Specified \(what) for function decreases account's UnreservedConcurrentExecution below "
                + "its minimum value of [\(minimumUnreserved)]."
        )
    }

    func getConcurrency(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let record = try wholeFunction(call, in: snapshot)
        guard let reserved = snapshot.functionSettings[record.name]?.reservedConcurrency else {
            return APIReply()
        }
        return APIReply(["ReservedConcurrentExecutions": .integer(reserved)])
    }

    func deleteConcurrency(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let record = try wholeFunction(call, in: draft.snapshot)
            Self.changeSettings(of: record.name, in: &draft) { $0.reservedConcurrency = nil }
            return .empty(204)
        }
    }

    // MARK: Provisioned

    /// The version or alias that a call names, which must be there.
    private func provisionable(
        _ call: APICall,
        in snapshot: Snapshot,
        isPut: Bool
    ) throws(APIError) -> (record: FunctionRecord, qualifier: String) {
        let reference = try reference(call, in: snapshot)
        let qualifier = reference.qualifier ?? "$LATEST"
        guard qualifier != "$LATEST" else {
            throw .invalid(
                isPut
                    ? "Provisioned Concurrency Configs cannot be applied to unpublished function "
                        + "versions."
                    : "The function resource provided must be an alias or a published version."
            )
        }
        let record = try record(reference, in: snapshot)
        if let number = Int(qualifier) {
            guard record.versions[number] != nil else { throw .functionNotFound(reference.arn) }
        } else if snapshot.aliases["\(record.name):\(qualifier)"] == nil {
            throw .missing("Cannot find alias arn: \(reference.arn)")
        }
        return (record, qualifier)
    }

    func putProvisioned(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (record, qualifier) = try provisionable(call, in: draft.snapshot, isPut: true)
            let wanted = call["ProvisionedConcurrentExecutions"]?.int ?? 1
            let settings = draft.snapshot.functionSettings[record.name]
            let version =
                Int(qualifier) ?? draft.snapshot.aliases["\(record.name):\(qualifier)"]?.version
            if let version, let members = record.configuration(version),
                SnapStartSetting.isOn(members, version)
            {
                throw SnapStartSetting.noProvisioning
            }
            try checkOverlap(qualifier, record.name, settings, in: draft.snapshot)
            var total = wanted
            for (other, count) in settings?.provisionedConcurrency ?? [:] where other != qualifier {
                total += count
            }
            if let reserved = settings?.reservedConcurrency, total > reserved {
                throw .invalid(
                    "Specified ConcurrentExecutions for function is greater than function's reserved "
                        + "concurrency [\(reserved)]."
                )
            }
            let reserves = draft.snapshot.functionSettings.values
                .reduce(0) { $0 + ($1.reservedConcurrency ?? 0) }
            let free = Self.accountConcurrency - reserves
            guard settings?.reservedConcurrency != nil || total <= free else {
                throw .invalid(
                    "Specified ConcurrentExecutions for function is greater than account's unreserved "
                        + "concurrency [\(free)]."
                )
            }
            guard
                settings?.reservedConcurrency != nil || free - total >= Self.minimumUnreserved
            else { throw Self.tooLittleLeft("ConcurrentExecutions") }
            let modified = Timestamp.lambda(Timestamp.now())
            record["provisioned", qualifier] = [
                "LastModified": .string(modified), "Revision": .integer(draft.revision),
            ]
            record.save(to: &draft)
            Self.changeSettings(of: record.name, in: &draft) {
                $0.provisionedConcurrency[qualifier] = wanted
            }
            return APIReply(Self.provisioned(wanted, isReady: false, modified: modified))
        }
    }

    private func checkOverlap(
        _ qualifier: String,
        _ name: String,
        _ settings: FunctionSettings?,
        in snapshot: Snapshot
    ) throws(APIError) {
        guard let all = settings?.provisionedConcurrency else { return }
        if let number = Int(qualifier) {
            let isPointed = all.keys.contains { other in
                snapshot.aliases["\(name):\(other)"]?.version == number
            }
            if isPointed {
                throw .conflict("Version is pointed by a Provisioned Concurrency alias")
            }
        } else if let version = snapshot.aliases["\(name):\(qualifier)"]?.version,
            all[String(version)] != nil
        {
            throw .conflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already "
                    + "Provisioned version"
            )
        }
    }

    private static func provisioned(
        _ wanted: Int,
        isReady: Bool,
        modified: String
    ) -> JSONValue {
        let there = JSONValue.integer(isReady ? wanted : 0)
        return [
            "RequestedProvisionedConcurrentExecutions": .integer(wanted),
            "AvailableProvisionedConcurrentExecutions": there,
            "AllocatedProvisionedConcurrentExecutions": there,
            "Status": isReady ? "READY" : "IN_PROGRESS",
            "LastModified": .string(modified),
        ]
    }

    private func provisioned(
        _ qualifier: String,
        _ record: FunctionRecord,
        in snapshot: Snapshot
    ) -> JSONValue? {
        guard
            let wanted = snapshot.functionSettings[record.name]?.provisionedConcurrency[qualifier]
        else { return nil }
        let kept = record["provisioned", qualifier]
        return Self.provisioned(
            wanted,
            isReady: ledger.isEverywhere(kept?["Revision"]?.int ?? 0),
            modified: kept?["LastModified"]?.string ?? Timestamp.lambda(started)
        )
    }

    func getProvisioned(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let (record, qualifier) = try provisionable(call, in: snapshot, isPut: false)
        guard let shown = provisioned(qualifier, record, in: snapshot) else {
            throw APIError(
                404,
                "ProvisionedConcurrencyConfigNotFoundException",
                "No Provisioned Concurrency Config found for this function"
            )
        }
        return APIReply(shown)
    }

    func deleteProvisioned(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var (record, qualifier) = try provisionable(call, in: draft.snapshot, isPut: false)
            guard record["provisioned", qualifier] != nil else { return .empty(204) }
            record["provisioned", qualifier] = nil
            record.save(to: &draft)
            Self.changeSettings(of: record.name, in: &draft) {
                $0.provisionedConcurrency[qualifier] = nil
            }
            return .empty(204)
        }
    }

    func listProvisioned(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let record = try record(try reference(call, in: snapshot).unqualified, in: snapshot)
        let all = snapshot.functionSettings[record.name]?.provisionedConcurrency ?? [:]
        let entries = all.keys.sorted().compactMap {
            qualifier -> (key: String, value: JSONValue)? in
            guard var shown = provisioned(qualifier, record, in: snapshot)?.object else {
                return nil
            }
            let arn = FunctionARN(name: record.name, qualifier: qualifier).text
            shown["FunctionArn"] = .string(arn)
            return (qualifier, .object(shown))
        }
        let (page, next) = try Self.paging(call).page(entries)
        var output = JSONObject()
        output["ProvisionedConcurrencyConfigs"] = .array(page)
        output["NextMarker"] = Paging.encode(next)
        return APIReply(.object(output))
    }
}
