package import Foundation

/// What AWS charges, as a dated file says.
package struct PriceList: Sendable, Codable, Equatable {
    /// An amount of the list's currency.
    package struct Price: Sendable, Codable, Equatable {
        /// A decimal number, such as `0.0000166667`.
        package var amount: String
        /// Whether it was only found second-hand, not on AWS's own page.
        package var isUnverified: Bool?
    }

    /// A price up to an amount of use in a month.
    package struct Tier: Sendable, Codable, Equatable {
        /// The use from the beginning of the month on; nil for any.
        ///
        /// Unit: GB-seconds.
        package var upTo: String?
        package var price: Price
    }

    /// When the prices were looked up: year, month and day.
    package var date: String
    package var region: String
    package var currency: String
    /// For each request.
    package var request: Price
    /// For each GB-second, by architecture, cheapest last.
    package var duration: [String: [Tier]]
    /// For each GB-second of storage above what is free.
    package var storage: Price
    /// For each GB-second that environments are kept ready, by architecture.
    package var provisioned: [String: Price]
    /// For each GB-second that such environments run.
    package var provisionedDuration: Price
    /// For each request of a function at the edge.
    package var edgeRequest: Price
    /// For each GB-second of a function at the edge.
    package var edgeDuration: Price
    /// How many requests of a month are free.
    package var freeRequests: String
    /// How many GB-seconds of a month are free.
    package var freeDuration: String

    /// A list that cannot be used.
    package struct Invalid: Error, CustomStringConvertible {
        package let description: String
    }

    /// Reads a list.
    ///
    /// - Throws: `Invalid` when it isn't JSON of this form, or an amount is no decimal number.
    package init(json: Data) throws {
        do { self = try JSONDecoder().decode(Self.self, from: json) } catch {
            throw Invalid(description: "the price list cannot be read: \(error)")
        }
        let amounts =
            [freeRequests, freeDuration] + allPrices.map(\.price.amount)
            + duration.values.joined().compactMap(\.upTo)
        for amount in amounts where Decimal(string: amount).map({ $0 < 0 }) ?? true {
            throw Invalid(description: "the price list has '\(amount)' where a number is due")
        }
        guard duration[UsedResources.usualArchitecture]?.isEmpty == false else {
            throw Invalid(description: "the price list has no duration of x86_64")
        }
    }

    /// Every price with what it is for.
    private var allPrices: [(name: String, price: Price)] {
        var all = [
            ("requests", request), ("ephemeral storage", storage),
            ("duration of provisioned concurrency", provisionedDuration),
            ("Lambda@Edge requests", edgeRequest), ("Lambda@Edge duration", edgeDuration),
        ]
        for (architecture, tiers) in duration.sorted(by: { $0.key < $1.key }) {
            all += tiers.enumerated().map { ("\(architecture) duration, tier \($0 + 1)", $1.price) }
        }
        for (architecture, price) in provisioned.sorted(by: { $0.key < $1.key }) {
            all.append(("\(architecture) provisioned concurrency", price))
        }
        return all
    }

    /// What was only found second-hand.
    package var unverified: [String] {
        allPrices.filter { $0.price.isUnverified == true }.map(\.name)
    }

    /// The prices of us-east-1.
    ///
    /// Source: "AWS Lambda Pricing"; "Introducing tiered pricing for AWS Lambda" (AWS Compute Blog).
    package static let standard: PriceList = {
        do { return try PriceList(json: Data(text.utf8)) } catch {
            preconditionFailure("the built-in price list is damaged: \(error)")
        }
    }()

    private static let text = """
        {
          "date": "2025-08-01", "region": "us-east-1", "currency": "USD",
          "request": { "amount": "0.0000002" },
          "duration": {
            "x86_64": [
              { "upTo": "6000000000", "price": { "amount": "0.0000166667" } },
              { "upTo": "15000000000", "price": { "amount": "0.000015" } },
              { "price": { "amount": "0.0000133334" } }
            ],
            "arm64": [
              { "upTo": "7500000000", "price": { "amount": "0.0000133334" } },
              { "upTo": "18750000000", "price": { "amount": "0.0000120001" } },
              { "price": { "amount": "0.0000106667", "isUnverified": true } }
            ]
          },
          "storage": { "amount": "0.0000000309", "isUnverified": true },
          "provisioned": {
            "x86_64": { "amount": "0.0000041667", "isUnverified": true },
            "arm64": { "amount": "0.0000033334", "isUnverified": true }
          },
          "provisionedDuration": { "amount": "0.0000097222", "isUnverified": true },
          "edgeRequest": { "amount": "0.0000006", "isUnverified": true },
          "edgeDuration": { "amount": "0.00005001", "isUnverified": true },
          "freeRequests": "1000000", "freeDuration": "400000"
        }
        """
}
