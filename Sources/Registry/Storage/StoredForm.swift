import Foundation
import Model

/// How changes and resources are written in stores.
enum StoredForm {
    /// What one revision writes, encoded before anything is locked for long.
    struct Prepared {
        /// The changes as one JSON array.
        var body: [UInt8]
        /// The last word on each resource: its new form, or nil when it goes.
        var resources: [(key: String, value: [UInt8]?)] = []
        var counters: [CounterChange] = []
        /// Code that must be kept for the revision to be published, with who names it.
        var required: [(digest: String, name: String)] = []
    }

    /// What becomes of the highest number given to a version of a function.
    struct CounterChange {
        var function: String
        /// Whether the numbers of before are forgotten.
        var resets = false
        /// The number is at least this one.
        var highest = 0
    }

    static func prepare(_ changes: [Change], _ keys: VariableKeys) throws -> Prepared {
        let changes = keys.sealed(changes)
        let encoder = JSONEncoder()
        var prepared = Prepared(body: [UInt8](try encoder.encode(changes)))
        guard prepared.body.count <= StoreLimits.revisionBytesLimit else {
            throw RegistryError(
                .invalid,
                "a revision of \(prepared.body.count) bytes is more than "
                    + "\(StoreLimits.revisionBytesLimit)"
            )
        }
        var places: [String: Int] = [:]
        func set(_ key: String, _ value: [UInt8]?) {
            if let place = places[key] {
                prepared.resources[place].value = value
            } else {
                places[key] = prepared.resources.count
                prepared.resources.append((key, value))
            }
        }
        var counters: [String: CounterChange] = [:]
        func count(_ function: String, _ body: (inout CounterChange) -> Void) {
            body(&counters[function, default: CounterChange(function: function)])
        }
        for change in changes {
            switch change {
            case .put(let resource):
                set(resource.key, [UInt8](try encoder.encode(resource)))
                guard case .function(let version) = resource else { break }
                for digest in BlobReferences.required(by: change) {
                    prepared.required.append((digest, version.qualifiedName))
                }
                count(version.name) { $0.highest = max($0.highest, version.version) }
            case .delete(let key): set(key, nil)
            case .resetVersions(let function):
                count(function) { $0 = CounterChange(function: function, resets: true) }
            }
        }
        prepared.counters = counters.values.sorted { $0.function < $1.function }
        return prepared
    }

    static func revision(
        _ number: Int,
        _ body: some DataProtocol,
        _ keys: VariableKeys
    ) throws -> Revision {
        do {
            let changes = try JSONDecoder().decode([Change].self, from: Data(body))
            return Revision(number: number, changes: keys.opened(changes))
        } catch {
            let reason = StateFormat.sentence(error)
            throw RegistryError(.corrupt, "revision \(number) cannot be read: \(reason)")
        }
    }

    static func state(
        _ resources: some Sequence<Data>,
        revision: Int,
        counters: [String: Int],
        history: String,
        _ keys: VariableKeys
    ) throws -> StoredState {
        let decoder = JSONDecoder()
        do {
            let puts = try resources.map {
                Change.put(keys.opened(try decoder.decode(Resource.self, from: $0)))
            }
            return StoredState(
                snapshot: Snapshot().applying(puts, revision: revision),
                counters: counters,
                history: history
            )
        } catch {
            let reason = StateFormat.sentence(error)
            throw RegistryError(.corrupt, "a resource of the store cannot be read: \(reason)")
        }
    }

    static func checkMissing(_ known: Int, _ head: StoreHead) throws {
        guard known <= head.revision else {
            throw RegistryError(
                .corrupt,
                "the store is at revision \(head.revision) and not at \(known), which it "
                    + "reported before: it was replaced or restored from an older copy"
            )
        }
        try checkFloor(known, head.floor)
        guard head.revision - known <= StoreLimits.missingLimit else {
            throw RegistryError(.behind, "\(head.revision - known) revisions must be read first")
        }
    }

    static func checkFloor(_ after: Int, _ floor: Int) throws {
        guard after >= floor else {
            throw RegistryError(
                .snapshotRequired,
                "revisions up to \(floor) are compacted; whoever is at \(after) takes a snapshot"
            )
        }
    }

    static func checkPrivate(_ key: String, _ bytes: [UInt8]?) throws {
        guard (bytes?.count ?? 0) <= StoreLimits.privateValueLimit, key.utf8.count <= 512 else {
            throw RegistryError(
                .invalid,
                "the private value \(key.prefix(64)) is longer than "
                    + "\(StoreLimits.privateValueLimit) bytes, or its key than 512"
            )
        }
    }
}
