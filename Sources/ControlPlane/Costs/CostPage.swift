package import Executor
import JSON
package import Model

/// What `/_portico/cost` shows: what functions have used since the node began.
package struct CostPage: Sendable {
    private let ledger: CostLedger
    private let snapshot: @Sendable () -> Snapshot

    /// Makes the page of a ledger.
    package init(ledger: CostLedger, snapshot: @escaping @Sendable () -> Snapshot) {
        self.ledger = ledger
        self.snapshot = snapshot
    }

    /// What was used, with the architecture of each function.
    var used: UsedResources {
        let snapshot = snapshot()
        var architectures: [String: String] = [:]
        let tallies = ledger.tallies
        for name in Set(tallies.map(\.function)) {
            let record = snapshot.record(FunctionRecord.id(name))
            let first = record?["latest"]?["Architectures"]?[0]?.string
            if let first, first != UsedResources.usualArchitecture { architectures[name] = first }
        }
        return UsedResources(
            tallies: tallies,
            provisions: ledger.provisions,
            architectures: architectures
        )
    }
}

/// What functions have used, as it travels from a node to the report.
package struct UsedResources: Sendable, Codable {
    /// The architecture of functions that name none.
    package static let usualArchitecture = "x86_64"

    package var tallies: [CostLedger.Tally]
    package var provisions: [CostLedger.Provision]
    /// The architectures that are not the usual one, by function.
    package var architectures: [String: String]

    /// Describes what was used.
    package init(
        tallies: [CostLedger.Tally],
        provisions: [CostLedger.Provision] = [],
        architectures: [String: String] = [:]
    ) {
        self.tallies = tallies
        self.provisions = provisions
        self.architectures = architectures
    }
}
