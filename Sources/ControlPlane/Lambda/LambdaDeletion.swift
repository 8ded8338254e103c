import JSON
import Model
import Registry

/// Deleting functions and versions.
extension LambdaService {
    func deleteFunction(_ call: APICall) async throws(APIError) -> APIReply {
        let reference = try reference(call, in: try await ledger.snapshot())
        return try await ledger.change { [self] draft throws(APIError) in
            guard var record = record(reference.name, in: draft.snapshot) else {
                throw .functionNotFound(reference.unqualifiedARN)
            }
            guard let qualifier = reference.qualifier else {
                try deleteWhole(record, from: &draft)
                return .empty(204)
            }
            guard qualifier != "$LATEST" else {
                throw .invalid("$LATEST version cannot be deleted without deleting the function.")
            }
            guard let number = Int(qualifier), record.versions[number] != nil else {
                return .empty(204)
            }
            try checkReplicas(record.name, [number], in: draft)
            let pointer = draft.snapshot.aliases.values.first {
                $0.function == record.name
                    && ($0.version == number || $0.additional?.version == number)
            }
            if let pointer {
                throw .conflict(
                    "The version \(number) cannot be deleted: the alias \(pointer.name) points to it."
                )
            }
            record.versions[number] = nil
            draft.apply(.delete("function/\(record.name):\(number)"))
            RemovedReplicas.forget("\(record.name):\(number)", in: &draft)
            for permission in draft.snapshot.permissions["\(record.name):\(number)"] ?? [:] {
                draft.delete(.permission(permission.value))
            }
            record.save(to: &draft)
            return .empty(204)
        }
    }

    private func deleteWhole(
        _ record: FunctionRecord,
        from draft: inout Draft
    ) throws(APIError) {
        let name = record.name
        try checkReplicas(name, record.versions.keys.sorted(), in: draft)
        let snapshot = draft.snapshot
        for number in record.versions.keys {
            RemovedReplicas.forget("\(name):\(number)", in: &draft)
        }
        for version in snapshot.functions.values where version.name == name {
            draft.delete(.function(version))
        }
        for alias in snapshot.aliases.values where alias.function == name {
            draft.delete(.alias(alias))
        }
        for policy in snapshot.permissions.values {
            for statement in policy.values where statement.function == name {
                draft.delete(.permission(statement))
            }
        }
        if let settings = snapshot.functionSettings[name] {
            draft.delete(.functionSettings(settings))
        }
        draft.setRecord(FunctionRecord.id(name), nil)
        draft.apply(.resetVersions(function: name))
    }

    /// Refuses to delete what a distribution runs, or what edges may still hold.
    private func checkReplicas(
        _ name: String,
        _ versions: [Int],
        in draft: Draft
    ) throws(APIError) {
        for distribution in draft.snapshot.distributions.values {
            for behavior in distribution.behaviors {
                for association in behavior.functions
                where association.function == name && versions.contains(association.version) {
                    throw Self.isReplicated(name, association.version)
                }
            }
        }
        for version in versions
        where RemovedReplicas.mayExist("\(name):\(version)", in: draft, ledger) {
            throw Self.isReplicated(name, version)
        }
    }

    private static func isReplicated(_ name: String, _ version: Int) -> APIError {
        let arn = FunctionARN(name: name, qualifier: String(version)).text
        return APIError(
            .functionReplicated,
            "Lambda was unable to delete \(arn) because it is a replicated function. "
                + "Please see our documentation for Deleting Lambda@Edge Functions and Replicas."
        )
    }
}
