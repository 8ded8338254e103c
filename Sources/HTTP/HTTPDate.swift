/// Dates in HTTP fields (RFC 9110 §5.6.7), as seconds since 1970 in UTC.
package enum HTTPDate {
    /// The last text made, for a caller that asks many times in one second.
    package struct Cache: Sendable {
        private var second = Int.min
        private var bytes: [UInt8] = []

        /// Makes an empty cache.
        package init() {}

        /// The date of this second as ASCII bytes.
        package mutating func bytes(at second: Int) -> [UInt8] {
            if second != self.second {
                bytes.removeAll(keepingCapacity: true)
                HTTPDate.append(second, to: &bytes)
                self.second = second
            }
            return bytes
        }
    }

    /// The preferred form, as in `Sun, 06 Nov 1994 08:49:37 GMT`.
    package static func format(_ seconds: Int) -> String {
        var output: [UInt8] = []
        append(seconds, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    /// Appends the preferred form; years outside of 0 to 9999 are brought to the nearest end.
    package static func append(_ seconds: Int, to output: inout [UInt8]) {
        let clamped = min(max(seconds, earliest), latest)
        let (days, time) = floorDivide(clamped, 86_400)
        let date = civil(days)
        // 1 January 1970 was a Thursday.
        let weekday = floorDivide(days + 4, 7).remainder
        output.append(contentsOf: weekdays[weekday].prefix(3).utf8)
        output.append(contentsOf: ", ".utf8)
        appendDigits(date.day, 2, to: &output)
        output.append(0x20)
        output.append(contentsOf: months[date.month - 1].utf8)
        output.append(0x20)
        appendDigits(date.year, 4, to: &output)
        for (separator, part) in [(0x20, time / 3_600), (0x3a, time / 60 % 60), (0x3a, time % 60)] {
            output.append(UInt8(separator))
            appendDigits(part, 2, to: &output)
        }
        output.append(contentsOf: " GMT".utf8)
    }

    /// Reads any of the three forms; nil when the text is none of them.
    ///
    /// A year of two digits is the latest one that is at most fifty years after `now`; without `now`, it
    /// lies between 1970 and 2069.
    package static func parse(_ text: String, now: Int? = nil) -> Int? {
        var scanner = Scanner(text)
        guard let name = scanner.word(), isWeekday(name) else { return nil }
        let isLong = name.count > 3
        if scanner.take(", ") {
            guard let day = scanner.digits(2), scanner.take(isLong ? "-" : " "),
                let month = scanner.month(), scanner.take(isLong ? "-" : " "),
                let number = scanner.digits(isLong ? 2 : 4), scanner.take(" "),
                let time = scanner.time(), scanner.take(" GMT"), scanner.isAtEnd
            else { return nil }
            if isLong { return twoDigit(number, month, day, time, now) }
            return seconds(number, month, day, time)
        }
        // The form of asctime: Sun Nov  6 08:49:37 1994
        guard !isLong, scanner.take(" "), let month = scanner.month(), scanner.take(" "),
            let day = scanner.take(" ") ? scanner.digits(1) : scanner.digits(2),
            scanner.take(" "), let time = scanner.time(), scanner.take(" "),
            let year = scanner.digits(4), scanner.isAtEnd
        else { return nil }
        return seconds(year, month, day, time)
    }

    private static func twoDigit(
        _ number: Int,
        _ month: Int,
        _ day: Int,
        _ time: Int,
        _ now: Int?
    ) -> Int? {
        guard let now else {
            return seconds(number + (number < 70 ? 2_000 : 1_900), month, day, time)
        }
        let latestYear = civil(floorDivide(now, 86_400).quotient).year + 50
        let year = latestYear - floorDivide(latestYear - number, 100).remainder
        return seconds(year, month, day, time)
    }

    /// A wrong weekday is no reason to refuse a date; senders get it wrong and nothing depends on it.
    private static func seconds(
        _ year: Int,
        _ month: Int,
        _ day: Int,
        _ time: Int
    ) -> Int? {
        let days = daysSince1970(year, month, day)
        let back = civil(days)
        guard back.year == year, back.month == month, back.day == day else { return nil }
        return days * 86_400 + time
    }

    private static let earliest = -62_167_219_200
    private static let latest = 253_402_300_799
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    private static let weekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]

    private static func isWeekday(_ name: String) -> Bool {
        weekdays.contains { $0 == name || $0.prefix(3) == name }
    }

    private static func floorDivide(_ number: Int, _ by: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: by)
        return remainder < 0 ? (quotient - 1, remainder + by) : (quotient, remainder)
    }

    /// Days from 1970 to a date of the Gregorian calendar; years are counted from March.
    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = floorDivide(shifted, 400)
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let (era, dayOfEra) = floorDivide(days + 719_468, 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func appendDigits(_ number: Int, _ count: Int, to output: inout [UInt8]) {
        if count > 1 { appendDigits(number / 10, count - 1, to: &output) }
        output.append(UInt8(truncatingIfNeeded: 0x30 + number % 10))
    }

    /// Reads the parts of a date one after the other.
    private struct Scanner {
        private var rest: Substring.UTF8View

        init(_ text: String) { rest = Substring(text).utf8 }

        var isAtEnd: Bool { rest.isEmpty }

        mutating func word() -> String? {
            let letters = rest.prefix { ($0 | 0x20) &- 0x61 < 26 }
            rest = rest[letters.endIndex...]
            return letters.isEmpty ? nil : String(Substring(letters))
        }

        mutating func month() -> Int? {
            word().flatMap { HTTPDate.months.firstIndex(of: $0) }.map { $0 + 1 }
        }

        mutating func take(_ text: String) -> Bool {
            guard rest.starts(with: text.utf8) else { return false }
            rest = rest.dropFirst(text.utf8.count)
            return true
        }

        mutating func digits(_ count: Int) -> Int? {
            let part = rest.prefix(count)
            guard part.count == count, part.allSatisfy(Grammar.isDigit) else { return nil }
            rest = rest[part.endIndex...]
            return part.reduce(0) { $0 * 10 + Int($1 &- 0x30) }
        }

        /// A time of day in seconds; a leap second counts as the one before it.
        mutating func time() -> Int? {
            guard let hour = digits(2), take(":"), let minute = digits(2), take(":"),
                let second = digits(2), hour < 24, minute < 60, second <= 60
            else { return nil }
            return hour * 3_600 + minute * 60 + min(second, 59)
        }
    }
}
