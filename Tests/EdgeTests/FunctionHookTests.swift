import DataPlane
import HTTP
import JSON
import Model
import Synchronization
import Testing

@testable import Edge

/// Code at a viewer's event that breaks one rule, seen from outside.
struct FunctionBreach: Sendable, CustomTestStringConvertible {
    var rule: FunctionRule
    var event = EdgeEvent.viewerRequest
    /// Statements of the handler.
    var body: String
    var testDescription: String { rule.rawValue }

    static let all: [FunctionBreach] = [
        FunctionBreach(rule: .executionFailed, body: "throw new Error('x')"),
        FunctionBreach(rule: .tooSlow, body: "for (;;) {}"),
        FunctionBreach(rule: .resultNotObject, body: "return undefined"),
        FunctionBreach(rule: .invalidHeaders, body: "r.headers['x-a'] = 'x'; return r"),
        FunctionBreach(rule: .headerCase, body: "r.headers['X-A'] = { value: 'x' }; return r"),
        FunctionBreach(rule: .headerValue, body: "r.headers['x-a'] = { value: 'a\\nb' }; return r"),
        FunctionBreach(rule: .readOnlyHeader, body: "r.headers.host = { value: 'o' }; return r"),
        FunctionBreach(
            rule: .readOnlyHeader,
            event: .viewerResponse,
            body: "r.headers.warning = { value: 'o' }; return r"
        ),
        FunctionBreach(
            rule: .readOnlyHeader,
            body: "return { statusCode: 200, headers: { 'content-length': { value: '1' } } }"
        ),
        FunctionBreach(
            rule: .disallowedHeader,
            body: "r.headers['x-cache'] = { value: 'x' }; return r"
        ),
        FunctionBreach(rule: .readOnlyMethod, body: "r.method = 'PUT'; return r"),
        FunctionBreach(rule: .invalidURI, body: "r.uri = 'a'; return r"),
        FunctionBreach(rule: .invalidQueryString, body: "r.querystring = 'a b'; return r"),
        FunctionBreach(rule: .requestTooLong, body: "r.uri = '/' + 'a'.repeat(8192); return r"),
        FunctionBreach(rule: .invalidCookies, body: "r.cookies.a = 'x'; return r"),
        FunctionBreach(rule: .invalidStatus, body: "return { statusCode: '200' }"),
        FunctionBreach(rule: .invalidStatus, body: "return { statusCode: 199 }"),
        FunctionBreach(
            rule: .invalidBody,
            body: "return { statusCode: 200, body: { encoding: 'base64', data: '%' } }"
        ),
        FunctionBreach(
            rule: .invalidOrigin,
            body: "require('cloudfront').updateRequestOrigin({ domainName: 'a b' }); return r"
        ),
    ]
}

/// CloudFront Functions at the viewer's events of a pipeline.
@Suite("CloudFront Functions at a distribution", .enabled(if: FunctionHost.isAvailable))
struct FunctionHookTests {
    /// A bench whose one behaviour has functions made of statements; `r` is the request or response.
    static func bench(
        request: String? = nil,
        response: String? = nil,
        runtime: FunctionRuntime = .two,
        store: KeyValueContent? = nil,
        shield: CacheStore? = nil,
        settings: EdgeSettings = EdgeSettings(),
        change: @escaping (inout Distribution) -> Void = { _ in },
        origin: @escaping @Sendable (RequestHead) -> (ResponseHead, String) = { _ in
            (ResponseHead(status: 200, headers: ["Cache-Control": "max-age=60"]), "body")
        }
    ) -> Bench {
        var codes: [String: String] = [:]
        for (name, body) in [("request", request), ("response", response)] {
            guard let body else { continue }
            codes[name] = "function handler(event) { var r = event.\(name); \(body) }"
        }
        let functions = codes.mapValues {
            ViewerFunction(name: "f", runtime: runtime, code: $0, store: store)
        }
        let distribution = Distribution.sample { distribution in
            distribution.behaviors[0].viewerFunctions = [
                (EdgeEvent.viewerRequest, "request"), (.viewerResponse, "response"),
            ].filter { codes[$0.1] != nil }.map { ViewerFunctionAssociation(event: $0, arn: $1) }
            change(&distribution)
        }
        return Bench(
            distribution,
            settings: settings,
            functions: ViewerFunctions(host: FunctionHost()) { functions[$0] },
            shield: shield,
            origin: origin
        )
    }

    @Test("each rule is enforced and named", arguments: FunctionBreach.all)
    func breach(_ breach: FunctionBreach) async throws {
        let isRequest = breach.event == .viewerRequest
        let bench = Self.bench(
            request: isRequest ? breach.body : nil,
            response: isRequest ? nil : breach.body
        )
        let got = try #require(await bench.get("/a"))
        #expect(got.status == breach.rule.status)
        #expect(got.cache == breach.rule.resultType + " from cloudfront")
        #expect(got.text.contains(breach.rule.text))
        #expect(got.stages.contains("\(breach.event.rawValue) \(breach.rule.rawValue)"))
        let line = try #require(bench.lines.withLock { $0.last { $0.contains("ERROR") } })
        #expect(line.hasPrefix("/aws/cloudfront/function/f "))
        #expect(line.hasSuffix("[\(breach.rule.rawValue)]"))
    }

    @Test("every rule has a breach here or a test of its own")
    func coverage() {
        let others: Set<FunctionRule> = [.throttled, .tooMuchMemory]
        #expect(Set(FunctionBreach.all.map(\.rule)).union(others) == Set(FunctionRule.allCases))
    }

    @Test("the same results without the breach pass")
    func kept() async throws {
        let bench = Self.bench(
            request: """
                r.headers['x-a'] = { value: 'x', multiValue: [{ value: '1' }, { value: '2' }] };
                r.uri = '/b'; r.cookies.c = { value: 'd' };
                r.querystring.q = { value: '1' }; delete r.headers['x-gone']; return r;
                """,
            change: { distribution in
                distribution.behaviors[0].cachePolicy.queryStrings = .all
                distribution.behaviors[0].originRequestPolicy =
                    ManagedPolicies.originRequest[
                        "216adef6-5c7f-47e4-b989-5492eafa07d3"
                    ]
            }
        )
        let got = try #require(
            await bench.get("/a", query: "z=2&a=1", headers: ["X-Gone": "1", "Cookie": "a=b"])
        )
        #expect(got.status == 200)
        let sent = try #require(bench.origin.last)
        #expect(sent.path == "/b")
        #expect(sent.query == "z=2&a=1&q=1")
        #expect(sent.headers.all("x-a") == ["1", "2"])
        #expect(sent.headers["cookie"] == "a=b; c=d")
        #expect(sent.headers["x-gone"] == nil)
    }

    @Test("a query that is left alone goes on byte for byte")
    func untouched() async throws {
        let bench = Self.bench(request: "return r") {
            $0.behaviors[0].cachePolicy.queryStrings = .all
        }
        _ = await bench.get("/a", query: "b&a=%20&a=2&&c==")
        #expect(bench.origin.last?.query == "b&a=%20&a=2&&c==")
    }

    @Test("a function answers by itself, is not cached, and no error page stands for it")
    func generated() async throws {
        let bench = Self.bench(
            request: """
                return { statusCode: 404, statusDescription: 'Gone Away',
                  headers: { 'x-a': { value: 'b' } },
                  cookies: { s: { value: '1', attributes: 'Path=/; Secure' } },
                  body: { encoding: 'base64', data: 'aGk=' } };
                """,
            response: "throw new Error('never')",
            change: {
                $0.customErrorResponses = [
                    CustomErrorResponse(errorCode: 404, responsePagePath: "/e", responseCode: 200)
                ]
            }
        )
        let got = try #require(await bench.get("/a"))
        #expect(got.status == 404 && got.head.reason == "Gone Away" && got.text == "hi")
        #expect(got.header("x-a") == "b" && got.header("set-cookie") == "s=1; Path=/; Secure")
        #expect(got.cache == "FunctionGeneratedResponse from cloudfront")
        #expect(bench.origin.count == 0)
    }

    @Test("at viewer-response status, headers, cookies and body may change, on hits as well")
    func response() async throws {
        let bench = Self.bench(
            response: """
                if (typeof r.statusCode !== 'number') throw new Error('not a number');
                r.statusCode = 201; r.headers['x-uri'] = { value: event.request.uri };
                r.cookies = { a: { value: '1' } }; r.body = 'new'; return r;
                """
        )
        for cache in ["Miss from cloudfront", "Hit from cloudfront"] {
            let got = try #require(await bench.get("/a"))
            #expect(got.status == 201 && got.text == "new" && got.cache == cache)
            #expect(got.header("x-uri") == "/a" && got.header("set-cookie") == "a=1")
            #expect(got.header("content-length") == "3")
        }
    }

    @Test("a function at viewer-response does not run for an origin's error")
    func noResponseForErrors() async throws {
        let bench = Self.bench(
            response: "r.headers['x-a'] = { value: '1' }; return r",
            origin: { _ in (ResponseHead(status: 404), "none") }
        )
        let got = try #require(await bench.get("/a"))
        #expect(got.status == 404, "\(got.status) \(got.text) \(got.stages)")
        #expect(got.header("x-a") == nil)
    }

    @Test("the event shows what its page says")
    func event() async throws {
        let bench = Self.bench(
            request: "console.log(event); return r",
            change: { distribution in
                distribution.behaviors[0].originRequestPolicy =
                    ManagedPolicies.originRequest[
                        "33f36d7e-f396-46d9-90e0-52428a34d9dc"
                    ]
            }
        )
        _ = await bench.get(
            "/a",
            query: "id=1&m=a&m=b&n",
            headers: ["Cookie": "sid=abc; t=1", "Accept": "x", "accept": "y", "X-Cache": "no"]
        )
        let line = try #require(bench.lines.withLock { $0.first { $0.contains("\"version\"") } })
        let start = try #require(line.firstIndex(of: "{"))
        let event = try JSONValue.parse(String(line[start...]))
        #expect(event["version"] == "1.0" && event["viewer"]?["ip"] == "198.51.100.7")
        #expect(event["context"]?["eventType"] == "viewer-request")
        #expect(event["context"]?["distributionId"] == "E1")
        let request = try #require(event["request"])
        #expect(request["querystring"]?["m"]?["multiValue"] == [["value": "a"], ["value": "b"]])
        #expect(request["querystring"]?["n"] == ["value": ""])
        #expect(request["headers"]?["accept"]?["value"] == "x")
        #expect(request["headers"]?["host"] == ["value": "app.localhost"])
        #expect(request["headers"]?["cookie"] == nil && request["headers"]?["x-cache"] == nil)
        #expect(request["headers"]?["cloudfront-forwarded-proto"]?["value"] == "https")
        #expect(request["cookies"]?["sid"] == ["value": "abc"])
        #expect(event["response"] == nil)
        let lines = bench.lines.withLock { $0 }
        #expect(lines.first?.hasSuffix("START DistributionID: E1") == true)
        #expect(lines.last?.hasSuffix(" END") == true)
    }

    @Test("origins are changed, picked and grouped by the helpers of runtime 2.0")
    func origins() async throws {
        let change: (inout Distribution) -> Void = {
            $0.origins.append(Origin(id: "second", domainName: "second.example"))
            $0.origins[0].customHeaders = ["X-Old": "1"]
        }
        let updated = Self.bench(
            request: """
                require('cloudfront').updateRequestOrigin({ domainName: 'new.example',
                  hostHeader: 'asked.example', originPath: '/p', customHeaders: { 'x-stage': 'a' },
                  timeouts: { readTimeout: 7 },
                  customOriginConfig: { port: 8081, protocol: 'http', sslProtocols: ['TLSv1.2'] } });
                return r
                """,
            change: change
        )
        _ = await updated.get("/a")
        let target = try #require(updated.origin.lastTarget)
        #expect(target.origin.domainName == "new.example" && target.port == 8081)
        #expect(target.origin.readTimeout == 7)
        #expect(updated.origin.last?.headers["host"] == "asked.example")
        #expect(updated.origin.last?.path == "/p/a")
        #expect(updated.origin.last?.headers["x-stage"] == "a")
        #expect(updated.origin.last?.headers["x-old"] == nil)

        let selected = Self.bench(
            request: "require('cloudfront').selectRequestOriginById('second'); return r",
            change: change
        )
        _ = await selected.get("/a")
        #expect(selected.origin.lastTarget?.origin.domainName == "second.example")

        let grouped = Self.bench(
            request: """
                require('cloudfront').createRequestOriginGroup({
                  originIds: [{ originId: 'o' }, { originId: 'second' }],
                  failoverCriteria: { statusCodes: [500] } });
                return r
                """,
            change: change,
            origin: { request in
                let isFirst = request.headers["host"] == "origin.example"
                return (ResponseHead(status: isFirst ? 500 : 200), isFirst ? "first" : "second")
            }
        )
        #expect(await grouped.get("/a")?.text == "second")
    }

    @Test("the store that is associated is read in async handlers")
    func store() async throws {
        let code = """
            import cf from 'cloudfront';
            const kvs = cf.kvs();
            async function handler(event) {
              event.request.uri = await kvs.get(event.request.uri);
              return event.request;
            }
            """
        let function = ViewerFunction(
            name: "f",
            runtime: .two,
            code: code,
            store: KeyValueContent(id: "s", pairs: ["/a": "/z"])
        )
        let bench = Bench(
            .sample {
                $0.behaviors[0].viewerFunctions = [
                    ViewerFunctionAssociation(event: .viewerRequest, arn: "a")
                ]
            },
            functions: ViewerFunctions(host: FunctionHost()) { _ in function }
        ) { _ in (ResponseHead(status: 200), "x") }
        _ = await bench.get("/a")
        #expect(bench.origin.last?.path == "/z")
        #expect(await bench.get("/none")?.status == 503)
    }
}
