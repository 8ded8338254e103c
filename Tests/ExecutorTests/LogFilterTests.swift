import Testing

@testable import Executor

/// Filter patterns of CloudWatch Logs, as "Filter pattern syntax" shows them.
@Suite("Log filter")
struct LogFilterTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var pattern: String
        var hits: [String] = []
        var misses: [String] = []
        var testDescription: String { pattern }
    }

    static let json =
        #"{"level":"ERROR","ms":120.5,"ok":false,"user":{"id":7,"name":"ann"},"#
        + #""tags":["a","b"],"none":null,"list":[{"k":1},{"k":2}],"a b":1}"#

    static let cases = [
        Case(pattern: "", hits: ["anything", ""]),
        Case(pattern: "  ", hits: ["anything"]),
        Case(pattern: "ERROR", hits: ["[ERROR 400] BAD REQUEST"], misses: ["error"]),
        Case(
            pattern: "ERROR ARGUMENTS",
            hits: ["[ERROR 419] MISSING ARGUMENTS"],
            misses: ["[ERROR 400] BAD REQUEST"]
        ),
        Case(
            pattern: "?ERROR ?ARGUMENTS",
            hits: ["[ERROR 400] BAD", "INVALID ARGUMENTS"],
            misses: ["fine"]
        ),
        Case(pattern: "ERROR ?ARGUMENTS", hits: ["ERROR alone"], misses: ["ARGUMENTS"]),
        Case(
            pattern: #""INTERNAL SERVER ERROR""#,
            hits: ["x INTERNAL SERVER ERROR y"],
            misses: ["INTERNAL ERROR SERVER"]
        ),
        Case(pattern: #""a \"b\"""#, hits: [#"say a "b""#], misses: ["a b"]),
        Case(pattern: "ERROR -ARGUMENTS", hits: ["ERROR 400"], misses: ["ERROR ARGUMENTS"]),
        Case(pattern: "%ER[A-Z]+ [0-9]{3}%", hits: ["ERROR 404"], misses: ["ERROR x"]),
        Case(pattern: #"{ $.level = "ERROR" }"#, hits: [json], misses: ["ERROR", "{"]),
        Case(pattern: #"{ $.level = "ERR*" }"#, hits: [json]),
        Case(pattern: #"{ $.level = "ERR" }"#, misses: [json]),
        Case(pattern: "{ $.level != ERROR }", misses: [json]),
        Case(pattern: "{ $.level = %^E.*R$% }", hits: [json]),
        Case(pattern: "{ $.ms > 120 && $.ms <= 120.5 }", hits: [json]),
        Case(pattern: "{ $.ms < 120 || $.user.id = 7 }", hits: [json]),
        Case(pattern: "{ ($.ms < 120 || $.ok IS FALSE) && $.user.name = \"a*n\" }", hits: [json]),
        Case(pattern: "{ $.none IS NULL }", hits: [json], misses: [#"{"a":1}"#]),
        Case(pattern: "{ $.missing NOT EXISTS }", hits: [json, "{}"]),
        Case(pattern: "{ $.level NOT EXISTS }", misses: [json]),
        Case(pattern: "{ $.ok IS TRUE }", misses: [json]),
        Case(pattern: #"{ $.tags[1] = "b" }"#, hits: [json]),
        Case(pattern: #"{ $.tags[*] = "b" }"#, hits: [json]),
        Case(pattern: "{ $.list[*].k = 2 }", hits: [json]),
        Case(pattern: #"{ $["a b"] = 1 }"#, hits: [json]),
        Case(
            pattern: "[ip, user, name, time, request, status = 4*, size]",
            hits: [#"127.0.0.1 - ann [10/Oct/2000:13:25:15 -0700] "GET /a b" 404 1534"#],
            misses: [
                #"127.0.0.1 - ann [10/Oct/2000:13:25:15 -0700] "GET /a b" 200 1534"#, "404",
            ]
        ),
        Case(
            pattern: "[..., status > 399 && status != 404, size]",
            hits: ["a b 500 12"],
            misses: ["a b 404 12", "a b 200 12", "500"]
        ),
        Case(pattern: "[a = x || a = y, ...]", hits: ["y 1 2", "x"], misses: ["z 1"]),
    ]

    @Test("a pattern lets through what AWS's page says", arguments: cases)
    func patterns(_ one: Case) throws {
        let filter = try LogFilter(one.pattern)
        for text in one.hits { #expect(filter.matches(text), "\(text)") }
        for text in one.misses { #expect(!filter.matches(text), "\(text)") }
    }

    @Test(
        "a pattern that cannot be read is refused",
        arguments: [
            "foo.bar", "\"open", "{ $.a }", "{ $.a = }", "{ level = 1 }", "{ $.a = 1", "[a, b",
            "[..., a, ...]", "%open", "%(%", "{ $.a IS MAYBE }", "{ $.a > \"x\" }", "{ $.a = 1 } x",
            String(repeating: "x", count: 1025), "{ " + String(repeating: "(", count: 40),
        ]
    )
    func refused(_ pattern: String) {
        #expect(throws: LogFilter.Invalid.self) { _ = try LogFilter(pattern) }
    }
}
