import JSON

/// The keys and values of a key-value store, as of one snapshot.
package final class KeyValueContent: Sendable {
    /// The last part of the store's ARN.
    let id: String
    let pairs: [String: String]
    /// Unit: seconds since 1970.
    let created: Double
    /// Unit: seconds since 1970.
    let modified: Double

    /// Makes a store's content.
    package init(
        id: String,
        pairs: [String: String],
        created: Double = 0,
        modified: Double = 0
    ) {
        self.id = id
        self.pairs = pairs
        self.created = created
        self.modified = modified
    }

    /// Reads the record that the API keeps of a store.
    init?(record text: String) {
        guard let record = (try? JSONValue.parse(text))?.object else { return nil }
        id = record["Id"]?.string ?? ""
        var pairs: [String: String] = [:]
        for pair in record["Pairs"]?.object ?? JSONObject() {
            pairs[pair.key] = pair.value.string ?? ""
        }
        self.pairs = pairs
        created = record["Created"]?.double ?? 0
        modified = record["LastModifiedTime"]?.double ?? 0
    }

    /// What `meta()` gives, as JSON with times in seconds.
    var description: String {
        "{\"id\":\(JSONValue.string(id).text),\"created\":\(created),\"modified\":\(modified),\"count\":\(pairs.count)}"
    }
}
