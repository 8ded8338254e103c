package import Executor
import JSON
package import Model
import Registry

extension BusRule {
    /// The rules of a snapshot, without damaged ones.
    package static func all(of snapshot: Snapshot) -> [BusRule] {
        snapshot.records.filter { $0.key.hasPrefix(RuleDocument.kind + "/") }
            .sorted { $0.key < $1.key }
            .compactMap { (try? JSONValue.parse($0.value)).flatMap { BusRule($0) } }
    }
}
