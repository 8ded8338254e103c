import Executor
import JSON
import Model
import Registry

/// Published versions.
extension LambdaService {
    func publishVersion(_ call: APICall) async throws(APIError) -> APIReply {
        let reference = try reference(call, in: try await ledger.snapshot()).unqualified
        return try await ledger.change { [self] draft throws(APIError) in
            var record = try record(reference, in: draft.snapshot)
            let isEverywhere = isEverywhere(record.latest)
            let current = FunctionConfiguration.revisionID(
                record.latest,
                isEverywhere: isEverywhere
            )
            if let given = call["RevisionId"]?.string, given != current {
                throw .precondition("GetFunction/GetAlias")
            }
            let actual = shown(record, FunctionVersion.latest, nil, .listed)["CodeSha256"]?.string
            if let given = call["CodeSha256"]?.string, !given.isEmpty, given != actual {
                throw .invalid(
                    "CodeSHA256 (\(given)) is different from current CodeSHA256 in $LATEST "
                        + "(\(actual ?? "")). Please try again with the CodeSHA256 in $LATEST."
                )
            }
            if let newest = record.versions.keys.max(),
                let members = record.versions[newest],
                FunctionConfiguration.isSame(members, record.latest)
            {
                return APIReply(
                    shown(record, newest, String(newest), view(members, of: record.name, newest))
                )
            }
            guard isEverywhere else {
                throw .conflict(
                    "The operation cannot be performed at this time. The function is currently in "
                        + "the following state: Pending"
                )
            }
            let digest = record.latest["CodeDigest"]?.string ?? ""
            try checkStorage(draft.snapshot, adding: code.size(digest))
            let number = publish(&record, description: call["Description"]?.string, in: &draft)
            record.save(to: &draft)
            let isOn = SnapStartSetting.isOn(record.latest, number)
            return APIReply(
                shown(
                    record,
                    number,
                    String(number),
                    isOn ? .snapshot(.preparing) : .read(isEverywhere: true)
                )
            )
        }
    }

    /// Makes the next version of what `$LATEST` is.
    func publish(
        _ record: inout FunctionRecord,
        description: String?,
        in draft: inout Draft
    ) -> Int {
        let highest = max(
            draft.versionCounters[record.name] ?? 0,
            record.versions.keys.max() ?? 0
        )
        let number = highest + 1
        var members = record.latest
        if let description, !description.isEmpty { members["Description"] = .string(description) }
        FunctionConfiguration.touch(&members, revision: draft.revision, isUpdate: true)
        record.versions[number] = members
        draft.put(
            .function(Self.version(number, of: record.name, members, in: draft.snapshot))
        )
        return number
    }

    func listVersions(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let record = try record(try reference(call, in: snapshot).unqualified, in: snapshot)
        var entries = [(key: " ", value: listed(record, FunctionVersion.latest, "$LATEST"))]
        for number in record.versions.keys.sorted() {
            let key = String(1_000_000_000 + number)
            entries.append((key, listed(record, number, String(number))))
        }
        let (page, next) = try Self.paging(call).page(entries)
        var output = JSONObject()
        output["Versions"] = .array(page)
        output["NextMarker"] = Paging.encode(next)
        return APIReply(.object(output))
    }
}
