import HTTP
import Model
import Testing

@testable import Edge

@Suite("Response headers policies", .timeLimit(.minutes(15)))
struct ResponseHeaderTests {
    private func bench(
        _ origin: Headers = [:],
        methods: [String] = ["GET", "HEAD", "OPTIONS"],
        _ change: @escaping @Sendable (inout ResponseHeadersPolicy) -> Void
    ) -> Bench {
        Bench(
            .sample {
                var policy = ResponseHeadersPolicy(id: "p")
                change(&policy)
                $0.behaviors[0].responseHeadersPolicy = policy
                $0.behaviors[0].allowedMethods = methods
            }
        ) { _ in (ResponseHead(status: 200, headers: origin), "x") }
    }

    @Test(
        "origins match as in the guide's table",
        arguments: [
            ("http://*.example.org", "http://www.example.org", true),
            ("http://*.example.org", "https://test.example.org", false),
            ("http://*.example.org", "http://test.example.org:123", false),
            ("*.example.org", "http://a.b.example.org:123", true),
            ("*.example.org", "https://a.example.org", true),
            ("*.example.org", "https://example.org", false),
            ("example.org", "http://example.org", true),
            ("example.org", "https://example.org", true),
            ("http://example.org", "http://example.org", true),
            ("http://example.org", "https://example.org", false),
            ("http://example.org", "http://example.org:123", false),
            ("http://example.org:*", "http://example.org:123", true),
            ("http://example.org:*", "http://example.org", false),
            ("http://example.org:1*3", "http://example.org:123", true),
            ("http://example.org:1*3", "http://example.org:1893", true),
            ("http://example.org:1*3", "http://example.org:13", true),
            ("http://example.org:1*3", "http://example.org:14", false),
            ("*", "https://anything", true),
        ]
    )
    func origins(_ entry: String, _ origin: String, _ matches: Bool) {
        #expect(CrossOriginRules.matches(entry, origin: origin) == matches)
    }

    @Test("removal comes first, so that a removed header can be added anew")
    func removal() async throws {
        let bench = bench(["X-A": "1", "X-B": "2", "Server": "theirs"]) {
            $0.removed = ["x-a", "x-b", "Server"]
            $0.custom = [.init("X-B", "new", overridesOrigin: false)]
        }
        for _ in 0..<2 {
            let got = try #require(await bench.get("/a"))
            #expect(got.header("x-a") == nil)
            #expect(got.header("x-b") == "new")
            #expect(got.header("server") == "CloudFront")
        }
    }

    @Test("a header replaces the origin's only when it overrides it")
    func override() async throws {
        let bench = bench(["X-Frame-Options": "DENY", "X-A": "theirs"]) {
            $0.security = [
                .init("X-Frame-Options", "SAMEORIGIN", overridesOrigin: true),
                .init("Strict-Transport-Security", "max-age=1", overridesOrigin: true),
            ]
            $0.custom = [
                .init("X-A", "ours", overridesOrigin: false),
                .init("X-C", "ours", overridesOrigin: false),
            ]
        }
        let got = try #require(await bench.get("/a"))
        #expect(got.head.headers.all("x-frame-options") == ["SAMEORIGIN"])
        #expect(got.head.headers.all("x-a") == ["theirs"])
        #expect(got.header("x-c") == "ours")
        #expect(got.header("strict-transport-security") == "max-age=1")
        let plain = try #require(await bench.get("/a", isTLS: false))
        #expect(plain.header("strict-transport-security") == nil)
    }

    @Test("CORS without override gives way to any CORS header of the origin")
    func crossOriginGivesWay() async throws {
        let change: @Sendable (inout ResponseHeadersPolicy) -> Void = {
            var cors = ResponseHeadersPolicy.CORS()
            cors.allowOrigins = ["https://app.example"]
            cors.exposeHeaders = ["X-A"]
            cors.allowCredentials = true
            $0.cors = cors
        }
        let asked: Headers = ["Origin": "https://app.example"]
        let theirs = bench(["Access-Control-Allow-Origin": "*"], change)
        let kept = try #require(await theirs.get("/a", headers: asked))
        #expect(kept.header("access-control-allow-origin") == "*")
        #expect(kept.header("access-control-expose-headers") == nil)
        let none = bench([:], change)
        let ours = try #require(await none.get("/a", headers: asked))
        #expect(ours.header("access-control-allow-origin") == "https://app.example")
        #expect(ours.header("access-control-expose-headers") == "X-A")
        #expect(ours.header("access-control-allow-credentials") == "true")
        #expect(ours.header("vary") == "Origin")
        let same = try #require(await none.get("/a"))
        #expect(same.header("access-control-allow-origin") == nil)
        let other = try #require(await none.get("/a", headers: ["Origin": "https://evil.example"]))
        #expect(other.header("access-control-allow-origin") == nil)
    }

    @Test("a preflight gets methods, headers and age, and nothing to expose")
    func preflight() async throws {
        let bench = bench(["Access-Control-Allow-Origin": "theirs"]) {
            var cors = ResponseHeadersPolicy.CORS()
            cors.allowOrigins = ["*"]
            cors.allowMethods = ["ALL"]
            cors.allowHeaders = ["x-a", "x-b"]
            cors.exposeHeaders = ["X-C"]
            cors.maxAge = 600
            cors.overridesOrigin = true
            $0.cors = cors
        }
        let got = try #require(
            await bench.get(
                "/a",
                method: "OPTIONS",
                headers: ["Origin": "https://a", "Access-Control-Request-Method": "PUT"]
            )
        )
        #expect(got.head.headers.all("access-control-allow-origin") == ["*"])
        #expect(
            got.header("access-control-allow-methods")
                == "GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE"
        )
        #expect(got.header("access-control-allow-headers") == "x-a, x-b")
        #expect(got.header("access-control-max-age") == "600")
        #expect(got.header("access-control-expose-headers") == nil)
    }

    @Test("Server-Timing tells misses from hits and can be asked for")
    func timing() async throws {
        let bench = bench(["Server-Timing": "db;dur=5"]) { $0.serverTimingRate = 0 }
        #expect(try #require(await bench.get("/z")).header("server-timing") == "db;dur=5")
        let asked: Headers = ["Pragma": "server-timing"]
        let miss = try #require(await bench.get("/a", headers: asked))
        let text = try #require(miss.header("server-timing"))
        #expect(text.hasPrefix("db;dur=5,cdn-upstream-layer;desc=\"EDGE\",cdn-upstream-dns;dur="))
        #expect(text.contains(",cdn-cache-miss,cdn-pop;desc=\"IAD89-P1\",cdn-rid;desc=\""))
        let hit = try #require(await bench.get("/a", headers: asked))
        #expect(hit.header("server-timing")?.hasPrefix("cdn-cache-hit,cdn-pop;desc=") == true)
        #expect(hit.header("server-timing")?.contains("cdn-hit-layer;desc=\"EDGE\"") == true)
        let quiet = try #require(await bench.get("/a"))
        #expect(quiet.header("server-timing") == nil)
    }

    @Test("a policy is applied to redirects and generated answers, in CloudFront's order")
    func everywhere() async throws {
        let bench = bench { policy in
            policy =
                ManagedPolicies.responseHeaders["67f7725c-6f97-4210-82d7-5512b31e9d03"] ?? policy
        }
        let got = try #require(await bench.get("/a", method: "PUT"))
        #expect(got.status == 403)
        #expect(got.header("x-content-type-options") == "nosniff")
        let names = got.head.headers.map { $0.name.lowercased() }
        let own = try #require(names.firstIndex(of: "x-amz-cf-id"))
        let policys = try #require(names.firstIndex(of: "x-xss-protection"))
        #expect(own < policys)
    }

    @Test(
        "values are rendered as AWS renders them",
        arguments: [
            (ResponseHeadersPolicy.xssProtection(isOn: false, blocks: true, reportURI: nil), "0"),
            (ResponseHeadersPolicy.xssProtection(isOn: true, blocks: false, reportURI: nil), "1"),
            (
                ResponseHeadersPolicy.xssProtection(isOn: true, blocks: true, reportURI: nil),
                "1; mode=block"
            ),
            (
                ResponseHeadersPolicy.xssProtection(isOn: true, blocks: false, reportURI: "/r"),
                "1; report=/r"
            ),
            (
                ResponseHeadersPolicy.transportSecurity(
                    maxAge: 5,
                    includesSubdomains: true,
                    isPreload: true
                ), "max-age=5; includeSubDomains; preload"
            ),
        ]
    )
    func rendering(_ made: String, _ wanted: String) {
        #expect(made == wanted)
    }
}
