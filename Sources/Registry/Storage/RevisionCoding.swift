import Foundation
package import Model

extension Revision {
    /// The revision as it goes over the wire.
    package func encoded() throws -> [UInt8] {
        let form = WireRevision(format: StateFormat.current, number: number, changes: changes)
        return [UInt8](try Snapshot.encoder.encode(form))
    }

    /// Reads what `encoded` wrote, in this build or an older one.
    ///
    /// - Throws: a `RegistryError` that says what a newer build's revision lacks for this one.
    package init(encoded: [UInt8]) throws {
        let given = Data(encoded)
        if let form = try? JSONDecoder().decode(WireRevision.self, from: given),
            form.format == StateFormat.current
        {
            self.init(number: form.number, changes: form.changes)
            return
        }
        var object = try StateFormat.object(given)
        let format = object["format"] as? Int ?? StateFormat.unnumbered
        try StateFormat.check(format, "a revision")
        if format < StateFormat.current, let changes = object["changes"] as? [[String: Any]] {
            object["changes"] = changes.map { StateFormat.upgraded(change: $0, from: format) }
        }
        object["format"] = StateFormat.current
        let form: WireRevision = try StateFormat.decode(object, "a revision")
        self.init(number: form.number, changes: form.changes)
    }
}

/// A revision with the form that it is written in.
private struct WireRevision: Codable {
    var format: Int
    var number: Int
    var changes: [Change]
}

extension Snapshot {
    /// The snapshot as it goes over the wire and into files: its resources, with the form they have, and with
    /// variables sealed where there are keys.
    package func encoded(with keys: VariableKeys = VariableKeys()) throws -> [UInt8] {
        let form = WireSnapshot(
            format: StateFormat.current,
            revision: revision,
            resources: resources.map { ($0.key, $0) }.sorted { $0.0 < $1.0 }
                .map { keys.sealed($0.1) }
        )
        return [UInt8](try Self.encoder.encode(form))
    }

    /// Reads what `encoded` wrote, in this build or an older one.
    ///
    /// - Throws: a `RegistryError` that says what a newer build's snapshot lacks for this one.
    package init(encoded: [UInt8]) throws {
        let data = Data(encoded)
        if let form = try? JSONDecoder().decode(WireSnapshot.self, from: data),
            form.format == StateFormat.current
        {
            self = Snapshot().applying(form.resources.map(Change.put), revision: form.revision)
            return
        }
        var object = try StateFormat.object(data)
        let format = object["format"] as? Int ?? StateFormat.unnumbered
        try StateFormat.check(format, "a snapshot")
        let given = object["resources"] as? [[String: Any]] ?? UnnumberedSnapshot.resources(object)
        object = [
            "format": StateFormat.current, "revision": object["revision"] as? Int ?? -1,
            "resources": given.map { StateFormat.upgraded($0, from: format) },
        ]
        let form: WireSnapshot = try StateFormat.decode(object, "a snapshot")
        guard form.revision >= 0 else {
            throw RegistryError(.corrupt, "a snapshot says no revision")
        }
        self = Snapshot().applying(form.resources.map(Change.put), revision: form.revision)
    }

    /// The archives that the functions and their layers need.
    package var codeDigests: Set<String> {
        Set(functions.values.flatMap { [$0.codeDigest] + ($0.layers ?? []) })
    }

    fileprivate static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return encoder
    }
}

/// A snapshot's resources with the form that they are written in.
private struct WireSnapshot: Codable {
    var format: Int
    var revision: Int
    var resources: [Resource]
}

/// What builds before numbered forms wrote: the snapshot's own members.
enum UnnumberedSnapshot {
    /// The members that hold resources by id, with the resource's case.
    private static let kinds = [
        "functions": "function", "aliases": "alias", "distributions": "distribution",
        "cachePolicies": "cachePolicy", "originRequestPolicies": "originRequestPolicy",
        "responseHeadersPolicies": "responseHeadersPolicy", "publicKeys": "publicKey",
        "keyGroups": "keyGroup", "originAccessControls": "originAccessControl",
        "loadBalancers": "loadBalancer", "targetGroups": "targetGroup", "apis": "api",
        "restAPIs": "restAPI", "usagePlans": "usagePlan", "webSocketAPIs": "webSocketAPI",
        "domains": "domain", "functionSettings": "functionSettings",
    ]
    /// The members that hold texts by name, with the case and its members.
    private static let texts = [
        "buckets": ("bucket", "name", "folder"),
        "originOverrides": ("originOverride", "domainName", "url"),
        "records": ("record", "id", "document"), "locations": ("location", "block", "facts"),
    ]

    static func resources(_ snapshot: [String: Any]) -> [[String: Any]] {
        var resources: [[String: Any]] = []
        for (member, kind) in kinds {
            for value in (snapshot[member] as? [String: Any] ?? [:]).values {
                resources.append([kind: ["_0": value]])
            }
        }
        for (member, (kind, name, text)) in texts {
            for (key, value) in snapshot[member] as? [String: Any] ?? [:] {
                resources.append([kind: [name: key, text: value]])
            }
        }
        for policy in (snapshot["permissions"] as? [String: [String: Any]] ?? [:]).values {
            for statement in policy.values { resources.append(["permission": ["_0": statement]]) }
        }
        return resources
    }
}
