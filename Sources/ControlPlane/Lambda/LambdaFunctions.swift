import JSON
import Model
import Registry

/// Creating, reading, changing and deleting functions.
extension LambdaService {
    func createFunction(_ call: APICall) async throws(APIError) -> APIReply {
        let input = FunctionInput(input: call.input, model: call.model)
        try input.check()
        let snapshot = try await ledger.snapshot()
        let reference = try FunctionReference(call.text("FunctionName"))
        let name = reference.name
        guard snapshot.resolve(function: name) == nil else {
            throw .conflict("Function already exist: \(name)")
        }
        guard call["PackageType"]?.string != "Image" else {
            throw .invalid("Functions of container images are not supported here.")
        }
        guard call["Runtime"] != nil, call["Handler"] != nil else {
            throw .invalid(
                "Runtime and Handler are mandatory parameters for functions created with deployment "
                    + "packages."
            )
        }
        let tags = call["Tags"]?.object ?? JSONObject()
        try Self.check(tags: tags)
        let archive = try await code.keep(call["Code"] ?? [:], in: snapshot)
        let publishes = call["Publish"]?.bool == true
        return try await ledger.change { [self] draft throws(APIError) in
            guard draft.snapshot.resolve(function: name) == nil else {
                throw .conflict("Function already exist: \(name)")
            }
            try checkStorage(draft.snapshot, adding: archive.size * (publishes ? 2 : 1))
            var members = Self.defaults(name, archive, architectures: call["Architectures"])
            input.apply(to: &members, name: name)
            try SnapStartSetting.check(members)
            try RoleTrust.checkForLambda(members["Role"]?.string, in: draft.snapshot)
            members["Layers"] = try Self.layers(call["Layers"], in: draft.snapshot)
            FunctionConfiguration.touch(&members, revision: draft.revision, isUpdate: false)
            var record = FunctionRecord(name: name, latest: members)
            record["tags"] = tags
            if publishes { record.versions[1] = members }
            for number in publishes ? [FunctionVersion.latest, 1] : [FunctionVersion.latest] {
                let version = Self.version(number, of: name, members, in: draft.snapshot)
                draft.put(.function(version))
            }
            record.save(to: &draft)
            let shown = FunctionConfiguration.shown(
                members,
                of: name,
                qualifier: publishes ? "1" : nil,
                version: publishes ? 1 : FunctionVersion.latest,
                as: .created
            )
            return Self.noted(APIReply(shown), input.withoutEffect)
        }
    }

    private static func defaults(
        _ name: String,
        _ archive: CodeStore.Archive,
        architectures: JSONValue?
    ) -> JSONObject {
        var members = JSONObject()
        members["Description"] = ""
        members["Timeout"] = 3
        members["MemorySize"] = 128
        members["PackageType"] = "Zip"
        members["Architectures"] = architectures ?? ["x86_64"]
        members["EphemeralStorage"] = ["Size": 512]
        members["TracingConfig"] = ["Mode": "PassThrough"]
        members["LoggingConfig"] = FunctionConfiguration.logging(nil, of: name)
        members["SnapStart"] = SnapStartSetting.stored("None")
        set(archive, in: &members)
        return members
    }

    private static func set(_ archive: CodeStore.Archive, in members: inout JSONObject) {
        members["CodeDigest"] = .string(archive.digest)
        members["CodeSize"] = .integer(archive.size)
    }

    /// What edges run of a configuration, with its layers.
    static func version(
        _ number: Int,
        of name: String,
        _ members: JSONObject,
        in snapshot: Snapshot
    ) -> FunctionVersion {
        FunctionConfiguration.version(number, of: name, members)
    }

    /// Says in a header what was kept but changes nothing on this machine.
    static func noted(_ reply: APIReply, _ members: [String]) -> APIReply {
        guard !members.isEmpty else { return reply }
        var reply = reply
        let text = members.joined(separator: ", ")
        reply.headers.append(("x-portico-note", "without effect on this machine: \(text)"))
        return reply
    }

    // MARK: Reading

    func getFunction(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await settled(call)
        let reference = try reference(call, in: snapshot)
        let found = try find(reference, in: snapshot)
        var output = JSONObject()
        output["Configuration"] = configuration(found, reference.qualifier)
        output["Code"] = [
            "RepositoryType": "S3",
            "Location": CodeStore.location(
                found.configuration["CodeDigest"]?.string ?? "",
                call
            ),
        ]
        let tags = found.record["tags"]
        if !tags.isEmpty { output["Tags"] = .object(tags) }
        if let reserved = snapshot.functionSettings[reference.name]?.reservedConcurrency {
            output["Concurrency"] = ["ReservedConcurrentExecutions": .integer(reserved)]
        }
        return APIReply(.object(output))
    }

    /// The current state, once edges have what was changed last of the function.
    private func settled(_ call: APICall) async throws(APIError) -> Snapshot {
        let snapshot = try await ledger.snapshot()
        let reference = try reference(call, in: snapshot)
        if let record = record(reference.name, in: snapshot) {
            await ledger.settle(record.latest["Revision"]?.int ?? 0)
        }
        return snapshot
    }

    func getFunctionConfiguration(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await settled(call)
        let reference = try reference(call, in: snapshot)
        return APIReply(configuration(try find(reference, in: snapshot), reference.qualifier))
    }

    private func configuration(_ found: Found, _ qualifier: String?) -> JSONValue {
        FunctionConfiguration.shown(
            sized(found.configuration),
            of: found.record.name,
            qualifier: qualifier,
            version: found.version,
            as: view(found.configuration, of: found.record.name, found.version)
        )
    }

    /// A configuration with the size of its code, which those of templates lack.
    func sized(_ configuration: JSONObject) -> JSONObject {
        guard configuration["CodeSize"] == nil else { return configuration }
        var members = configuration
        members["CodeSize"] = .integer(code.size(configuration["CodeDigest"]?.string ?? ""))
        return members
    }

    func listFunctions(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let isAll = call["FunctionVersion"]?.string == "ALL"
        if call["MasterRegion"]?.string != nil, !isAll {
            throw .validation(
                "Value null at 'functionVersion' failed to satisfy constraint: Member must satisfy "
                    + "enum value set: [ALL]"
            )
        }
        var entries: [(key: String, value: JSONValue)] = []
        for name in Set(snapshot.functions.values.map(\.name)).sorted() {
            guard let record = record(name, in: snapshot) else { continue }
            let latest = isAll ? "$LATEST" : nil
            entries.append((name, listed(record, FunctionVersion.latest, latest)))
            for number in isAll ? record.versions.keys.sorted() : [] {
                // Padded, so that keys sort as numbers do.
                let digits = String(1_000_000_000 + number)
                entries.append(("\(name) \(digits)", listed(record, number, String(number))))
            }
        }
        let (page, next) = try Self.paging(call).page(entries)
        var output = JSONObject()
        output["Functions"] = .array(page)
        output["NextMarker"] = Paging.encode(next)
        return APIReply(.object(output))
    }

    /// A configuration as it stands in lists.
    func listed(_ record: FunctionRecord, _ version: Int, _ qualifier: String?) -> JSONValue {
        FunctionConfiguration.shown(
            sized(record.configuration(version) ?? JSONObject()),
            of: record.name,
            qualifier: qualifier,
            version: version,
            as: .listed
        )
    }

    // MARK: Changing

    /// The checks that every change of `$LATEST` begins with.
    private func checkChange(
        _ record: FunctionRecord,
        _ call: APICall
    ) throws(APIError) {
        let isEverywhere = isEverywhere(record.latest)
        let current = FunctionConfiguration.revisionID(record.latest, isEverywhere: isEverywhere)
        if let given = call["RevisionId"]?.string, given != current {
            throw .precondition("GetFunction/GetAlias")
        }
        guard isEverywhere else {
            let arn = FunctionARN(name: record.name).text
            throw .conflict(
                "The operation cannot be performed at this time. An update is in progress for "
                    + "resource: \(arn)"
            )
        }
    }

    func updateFunctionCode(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await settled(call)
        let reference = try reference(call, in: snapshot).unqualified
        try checkChange(try record(reference, in: snapshot), call)
        if call["ImageUri"] != nil {
            throw .invalid(
                "Please don't provide ImageUri when updating a function with packageType Zip."
            )
        }
        let archive = try await code.keep(call.input, in: snapshot)
        return try await ledger.change { [self] draft throws(APIError) in
            var record = try record(reference, in: draft.snapshot)
            try checkChange(record, call)
            var members = record.latest
            let before = code.size(members["CodeDigest"]?.string ?? "")
            let published = call["Publish"]?.bool == true ? archive.size : 0
            try checkStorage(draft.snapshot, adding: archive.size + published - before)
            Self.set(archive, in: &members)
            if let architectures = call["Architectures"] {
                members["Architectures"] = architectures
            }
            FunctionConfiguration.touch(&members, revision: draft.revision, isUpdate: true)
            if call["DryRun"]?.bool != true {
                record.latest = members
                draft.put(
                    .function(
                        Self.version(
                            FunctionVersion.latest,
                            of: record.name,
                            members,
                            in: draft.snapshot
                        )
                    )
                )
                if call["Publish"]?.bool == true {
                    let number = publish(&record, description: nil, in: &draft)
                    record.save(to: &draft)
                    return APIReply(shown(record, number, String(number), .created))
                }
                record.save(to: &draft)
            }
            return APIReply(
                FunctionConfiguration.shown(
                    members,
                    of: record.name,
                    qualifier: nil,
                    version: FunctionVersion.latest,
                    as: .updated
                )
            )
        }
    }

    func shown(
        _ record: FunctionRecord,
        _ version: Int,
        _ qualifier: String?,
        _ view: FunctionConfiguration.View
    ) -> JSONValue {
        FunctionConfiguration.shown(
            sized(record.configuration(version) ?? JSONObject()),
            of: record.name,
            qualifier: qualifier,
            version: version,
            as: view
        )
    }

    func updateFunctionConfiguration(_ call: APICall) async throws(APIError) -> APIReply {
        let input = FunctionInput(input: call.input, model: call.model)
        try input.check()
        let reference = try reference(call, in: try await settled(call)).unqualified
        return try await ledger.change { [self] draft throws(APIError) in
            var record = try record(reference, in: draft.snapshot)
            try checkChange(record, call)
            input.apply(to: &record.latest, name: record.name)
            try SnapStartSetting.check(record.latest)
            if call["Role"] != nil {
                try RoleTrust.checkForLambda(call["Role"]?.string, in: draft.snapshot)
            }
            if call["Layers"] != nil {
                record.latest["Layers"] = try Self.layers(call["Layers"], in: draft.snapshot)
            }
            FunctionConfiguration.touch(&record.latest, revision: draft.revision, isUpdate: true)
            draft.put(
                .function(
                    Self.version(
                        FunctionVersion.latest,
                        of: record.name,
                        record.latest,
                        in: draft.snapshot
                    )
                )
            )
            record.save(to: &draft)
            let reply = APIReply(shown(record, FunctionVersion.latest, nil, .updated))
            return Self.noted(reply, input.withoutEffect)
        }
    }
}
