/// Who runs how many invocations at once, and who may run one more.
///
/// Pure: time comes in as instants. Source: "Understanding Lambda function scaling", "Configuring reserved
/// concurrency for a function".
struct ConcurrencyLedger {
    /// Why an invocation is refused; the raw values are AWS's.
    enum Refusal: String {
        case account = "ConcurrentInvocationLimitExceeded"
        case reserved = "ReservedFunctionConcurrentInvocationLimitExceeded"
        case rate = "FunctionInvocationRateLimitExceeded"
        case reservedRate = "ReservedFunctionInvocationRateLimitExceeded"
    }

    /// Requests for each second and unit of concurrency.
    private static let requestsPerConcurrency = 10.0
    /// New environments of one function at once, and for each second.
    private static let scalingBurst = 1000.0
    private static let scalingRate = 100.0

    /// Where one function is counted; it stays the same for as long as the ledger lives.
    struct Slot: Sendable {
        fileprivate let index: Int
    }

    private struct Entry {
        var reserve: Int?
        var running = 0
        var requests: TokenBucket?
        var scaling: TokenBucket?
    }

    private let limits: ConcurrencyLimits
    private var entries: [Entry] = []
    private var slots: [String: Slot] = [:]
    private var reserves: [String: Int] = [:]
    private var unreservedRunning = 0
    private var accountRequests: TokenBucket?
    /// How many invocations functions without a reserve may run together.
    private(set) var unreserved: Int

    init(_ limits: ConcurrencyLimits) {
        self.limits = limits
        unreserved = limits.account
    }

    /// The place of a function, by its name without a version.
    mutating func slot(of function: String) -> Slot {
        if let slot = slots[function] { return slot }
        let slot = Slot(index: entries.count)
        entries.append(Entry(reserve: reserves[function]))
        slots[function] = slot
        return slot
    }

    /// How many invocations of a function run.
    func running(_ function: String) -> Int {
        slots[function].map { entries[$0.index].running } ?? 0
    }

    /// Replaces the reserves; what runs goes on.
    mutating func reserve(_ reserves: [String: Int]) {
        guard reserves != self.reserves else { return }
        self.reserves = reserves
        unreserved = max(0, limits.account - reserves.values.reduce(0, +))
        accountRequests = nil
        unreservedRunning = 0
        for (function, slot) in slots {
            entries[slot.index].reserve = reserves[function]
            entries[slot.index].requests = nil
            if reserves[function] == nil { unreservedRunning += entries[slot.index].running }
        }
    }

    /// Counts one more invocation, unless that is too many.
    mutating func begin(
        _ slot: Slot,
        at now: @autoclosure () -> ContinuousClock.Instant
    ) -> Refusal? {
        let entry = entries[slot.index]
        if let reserve = entry.reserve {
            guard entry.running < reserve else { return .reserved }
        } else {
            guard unreservedRunning < unreserved else { return .account }
        }
        if limits.limitsRequestRate, !takeRequest(slot, at: now()) {
            return entry.reserve == nil ? .rate : .reservedRate
        }
        entries[slot.index].running += 1
        if entry.reserve == nil { unreservedRunning += 1 }
        return nil
    }

    /// One invocation has ended.
    mutating func end(_ slot: Slot) {
        guard entries[slot.index].running > 0 else { return }
        entries[slot.index].running -= 1
        if entries[slot.index].reserve == nil { unreservedRunning = max(0, unreservedRunning - 1) }
    }

    /// Counts a new environment of a function; false when it grows too fast.
    mutating func grow(_ slot: Slot, at now: ContinuousClock.Instant) -> Bool {
        guard limits.limitsScalingRate else { return true }
        var bucket =
            entries[slot.index].scaling
            ?? TokenBucket(capacity: Self.scalingBurst, rate: Self.scalingRate, at: now)
        defer { entries[slot.index].scaling = bucket }
        return bucket.take(at: now)
    }

    private mutating func takeRequest(_ slot: Slot, at now: ContinuousClock.Instant) -> Bool {
        guard let reserve = entries[slot.index].reserve else {
            let rate = Double(unreserved) * Self.requestsPerConcurrency
            var bucket = accountRequests ?? TokenBucket(capacity: rate, rate: rate, at: now)
            defer { accountRequests = bucket }
            return bucket.take(at: now)
        }
        let rate = Double(reserve) * Self.requestsPerConcurrency
        var bucket =
            entries[slot.index].requests ?? TokenBucket(capacity: rate, rate: rate, at: now)
        defer { entries[slot.index].requests = bucket }
        return bucket.take(at: now)
    }
}
