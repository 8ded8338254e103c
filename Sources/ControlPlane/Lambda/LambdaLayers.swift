import JSON
import Model
import Registry

/// Layers: archives that functions share.
extension LambdaService {
    private static let maximumLayers = 5

    /// The kind of the records of layer versions.
    static let layerKind = "lambda/layer/"

    private static func id(_ name: String, _ version: Int) -> String {
        "\(layerKind)\(name):\(version)"
    }

    private static func arn(_ name: String, _ version: Int? = nil) -> String {
        "arn:aws:lambda:us-east-1:\(FunctionARN.account):layer:\(name)"
            + (version.map { ":\($0)" } ?? "")
    }

    /// A layer's name, from a name or an ARN.
    private static func name(_ text: String) -> String {
        let parts = text.split(separator: ":")
        return parts.count >= 7 && parts[0] == "arn" ? String(parts[6]) : text
    }

    /// The layers of a function's configuration, checked; nil when there are none.
    static func layers(
        _ given: JSONValue?,
        in snapshot: Snapshot
    ) throws(APIError) -> JSONValue? {
        let arns = (given?.array ?? []).compactMap(\.string)
        guard !arns.isEmpty else { return nil }
        guard arns.count <= maximumLayers else {
            throw .invalid("Cannot reference more than 5 layers.")
        }
        var seen: [String: String] = [:]
        var layers: [JSONValue] = []
        for arn in arns {
            let parts = arn.split(separator: ":").map(String.init)
            guard parts.count == 8, let version = Int(parts[7]) else {
                throw .invalid("Layer version \(arn) does not exist.")
            }
            guard parts[3] == "us-east-1" else {
                throw .invalid(
                    "Layers are not in the same region as the function. Layers are expected to be in "
                        + "region us-east-1."
                )
            }
            if let other = seen.updateValue(arn, forKey: parts[6]) {
                throw .invalid(
                    "Two different versions of the same layer are not allowed to be referenced in "
                        + "the same function. \(other) and \(arn) are versions of the same layer."
                )
            }
            guard let record = snapshot.record(id(parts[6], version)),
                record["Deleted"]?.bool != true, parts[4] == FunctionARN.account
            else { throw .invalid("Layer version \(arn) does not exist.") }
            layers.append([
                "Arn": .string(arn), "CodeSize": record["CodeSize"] ?? 0,
                "Digest": record["CodeDigest"] ?? "",
            ])
        }
        return .array(layers)
    }

    func publishLayer(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let archive = try await code.keep(call["Content"] ?? [:], in: snapshot)
        let name = Self.name(call.text("LayerName"))
        return try await ledger.change { [self] draft throws(APIError) in
            try checkStorage(draft.snapshot, adding: archive.size)
            let counter = "lambda/layer-counter/" + name
            let number = (draft.record(counter)?["Last"]?.int ?? 0) + 1
            var count = JSONObject()
            count["Last"] = .integer(number)
            draft.setRecord(counter, count)
            var record = JSONObject()
            record["Name"] = .string(name)
            record["Version"] = .integer(number)
            record["CodeDigest"] = .string(archive.digest)
            record["CodeSize"] = .integer(archive.size)
            record["CreatedDate"] = .string(Timestamp.lambda(Timestamp.now()))
            record["Description"] = call["Description"] ?? ""
            for member in ["CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo"] {
                record[member] = call[member]
            }
            draft.setRecord(Self.id(name, number), record)
            return APIReply(.object(Self.shape(record, call)))
        }
    }

    /// A layer version as it is shown; the content only where a call is there to tell the host.
    private static func shape(_ record: JSONObject, _ call: APICall?) -> JSONObject {
        let name = record["Name"]?.string ?? ""
        let version = record["Version"]?.int ?? 0
        var members = record
        members["LayerArn"] = .string(arn(name))
        members["LayerVersionArn"] = .string(arn(name, version))
        if let call {
            let digest = record["CodeDigest"]?.string ?? ""
            members["Content"] = [
                "Location": CodeStore.location(digest, call),
                "CodeSha256": .string(FunctionConfiguration.base64(ofHex: digest)),
                "CodeSize": record["CodeSize"] ?? 0,
            ]
        }
        return members
    }

    /// A version that is there and not deleted.
    private func layer(_ call: APICall, in snapshot: Snapshot) throws(APIError) -> JSONObject {
        let version = call["VersionNumber"]?.int ?? 0
        guard version >= 1 else { throw .invalid("Layer Version Cannot be less than 1") }
        let id = Self.id(Self.name(call.text("LayerName")), version)
        guard let record = snapshot.record(id), record["Deleted"]?.bool != true else {
            throw .missing("The resource you requested does not exist.")
        }
        return record
    }

    func getLayer(_ call: APICall) async throws(APIError) -> APIReply {
        let record = try layer(call, in: try await ledger.snapshot())
        return APIReply(.object(Self.shape(record, call)))
    }

    func getLayerByARN(_ call: APICall) async throws(APIError) -> APIReply {
        let parts = call.text("Arn").split(separator: ":").map(String.init)
        let id = Self.id(parts.count == 8 ? parts[6] : "", parts.last.flatMap { Int($0) } ?? 0)
        guard let record = try await ledger.snapshot().record(id),
            record["Deleted"]?.bool != true
        else { throw .missing("The resource you requested does not exist.") }
        return APIReply(.object(Self.shape(record, call)))
    }

    func deleteLayer(_ call: APICall) async throws(APIError) -> APIReply {
        let version = call["VersionNumber"]?.int ?? 0
        guard version >= 1 else { throw .invalid("Layer Version Cannot be less than 1") }
        let id = Self.id(Self.name(call.text("LayerName")), version)
        return try await ledger.change { draft throws(APIError) in
            // Functions that use it keep it; only its name is gone.
            if var record = draft.record(id) {
                record["Deleted"] = true
                draft.setRecord(id, record)
            }
            return .empty(204)
        }
    }

    /// The versions that are not deleted and fit the filters of a call, newest first.
    private func versions(
        _ call: APICall,
        in snapshot: Snapshot,
        of name: String?
    ) -> [JSONObject] {
        let runtime = call["CompatibleRuntime"]?.string
        let architecture = call["CompatibleArchitecture"]?.string
        func fits(_ wanted: String?, _ member: JSONValue?) -> Bool {
            wanted.map { wanted in member?.array?.contains(.string(wanted)) ?? false } ?? true
        }
        return snapshot.records(of: "lambda/layer").map(\.document)
            .filter { record in
                record["Deleted"]?.bool != true
                    && (name.map { record["Name"]?.string == $0 } ?? true)
                    && fits(runtime, record["CompatibleRuntimes"])
                    && fits(architecture, record["CompatibleArchitectures"])
            }
            .sorted { ($0["Version"]?.int ?? 0) > ($1["Version"]?.int ?? 0) }
    }

    func listLayerVersions(_ call: APICall) async throws(APIError) -> APIReply {
        let name = Self.name(call.text("LayerName"))
        let all = versions(call, in: try await ledger.snapshot(), of: name)
        let entries = all.map { record in
            // Keys ascend while versions descend.
            let key = String(2_000_000_000 - (record["Version"]?.int ?? 0))
            return (key: key, value: JSONValue.object(Self.shape(record, nil)))
        }
        let (page, next) = try Self.paging(call).page(entries)
        var output = JSONObject()
        output["LayerVersions"] = .array(page)
        output["NextMarker"] = Paging.encode(next)
        return APIReply(.object(output))
    }

    func listLayers(_ call: APICall) async throws(APIError) -> APIReply {
        let all = versions(call, in: try await ledger.snapshot(), of: nil)
        var newest: [String: JSONObject] = [:]
        for record in all {
            let name = record["Name"]?.string ?? ""
            if newest[name] == nil { newest[name] = record }
        }
        let entries = newest.sorted { $0.key < $1.key }.map { name, record in
            let value: JSONValue = [
                "LayerName": .string(name), "LayerArn": .string(Self.arn(name)),
                "LatestMatchingVersion": .object(Self.shape(record, nil)),
            ]
            return (key: name, value: value)
        }
        let (page, next) = try Self.paging(call).page(entries)
        var output = JSONObject()
        output["Layers"] = .array(page)
        output["NextMarker"] = Paging.encode(next)
        return APIReply(.object(output))
    }

    // MARK: Policies of layers

    private static func policy(_ record: JSONObject) -> String? {
        guard let statements = record["Policy"]?.object, !statements.isEmpty else { return nil }
        let policy: JSONValue = [
            "Version": "2012-10-17", "Id": "default",
            "Statement": .array(statements.map(\.value)),
        ]
        return policy.text
    }

    private static func checkRevision(
        _ call: APICall,
        _ policy: String?
    ) throws(APIError) {
        guard let given = call["RevisionId"]?.string else { return }
        guard given == policy.map(Ledger.uuid(of:)) else { throw .precondition("GetLayerPolicy") }
    }

    func addLayerPermission(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var record = try layer(call, in: draft.snapshot)
            try Self.checkRevision(call, Self.policy(record))
            let id = call.text("StatementId")
            var statements = record["Policy"]?.object ?? JSONObject()
            guard statements[id] == nil else {
                throw .conflict(
                    "The statement id (\(id)) provided already exists. Please provide a new "
                        + "statement id, or remove the existing statement."
                )
            }
            let principal = call.text("Principal")
            let name = record["Name"]?.string ?? ""
            var statement = JSONObject()
            statement["Sid"] = .string(id)
            statement["Effect"] = "Allow"
            statement["Principal"] =
                principal == "*" ? "*" : ["AWS": .string("arn:aws:iam::\(principal):root")]
            statement["Action"] = .string(call.text("Action"))
            statement["Resource"] = .string(Self.arn(name, record["Version"]?.int))
            if let organization = call["OrganizationId"] {
                statement["Condition"] = ["StringEquals": ["aws:PrincipalOrgID": organization]]
            }
            statements[id] = .object(statement)
            record["Policy"] = .object(statements)
            draft.setRecord(Self.id(name, record["Version"]?.int ?? 0), record)
            return APIReply([
                "Statement": .string(JSONValue.object(statement).text),
                "RevisionId": .string(Ledger.uuid(of: Self.policy(record) ?? "")),
            ])
        }
    }

    func removeLayerPermission(_ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            var record = try layer(call, in: draft.snapshot)
            let id = call.text("StatementId")
            guard let policy = Self.policy(record), var statements = record["Policy"]?.object else {
                throw .missing("No policy is associated with the given resource.")
            }
            try Self.checkRevision(call, policy)
            guard statements[id] != nil else {
                throw .missing("Statement \(id) is not found in resource policy.")
            }
            statements[id] = nil
            record["Policy"] = .object(statements)
            let name = record["Name"]?.string ?? ""
            draft.setRecord(Self.id(name, record["Version"]?.int ?? 0), record)
            return .empty(204)
        }
    }

    func getLayerPolicy(_ call: APICall) async throws(APIError) -> APIReply {
        guard let policy = Self.policy(try layer(call, in: try await ledger.snapshot())) else {
            throw .missing("No policy is associated with the given resource.")
        }
        return APIReply([
            "Policy": .string(policy), "RevisionId": .string(Ledger.uuid(of: policy)),
        ])
    }
}
