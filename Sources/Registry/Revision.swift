package import Model

/// One published revision: what it changed, in order.
package struct Revision: Sendable, Codable, Hashable {
    /// Counts from 1 without gaps, in commit order.
    package let number: Int
    package let changes: [Change]

    /// Makes a revision.
    package init(number: Int, changes: [Change]) {
        self.number = number
        self.changes = changes
    }
}

/// Where a store stands.
package struct StoreHead: Sendable, Hashable {
    /// Names the history: two stores whose revisions are not the same never have the same one.
    package var history: String
    /// The latest revision; 0 before the first.
    package var revision: Int
    /// The last revision that is compacted away: changes are kept from the one after it.
    package var floor: Int
}

/// Everything that is current, as of one revision.
package struct StoredState: Sendable {
    package var snapshot: Snapshot
    /// The highest number ever given to a version of each function, also of deleted versions.
    package var counters: [String: Int]
    package var history: String
}
