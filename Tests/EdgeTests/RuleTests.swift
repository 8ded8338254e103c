import DataPlane
import HTTP
import JSON
import Model
import Synchronization
import Testing

@testable import Edge

/// A function's result that breaks one rule, seen from outside.
struct Breach: Sendable, CustomTestStringConvertible {
    var rule: EdgeRule
    var event: EdgeEvent
    /// What the function gives back.
    var script: ScriptedInvoker.Script
    /// A part of the line in the log, when AWS's own words are known.
    var line: String?
    var testDescription: String { "\(rule.rawValue) at \(event.rawValue)" }

    init(
        _ rule: EdgeRule,
        _ event: EdgeEvent = .viewerRequest,
        line: String? = nil,
        by script: @escaping ScriptedInvoker.Script
    ) {
        self.rule = rule
        self.event = event
        self.line = line
        self.script = script
    }

    /// A request or response of the event with one header changed.
    static func header(_ kind: String, _ name: String, _ value: JSONValue) -> ScriptedInvoker.Script
    {
        echo(kind) { object in
            var headers = object["headers"]?.object ?? JSONObject()
            headers[name] = value
            object["headers"] = .object(headers)
        }
    }

    static func fixed(_ json: String) -> ScriptedInvoker.Script {
        { _ in .success(Array(json.utf8)[...]) }
    }

    static func origin(_ json: String) -> ScriptedInvoker.Script {
        echo("request") { $0["origin"] = try? JSONValue.parse(json) }
    }

    static let all: [Breach] = [
        Breach(.executionFailed) { _ in .functionError(.handled, payload: []) },
        Breach(.throttled) { _ in .throttled("Rate exceeded") },
        Breach(.resultNotObject, by: fixed("null")),
        Breach(
            .readOnlyHeader,
            .originRequest,
            line:
                "Lambda function result failed validation, the function tried to delete read-only "
                + "header, headerName : Via.",
            by: echo("request") { object in
                var headers = object["headers"]?.object ?? JSONObject()
                headers["via"] = nil
                object["headers"] = .object(headers)
            }
        ),
        Breach(.disallowedHeader, by: header("request", "x-cache", [["value": "x"]])),
        Breach(.headerEntryNotArray, by: header("request", "x-a", "x")),
        Breach(
            .headerValueNotText,
            line:
                "The Lambda function returned an invalid entry in the headers object, the value of "
                + "each header value must be of string or array of string type, header :x-a has one "
                + "or more entries whose value is neither string nor array of strings.",
            by: header("request", "x-a", [["value": 1]])
        ),
        Breach(
            .viewerCountry,
            by: header("request", "cloudfront-viewer-country", [["value": "DE"]])
        ),
        Breach(
            .headersTooLarge,
            by: header(
                "request",
                "x-a",
                [["value": .string(String(repeating: "x", count: 33_000))]]
            )
        ),
        Breach(.invalidHeaderName, by: header("request", "x a", [["value": "x"]])),
        Breach(
            .invalidHeaderValue,
            .viewerResponse,
            line: "Lambda function result validation failed, the function returned an invalid "
                + "header, invalid character : '%0D' in header value, headerName : Location.",
            by: header("response", "location", [["value": "/a\rb"]])
        ),
        Breach(.readOnlyField, by: echo("request") { $0["method"] = "PUT" }),
        Breach(.invalidURI, by: echo("request") { $0["uri"] = "a" }),
        Breach(.invalidQueryString, by: echo("request") { $0["querystring"] = "a b" }),
        Breach(
            .requestTooLong,
            by: echo("request") { $0["uri"] = .string("/" + String(repeating: "a", count: 8_192)) }
        ),
        Breach(.invalidBody, by: echo("request") { $0["body"] = "x" }),
        Breach(
            .invalidBodyEncoding,
            by: echo("request") { $0["body"] = ["action": "replace", "data": "%"] }
        ),
        Breach(.invalidStatus, by: fixed(#"{"status":200}"#)),
        Breach(.statusWithoutBody, by: fixed(#"{"status":"204","body":"x"}"#)),
        Breach(.statusReadOnly, .viewerResponse, by: echo("response") { $0["status"] = "404" }),
        Breach(
            .responseTooLarge,
            by: fixed(#"{"status":"200","body":"\#(String(repeating: "x", count: 40_961))"}"#)
        ),
        Breach(.invalidOrigin, .originRequest, by: origin("{}")),
        Breach(
            .invalidOriginHeaders,
            .originRequest,
            by: origin(
                #"{"custom":{"domainName":"a.b","protocol":"http","customHeaders":{"cookie":"#
                    + #"[{"value":"x"}]}}}"#
            )
        ),
    ]
}

@Suite("Rules for functions", .timeLimit(.minutes(15)))
struct RuleTests {
    private func bench(_ event: EdgeEvent, _ script: @escaping ScriptedInvoker.Script) -> Bench {
        Bench(
            .sample(hooks: [event]),
            scripts: ["\(event.rawValue):1": script],
            origin: PipelineTests.plain
        )
    }

    @Test(
        "a breach has its status, X-Cache value, page, line in the log and stage",
        arguments: Breach.all
    )
    func breach(_ breach: Breach) async throws {
        let bench = bench(breach.event, breach.script)
        let got = try #require(await bench.get("/a"))
        let rule = breach.rule
        #expect(got.status == rule.status)
        #expect(got.cache == "\(rule.resultType) from cloudfront")
        #expect(got.text.contains("<H1>\(rule.status) ERROR</H1>"))
        #expect(got.text.contains(rule.text))
        #expect(got.stages.contains("\(breach.event.rawValue) \(rule.rawValue)"))
        let line = try #require(bench.firstLine)
        let id = try #require(got.header("x-amz-cf-id"))
        #expect(line.hasPrefix("/aws/cloudfront/LambdaEdge/E1 (\(id)) ERROR "))
        #expect(line.hasSuffix(" [\(rule.rawValue)]"))
        if let text = breach.line { #expect(line.contains("ERROR Validation error: \(text) [")) }
    }

    @Test("every rule has a breach above")
    func complete() {
        #expect(Set(Breach.all.map(\.rule)) == Set(EdgeRule.allCases))
    }

    @Test("a result that keeps to the rules passes at each event", arguments: EdgeEvent.allCases)
    func passing(_ event: EdgeEvent) async throws {
        let kind = event.rawValue.hasSuffix("request") ? "request" : "response"
        let bench = bench(
            event,
            echo(kind) {
                setHeader(&$0, "x-added", "1")
                if event == .viewerRequest { $0["uri"] = "/b" }
            }
        )
        let got = try #require(await bench.get("/a"))
        #expect(got.status == 200)
        #expect(bench.firstLine == nil)
    }

    @Test("a rewritten URI stays with the behaviour and origin of the viewer's path")
    func rewriting() async throws {
        let bench = Bench(
            .sample(hooks: [.viewerRequest]) {
                $0.origins.append(Origin(id: "api", domainName: "api.example"))
                $0.behaviors.insert(
                    CacheBehavior(
                        pathPattern: "/api/*",
                        targetOriginID: "api",
                        cachePolicy: .cachingOptimized
                    ),
                    at: 0
                )
            },
            scripts: ["viewer-request:1": echo("request") { $0["uri"] = "/api/x" }],
            origin: PipelineTests.plain
        )
        #expect(try #require(await bench.get("/img/x")).text == "at /api/x")
        #expect(bench.origin.lastTarget?.origin.domainName == "origin.example")
        #expect(try #require(await bench.get("/img/other")).cache == "Hit from cloudfront")
    }

    @Test("bytes that are not UTF-8 go on as they came when the function leaves them alone")
    func bytesStay() throws {
        var old = Headers()
        old.append(.referer, [0x4D, 0xFC, 0x6C][...])
        let fields = [
            DecodedHeader(name: "referer", key: "Referer", value: "Mül"),
            DecodedHeader(name: "x-a", key: "X-A", value: "ü"),
        ]
        let new = try HeaderRules.apply(fields, to: old, event: .originResponse)
        #expect(Array(new.valueBytes(at: 0)) == [0x4D, 0xFC, 0x6C])
        #expect(Array(new.valueBytes(at: 1)) == [0xC3, 0xBC])
    }
}
