import JSON
import Model
import Registry

/// Aliases and their weighted routing.
extension LambdaService {
    private func shape(_ alias: FunctionAlias, _ record: FunctionRecord) -> JSONValue {
        let kept = record["aliases", alias.name]
        var members = JSONObject()
        members["AliasArn"] = .string(
            FunctionARN(name: alias.function, qualifier: alias.name).text
        )
        members["Name"] = .string(alias.name)
        members["FunctionVersion"] = .string(FunctionVersion.text(of: alias.version))
        members["Description"] = kept?["Description"] ?? ""
        if let share = alias.additional {
            members["RoutingConfig"] = [
                "AdditionalVersionWeights": .object(Self.weights(share))
            ]
        }
        // An alias of a template has no revision of its own; its content gives it one.
        let content = "\(alias.function):\(alias.name):\(alias.version)"
        members["RevisionId"] = kept?["RevisionId"] ?? .string(Ledger.uuid(of: content))
        return .object(members)
    }

    private static func weights(_ share: FunctionAlias.Share) -> JSONObject {
        var weights = JSONObject()
        weights[String(share.version)] = .number(String(share.weight))
        return weights
    }

    private func alias(
        _ call: APICall,
        in snapshot: Snapshot
    ) throws(APIError) -> (
        reference: FunctionReference, known: FunctionAlias?
    ) {
        var reference = try reference(call, in: snapshot).unqualified
        reference.qualifier = call.text("Name")
        return (reference, snapshot.aliases["\(reference.name):\(call.text("Name"))"])
    }

    func createAlias(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let (reference, _) = try alias(call, in: snapshot)
        return try await ledger.change { [self] draft throws(APIError) in
            var record = try record(reference.unqualified, in: draft.snapshot)
            guard draft.snapshot.aliases["\(reference.name):\(call.text("Name"))"] == nil else {
                throw .conflict("Alias already exists: \(reference.arn)")
            }
            let alias = FunctionAlias(
                function: record.name,
                name: call.text("Name"),
                version: try version(call.text("FunctionVersion"), of: record),
                additional: nil
            )
            return try put(alias, call, &record, &draft)
        }
    }

    func updateAlias(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let (reference, _) = try alias(call, in: snapshot)
        return try await ledger.change { [self] draft throws(APIError) in
            let key = "\(reference.name):\(call.text("Name"))"
            guard var record = record(reference.name, in: draft.snapshot),
                var alias = draft.snapshot.aliases[key]
            else { throw .missing("Alias not found: \(reference.arn)") }
            if let given = call["RevisionId"]?.string,
                given != shape(alias, record)["RevisionId"]?.string
            {
                throw .precondition("GetFunction/GetAlias")
            }
            if let text = call["FunctionVersion"]?.string {
                alias.version = try version(text, of: record)
            }
            return try put(alias, call, &record, &draft)
        }
    }

    private func put(
        _ alias: FunctionAlias,
        _ call: APICall,
        _ record: inout FunctionRecord,
        _ draft: inout Draft
    ) throws(APIError) -> APIReply {
        var alias = alias
        if let weights = call["RoutingConfig"]?["AdditionalVersionWeights"]?.object {
            alias.additional = try share(weights, of: alias, record)
        } else if call["RoutingConfig"] != nil {
            alias.additional = nil
        }
        if alias.version == FunctionVersion.latest, alias.additional != nil {
            throw .invalid("$LATEST is not supported for an alias pointing to more than 1 version")
        }
        var kept = JSONObject()
        kept["Description"] =
            call["Description"] ?? record["aliases", alias.name]?["Description"]
        kept["RevisionId"] = .string(Ledger.uuid())
        record["aliases", alias.name] = .object(kept)
        record.save(to: &draft)
        draft.put(.alias(alias))
        return APIReply(shape(alias, record))
    }

    /// The number of a version that must be there.
    private func version(_ text: String, of record: FunctionRecord) throws(APIError) -> Int {
        if text == "$LATEST" { return FunctionVersion.latest }
        guard let number = Int(text), record.versions[number] != nil else {
            throw .functionNotFound(FunctionARN(name: record.name, qualifier: text).text)
        }
        return number
    }

    /// AWS Lambda, "Implement Lambda canary deployments using a weighted alias": one further version,
    /// published, with the same role and the same dead-letter queue.
    private func share(
        _ weights: JSONObject,
        of alias: FunctionAlias,
        _ record: FunctionRecord
    ) throws(APIError) -> FunctionAlias.Share? {
        guard weights.count <= 1 else {
            throw .invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
        }
        guard let entry = weights.members.first else { return nil }
        guard alias.version != FunctionVersion.latest else {
            throw .invalid("$LATEST is not supported for an alias pointing to more than 1 version")
        }
        let number = try version(entry.key, of: record)
        guard number != alias.version else {
            throw .invalid(
                "Invalid function version \(number). Function version \(number) is already included "
                    + "in routing configuration."
            )
        }
        for member in ["Role", "DeadLetterConfig"]
        where record.versions[number]?[member] != record.versions[alias.version]?[member] {
            throw .invalid(
                "The versions \(alias.version) and \(number) of an alias must have the same "
                    + (member == "Role" ? "execution role." : "dead-letter queue configuration.")
            )
        }
        return FunctionAlias.Share(version: number, weight: entry.value.double ?? 0)
    }

    func getAlias(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let (reference, known) = try alias(call, in: snapshot)
        guard let known, let record = record(reference.name, in: snapshot) else {
            throw .missing("Cannot find alias arn: \(reference.arn)")
        }
        return APIReply(shape(known, record))
    }

    func deleteAlias(_ call: APICall) async throws(APIError) -> APIReply {
        let (reference, _) = try alias(call, in: try await ledger.snapshot())
        return try await ledger.change { [self] draft throws(APIError) in
            let key = "\(reference.name):\(call.text("Name"))"
            guard let alias = draft.snapshot.aliases[key],
                var record = record(reference.name, in: draft.snapshot)
            else { return .empty(204) }
            draft.delete(.alias(alias))
            for statement in (draft.snapshot.permissions[key] ?? [:]).values {
                draft.delete(.permission(statement))
            }
            for section in ["aliases", "events", "urls", "provisioned"] {
                record[section, alias.name] = nil
            }
            record.save(to: &draft)
            Self.changeSettings(of: record.name, in: &draft) { settings in
                settings.events[alias.name] = nil
                settings.urls[alias.name] = nil
                settings.provisionedConcurrency[alias.name] = nil
            }
            return .empty(204)
        }
    }

    func listAliases(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let record = try record(try reference(call, in: snapshot).unqualified, in: snapshot)
        let wanted = call["FunctionVersion"]?.string
        let entries = snapshot.aliases.values
            .filter { alias in
                alias.function == record.name
                    && wanted.map { $0 == FunctionVersion.text(of: alias.version) } ?? true
            }
            .sorted { $0.name < $1.name }
            .map { (key: $0.name, value: shape($0, record)) }
        let (page, next) = try Self.paging(call).page(entries)
        var output = JSONObject()
        output["Aliases"] = .array(page)
        output["NextMarker"] = Paging.encode(next)
        return APIReply(.object(output))
    }
}
