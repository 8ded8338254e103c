import Glibc

/// A point of a reactor's monotonic clock: what the deadlines of connections are made of.
///
/// `ContinuousClock.Instant` has no layout that is known at compile time, so every one that lives across a
/// suspension costs an allocation and every comparison a call; this one is a number. It comes from a reactor
/// (`Reactor.time`), never from thin air, so that a turn of the loop has one time.
package struct MonotonicInstant: Sendable, Hashable, Comparable {
    /// Unit: nanoseconds since the machine started.
    package let nanoseconds: Int64

    /// Later than every other instant.
    package static let never = MonotonicInstant(nanoseconds: .max)

    /// Makes an instant.
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The system's monotonic clock.
    static func read() -> MonotonicInstant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicInstant(
            nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        )
    }

    package static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// The instant a while later.
    package static func + (instant: MonotonicInstant, duration: Duration) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: instant.nanoseconds &+ duration.wholeNanoseconds)
    }

    /// The time from one instant to another.
    package static func - (left: MonotonicInstant, right: MonotonicInstant) -> Duration {
        .nanoseconds(left.nanoseconds - right.nanoseconds)
    }

    /// The time since an earlier instant.
    ///
    /// Unit: microseconds.
    package func microseconds(since earlier: MonotonicInstant) -> Int {
        Int((nanoseconds - earlier.nanoseconds) / 1000)
    }
}

extension Duration {
    /// The duration in nanoseconds, rounded towards zero, between no time and a century.
    var wholeNanoseconds: Int64 {
        let century: Int64 = 3_155_760_000
        let attoseconds = attoseconds
        guard attoseconds > 0 else { return 0 }
        // One hardware division instead of one of 128 bits.
        let high = UInt64(truncatingIfNeeded: attoseconds >> 64)
        guard high < 1_000_000_000 / 16 else { return century * 1_000_000_000 }
        let low = UInt64(truncatingIfNeeded: attoseconds)
        let nanoseconds = UInt64(1_000_000_000).dividingFullWidth((high, low)).quotient
        return Int64(min(nanoseconds, UInt64(century) * 1_000_000_000))
    }
}
