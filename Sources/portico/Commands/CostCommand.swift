import ArgumentParser
import ControlPlane
import Foundation

/// Shows what the functions of a running node would have cost on AWS.
struct CostCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cost",
        abstract:
            "Show what functions would have cost on AWS since the node began, by function and route.",
        discussion: """
            Counted from the same records that REPORT lines are made of. Streamed bytes, logs, data \
            transfer and requests of CloudFront, load balancers and APIs are not in it.
            """
    )

    @Option(help: "A JSON file with other prices, in the form that --print-prices shows.")
    var prices: String?

    @Flag(help: "Print the prices as JSON and end.")
    var printPrices = false

    @Flag(inversion: .prefixedNo, help: "Take AWS's monthly free tier off.")
    var freeTier = true

    @Option(help: "Count everything so many times over, such as for a month.")
    var times = 1

    @Flag(help: "Print JSON; amounts are exact decimals.")
    var json = false

    @Option(help: "The API port of the running node.")
    var apiPort = 4566

    /// The most that `--times` takes.
    private static let maximumTimes = 1_000_000_000

    func validate() throws {
        guard (1...Self.maximumTimes).contains(times) else {
            throw ValidationError("--times takes 1 to \(Self.maximumTimes)")
        }
    }

    func run() async throws {
        var list = PriceList.standard
        if let prices {
            guard let content = FileManager.default.contents(atPath: prices) else {
                throw CommandFailure("cannot read the price list \(prices)")
            }
            list = try PriceList(json: content)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        if printPrices {
            print(String(decoding: try encoder.encode(list), as: UTF8.self))
            return
        }
        let page = try await NodeCall.send("GET", "/_portico/cost", apiPort: apiPort)
        let used = try JSONDecoder().decode(UsedResources.self, from: page)
        let report = CostReport(used, prices: list, appliesFreeTier: freeTier, times: times)
        if json {
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            print(CostTable.text(report))
        }
    }
}
