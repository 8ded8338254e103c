import DataPlane
import Model

/// When an event is tried again and when it is given up.
///
/// Pure: the time comes in. Source: "Invoking a Lambda function asynchronously", "How Lambda handles errors
/// and retries with asynchronous invocation".
enum EventSchedule {
    /// Unit: seconds.
    static let defaultMaximumAge = 21_600
    static let defaultRetries = 2
    /// Before the first and each later retry after an error of the function.
    ///
    /// Unit: milliseconds.
    private static let errorDelays: [Int64] = [60_000, 120_000]
    /// Unit: milliseconds.
    private static let shortestDeferral: Int64 = 1000
    /// Unit: milliseconds.
    private static let longestDeferral: Int64 = 300_000

    /// What an attempt came to.
    enum Attempt {
        case success, functionError, throttled
        /// A reserve of nothing: the function is switched off.
        case stopped
    }

    /// Why an event was given up; the raw values stand in the destination's record.
    enum Condition: String {
        case retriesExhausted = "RetriesExhausted"
        case ageExceeded = "EventAgeExceeded"
        case stopped = "ZeroReservedConcurrency"
    }

    /// What happens to an event next.
    enum Decision: Equatable {
        case done
        /// Unit: milliseconds since 1970.
        case retry(at: Int64)
        case giveUp(Condition)
    }

    /// What follows an attempt that the event's counters already include.
    static func decide(
        _ attempt: Attempt,
        _ event: QueuedEvent,
        _ settings: EventSettings?,
        now: Int64
    ) -> Decision {
        let delay: Int64
        switch attempt {
        case .success: return .done
        case .stopped: return .giveUp(.stopped)
        case .functionError:
            guard event.attempts <= settings?.maximumRetryAttempts ?? defaultRetries else {
                return .giveUp(.retriesExhausted)
            }
            delay = errorDelays[min(event.attempts, errorDelays.count) - 1]
        case .throttled:
            let doublings = min(max(0, event.deferrals - 1), 9)
            delay = min(shortestDeferral << Int64(doublings), longestDeferral)
        }
        let age = Int64(settings?.maximumAge ?? defaultMaximumAge) * 1000
        guard now + delay - event.acceptedAt <= age else { return .giveUp(.ageExceeded) }
        return .retry(at: now + delay)
    }
}
