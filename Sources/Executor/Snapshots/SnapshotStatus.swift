import Model

/// How the snapshot of a published version fares, for those who ask about the version.
package enum SnapshotStatus: Sendable, Equatable {
    /// Static code runs; the version is pending.
    case preparing
    case ready
    /// Static code failed, with the error's type and message.
    case failed(type: String, message: String)
}

/// What is known of the snapshots of versions that were published while this process ran.
///
/// Pure. Versions of before have theirs made at the first need; nothing is known of them.
struct SnapshotLedger {
    private var known: Set<String>?
    private var statuses: [String: SnapshotStatus] = [:]

    /// Takes note of the versions that there are; returns those whose snapshots are to be made now.
    mutating func follow(_ functions: [String: FunctionVersion]) -> [FunctionVersion] {
        let before = known
        known = Set(functions.keys)
        statuses = statuses.filter { functions[$0.key] != nil }
        guard let before else { return [] }
        let fresh = functions.filter { key, version in
            !before.contains(key) && version.snapStart != nil
                && version.version != FunctionVersion.latest
        }
        for key in fresh.keys { statuses[key] = .preparing }
        return fresh.values.sorted { $0.qualifiedName < $1.qualifiedName }
    }

    /// The status of a version (`name:version`); nil when nothing is known.
    subscript(_ function: String) -> SnapshotStatus? {
        get { statuses[function] }
        set { if statuses[function] != nil { statuses[function] = newValue } }
    }
}
