/// When a rule of EventBridge fires: `rate(5 minutes)` or `cron(0 10 * * ? *)`, in UTC.
///
/// Pure. Source: "Creating an Amazon EventBridge rule that runs on a schedule".
package struct ScheduleExpression: Sendable, Equatable {
    private enum Kind: Sendable, Equatable {
        /// Unit: seconds.
        case rate(Int64)
        case cron(CronFields)
    }

    private let kind: Kind

    /// Reads an expression; nil when it is none.
    package init?(_ text: String) {
        if let inner = Self.inside("rate", text) {
            let words = inner.split(separator: " ", omittingEmptySubsequences: false)
            guard words.count == 2, let count = Int64(words[0]), count > 0, count < 1_000_000,
                !words[0].hasPrefix("+")
            else { return nil }
            let units: [Substring: Int64] = ["minute": 60, "hour": 3600, "day": 86_400]
            let isPlural = words[1].hasSuffix("s")
            guard isPlural == (count > 1),
                let unit = units[isPlural ? words[1].dropLast() : words[1]]
            else { return nil }
            kind = .rate(count * unit)
        } else if let inner = Self.inside("cron", text), let fields = CronFields(inner) {
            kind = .cron(fields)
        } else {
            return nil
        }
    }

    private static func inside(_ name: String, _ text: String) -> Substring? {
        guard text.hasPrefix(name + "("), text.hasSuffix(")") else { return nil }
        return text.dropFirst(name.count + 1).dropLast()
    }

    /// The first time after a moment; nil when there is none any more.
    ///
    /// Unit: seconds since 1970. `start` is when the rule began: a rate counts from there.
    package func next(after moment: Int64, start: Int64) -> Int64? {
        switch kind {
        case .rate(let seconds):
            guard moment >= start else { return start + seconds }
            return start + ((moment - start) / seconds + 1) * seconds
        case .cron(let fields): return fields.next(after: moment)
        }
    }
}

/// The six fields of a cron expression.
struct CronFields: Sendable, Equatable {
    private static let months = [
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ]
    private static let weekdays = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
    private static let years = 1970...2199

    /// Which days of a month are meant.
    private enum Days: Sendable, Equatable {
        case any
        case numbers(Set<Int>)
        /// The last day, or that many days before it.
        case last(Int)
        /// The weekday nearest to a day; nil means to the last.
        case nearestWeekday(Int?)
    }

    /// Which days of a week are meant; Sunday is 1.
    private enum Weekdays: Sendable, Equatable {
        case any
        case numbers(Set<Int>)
        case last(Int)
        case nth(weekday: Int, Int)
    }

    private let minutes: [Int]
    private let hours: [Int]
    private let days: Days
    private let month: Set<Int>
    private let week: Weekdays
    private let year: Set<Int>

    init?(_ text: Substring) {
        let fields = text.split(separator: " ").map(String.init)
        guard fields.count == 6, (fields[2] == "?") != (fields[4] == "?"),
            let minutes = Self.numbers(fields[0], 0...59),
            let hours = Self.numbers(fields[1], 0...23),
            let days = Self.days(fields[2]),
            let month = Self.numbers(fields[3], 1...12, names: Self.months),
            let week = Self.week(fields[4]), let year = Self.numbers(fields[5], Self.years)
        else { return nil }
        self.minutes = minutes.sorted()
        self.hours = hours.sorted()
        self.days = days
        self.month = month
        self.week = week
        self.year = year
    }

    // MARK: Reading

    /// The numbers that a list of values, ranges and steps means; nil when it is malformed.
    private static func numbers(
        _ text: String,
        _ range: ClosedRange<Int>,
        names: [String] = []
    ) -> Set<Int>? {
        var found: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "/", omittingEmptySubsequences: false)
            guard (1...2).contains(halves.count) else { return nil }
            let step = halves.count == 2 ? Int(halves[1]) ?? 0 : 1
            guard step > 0 else { return nil }
            var bounds: ClosedRange<Int>
            if halves[0] == "*" {
                bounds = range
            } else {
                let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
                    .map { number($0, range, names) }
                guard let first = ends.first, let low = first, ends.count <= 2 else { return nil }
                guard let high = ends.count == 2 ? ends[1] : low else { return nil }
                guard low <= high else { return nil }
                bounds = low...(ends.count == 1 && halves.count == 2 ? range.upperBound : high)
            }
            found.formUnion(stride(from: bounds.lowerBound, through: bounds.upperBound, by: step))
        }
        return found.isEmpty ? nil : found
    }

    private static func number(
        _ text: Substring,
        _ range: ClosedRange<Int>,
        _ names: [String]
    ) -> Int? {
        if let index = names.firstIndex(of: text.uppercased()) { return index + range.lowerBound }
        guard !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }), let value = Int(text),
            range.contains(value)
        else { return nil }
        return value
    }

    private static func days(_ text: String) -> Days? {
        switch text {
        case "?", "*": return .any
        case "L": return .last(0)
        case "LW": return .nearestWeekday(nil)
        default: break
        }
        if text.hasPrefix("L-") {
            return Int(text.dropFirst(2)).flatMap { (1...30).contains($0) ? .last($0) : nil }
        }
        if text.hasSuffix("W") {
            return number(text.dropLast(), 1...31, []).map { .nearestWeekday($0) }
        }
        return numbers(text, 1...31).map { .numbers($0) }
    }

    private static func week(_ text: String) -> Weekdays? {
        if text == "?" || text == "*" { return .any }
        if text == "L" { return .numbers([7]) }
        if text.hasSuffix("L") {
            return number(text.dropLast(), 1...7, weekdays).map { .last($0) }
        }
        let parts = text.split(separator: "#", omittingEmptySubsequences: false)
        if parts.count == 2 {
            guard let day = number(parts[0], 1...7, weekdays), let nth = Int(parts[1]),
                (1...5).contains(nth)
            else { return nil }
            return .nth(weekday: day, nth)
        }
        return numbers(text, 1...7, names: weekdays).map { .numbers($0) }
    }

    // MARK: Time

    /// The first minute after a moment that fits.
    func next(after moment: Int64) -> Int64? {
        let start = (moment / 60 + 1) * 60
        var day = start / 86_400
        var earliest = Int(start % 86_400 / 60)
        let last = Int64(CivilDay.days(year: Self.years.upperBound, month: 12, day: 31))
        while day <= last {
            let date = CivilDay(day)
            if fits(date) {
                for hour in hours where hour * 60 + 59 >= earliest {
                    for minute in minutes where hour * 60 + minute >= earliest {
                        return day * 86_400 + Int64(hour * 3600 + minute * 60)
                    }
                }
            }
            earliest = 0
            day += 1
        }
        return nil
    }

    private func fits(_ date: CivilDay) -> Bool {
        guard year.contains(date.year), month.contains(date.month) else { return false }
        let length = date.monthLength
        switch days {
        case .any: break
        case .numbers(let wanted): guard wanted.contains(date.day) else { return false }
        case .last(let before): guard date.day == length - before else { return false }
        case .nearestWeekday(let wanted):
            guard date.day == date.nearestWeekday(to: wanted ?? length) else { return false }
        }
        switch week {
        case .any: return true
        case .numbers(let wanted): return wanted.contains(date.weekday)
        case .last(let wanted): return date.weekday == wanted && date.day + 7 > length
        case .nth(let wanted, let nth):
            return date.weekday == wanted && (date.day - 1) / 7 + 1 == nth
        }
    }
}

/// A day of the Gregorian calendar.
struct CivilDay: Equatable {
    let year: Int
    let month: Int
    let day: Int
    /// Sunday is 1.
    let weekday: Int

    /// The day that lies so many days after 1970-01-01.
    init(_ days: Int64) {
        // Counted in eras of 400 years that begin on 1 March.
        let shifted = Int(days) + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let inEra = shifted - era * 146_097
        let yearOfEra = (inEra - inEra / 1460 + inEra / 36_524 - inEra / 146_096) / 365
        let inYear = inEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * inYear + 2) / 153
        day = inYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        weekday = Int(((days % 7) + 11) % 7) + 1
    }

    /// How many days a date lies after 1970-01-01.
    static func days(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let inYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + inYear - 719_468
    }

    var monthLength: Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }

    /// The working day of this month that is nearest to one of its days.
    func nearestWeekday(to wanted: Int) -> Int {
        let target = min(wanted, monthLength)
        let first = Self.days(year: year, month: month, day: target)
        switch CivilDay(Int64(first)).weekday {
        case 7: return target == 1 ? 3 : target - 1
        case 1: return target == monthLength ? target - 2 : target + 1
        default: return target
        }
    }
}
