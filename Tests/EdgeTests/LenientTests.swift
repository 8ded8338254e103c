import HTTP
import JSON
import Model
import Synchronization
import Testing

@testable import Edge

/// Results that AWS refuses, where leniency was asked for.
@Suite("Leniency")
struct LenientTests {
    static var settings: EdgeSettings {
        var settings = EdgeSettings()
        settings.isLenient = true
        return settings
    }

    @Test("every breach of a rule that can be sent is let through and named", arguments: Breach.all)
    func breaches(_ breach: Breach) async throws {
        let name = breach.event.rawValue
        let bench = Bench(
            .sample(hooks: [breach.event]),
            scripts: ["\(name):1": breach.script],
            settings: Self.settings
        ) { _ in (ResponseHead(status: 200, headers: ["Content-Type": "text/plain"]), "body") }
        let got = try #require(await bench.get("/a", query: "q=1", headers: ["Cookie": "a=b"]))
        let named = got.header(EdgeSettings.lenientHeader)
        guard LenientResults.covers(breach.rule) else {
            #expect(got.status == breach.rule.status && named == nil)
            return
        }
        // A result may break more than what can be let through.
        guard let named else {
            #expect(got.status == breach.rule.status)
            return
        }
        #expect(named.contains(breach.rule.rawValue))
        #expect(got.status != breach.rule.status)
        #expect(got.stages.contains("\(name) lenient \(breach.rule.rawValue)"))
        let lines = bench.lines.withLock { $0 }
        #expect(lines.contains { $0.contains("WARN") && $0.hasSuffix("[\(breach.rule.rawValue)]") })
    }

    @Test("a changed read-only header and a number as status are used")
    func used() async throws {
        let bench = Bench(
            .sample(policy: .cachingDisabled, hooks: [.viewerRequest, .viewerResponse]),
            scripts: [
                "viewer-request:1": echo("request") { setHeader(&$0, "via", "mine") },
                "viewer-response:1": echo("response") { $0["status"] = 404 },
            ],
            settings: Self.settings
        ) { _ in (ResponseHead(status: 200), "body") }
        let got = try #require(await bench.get("/a"))
        #expect(got.status == 404)
        #expect(bench.origin.last?.headers["via"]?.hasPrefix("mine, ") == true)
        #expect(
            got.header(EdgeSettings.lenientHeader)
                == "edge.header.read-only, edge.response.status"
        )
    }

    @Test("what would break HTTP stays refused")
    func broken() async throws {
        let bench = Bench(
            .sample(hooks: [.viewerRequest]),
            scripts: ["viewer-request:1": echo("request") { setHeader(&$0, "x-a", "a\r\nb: c") }],
            settings: Self.settings
        ) { _ in (ResponseHead(status: 200), "body") }
        #expect(await bench.get("/a")?.status == 502)
    }

    @Test("results that keep to the rules carry no such header")
    func kept() async throws {
        let bench = Bench(
            .sample(hooks: [.viewerRequest]),
            scripts: ["viewer-request:1": echo("request")],
            settings: Self.settings
        ) { _ in (ResponseHead(status: 200), "body") }
        let got = try #require(await bench.get("/a"))
        #expect(got.status == 200 && got.header(EdgeSettings.lenientHeader) == nil)
    }
}

/// The same for CloudFront Functions.
@Suite("Leniency with CloudFront Functions", .enabled(if: FunctionHost.isAvailable))
struct LenientFunctionTests {
    static func bench(_ body: String) -> Bench {
        let function = ViewerFunction(
            name: "f",
            runtime: .two,
            code: "function handler(event) { var r = event.request; \(body) }"
        )
        return Bench(
            .sample {
                $0.behaviors[0].viewerFunctions = [
                    ViewerFunctionAssociation(event: .viewerRequest, arn: "a")
                ]
            },
            settings: LenientTests.settings,
            functions: ViewerFunctions(host: FunctionHost(isLenient: true)) { _ in function }
        ) { _ in (ResponseHead(status: 200), "body") }
    }

    @Test(
        "breaches that can be sent are let through and named",
        arguments: [
            (FunctionRule.readOnlyHeader, "r.headers.via = { value: 'x' }; return r"),
            (.headerCase, "r.headers['X-A'] = { value: 'x' }; return r"),
            (.disallowedHeader, "r.headers['x-cache'] = { value: 'x' }; return r"),
            (.readOnlyMethod, "r.method = 'PUT'; return r"),
            (.requestTooLong, "r.uri = '/' + 'a'.repeat(8192); return r"),
            (.invalidStatus, "return { statusCode: '201' }"),
        ]
    )
    func breaches(rule: FunctionRule, body: String) async throws {
        let got = try #require(await Self.bench(body).get("/a"))
        #expect(got.header(EdgeSettings.lenientHeader) == rule.rawValue)
        #expect(got.status < 300)
    }

    @Test("newer syntax runs")
    func syntax() async throws {
        let got = try #require(
            await Self.bench("const { uri } = r; r.uri = uri?.concat('b') ?? '/'; return r").get(
                "/a"
            )
        )
        #expect(got.status == 200)
    }

    @Test("what would break HTTP stays refused")
    func broken() async throws {
        let got = try #require(
            await Self.bench("r.headers['x-a'] = { value: 'a\\r\\nb' }; return r").get("/a")
        )
        #expect(got.status == 502)
    }
}
