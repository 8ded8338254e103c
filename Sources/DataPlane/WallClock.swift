import Glibc
import HTTP

/// The time of day of one reactor, read from the system once per second at most.
final class WallClock {
    private var readAt: ContinuousClock.Instant?
    private var seconds = 0.0
    /// The `Date` field's value for the current second.
    private(set) var date: [UInt8] = []

    /// Brings the date up to the reactor's instant.
    func refresh(_ now: ContinuousClock.Instant) {
        if let readAt, now - readAt < .milliseconds(500) { return }
        readAt = now
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        seconds = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        date.removeAll(keepingCapacity: true)
        HTTPDate.append(time.tv_sec, to: &date)
    }

    /// Seconds since 1970 at an instant of the reactor.
    func secondsSince1970(_ now: ContinuousClock.Instant) -> Double {
        refresh(now)
        guard let readAt else { return seconds }
        return seconds + (now - readAt) / .seconds(1)
    }
}
