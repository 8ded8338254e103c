import HTTP
import Model
import Testing

@testable import FrontDoors

@Suite
struct DesyncTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var fields: [String]
        var method = "POST"
        var uri = "/"
        var version = "HTTP/1.1"
        var tier: DesyncClassifier.Tier
        var reason: String?

        init(
            _ fields: [String],
            _ tier: DesyncClassifier.Tier,
            _ reason: String?,
            method: String = "POST",
            uri: String = "/",
            version: String = "HTTP/1.1"
        ) {
            self.fields = fields
            self.tier = tier
            self.reason = reason
            self.method = method
            self.uri = uri
            self.version = version
        }

        var testDescription: String { "\(method) \(uri.debugDescription) \(version) \(fields)" }
    }

    @Test(
        "requests are classified as the table says",
        arguments: [
            Case(["x-a : v"], .acceptable, "NonCompliantHeader"),
            Case(["x-a:v\u{e9}"], .compliant, nil),
            Case(["Transfer-Encoding : chunked"], .ambiguous, "SuspiciousHeader"),
            Case(["Transfer_Encoding:chunked"], .ambiguous, "SuspiciousHeader"),
            Case(["\u{1}Transfer-Encoding:chunked"], .ambiguous, "SuspiciousHeader"),
            Case(
                ["Transfer-Encoding\t:chunked", "Content-Length:5"],
                .ambiguous,
                "SuspiciousHeader"
            ),
            Case(["Transfer-Encoding:identity, chunked"], .compliant, nil),
            Case(["Transfer-Encoding:gzip", "Transfer-Encoding:chunked"], .compliant, nil),
            Case(["Transfer-Encoding:chunked;param"], .compliant, nil),
            Case(
                ["Transfer-Encoding:chunked", "Transfer-Encoding:chunked"],
                .severe,
                "MultipleTransferEncodingChunked"
            ),
            Case(["Transfer-Encoding:xchunked"], .severe, "BadTransferEncoding"),
            Case(["Transfer-Encoding:\u{1}chunked"], .severe, "BadTransferEncoding"),
            Case(["Content-Length:18446744073709551616"], .severe, "BadContentLength"),
            Case(["Content-Length:1000,1000"], .severe, "BadContentLength"),
            Case(["Content-Length:+5"], .severe, "BadContentLength"),
            Case(["Content-Length:1000", "Content-Length:100"], .severe, "MultipleContentLength"),
            Case(["Content-Length:5", "Content-Length:5"], .ambiguous, "DuplicateContentLength"),
            Case(["Content-Length:0"], .acceptable, "GetHeadZeroContentLength", method: "GET"),
            Case(
                ["Content-Length:5"],
                .ambiguous,
                "UndefinedContentLengthSemantics",
                method: "GET"
            ),
            Case(
                ["Transfer-Encoding:chunked"],
                .ambiguous,
                "UndefinedTransferEncodingSemantics",
                method: "GET"
            ),
            Case(
                ["Transfer-Encoding:chunked"],
                .ambiguous,
                "UndefinedTransferEncodingSemantics",
                version: "HTTP/1.0"
            ),
            Case(["Transfer-Encoding:chunked", "Content-Length:5"], .ambiguous, "BothTeClPresent"),
            Case([], .acceptable, "NonCompliantVersion", version: "HTTP/1.2"),
            Case([], .acceptable, "NonCompliantVersion", version: ""),
            Case([], .severe, "BadVersion", version: "HTTP/1.1 HTTP/1.1"),
            Case([], .ambiguous, "AmbiguousUri", uri: "/\t"),
            Case([], .acceptable, "SpaceInUri", uri: "/ a"),
            Case([], .severe, "BadUri", uri: "/\r"),
            Case(["Transfer-Encoding:foo"], .severe, "BadTransferEncoding", uri: "/\t"),
            Case(
                ["Content-Length:5"],
                .ambiguous,
                "UndefinedContentLengthSemantics",
                method: "GET",
                uri: "/\t"
            ),
            Case(["x:\u{0}"], .severe, "BadHeader"), Case([" :v"], .ambiguous, "EmptyHeader"),
            Case([], .severe, "BadMethod", method: "G T"),
            Case(["Tran\u{17f}fer-Encoding:chunked"], .ambiguous, "SuspiciousHeader"),
            Case(["Transfer-Encodings:chunked"], .compliant, nil),
            Case(["Transfer-Encoding:bad"], .compliant, nil, version: "HTTP/2"),
        ]
    )
    func classification(_ test: Case) {
        let fields = test.fields.map { field -> (name: [UInt8], value: [UInt8]) in
            let colon = field.firstIndex(of: ":") ?? field.endIndex
            return (
                Array(field[..<colon].utf8), Array(field[field.index(after: colon)...].utf8)
            )
        }
        let verdict = DesyncClassifier.classify(
            DesyncClassifier.Raw(
                method: Array(test.method.utf8),
                uri: Array(test.uri.utf8),
                version: Array(test.version.utf8),
                fields: fields
            )
        )
        #expect(verdict == DesyncClassifier.Verdict(tier: test.tier, reason: test.reason))
    }

    @Test(
        "the mode decides what becomes of an irregular request",
        arguments: [
            ("defensive", "GET", "5", 200, true), ("monitor", "GET", "5", 200, false),
            ("strictest", "GET", "5", 400, true), ("strictest", "GET", "0", 400, true),
            ("defensive", "GET", "0", 200, false), ("strictest", "POST", "5", 200, false),
        ]
    )
    func modes(
        _ mode: String,
        _ method: String,
        _ length: String,
        _ status: Int,
        _ closes: Bool
    )
        async
    {
        let door = balancerDoor(
            [.fixedResponse(status: 200, contentType: nil, body: "a")],
            attributes: ["routing.http.desync_mitigation_mode": mode]
        )
        let head = get("/", method: method, headers: ["Content-Length": length])
        let answer = await ask(door, head, body: length == "0" ? "" : "hello")
        #expect(answer.status == status && answer.closes == closes)
    }
}
