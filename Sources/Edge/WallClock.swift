import Glibc
import HTTP

/// Seconds since 1970 and their form in HTTP.
package enum WallClock {
    /// The current time.
    ///
    /// Unit: seconds since 1970.
    package static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    package static func format(_ seconds: Int) -> String { HTTPDate.format(seconds) }

    /// Reads a date of HTTP; nil for anything else.
    package static func parse(_ text: String) -> Int? { HTTPDate.parse(text, now: now()) }
}
