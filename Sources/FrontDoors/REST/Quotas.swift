import Model
import Synchronization

/// How often keys of usage plans were used in the running period, shared by all reactors.
final class Quotas: Sendable {
    /// How many counts are kept; those of past periods are forgotten first.
    static let countLimit = 100_000

    private struct Count {
        var period: Int
        var used: Int
    }

    private let counts = Mutex<[String: Count]>([:])

    /// Counts a use; false when the period's limit is reached.
    ///
    /// `time` is in milliseconds since 1970.
    func take(_ name: String, _ quota: UsagePlan.Quota, at time: Int) -> Bool {
        let period = Self.period(quota, at: time)
        return counts.withLock { counts in
            if counts.count >= Self.countLimit, counts[name] == nil {
                counts = counts.filter { $0.value.period == period }
                if counts.count >= Self.countLimit { counts = [:] }
            }
            var count = counts[name] ?? Count(period: period, used: 0)
            if count.period != period { count = Count(period: period, used: 0) }
            guard count.used < quota.limit else { return false }
            count.used += 1
            counts[name] = count
            return true
        }
    }

    /// A number that is the same throughout a period.
    static func period(_ quota: UsagePlan.Quota, at time: Int) -> Int {
        let day = time / 86_400_000 - quota.offset
        switch quota.period {
        case .day: return time / 86_400_000
        // 1970 began on a Thursday; weeks begin on Sunday.
        case .week: return (day + 4) / 7
        case .month:
            let parts = EventTime.parts(day * 86_400)
            return parts.year * 12 + parts.month
        }
    }
}
