/// An allowance that refills steadily and never exceeds its capacity.
///
/// Pure: time comes in as instants.
struct TokenBucket {
    let capacity: Double
    /// Unit: tokens for each second.
    let rate: Double
    private var tokens: Double
    private var updated: ContinuousClock.Instant

    init(capacity: Double, rate: Double, at now: ContinuousClock.Instant) {
        self.capacity = capacity
        self.rate = rate
        tokens = capacity
        updated = now
    }

    /// Takes one token; false when there is none.
    mutating func take(at now: ContinuousClock.Instant) -> Bool {
        let elapsed = max(.zero, now - updated)
        tokens = min(capacity, tokens + elapsed / .seconds(1) * rate)
        updated = max(updated, now)
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
