package import JSON
package import Model

extension Snapshot {
    /// The documents of all records of a kind in the order of their ids, without damaged ones.
    package func documents(of kind: String) -> [JSONValue] {
        records.filter { $0.key.hasPrefix(kind + "/") }
            .sorted { $0.key < $1.key }
            .compactMap { try? JSONValue.parse($0.value) }
    }
}
