import Crypto
import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Synchronization
import Testing

@testable import Edge

/// The narrowest thing that still keeps to a rule for functions, beside its breach in `Breach.all`.
struct Kept: Sendable, CustomTestStringConvertible {
    var rule: EdgeRule
    var event: EdgeEvent
    var status: Int
    var script: ScriptedInvoker.Script
    var testDescription: String { rule.rawValue }

    init(
        _ rule: EdgeRule,
        _ event: EdgeEvent = .viewerRequest,
        status: Int = 200,
        by script: @escaping ScriptedInvoker.Script
    ) {
        self.rule = rule
        self.event = event
        self.status = status
        self.script = script
    }

    private static let origin =
        #"{"custom":{"domainName":"a.b","protocol":"http","port":8080,"path":"","readTimeout":30,"#
        + #""keepaliveTimeout":5,"sslProtocols":[],"customHeaders":{"x-key":[{"value":"x"}]}}}"#

    private static func text(_ size: Int) -> String { String(repeating: "x", count: size) }

    static let all: [Kept] = [
        Kept(.executionFailed, by: echo("request")), Kept(.throttled, by: echo("request")),
        Kept(.resultNotObject, by: Breach.fixed(#"{"status":"200"}"#)),
        Kept(.readOnlyHeader, .originRequest, by: echo("request") { setHeader(&$0, "host", "h") }),
        Kept(.disallowedHeader, by: Breach.header("request", "x-cached", [["value": "x"]])),
        Kept(.headerEntryNotArray, by: Breach.header("request", "x-a", [["value": "x"]])),
        Kept(.headerValueNotText, by: Breach.header("request", "x-a", [["value": "1"]])),
        Kept(
            .viewerCountry,
            by: Breach.header("request", "cloudfront-viewer-city", [["value": "Ulm"]])
        ),
        Kept(
            .headersTooLarge,
            by: Breach.header("request", "x-a", [["value": .string(text(32_000))]])
        ),
        Kept(.invalidHeaderName, by: Breach.header("request", "x_a", [["value": "x"]])),
        Kept(
            .invalidHeaderValue,
            .viewerResponse,
            by: Breach.header("response", "location", [["value": "/a\tb"]])
        ),
        Kept(.readOnlyField, by: echo("request") { $0["method"] = "GET" }),
        Kept(.invalidURI, by: echo("request") { $0["uri"] = "/" }),
        Kept(.invalidQueryString, by: echo("request") { $0["querystring"] = "a=%20b" }),
        Kept(
            .requestTooLong,
            by: echo("request") { $0["uri"] = .string("/" + text(8_190)) }
        ),
        Kept(
            .invalidBody,
            by: echo("request") {
                $0["body"] = [
                    "action": "replace", "encoding": "text", "data": .string(text(40 << 10)),
                ]
            }
        ),
        Kept(
            .invalidBodyEncoding,
            by: echo("request") { $0["body"] = ["action": "replace", "data": "eA=="] }
        ),
        Kept(.invalidStatus, status: 599, by: Breach.fixed(#"{"status":"599"}"#)),
        Kept(.statusWithoutBody, status: 204, by: Breach.fixed(#"{"status":"204"}"#)),
        Kept(.statusReadOnly, .viewerResponse, by: echo("response") { $0["status"] = "200" }),
        Kept(
            .responseTooLarge,
            by: Breach.fixed(#"{"status":"200","body":"\#(text(40_900))"}"#)
        ), Kept(.invalidOrigin, .originRequest, by: Breach.origin(origin)),
        Kept(.invalidOriginHeaders, .originRequest, by: Breach.origin(origin)),
    ]
}

/// Statements that keep to a rule for CloudFront Functions, beside its breach in `FunctionBreach.all`.
struct FunctionKept: Sendable, CustomTestStringConvertible {
    var rule: FunctionRule
    var status = 200
    var body: String
    var testDescription: String { rule.rawValue }

    static let all: [FunctionKept] = [
        FunctionKept(rule: .executionFailed, body: "try { null.x } catch (e) {} return r"),
        FunctionKept(rule: .tooSlow, body: "for (var i = 0; i < 1000; i++) {} return r"),
        FunctionKept(rule: .tooMuchMemory, body: "globalThis.a = new Uint8Array(1024); return r"),
        FunctionKept(rule: .throttled, body: "return r"),
        FunctionKept(rule: .resultNotObject, body: "return r"),
        FunctionKept(rule: .invalidHeaders, body: "r.headers['x-a'] = { value: 'x' }; return r"),
        FunctionKept(rule: .headerCase, body: "r.headers['x-a'] = { value: 'X' }; return r"),
        FunctionKept(rule: .headerValue, body: "r.headers['x-a'] = { value: 'a\\tb' }; return r"),
        FunctionKept(
            rule: .readOnlyHeader,
            body: "r.headers.host = { value: r.headers.host.value }; return r"
        ),
        FunctionKept(
            rule: .disallowedHeader,
            body: "r.headers['x-cached'] = { value: 'x' }; return r"
        ), FunctionKept(rule: .readOnlyMethod, body: "r.method = 'GET'; return r"),
        FunctionKept(rule: .invalidURI, body: "r.uri = '/'; return r"),
        FunctionKept(rule: .invalidQueryString, body: "r.querystring = 'a=%20b'; return r"),
        FunctionKept(rule: .requestTooLong, body: "r.uri = '/' + 'a'.repeat(8190); return r"),
        FunctionKept(rule: .invalidCookies, body: "r.cookies.a = { value: 'x' }; return r"),
        FunctionKept(rule: .invalidStatus, status: 599, body: "return { statusCode: 599 }"),
        FunctionKept(
            rule: .invalidBody,
            body: "return { statusCode: 200, body: { encoding: 'base64', data: 'eA==' } }"
        ),
        FunctionKept(
            rule: .invalidOrigin,
            body: "require('cloudfront').updateRequestOrigin({ domainName: 'a.example' }); return r"
        ),
    ]

    /// Breaches that take more than one request.
    static let repeated: [(rule: FunctionRule, body: String)] = [
        (
            .tooMuchMemory,
            "globalThis.a = globalThis.a || []; a.push(new Uint8Array(1000)); return r"
        ),
        (.throttled, "for (;;) {}"),
    ]
}

/// One passing and one breaking test for each rule of the catalogue; the configuration's rules have theirs
/// with the templates, the APIs' with the control plane.
@Suite("Every rule has a pair", .timeLimit(.minutes(10)))
struct RulePairTests {
    @Test("what keeps to a rule for functions passes", arguments: Kept.all)
    func kept(_ kept: Kept) async throws {
        let bench = Bench(
            .sample(hooks: [kept.event]),
            scripts: ["\(kept.event.rawValue):1": kept.script],
            origin: PipelineTests.plain
        )
        let got = try #require(await bench.get("/a"))
        #expect(got.status == kept.status, "\(bench.lines.withLock { $0 })")
        #expect(bench.firstLine == nil)
        #expect(!got.stages.contains { $0.contains("edge.") })
    }

    @Test(
        "what keeps to a rule for CloudFront Functions passes",
        .enabled(if: FunctionHost.isAvailable),
        arguments: FunctionKept.all
    )
    func keptByFunctions(_ kept: FunctionKept) async throws {
        let bench = FunctionHookTests.bench(request: kept.body)
        // A first call may pay for the context on a loaded machine: only what is said counts.
        var got = try #require(await bench.get("/a"))
        for _ in 0..<20 where got.stages.contains("viewer-request function.time") {
            got = try #require(await bench.get("/a"))
        }
        #expect(got.status == kept.status, "\(bench.lines.withLock { $0 })")
        #expect(!got.stages.contains("viewer-request \(kept.rule.rawValue)"))
    }

    @Test("a function that is asked again and again breaks what one call does not")
    func repeated() async throws {
        guard FunctionHost.isAvailable else { return }
        for breach in FunctionKept.repeated {
            let bench = FunctionHookTests.bench(request: breach.body)
            var isBroken = false
            // Memory is measured once in so many runs.
            for _ in 0..<2 * FunctionHost.memoryInterval where !isBroken {
                let got = try #require(await bench.get("/a"))
                isBroken = got.stages.contains("viewer-request \(breach.rule.rawValue)")
                if isBroken { #expect(got.status == breach.rule.status) }
            }
            #expect(isBroken, "\(breach.rule.rawValue)")
        }
    }

    @Test("what a distribution asks of viewers is enforced and named", arguments: ViewerPair.all)
    func viewers(_ pair: ViewerPair) async throws {
        let kept = try #require(try await pair.keeps())
        #expect(kept.status < 400, "\(kept.text)")
        #expect(!kept.stages.contains { $0.hasSuffix(pair.rule.rawValue) })
        let broken = try #require(try await pair.breaks())
        #expect(broken.status == pair.rule.status)
        let isNamed = broken.stages.contains { $0.hasSuffix(" " + pair.rule.rawValue) }
        #expect(isNamed, "\(broken.stages)")
        #expect(broken.text.contains(pair.rule.text))
        if let code = pair.rule.code { #expect(broken.text.contains("<Code>\(code)</Code>")) }
    }

    @Test("no rule of the catalogue is without its pair")
    func complete() {
        var paired = Set(Kept.all.map(\.rule.rawValue))
            .intersection(Breach.all.map(\.rule.rawValue))
        let broken =
            FunctionBreach.all.map(\.rule.rawValue) + FunctionKept.repeated.map(\.rule.rawValue)
        paired.formUnion(Set(FunctionKept.all.map(\.rule.rawValue)).intersection(broken))
        paired.formUnion(ViewerPair.all.map(\.rule.rawValue))
        let here = Rules.all.map(\.id).filter { !$0.hasPrefix("config.") && !$0.hasPrefix("api.") }
        #expect(Set(here).subtracting(paired).sorted() == [])
    }
}
