import Executor
import Foundation
import Testing

@testable import ControlPlane

/// What use would have cost, compared with sums done by hand.
@Suite("Cost report")
struct CostReportTests {
    private static func tally(
        _ requests: Int,
        billed: Int,
        memory: Int,
        route: String = "invoke",
        isAtEdge: Bool = false,
        isProvisioned: Bool = false
    ) -> CostLedger.Tally {
        var tally = CostLedger.Tally(
            function: "f",
            route: route,
            isAtEdge: isAtEdge,
            isProvisioned: isProvisioned
        )
        tally.requests = requests
        tally.billed = billed
        tally.memory = memory
        tally.memoryTime = memory * billed
        tally.peakMemory = 200
        return tally
    }

    private func decimal(_ text: String) throws -> Decimal { try #require(Decimal(string: text)) }

    @Test("three million requests of a second with 512 MB cost what AWS's example says")
    func example() throws {
        let used = UsedResources(tallies: [
            Self.tally(3_000_000, billed: 3_000_000_000, memory: 512)
        ])
        let report = CostReport(used)
        #expect(report.regional.gigabyteSeconds == 1_500_000)
        #expect(report.regional.freeGigabyteSeconds == 400_000)
        #expect(report.regional.durationCost == (try decimal("18.33337")))
        #expect(report.regional.requestCost == (try decimal("0.4")))
        #expect(report.total == (try decimal("18.73337")))
        let listed = CostReport(used, appliesFreeTier: false)
        #expect(listed.total == (try decimal("25.60005")))
        #expect(listed.lines[0].cost == listed.total)
    }

    @Test("one short invocation costs a fraction that no binary number holds")
    func fraction() throws {
        let used = UsedResources(tallies: [Self.tally(1, billed: 194, memory: 128)])
        let report = CostReport(used, appliesFreeTier: false)
        #expect(report.lines[0].gigabyteSeconds == (try decimal("0.02425")))
        // 0.02425 × 0.0000166667 + 0.0000002
        #expect(report.total == (try decimal("0.000000604167475")))
        #expect(CostReport(used).total == 0)
    }

    @Test("the tiers of a month follow each other")
    func tiers() throws {
        let tiers = try #require(PriceList.standard.duration["x86_64"])
        #expect(CostReport.cost(of: 6_000_000_000, tiers) == (try decimal("100000.2")))
        #expect(CostReport.cost(of: 15_000_000_000, tiers) == (try decimal("235000.2")))
        #expect(CostReport.cost(of: 16_000_000_000, tiers) == (try decimal("248333.6")))
        #expect(CostReport.cost(of: 0, tiers) == 0)
    }

    @Test("the free tier is one for both architectures, and arm64 has its own price")
    func architectures() throws {
        var second = Self.tally(0, billed: 600_000_000, memory: 1024)
        second.function = "g"
        let used = UsedResources(
            tallies: [Self.tally(0, billed: 300_000_000, memory: 1024), second],
            architectures: ["g": "arm64"]
        )
        let report = CostReport(used)
        // 300,000 of x86_64 and 100,000 of arm64 are free.
        #expect(report.regional.durationCost == (try decimal("6.6667")))
    }

    @Test("functions at the edge have prices of their own and nothing free")
    func edge() throws {
        let used = UsedResources(tallies: [
            Self.tally(1_000_000, billed: 8_000_000, memory: 128, isAtEdge: true)
        ])
        let report = CostReport(used)
        #expect(report.edge.gigabyteSeconds == 1000)
        #expect(report.edge.cost == (try decimal("0.65001")))
        #expect(report.regional.cost == 0)
        #expect(report.comparisons.isEmpty)
    }

    @Test("environments kept ready are paid for ready and running, without free duration")
    func provisioned() throws {
        let used = UsedResources(
            tallies: [Self.tally(10, billed: 1_000_000, memory: 1024, isProvisioned: true)],
            provisions: [.init(function: "f", memoryTime: 1024 * 3_600_000)]
        )
        let report = CostReport(used)
        #expect(report.regional.provisionedCost == (try decimal("0.01500012")))
        #expect(report.regional.durationCost == (try decimal("0.0097222")))
        #expect(report.regional.requestCost == 0)
    }

    @Test("storage above what is free is paid for")
    func storage() throws {
        var tally = Self.tally(1, billed: 1000, memory: 128)
        tally.storageTime = 10_240 * 1000
        let report = CostReport(UsedResources(tallies: [tally]))
        #expect(report.regional.storageCost == (try decimal("0.000000309")))
    }

    @Test("a function is compared at other sizes over all of its routes")
    func comparison() throws {
        let used = UsedResources(tallies: [
            Self.tally(1, billed: 500, memory: 512, route: "a"),
            Self.tally(1, billed: 500, memory: 512, route: "b"),
        ])
        let comparison = try #require(CostReport(used).comparisons.first)
        #expect(comparison.costs[1024] == (try decimal("0.0000170667")))
        #expect(comparison.costs[512] == (try decimal("0.00000873335")))
        #expect(comparison.peakMemory == 200)
    }

    @Test("a month of the same is so many times as much")
    func times() throws {
        let used = UsedResources(tallies: [Self.tally(1, billed: 1, memory: 1024)])
        let once = CostReport(used, appliesFreeTier: false)
        let often = CostReport(used, appliesFreeTier: false, times: 1_000_000)
        #expect(often.total == once.total * 1_000_000)
    }

    @Test("a list says what is unverified, and nonsense is refused")
    func list() throws {
        #expect(PriceList.standard.unverified.contains("Lambda@Edge requests"))
        #expect(!PriceList.standard.unverified.contains("requests"))
        let encoded = try JSONEncoder().encode(PriceList.standard)
        #expect(try PriceList(json: encoded) == PriceList.standard)
        let text = String(decoding: encoded, as: UTF8.self)
        for (found, other) in [("\"400000\"", "\"much\""), ("\"400000\"", "\"-1\""), ("{", "[")] {
            let broken = Data(text.replacingOccurrences(of: found, with: other).utf8)
            #expect(throws: PriceList.Invalid.self) { _ = try PriceList(json: broken) }
        }
    }
}
