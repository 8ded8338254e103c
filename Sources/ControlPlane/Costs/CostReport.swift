import Executor
package import Foundation

/// What functions would have cost on AWS: exact decimals, rounded only when they are printed.
package struct CostReport: Sendable, Encodable {
    /// The memory sizes that each function is compared at.
    ///
    /// Unit: MiB.
    package static let comparedSizes = [128, 256, 512, 1024, 1769, 3008]

    /// One function over one route, at list price.
    package struct Line: Sendable, Encodable, Equatable {
        package var function: String
        package var route: String
        package var isAtEdge: Bool
        package var isProvisioned: Bool
        package var requests: Int
        package var gigabyteSeconds: Decimal
        /// What of these was initialisation.
        package var initGigabyteSeconds: Decimal
        /// Without free tier, at the first tier's price.
        package var cost: Decimal
    }

    /// What a sum comes to.
    package struct Sum: Sendable, Encodable, Equatable {
        package var requests = 0
        package var gigabyteSeconds = Decimal.zero
        package var freeRequests = Decimal.zero
        package var freeGigabyteSeconds = Decimal.zero
        package var requestCost = Decimal.zero
        package var durationCost = Decimal.zero
        package var storageCost = Decimal.zero
        /// What keeping environments ready costs.
        package var provisionedCost = Decimal.zero

        /// All of it.
        package var cost: Decimal { requestCost + durationCost + storageCost + provisionedCost }
    }

    /// What one function would cost with other memory sizes, if it took as long.
    package struct Comparison: Sendable, Encodable, Equatable {
        package var function: String
        /// Unit: MiB.
        package var memory: Int
        /// Unit: MiB; what it used at most.
        package var peakMemory: Int
        /// The cost at list price by size in MiB.
        package var costs: [Int: Decimal]
    }

    package private(set) var lines: [Line] = []
    /// What functions in the Region come to, the free tier taken off.
    package private(set) var regional = Sum()
    /// What Lambda@Edge comes to; it has no free tier.
    package private(set) var edge = Sum()
    package private(set) var comparisons: [Comparison] = []
    package let prices: PriceList

    /// Regional and edge together.
    package var total: Decimal { regional.cost + edge.cost }

    /// GB-seconds of a MiB-millisecond: exactly 1/1,024,000.
    private static let gigabyteSecond = Decimal(9_765_625) / Decimal(10_000_000_000_000)

    /// Makes a report; all use counts `times` over.
    package init(
        _ used: UsedResources,
        prices: PriceList = .standard,
        appliesFreeTier: Bool = true,
        times: Int = 1
    ) {
        self.prices = prices
        var onDemand: [String: Decimal] = [:]
        for tally in used.tallies {
            let tally = tally.times(times)
            let architecture = Self.architecture(of: tally.function, used, prices)
            add(tally, architecture, &onDemand)
        }
        for provision in used.provisions {
            let architecture = Self.architecture(of: provision.function, used, prices)
            let time = Decimal(provision.memoryTime * times) * Self.gigabyteSecond
            let price = prices.provisioned[architecture]?.value ?? .zero
            regional.provisionedCost += time * price
        }
        let free = appliesFreeTier ? Decimal.number(prices.freeRequests) : .zero
        regional.freeRequests = min(free, Decimal(regional.requests))
        regional.requestCost =
            (Decimal(regional.requests) - regional.freeRequests) * prices.request.value
        settle(onDemand, free: appliesFreeTier ? Decimal.number(prices.freeDuration) : .zero)
        edge.requestCost = Decimal(edge.requests) * prices.edgeRequest.value
        compare(used, times)
    }

    private static func architecture(
        of function: String,
        _ used: UsedResources,
        _ prices: PriceList
    ) -> String {
        let named = used.architectures[function] ?? UsedResources.usualArchitecture
        return prices.duration[named]?.isEmpty == false ? named : UsedResources.usualArchitecture
    }

    private mutating func add(
        _ tally: CostLedger.Tally,
        _ architecture: String,
        _ onDemand: inout [String: Decimal]
    ) {
        let time = Decimal(tally.memoryTime) * Self.gigabyteSecond
        let storage = Decimal(tally.storageTime) * Self.gigabyteSecond * prices.storage.value
        let request: Decimal
        let duration: Decimal
        if tally.isAtEdge {
            (request, duration) = (prices.edgeRequest.value, prices.edgeDuration.value)
            edge.requests += tally.requests
            edge.gigabyteSeconds += time
            edge.durationCost += time * duration
            edge.storageCost += storage
        } else {
            request = prices.request.value
            regional.requests += tally.requests
            regional.gigabyteSeconds += time
            regional.storageCost += storage
            if tally.isProvisioned {
                duration = prices.provisionedDuration.value
                regional.durationCost += time * duration
            } else {
                duration = prices.duration[architecture]?.first?.price.value ?? .zero
                onDemand[architecture, default: .zero] += time
            }
        }
        lines.append(
            Line(
                function: tally.function,
                route: tally.route,
                isAtEdge: tally.isAtEdge,
                isProvisioned: tally.isProvisioned,
                requests: tally.requests,
                gigabyteSeconds: time,
                initGigabyteSeconds: Decimal(tally.initialisationMemoryTime) * Self.gigabyteSecond,
                cost: Decimal(tally.requests) * request + time * duration + storage
            )
        )
    }

    /// Takes the free tier off, x86_64 first, and prices the rest by tiers.
    private mutating func settle(_ onDemand: [String: Decimal], free: Decimal) {
        var left = free
        for (architecture, time) in onDemand.sorted(by: { $0.key > $1.key }) {
            let gift = min(left, time)
            left -= gift
            regional.freeGigabyteSeconds += gift
            regional.durationCost += Self.cost(
                of: time - gift,
                prices.duration[architecture] ?? []
            )
        }
    }

    /// What an amount costs when each tier begins where the one before it ended.
    static func cost(of time: Decimal, _ tiers: [PriceList.Tier]) -> Decimal {
        var cost = Decimal.zero
        var done = Decimal.zero
        for tier in tiers where done < time {
            let end = min(time, tier.upTo.map(Decimal.number) ?? time)
            cost += max(.zero, end - done) * tier.price.value
            done = max(done, end)
        }
        return cost
    }

    private mutating func compare(_ used: UsedResources, _ times: Int) {
        var all: [String: CostLedger.Tally] = [:]
        for tally in used.tallies where !tally.isAtEdge && !tally.isProvisioned {
            let fresh = CostLedger.Tally(function: tally.function, route: "")
            all[tally.function, default: fresh].join(tally.times(times))
        }
        for (function, tally) in all.sorted(by: { $0.key < $1.key }) {
            let architecture = Self.architecture(of: function, used, prices)
            let price = prices.duration[architecture]?.first?.price.value ?? .zero
            var costs: [Int: Decimal] = [:]
            for size in Set(Self.comparedSizes + [tally.memory]) {
                let time = Decimal(size * tally.billed) * Self.gigabyteSecond
                costs[size] = time * price + Decimal(tally.requests) * prices.request.value
            }
            comparisons.append(
                Comparison(
                    function: function,
                    memory: tally.memory,
                    peakMemory: tally.peakMemory,
                    costs: costs
                )
            )
        }
    }
}

extension PriceList.Price {
    var value: Decimal { Decimal.number(amount) }
}

extension Decimal {
    /// A number of a checked price list.
    static func number(_ text: String) -> Decimal { Decimal(string: text) ?? .zero }
}

extension CostLedger.Tally {
    /// The same use so many times over.
    func times(_ factor: Int) -> Self {
        var result = self
        result.requests *= factor
        result.billed *= factor
        result.billedInitialisation *= factor
        result.memoryTime *= factor
        result.initialisationMemoryTime *= factor
        result.storageTime *= factor
        return result
    }

    /// Adds the use of another route.
    mutating func join(_ other: Self) {
        memory = other.memory
        requests += other.requests
        billed += other.billed
        peakMemory = max(peakMemory, other.peakMemory)
    }
}
