import DataPlane
import Model
import Testing

@testable import Executor

@Suite
struct ConcurrencyTests {
    private let start = ContinuousClock.now

    @Test("the account's limit refuses the eleventh of ten, and an end makes room")
    func account() {
        var limits = ConcurrencyLimits()
        limits.account = 10
        var ledger = ConcurrencyLedger(limits)
        for number in 0..<10 { #expect(ledger.begin("f\(number % 3)", at: start) == nil) }
        #expect(ledger.begin("f", at: start)?.rawValue == "ConcurrentInvocationLimitExceeded")
        ledger.end("f0")
        #expect(ledger.begin("f", at: start) == nil)
        #expect(ledger.running("f") == 1)
    }

    @Test("a reserve is guarantee and cap, is taken from the others, and 0 stops the function")
    func reserved() {
        var limits = ConcurrencyLimits()
        limits.account = 10
        var ledger = ConcurrencyLedger(limits)
        ledger.reserve(["kept": 3, "stopped": 0])
        #expect(ledger.unreserved == 7)
        for _ in 0..<7 { #expect(ledger.begin("other", at: start) == nil) }
        #expect(ledger.begin("other", at: start) == .account)
        for _ in 0..<3 { #expect(ledger.begin("kept", at: start) == nil) }
        #expect(ledger.begin("kept", at: start) == .reserved)
        #expect(
            ledger.begin("stopped", at: start)?.rawValue
                == "ReservedFunctionConcurrentInvocationLimitExceeded"
        )
    }

    @Test("a changed reserve counts what runs already")
    func changedReserve() {
        var limits = ConcurrencyLimits()
        limits.account = 4
        var ledger = ConcurrencyLedger(limits)
        for _ in 0..<2 { #expect(ledger.begin("f", at: start) == nil) }
        ledger.reserve(["f": 2])
        #expect(ledger.begin("f", at: start) == .reserved)
        for _ in 0..<2 { #expect(ledger.begin("g", at: start) == nil) }
        #expect(ledger.begin("g", at: start) == .account)
        ledger.reserve([:])
        #expect(ledger.begin("g", at: start) == .account)
        for _ in 0..<2 { ledger.end("f") }
        #expect(ledger.begin("g", at: start) == nil)
    }

    @Test("ten requests a second for each unit of concurrency are the ceiling when that is on")
    func rate() {
        var limits = ConcurrencyLimits()
        limits.account = 10
        limits.limitsRequestRate = true
        var ledger = ConcurrencyLedger(limits)
        ledger.reserve(["f": 2])
        func burst(_ function: String, at now: ContinuousClock.Instant) -> Int {
            var taken = 0
            while ledger.begin(function, at: now) == nil {
                ledger.end(function)
                taken += 1
            }
            return taken
        }
        #expect(burst("f", at: start) == 20)
        #expect(ledger.begin("f", at: start) == .reservedRate)
        #expect(burst("f", at: start + .milliseconds(500)) == 10)
        #expect(burst("g", at: start) == 80)
        #expect(ledger.begin("g", at: start) == .rate)
    }

    @Test("a function gains a thousand environments at once and then a hundred a second")
    func scaling() {
        var limits = ConcurrencyLimits()
        limits.limitsScalingRate = true
        var ledger = ConcurrencyLedger(limits)
        func grown(at now: ContinuousClock.Instant) -> Int {
            var count = 0
            while ledger.grow("f", at: now) { count += 1 }
            return count
        }
        #expect(grown(at: start) == 1000)
        #expect(grown(at: start + .seconds(1)) == 100)
        #expect(grown(at: start + .seconds(100)) == 1000)
        let other = ledger.grow("g", at: start)
        #expect(other)
    }
}

extension ConcurrencyLedger {
    fileprivate mutating func begin(
        _ function: String,
        at now: ContinuousClock.Instant
    ) -> Refusal? {
        begin(slot(of: function), at: now)
    }

    fileprivate mutating func end(_ function: String) { end(slot(of: function)) }

    fileprivate mutating func grow(_ function: String, at now: ContinuousClock.Instant) -> Bool {
        grow(slot(of: function), at: now)
    }
}

extension ProcessTests {
    @Suite
    struct ThrottlingTests {
        private static let waits = [
            "index.js":
                "exports.handler = async (e) => { await new Promise((r) => setTimeout(r, e)); return e; };"
        ]

        @Test("of eleven calls at once one is refused when ten may run")
        func elevenOfTen() async throws {
            try await withBench(files: Self.waits, configure: { $0.concurrency.account = 10 }) {
                bench in
                let version = bench.version("index.handler")
                let answers = await withTaskGroup(of: String.self) { group in
                    for _ in 0..<11 { group.addTask { await bench.call(version, "300").text } }
                    return await group.reduce(into: [String]()) { $0.append($1) }
                }
                #expect(answers.count { $0 == "throttled ConcurrentInvocationLimitExceeded" } == 1)
                #expect(answers.count { $0 == "success 300" } == 10)
                #expect(await bench.call(version, "1").text == "success 1")
            }
        }

        @Test("a function with a reserve of nothing never runs")
        func stopped() async throws {
            try await withBench(files: Self.waits) { bench in
                let version = bench.version("index.handler")
                bench.invoker.reserve([version.name: 0])
                #expect(
                    await bench.call(version, "1").text
                        == "throttled ReservedFunctionConcurrentInvocationLimitExceeded"
                )
                bench.invoker.reserve([:])
                #expect(await bench.call(version, "1").text == "success 1")
            }
        }
    }
}
