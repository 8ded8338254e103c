import Foundation
import JSON

/// Times as the AWS protocols write them; kept as seconds since 1970.
enum Timestamp {
    /// A calendar date and time in UTC.
    private struct Parts {
        var year: Int
        var month: Int
        var day: Int
        var hour: Int
        var minute: Int
        var second: Int
        var millisecond: Int

        init(_ seconds: Double) {
            let total = Int((seconds * 1000).rounded(.down))
            let (days, rest) = total.quotientAndRemainder(dividingBy: 86_400_000)
            // The civil calendar from a day count, with years that begin in March.
            let shifted = days + 719_468
            let era = shifted / 146_097
            let dayOfEra = shifted - era * 146_097
            let yearOfEra =
                (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
            let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
            let marchMonth = (5 * dayOfYear + 2) / 153
            day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
            month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
            year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
            hour = rest / 3_600_000
            minute = rest / 60_000 % 60
            second = rest / 1000 % 60
            millisecond = rest % 1000
        }
    }

    /// The present moment, to the millisecond.
    static func now() -> Double { (Date().timeIntervalSince1970 * 1000).rounded(.down) / 1000 }

    /// `2026-01-31T12:00:00.123Z`, or without the fraction.
    static func iso8601(_ seconds: Double, fraction: Bool = true) -> String {
        let parts = Parts(seconds)
        let end = fraction ? "." + padded(parts.millisecond, 3) : ""
        return text(parts) + end + "Z"
    }

    /// `2026-01-12T15:31:24.123+0000`, as Lambda's strings are.
    static func lambda(_ seconds: Double) -> String {
        let parts = Parts(seconds)
        return text(parts) + "." + padded(parts.millisecond, 3) + "+0000"
    }

    /// Seconds since 1970 of `2026-01-31T12:00:00[.123]Z` or a number.
    static func parse(_ text: String) -> Double? {
        if let number = Double(text) { return number }
        let formatter = ISO8601DateFormatter()
        for options: ISO8601DateFormatter.Options in [
            [.withInternetDateTime, .withFractionalSeconds], [.withInternetDateTime],
        ] {
            formatter.formatOptions = options
            if let date = formatter.date(from: text) { return date.timeIntervalSince1970 }
        }
        return nil
    }

    /// The value in JSON: whole seconds without a fraction.
    static func json(_ seconds: Double) -> JSONValue {
        if let whole = Int(exactly: seconds) { return .integer(whole) }
        return .number(String(seconds))
    }

    private static func text(_ parts: Parts) -> String {
        "\(padded(parts.year, 4))-\(padded(parts.month, 2))-\(padded(parts.day, 2))"
            + "T\(padded(parts.hour, 2)):\(padded(parts.minute, 2)):\(padded(parts.second, 2))"
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
