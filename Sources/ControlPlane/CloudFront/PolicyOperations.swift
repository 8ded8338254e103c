import Crypto
import JSON
import Model
import Registry

/// The six operations that policies, keys and access controls share.
extension CloudFrontService {
    /// A resource of a kind as it is kept or made from what edges use.
    private struct Entry {
        var id: String
        var config: JSONValue
        var etag: String
        var date: Double
        var isManaged = false
    }

    private func entries(_ kind: PolicyKind, in snapshot: Snapshot) -> [Entry] {
        var entries = snapshot.records(of: kind.record).map { id, record in
            Entry(
                id: id,
                config: record["Config"] ?? [:],
                etag: record["ETag"]?.string ?? "",
                date: record["Date"]?.double ?? started
            )
        }
        let known = Set(entries.map(\.id))
        for other in kind.others(snapshot) where !known.contains(other.id) {
            // What has no version of its own gets one from its content.
            let digest = Digest.hex(Digest.sha256(other.config.text)).uppercased()
            entries.append(
                Entry(
                    id: other.id,
                    config: other.config,
                    etag: "E" + digest.prefix(13),
                    date: started,
                    isManaged: other.isManaged
                )
            )
        }
        return entries.sorted { $0.id < $1.id }
    }

    private func entry(
        _ kind: PolicyKind,
        _ call: APICall,
        in snapshot: Snapshot
    ) throws(APIError) -> Entry {
        let id = call.text("Id")
        guard let entry = entries(kind, in: snapshot).first(where: { $0.id == id }) else {
            throw Self.error(kind.missing.code, kind.missing.message)
        }
        return entry
    }

    private func shown(_ entry: Entry, _ kind: PolicyKind) -> JSONValue {
        var members = JSONObject()
        members["Id"] = .string(entry.id)
        if let date = kind.dateMember { members[date] = Timestamp.json(entry.date) }
        if kind.name == "CloudFrontOriginAccessIdentity" {
            let user = Digest.hex(Digest.sha256(entry.id) + Digest.sha256(entry.id + "/user"))
            members["S3CanonicalUserId"] = .string(String(user.prefix(96)))
        }
        members[kind.name + "Config"] = entry.config
        return .object(members)
    }

    private func reply(_ entry: Entry, _ kind: PolicyKind) -> APIReply {
        APIReply([kind.name: shown(entry, kind), "ETag": .string(entry.etag)])
    }

    private func save(_ entry: Entry, _ kind: PolicyKind, to draft: inout Draft) {
        var record = JSONObject()
        record["Config"] = entry.config
        record["ETag"] = .string(entry.etag)
        record["Date"] = Timestamp.json(entry.date)
        draft.setRecord("\(kind.record)/\(entry.id)", record)
    }

    /// The configuration of a call, with its quantities checked and empty lists brought to one form.
    private func config(_ kind: PolicyKind, _ call: APICall) throws(APIError) -> JSONValue {
        guard let config = call[kind.name + "Config"], config.object != nil else {
            throw Self.error("MissingBody", "This operation requires a body.")
        }
        return try Quantities.checked(config)
    }

    func create(_ kind: PolicyKind, _ call: APICall) async throws(APIError) -> APIReply {
        let config = try config(kind, call)
        return try await ledger.change { [self] draft throws(APIError) in
            let name = config["Name"] ?? config["CallerReference"]
            let twin = entries(kind, in: draft.snapshot).first {
                name != nil && ($0.config["Name"] ?? $0.config["CallerReference"]) == name
            }
            if let twin {
                throw Self.error(
                    kind.exists,
                    "A resource of this name or caller reference exists already: \(twin.id)"
                )
            }
            let entry = Entry(
                id: kind.makeID(),
                config: config,
                etag: Self.makeETag(),
                date: Timestamp.now()
            )
            if let resource = try kind.resource(entry.id, config, draft.snapshot) {
                draft.put(resource)
            }
            save(entry, kind, to: &draft)
            var reply = reply(entry, kind)
            var output = reply.output.object ?? JSONObject()
            output["Location"] = Self.location("\(kind.path)/\(entry.id)")
            reply.output = .object(output)
            return reply
        }
    }

    func get(
        _ kind: PolicyKind,
        _ call: APICall,
        configOnly: Bool
    ) async throws(APIError) -> APIReply {
        let entry = try entry(kind, call, in: try await ledger.snapshot())
        guard configOnly else { return reply(entry, kind) }
        return APIReply([kind.name + "Config": entry.config, "ETag": .string(entry.etag)])
    }

    func update(_ kind: PolicyKind, _ call: APICall) async throws(APIError) -> APIReply {
        let config = try config(kind, call)
        return try await ledger.change { [self] draft throws(APIError) in
            var entry = try entry(kind, call, in: draft.snapshot)
            guard !entry.isManaged else {
                throw Self.error("IllegalUpdate", "Managed policies cannot be updated.")
            }
            try Self.checkMatch(call, entry.etag)
            if kind.name == "PublicKey" {
                for member in ["CallerReference", "Name", "EncodedKey"]
                where config[member] != entry.config[member] {
                    throw Self.error(
                        "CannotChangeImmutablePublicKeyFields",
                        "You can't change the value of a public key."
                    )
                }
            }
            if kind.name == "CloudFrontOriginAccessIdentity",
                config["CallerReference"] != entry.config["CallerReference"]
            {
                throw Self.error(
                    "IllegalUpdate",
                    "The update contains modifications that are not allowed."
                )
            }
            entry.config = config
            entry.etag = Self.makeETag()
            if kind.dateMember == "LastModifiedTime" { entry.date = Timestamp.now() }
            if let resource = try kind.resource(entry.id, config, draft.snapshot) {
                draft.put(resource)
                Self.spread(resource, in: &draft)
            }
            save(entry, kind, to: &draft)
            return reply(entry, kind)
        }
    }

    /// Brings a changed policy into the behaviours that hold a copy of it.
    private static func spread(_ resource: Resource, in draft: inout Draft) {
        for old in draft.snapshot.distributions.values {
            var distribution = old
            for index in distribution.behaviors.indices {
                let behavior = distribution.behaviors[index]
                switch resource {
                case .cachePolicy(let policy) where behavior.cachePolicy.id == policy.id:
                    distribution.behaviors[index].cachePolicy = policy
                case .originRequestPolicy(let policy)
                where behavior.originRequestPolicy?.id == policy.id:
                    distribution.behaviors[index].originRequestPolicy = policy
                case .responseHeadersPolicy(let policy)
                where behavior.responseHeadersPolicy?.id == policy.id:
                    distribution.behaviors[index].responseHeadersPolicy = policy
                default: break
                }
            }
            if distribution != old { draft.put(.distribution(distribution)) }
        }
    }

    func delete(_ kind: PolicyKind, _ call: APICall) async throws(APIError) -> APIReply {
        try await ledger.change { [self] draft throws(APIError) in
            let entry = try entry(kind, call, in: draft.snapshot)
            guard !entry.isManaged else {
                throw Self.error("IllegalDelete", "You cannot delete a managed policy.")
            }
            try Self.checkMatch(call, entry.etag)
            guard !kind.isUsed(entry.id, draft.snapshot) else {
                throw Self.error(
                    kind.inUse,
                    "The resource \(entry.id) is used by one or more other resources."
                )
            }
            if let resource = try? kind.resource(entry.id, entry.config, draft.snapshot) {
                draft.delete(resource)
            }
            draft.setRecord("\(kind.record)/\(entry.id)", nil)
            return .empty(204)
        }
    }

    func list(_ kind: PolicyKind, _ call: APICall) async throws(APIError) -> APIReply {
        let wanted = call["Type"]?.string
        let found = entries(kind, in: try await ledger.snapshot())
            .filter { entry in wanted.map { ($0 == "managed") == entry.isManaged } ?? true }
            .map { entry in
                let summary = kind.summary(entry.id, shown(entry, kind), entry.isManaged)
                return (key: entry.id, value: summary)
            }
        return APIReply([kind.name + "List": try Self.page(found, call)])
    }
}
