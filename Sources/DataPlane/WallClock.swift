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
        date = Self.format(time.tv_sec)
    }

    /// Seconds since 1970 at an instant of the reactor.
    func secondsSince1970(_ now: ContinuousClock.Instant) -> Double {
        refresh(now)
        guard let readAt else { return seconds }
        return seconds + (now - readAt) / .seconds(1)
    }

    private static func format(_ time: time_t) -> [UInt8] {
        var time = time
        var parts = tm()
        gmtime_r(&time, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let day = "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)])"
        let clock = "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        return Array("\(day) \(parts.tm_year + 1900) \(clock) GMT".utf8)
    }
}
