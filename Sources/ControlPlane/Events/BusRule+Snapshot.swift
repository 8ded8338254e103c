package import Executor
package import Model
import Registry

extension BusRule {
    /// The rules of a snapshot, without damaged ones.
    package static func all(of snapshot: Snapshot) -> [BusRule] {
        snapshot.documents(of: RuleDocument.kind).compactMap { BusRule($0) }
    }
}
