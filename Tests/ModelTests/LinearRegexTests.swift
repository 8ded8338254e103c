import Testing

@testable import Model

@Suite
struct LinearRegexTests {
    @Test(
        "patterns are found where RE2 finds them",
        arguments: [
            ("a*b", "aaab", "X"), ("^a|b$", "xxb", "xxX"), ("(a+)(b*)", "caabd", "cXd"),
            ("a{2,3}", "aaaa", "Xa"), ("a{2,3}?", "aaaa", "Xaa"), ("[^a-c]+", "abcxyz", "abcX"),
            (#"\d+\.\w"#, "v12.x", "vX"), ("(?i)HELLO", "say hello", "say X"),
            ("(?:ab)+", "xababx", "xXx"), (#"\bfoo\b"#, "a foo b", "a X b"), ("x*", "abc", "Xabc"),
            ("(a|ab)(c|bcd)", "abcd", "X"), ("[]a]", "]", "X"), (#"[\d-]+"#, "a1-2b", "aXb"),
            ("a.c", "a\nc", "a\nc"), ("(?s)a.c", "a\nc", "X"), ("(?P<n>a)", "ba", "bX"),
            (#"\x41\x{42}"#, "AB", "X"), ("[[:digit:]]+", "ab12", "abX"), ("é+", "caféé", "cafX"),
            ("(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaac", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaac"),
        ]
    )
    func matches(_ pattern: String, _ text: String, _ replaced: String) throws {
        let regex = try LinearRegex(pattern)
        #expect((regex.replacingFirst(in: text, with: "X") ?? text) == replaced)
    }

    @Test(
        "groups fill the replacement",
        arguments: [
            ("^/api/(.+)$", "/$1", "/api/v1/users", "/v1/users"),
            ("(a)(b)?", "[$2|$1|$0|$9]", "ac", "[|a|a|]c"),
            ("a", "$$1$", "a", "$1$"),
        ]
    )
    func groups(_ pattern: String, _ template: String, _ text: String, _ expected: String) throws {
        #expect(try LinearRegex(pattern).replacingFirst(in: text, with: template) == expected)
    }

    @Test(
        "what RE2 does not know is refused",
        arguments: [
            "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", #"(a)\1"#, "a++", "(?>a)", #"\p{L}"#, "(", ")",
            "[a", "*a", "a**", "a{1001}", "a{3,2}", "[b-a]", "\\",
        ]
    )
    func refused(_ pattern: String) {
        #expect(LinearRegex.problem(with: pattern) != nil)
    }

    @Test("time grows linearly where backtracking explodes")
    func linear() throws {
        let regex = try LinearRegex("(x+x+)+y")
        #expect(!regex.isFound(in: String(repeating: "x", count: 2000)))
    }

    @Test("a pattern that would need too many steps is refused")
    func tooLarge() {
        #expect(LinearRegex.problem(with: "((a{100}){100}){100}") == "is too large")
    }
}
