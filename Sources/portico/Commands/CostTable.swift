import ControlPlane
import Foundation

/// A cost report as text.
enum CostTable {
    /// The whole report.
    static func text(_ report: CostReport) -> String {
        guard !report.lines.isEmpty || report.regional.provisionedCost > 0 else {
            return "no function has run yet\n" + notes(report)
        }
        var blocks = [TextTable.lines(lines(report), right: [3, 4, 5, 6])]
        blocks.append(TextTable.lines(sums(report), right: [1, 2, 3, 4, 5]))
        if !report.comparisons.isEmpty {
            blocks.append(
                ["With other memory, if it took as long (* less than it used):"]
                    + TextTable.lines(comparisons(report), right: Set(1...9))
            )
        }
        return blocks.map { $0.joined(separator: "\n") }.joined(separator: "\n\n") + "\n\n"
            + notes(report)
    }

    private static func lines(_ report: CostReport) -> [[String]] {
        [["FUNCTION", "WHERE", "ROUTE", "REQUESTS", "GB-S", "OF IT INIT", "LIST PRICE"]]
            + report.lines.map { line in
                [
                    line.function,
                    line.isAtEdge ? "edge" : line.isProvisioned ? "provisioned" : "region",
                    line.route, String(line.requests), number(line.gigabyteSeconds, 6),
                    number(line.initGigabyteSeconds, 6), number(line.cost, 8),
                ]
            }
    }

    private static func sums(_ report: CostReport) -> [[String]] {
        func row(_ name: String, _ sum: CostReport.Sum) -> [String] {
            [
                name, String(sum.requests), number(sum.freeRequests, 0),
                number(sum.gigabyteSeconds, 6), number(sum.freeGigabyteSeconds, 6),
                number(sum.cost, 8),
            ]
        }
        return [
            ["", "REQUESTS", "FREE", "GB-S", "FREE", "\(report.prices.currency)"],
            row("region", report.regional), row("edge", report.edge),
            ["total", "", "", "", "", number(report.total, 8)],
        ]
    }

    private static func comparisons(_ report: CostReport) -> [[String]] {
        let sizes = CostReport.comparedSizes
        return [["FUNCTION", "NOW"] + sizes.map { "\($0) MB" }]
            + report.comparisons.map { comparison in
                [comparison.function, "\(comparison.memory) MB"]
                    + sizes.map { size in
                        let cost = comparison.costs[size].map { number($0, 8) } ?? ""
                        return (size < comparison.peakMemory ? "*" : "") + cost
                    }
            }
    }

    private static func notes(_ report: CostReport) -> String {
        let prices = report.prices
        var text = "Prices of \(prices.region), \(prices.date), \(prices.currency)."
        let unverified = prices.unverified
        if !unverified.isEmpty {
            text += " Not verified on AWS's page: \(unverified.joined(separator: ", "))."
        }
        return text
    }

    /// A number with so many decimals at most, rounded half up.
    static func number(_ value: Decimal, _ decimals: Int) -> String {
        var (from, to) = (value, Decimal())
        NSDecimalRound(&to, &from, decimals, .plain)
        return to.description
    }
}
