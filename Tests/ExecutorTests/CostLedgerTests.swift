import Model
import Synchronization
import Testing

@testable import Executor

/// What invocations used, in whole numbers.
@Suite("Cost ledger")
struct CostLedgerTests {
    private static func version(_ name: String = "f", storage: Int? = nil) -> FunctionVersion {
        var version = FunctionVersion(
            name: name,
            version: 1,
            runtime: "nodejs22.x",
            handler: "index.handler",
            codeDigest: "code"
        )
        version.ephemeralStorage = storage
        return version
    }

    private static func report(
        _ duration: Double,
        loading: Double? = nil,
        memory: Int = 128
    ) -> InvocationReport {
        InvocationReport(
            duration: Int64(duration * 1_000_000),
            loading: loading.map { Int64($0 * 1_000_000) },
            peakMemory: 75 << 20,
            memory: memory
        )
    }

    private func add(
        _ ledger: CostLedger,
        _ report: InvocationReport,
        _ version: FunctionVersion = version(),
        route: String = "invoke",
        isAtEdge: Bool = false,
        isProvisioned: Bool = false
    ) {
        ledger.add(
            report,
            of: version,
            route: route,
            isAtEdge: isAtEdge,
            isProvisioned: isProvisioned
        )
    }

    @Test("a cold start is billed with its initialisation, rounded up once")
    func coldStart() throws {
        let ledger = CostLedger(clock: { 0 })
        add(ledger, Self.report(26.73, loading: 166.62))
        add(ledger, Self.report(26.73))
        let tally = try #require(ledger.tallies.first)
        #expect(tally.requests == 2)
        #expect(tally.billed == 194 + 27)
        #expect(tally.billedInitialisation == 194 - 27)
        #expect(tally.memoryTime == 128 * (194 + 27))
        #expect(tally.initialisationMemoryTime == 128 * 167)
        #expect(tally.storageTime == 0)
        #expect(tally.peakMemory == 75)
    }

    @Test("routes, edges and environments kept ready are counted apart")
    func apart() {
        let ledger = CostLedger(clock: { 0 })
        add(ledger, Self.report(1), route: "b")
        add(ledger, Self.report(1), route: "a")
        add(ledger, Self.report(1), route: "a", isAtEdge: true)
        add(ledger, Self.report(1, loading: 500), route: "a", isProvisioned: true)
        let tallies = ledger.tallies
        #expect(tallies.map(\.route) == ["a", "a", "b", "a"])
        #expect(tallies.map(\.isAtEdge) == [false, false, false, true])
        #expect(tallies.first { $0.isProvisioned }?.billed == 1)
    }

    @Test("only storage above 512 MiB is charged")
    func storage() {
        let ledger = CostLedger(clock: { 0 })
        add(ledger, Self.report(10), Self.version(storage: 1536))
        #expect(ledger.tallies.first?.storageTime == 1024 * 10)
    }

    // Limits: CostLedger.maximumTallies
    @Test("with very many routes the rest shares a line, and no request is lost")
    func bound() {
        let ledger = CostLedger(clock: { 0 })
        for number in 0..<(CostLedger.maximumTallies + 50) {
            add(ledger, Self.report(1), route: "r\(number)")
        }
        let tallies = ledger.tallies
        #expect(tallies.count == CostLedger.maximumTallies + 1)
        #expect(tallies.first { $0.route == CostLedger.otherRoute }?.requests == 50)
    }

    @Test("environments kept ready are charged in units of five minutes")
    func provisioned() {
        let now = Mutex<Int64>(1000)
        let ledger = CostLedger(clock: { now.withLock { $0 } })
        let time = { (milliseconds: Int64) in now.withLock { $0 = 1000 + milliseconds } }
        ledger.provision(["f:1": 2]) { _ in 512 }
        time(1)
        #expect(ledger.provisions == [.init(function: "f", memoryTime: 1024 * 300_000)])
        time(300_001)
        #expect(ledger.provisions == [.init(function: "f", memoryTime: 1024 * 600_000)])
        // The same again changes nothing; another number begins a period.
        ledger.provision(["f:1": 2]) { _ in 512 }
        ledger.provision(["f:1": 1]) { _ in 512 }
        time(300_002)
        #expect(
            ledger.provisions == [.init(function: "f", memoryTime: 1024 * 600_000 + 512 * 300_000)]
        )
        ledger.provision([:]) { _ in nil }
        time(900_000)
        #expect(
            ledger.provisions == [.init(function: "f", memoryTime: 1024 * 600_000 + 512 * 300_000)]
        )
        ledger.reset()
        #expect(ledger.provisions.isEmpty)
    }
}
