import Glibc
import HTTP
import Reactor

/// The time of day of one reactor, read from the system once per second at most.
final class WallClock {
    /// How old a reading may be.
    ///
    /// Unit: nanoseconds.
    private static let precision: Int64 = 500_000_000

    @exclusivity(unchecked)
    private var readAt: MonotonicInstant?
    @exclusivity(unchecked)
    private var seconds = 0.0
    /// The `Date` field's value for the current second.
    @exclusivity(unchecked)
    private(set) var date: [UInt8] = []

    /// Brings the date up to the reactor's instant.
    func refresh(_ now: MonotonicInstant) {
        if let readAt, now.nanoseconds - readAt.nanoseconds < Self.precision { return }
        readAt = now
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        seconds = Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        date.removeAll(keepingCapacity: true)
        HTTPDate.append(time.tv_sec, to: &date)
    }

    /// Seconds since 1970 at an instant of the reactor.
    func secondsSince1970(_ now: MonotonicInstant) -> Double {
        refresh(now)
        guard let readAt else { return seconds }
        return seconds + Double(now.nanoseconds - readAt.nanoseconds) / 1e9
    }
}
