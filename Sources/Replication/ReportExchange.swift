package import Registry

/// Shares what edges said to this primary with the other primaries of the store, and takes theirs.
package final class ReportExchange: Sendable {
    /// How often what is new goes to the store.
    static let writePause = Duration.milliseconds(50)
    /// How often the store is asked what edges said elsewhere.
    static let readPause = Duration.milliseconds(250)
    private let registry: PrimaryRegistry
    private let directory: EdgeDirectory
    private let primary: String
    /// How often an edge that says nothing new is written all the same.
    private let refresh: Duration

    /// Makes an exchange; `primary` names this primary to the others, which count an edge as gone after
    /// `silence`.
    package init(
        registry: PrimaryRegistry,
        directory: EdgeDirectory,
        primary: String,
        silence: Duration
    ) {
        self.registry = registry
        self.directory = directory
        self.primary = primary
        refresh = silence / 3
    }

    /// Exchanges until the task is cancelled; a store that is away is tried again.
    package func run() async {
        var lastRead = ContinuousClock.now - Self.readPause
        while !Task.isCancelled {
            do {
                for said in directory.takeUnshared(refresh: refresh) {
                    try await registry.report(report(said))
                }
                if ContinuousClock.now - lastRead >= Self.readPause {
                    lastRead = .now
                    for report in try await registry.edges() where report.primary != primary {
                        take(report)
                    }
                }
            } catch {
                // The store is away: edges report again with their next sign of life.
            }
            try? await Task.sleep(for: Self.writePause)
        }
    }

    private func report(_ said: EdgeDirectory.Said) -> EdgeReport {
        var facts = ["repairs": String(said.report.repairs)]
        facts["contact"] = String(said.lastContact)
        return EdgeReport(
            name: said.report.name,
            address: said.address,
            revision: said.report.revision,
            primary: primary,
            certificateExpiry: Double(said.certificateExpires),
            error: said.report.error,
            facts: facts
        )
    }

    private func take(_ report: EdgeReport) {
        var said = AppliedReport(
            name: report.name,
            revision: report.revision,
            repairs: report.facts["repairs"].flatMap(Int.init) ?? 0
        )
        said.error = report.error
        directory.note(said, address: report.address, age: report.age)
    }
}
