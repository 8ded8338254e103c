import Model
import Synchronization

/// Token buckets of stages and routes, shared by all reactors.
final class Throttles: Sendable {
    /// How many buckets are kept; all start anew when there are more.
    static let countLimit = 10_000

    private struct Bucket {
        var limit: RateLimit
        var tokens: Double
        var filledAt: ContinuousClock.Instant
    }

    private let buckets = Mutex<[String: Bucket]>([:])

    /// Takes a token out of a bucket, which starts full; false when it is empty.
    func take(_ name: String, _ limit: RateLimit, at now: ContinuousClock.Instant = .now) -> Bool {
        buckets.withLock { buckets in
            if buckets.count >= Self.countLimit, buckets[name] == nil { buckets = [:] }
            var bucket =
                buckets[name].flatMap { $0.limit == limit ? $0 : nil }
                ?? Bucket(limit: limit, tokens: Double(limit.burst), filledAt: now)
            let gained = ((now - bucket.filledAt) / .seconds(1)) * limit.rate
            bucket.tokens = min(Double(limit.burst), bucket.tokens + max(0, gained))
            bucket.filledAt = now
            let isAllowed = bucket.tokens >= 1
            if isAllowed { bucket.tokens -= 1 }
            buckets[name] = bucket
            return isAllowed
        }
    }
}
