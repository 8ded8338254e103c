import Foundation
import Testing

@testable import Model

@Suite("Schedules")
struct ScheduleExpressionTests {
    private static func seconds(_ text: String) throws -> Int64 {
        let formatter = ISO8601DateFormatter()
        return Int64(try #require(formatter.date(from: text)).timeIntervalSince1970)
    }

    @Test(
        "expressions of AWS's page mean what it says",
        arguments: [
            ("cron(0 10 * * ? *)", "2026-01-31T10:00:00Z", "2026-02-01T10:00:00Z"),
            ("cron(15 12 * * ? *)", "2026-01-31T12:14:59Z", "2026-01-31T12:15:00Z"),
            ("cron(0 18 ? * MON-FRI *)", "2026-01-30T18:00:00Z", "2026-02-02T18:00:00Z"),
            ("cron(0 8 1 * ? *)", "2026-01-31T00:00:00Z", "2026-02-01T08:00:00Z"),
            ("cron(0/15 * * * ? *)", "2026-01-31T23:45:00Z", "2026-02-01T00:00:00Z"),
            ("cron(0/10 * ? * MON-FRI *)", "2026-01-31T00:00:00Z", "2026-02-02T00:00:00Z"),
            ("cron(0/5 8-17 ? * MON-FRI *)", "2026-02-02T17:55:00Z", "2026-02-03T08:00:00Z"),
            ("cron(0 9 L * ? *)", "2026-02-01T00:00:00Z", "2026-02-28T09:00:00Z"),
            ("cron(0 9 L-2 * ? *)", "2026-02-01T00:00:00Z", "2026-02-26T09:00:00Z"),
            ("cron(0 9 3W * ? *)", "2026-01-01T10:00:00Z", "2026-01-02T09:00:00Z"),
            ("cron(0 9 1W * ? *)", "2026-02-01T00:00:00Z", "2026-02-02T09:00:00Z"),
            ("cron(0 9 LW * ? *)", "2026-02-01T00:00:00Z", "2026-02-27T09:00:00Z"),
            ("cron(0 9 ? * 2#1 *)", "2026-01-31T00:00:00Z", "2026-02-02T09:00:00Z"),
            ("cron(0 9 ? * 6L *)", "2026-01-31T00:00:00Z", "2026-02-27T09:00:00Z"),
            ("cron(0 0 29 FEB ? *)", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            (
                "cron(30 1,13 1/10 JAN,jul ? 2027-2030)", "2026-01-01T00:00:00Z",
                "2027-01-01T01:30:00Z"
            ),
        ]
    )
    func cron(expression: String, after: String, next: String) throws {
        let schedule = try #require(ScheduleExpression(expression))
        let found = schedule.next(after: try Self.seconds(after), start: 0)
        #expect(found == (try Self.seconds(next)))
    }

    @Test("a cron of the past or of an impossible day never fires")
    func never() throws {
        let now = try Self.seconds("2026-01-01T00:00:00Z")
        #expect(ScheduleExpression("cron(0 0 1 1 ? 2025)")?.next(after: now, start: 0) == nil)
        #expect(ScheduleExpression("cron(0 0 30 2 ? *)")?.next(after: now, start: 0) == nil)
    }

    @Test("a rate counts from the rule's beginning")
    func rate() {
        let five = ScheduleExpression("rate(5 minutes)")
        #expect(five?.next(after: 1000, start: 1000) == 1300)
        #expect(five?.next(after: 1299, start: 1000) == 1300)
        #expect(five?.next(after: 1300, start: 1000) == 1600)
        #expect(ScheduleExpression("rate(1 day)")?.next(after: 0, start: 0) == 86_400)
    }

    @Test(
        "what AWS refuses is refused",
        arguments: [
            "", "rate(5 minute)", "rate(1 minutes)", "rate(0 minutes)", "rate(-1 minutes)",
            "rate(1 week)", "rate(5  minutes)", "rate(1.5 hours)", "rate(5 minutes", "at(x)",
            "cron(0 10 * * *)", "cron(0 10 * * * *)", "cron(0 10 ? * ? *)", "cron(60 1 * * ? *)",
            "cron(0 24 * * ? *)", "cron(0 1 32 * ? *)", "cron(0 1 * 13 ? *)", "cron(0 1 ? * 8 *)",
            "cron(0 1 ? * MON#6 *)", "cron(0 1 * * ? 1969)", "cron(0/0 1 * * ? *)",
            "cron(5-1 1 * * ? *)", "cron(a 1 * * ? *)", "cron(, 1 * * ? *)",
        ]
    )
    func refused(text: String) { #expect(ScheduleExpression(text) == nil) }

    @Test("days of the calendar are those of Foundation")
    func calendar() throws {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
        for number in stride(from: Int64(-1000), to: 80_000, by: 37) where number >= 0 {
            let date = Date(timeIntervalSince1970: Double(number) * 86_400)
            let parts = calendar.dateComponents([.year, .month, .day, .weekday], from: date)
            let day = CivilDay(number)
            #expect(
                [parts.year, parts.month, parts.day, parts.weekday]
                    == [day.year, day.month, day.day, day.weekday]
            )
            #expect(CivilDay.days(year: day.year, month: day.month, day: day.day) == Int(number))
        }
    }
}
