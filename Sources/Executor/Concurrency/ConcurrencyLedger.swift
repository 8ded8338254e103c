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

    private let limits: ConcurrencyLimits
    private var reserves: [String: Int] = [:]
    private var running: [String: Int] = [:]
    private var unreservedRunning = 0
    private var requests: [String: TokenBucket] = [:]
    private var accountRequests: TokenBucket?
    private var scaling: [String: TokenBucket] = [:]

    init(_ limits: ConcurrencyLimits) { self.limits = limits }

    /// How many invocations of a function run.
    func running(_ function: String) -> Int { running[function] ?? 0 }

    /// How many invocations functions without a reserve may run together.
    var unreserved: Int { max(0, limits.account - reserves.values.reduce(0, +)) }

    /// Replaces the reserves; what runs goes on.
    mutating func reserve(_ reserves: [String: Int]) {
        guard reserves != self.reserves else { return }
        self.reserves = reserves
        requests = [:]
        accountRequests = nil
        unreservedRunning = running.reduce(0) { $0 + (reserves[$1.key] == nil ? $1.value : 0) }
    }

    /// Counts one more invocation, unless that is too many.
    mutating func begin(
        _ function: String,
        at now: ContinuousClock.Instant
    ) -> Refusal? {
        let reserve = reserves[function]
        if let reserve {
            guard running(function) < reserve else { return .reserved }
        } else {
            guard unreservedRunning < unreserved else { return .account }
        }
        if limits.limitsRequestRate, !takeRequest(function, reserve, at: now) {
            return reserve == nil ? .rate : .reservedRate
        }
        running[function, default: 0] += 1
        if reserve == nil { unreservedRunning += 1 }
        return nil
    }

    /// One invocation has ended.
    mutating func end(_ function: String) {
        guard let count = running[function], count > 0 else { return }
        running[function] = count == 1 ? nil : count - 1
        if reserves[function] == nil { unreservedRunning = max(0, unreservedRunning - 1) }
    }

    /// Counts a new environment of a function; false when it grows too fast.
    mutating func grow(_ function: String, at now: ContinuousClock.Instant) -> Bool {
        guard limits.limitsScalingRate else { return true }
        var bucket =
            scaling[function]
            ?? TokenBucket(capacity: Self.scalingBurst, rate: Self.scalingRate, at: now)
        defer { scaling[function] = bucket }
        return bucket.take(at: now)
    }

    private mutating func takeRequest(
        _ function: String,
        _ reserve: Int?,
        at now: ContinuousClock.Instant
    ) -> Bool {
        guard let reserve else {
            let rate = Double(unreserved) * Self.requestsPerConcurrency
            var bucket = accountRequests ?? TokenBucket(capacity: rate, rate: rate, at: now)
            defer { accountRequests = bucket }
            return bucket.take(at: now)
        }
        let rate = Double(reserve) * Self.requestsPerConcurrency
        var bucket = requests[function] ?? TokenBucket(capacity: rate, rate: rate, at: now)
        defer { requests[function] = bucket }
        return bucket.take(at: now)
    }
}
