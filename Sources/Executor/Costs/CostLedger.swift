package import Model
import Synchronization

/// What invocations would have cost on AWS, counted from the records that `REPORT` lines are made of.
///
/// Only quantities are kept, as whole numbers; prices come later.
package final class CostLedger: Sendable {
    /// How many functions and routes are counted apart; further ones share a line for each function's kind.
    static let maximumTallies = 5000
    /// The route of what has no line of its own.
    package static let otherRoute = "other"

    /// What invocations of a function over a route used.
    package struct Tally: Sendable, Codable, Equatable {
        /// The function's name, without its version.
        package var function: String
        /// By what the calls came, such as an API's route or a load balancer's target group.
        package var route: String
        /// Whether CloudFront called it at one of its events.
        package var isAtEdge: Bool
        /// Whether environments that were kept ready ran it.
        package var isProvisioned: Bool
        /// Unit: MiB; of the latest invocation.
        package var memory = 0
        package var requests = 0
        /// Unit: milliseconds billed, initialisation included.
        package var billed = 0
        /// What of `billed` was initialisation.
        ///
        /// Unit: milliseconds.
        package var billedInitialisation = 0
        /// Memory by billed time.
        ///
        /// Unit: MiB × milliseconds.
        package var memoryTime = 0
        /// What of `memoryTime` was initialisation.
        ///
        /// Unit: MiB × milliseconds.
        package var initialisationMemoryTime = 0
        /// Storage above the 512 MiB that cost nothing, by billed time.
        ///
        /// Unit: MiB × milliseconds.
        package var storageTime = 0
        /// The most memory that an invocation used.
        ///
        /// Unit: MiB.
        package var peakMemory = 0

        /// Makes a tally of nothing.
        package init(
            function: String,
            route: String,
            isAtEdge: Bool = false,
            isProvisioned: Bool = false
        ) {
            self.function = function
            self.route = route
            self.isAtEdge = isAtEdge
            self.isProvisioned = isProvisioned
        }
    }

    /// Environments that were kept ready, by their memory and time.
    package struct Provision: Sendable, Codable, Equatable {
        package var function: String
        /// Each period is rounded up to five minutes.
        ///
        /// Unit: MiB × milliseconds. Source: "AWS Lambda Pricing", Provisioned Concurrency.
        package var memoryTime: Int

        /// Describes what was kept ready.
        package init(function: String, memoryTime: Int) {
            self.function = function
            self.memoryTime = memoryTime
        }
    }

    private struct Key: Hashable {
        var function: String
        var route: String
        var isAtEdge: Bool
        var isProvisioned: Bool
    }

    /// A configuration of provisioned concurrency that is in force.
    private struct Period {
        var memory: Int
        var began: Int64
    }

    private struct State {
        var tallies: [Key: Tally] = [:]
        /// By `name:version`.
        var periods: [String: Period] = [:]
        /// By name.
        var past: [String: Int] = [:]
    }

    /// The unit in which a period of provisioned concurrency is charged.
    ///
    /// Unit: milliseconds. Source: "AWS Lambda Pricing".
    private static let periodUnit: Int64 = 300_000
    /// What costs nothing.
    ///
    /// Unit: MiB. Source: "AWS Lambda Pricing", Ephemeral Storage.
    private static let freeStorage = 512

    private let state = Mutex(State())
    private let clock: @Sendable () -> Int64

    /// Makes an empty ledger; `clock` gives milliseconds since 1970.
    package init(clock: @escaping @Sendable () -> Int64 = { System.milliseconds }) {
        self.clock = clock
    }

    /// Counts an invocation by its report.
    func add(
        _ report: InvocationReport,
        of version: FunctionVersion,
        route: String,
        isAtEdge: Bool,
        isProvisioned: Bool
    ) {
        var key = Key(
            function: version.name,
            route: route,
            isAtEdge: isAtEdge,
            isProvisioned: isProvisioned
        )
        var unstarted = report
        unstarted.loading = nil
        // What is kept ready was initialised before, which is not charged by the invocation.
        let billed = isProvisioned ? unstarted.billed : report.billed
        let initialisation = billed - unstarted.billed
        let storage = max(0, (version.ephemeralStorage ?? 0) - Self.freeStorage)
        state.withLock { state in
            if state.tallies[key] == nil, state.tallies.count >= Self.maximumTallies {
                key.function = Self.otherRoute
                key.route = Self.otherRoute
            }
            let fresh = Tally(
                function: key.function,
                route: key.route,
                isAtEdge: isAtEdge,
                isProvisioned: isProvisioned
            )
            Self.count(&state.tallies[key, default: fresh]) { tally in
                tally.requests += 1
                tally.memory = report.memory
                tally.billed += billed
                tally.billedInitialisation += initialisation
                tally.memoryTime += report.memory * billed
                tally.initialisationMemoryTime += report.memory * initialisation
                tally.storageTime += storage * billed
                tally.peakMemory = max(tally.peakMemory, report.usedMemory)
            }
        }
    }

    private static func count(_ tally: inout Tally, _ body: (inout Tally) -> Void) { body(&tally) }

    /// Notes how many environments of each version (`name:version`) are kept ready from now on.
    package func provision(_ wanted: [String: Int], memory: (String) -> Int?) {
        let now = clock()
        var periods: [String: Period] = [:]
        for (function, count) in wanted where count > 0 {
            periods[function] = Period(memory: count * (memory(function) ?? 128), began: now)
        }
        state.withLock { state in
            for (function, period) in state.periods {
                if let next = periods[function], next.memory == period.memory {
                    periods[function] = period
                } else {
                    let time = Self.memoryTime(period, until: now)
                    state.past[Self.name(of: function), default: 0] += time
                }
            }
            state.periods = periods
        }
    }

    private static func name(of function: String) -> String {
        String(function.prefix { $0 != ":" })
    }

    private static func memoryTime(_ period: Period, until now: Int64) -> Int {
        let units = max(1, (now - period.began + periodUnit - 1) / periodUnit)
        return period.memory * Int(units * periodUnit)
    }

    /// The tallies by function and route.
    package var tallies: [Tally] {
        state.withLock { Array($0.tallies.values) }.sorted {
            ($0.function, $0.isAtEdge ? 1 : 0, $0.route, $0.isProvisioned ? 1 : 0)
                < ($1.function, $1.isAtEdge ? 1 : 0, $1.route, $1.isProvisioned ? 1 : 0)
        }
    }

    /// What was kept ready until now, by function.
    package var provisions: [Provision] {
        let now = clock()
        let times = state.withLock { state in
            var times = state.past
            for (function, period) in state.periods {
                times[Self.name(of: function), default: 0] += Self.memoryTime(period, until: now)
            }
            return times
        }
        return times.sorted { $0.key < $1.key }.map {
            Provision(function: $0.key, memoryTime: $0.value)
        }
    }

    /// Forgets everything but what is kept ready, which counts from now on.
    package func reset() {
        let now = clock()
        state.withLock { state in
            state.tallies = [:]
            state.past = [:]
            for function in state.periods.keys { state.periods[function]?.began = now }
        }
    }
}
