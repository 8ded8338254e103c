import Foundation
import JSON
import Model

/// Functions whose last association with a distribution was removed: their replicas go a while later
/// ("Deleting Lambda@Edge functions and replicas").
enum RemovedReplicas {
    private static func id(_ function: String) -> String { "lambda/replica/\(function)" }

    /// Remembers which versions lost their last association with a draft's changes, and which got one.
    static func note(since before: Snapshot, in draft: inout Draft) {
        let isConcerned = draft.changes.contains { change in
            switch change {
            case .put(.distribution): true
            case .delete(let key): key.hasPrefix("distribution/")
            case .put, .resetVersions: false
            }
        }
        guard isConcerned else { return }
        let now = associated(in: draft.snapshot)
        for function in associated(in: before).subtracting(now).sorted() {
            var record = JSONObject()
            record["Revision"] = .integer(draft.revision)
            record["RemovedAt"] = .integer(Int(Date().timeIntervalSince1970 * 1000))
            draft.setRecord(id(function), record)
        }
        for function in now.sorted() { draft.setRecord(id(function), nil) }
    }

    /// Whether some edge may still hold a version that no distribution runs any more.
    static func mayExist(_ function: String, in draft: Draft, _ ledger: Ledger) -> Bool {
        guard let record = draft.record(id(function)), let revision = record["Revision"]?.int,
            let removedAt = record["RemovedAt"]?.int
        else { return false }
        let age = Duration.milliseconds(Int(Date().timeIntervalSince1970 * 1000) - removedAt)
        return !ledger.isEverywhere(revision) || age < ledger.replicaRemovalDelay
    }

    /// Forgets a version that is deleted.
    static func forget(_ function: String, in draft: inout Draft) {
        draft.setRecord(id(function), nil)
    }

    private static func associated(in snapshot: Snapshot) -> Set<String> {
        Set(
            snapshot.distributions.values.flatMap { distribution in
                distribution.behaviors.flatMap { $0.functions.map(\.qualifiedName) }
            }
        )
    }
}
