import HTTP
import JSON
import Model
import Synchronization
import Testing

@testable import Edge

@Suite("Cache and origin request policies", .timeLimit(.minutes(15)))
struct PolicyTests {
    /// The guide's table of both policies: what of `a`, `b` and `c` reaches the origin.
    @Test(
        "both policies are joined as in the guide's table",
        arguments: [
            (Selection.none, Selection.none, ""), (.none, .all, "abc"), (.none, .only(["a"]), "a"),
            (.none, .allExcept(["a"]), "bc"), (.all, .none, "abc"), (.all, .all, "abc"),
            (.all, .only(["a"]), "abc"), (.all, .allExcept(["a"]), "abc"),
            (.only(["a"]), .none, "a"), (.only(["a"]), .all, "abc"),
            (.only(["a"]), .only(["b"]), "ab"), (.only(["a"]), .allExcept(["a"]), "abc"),
            (.only(["b"]), .allExcept(["a"]), "bc"), (.allExcept(["a"]), .none, "bc"),
            (.allExcept(["a"]), .all, "abc"), (.allExcept(["a"]), .only(["a"]), "abc"),
            (.allExcept(["a"]), .only(["b"]), "bc"), (.allExcept(["a"]), .allExcept(["b"]), "c"),
        ]
    )
    func union(_ cache: Selection, _ extra: Selection, _ wanted: String) async throws {
        var policy = CachePolicy(id: "p")
        policy.queryStrings = cache
        policy.cookies = cache
        let bench = Bench(
            .sample(policy: policy) {
                var more = OriginRequestPolicy(id: "o")
                more.queryStrings = extra
                more.cookies = extra
                $0.behaviors[0].originRequestPolicy = more
            },
            origin: PipelineTests.plain
        )
        _ = await bench.get("/x", query: "a=1&b=1&c=1", headers: ["Cookie": "c=1; b=1; a=1"])
        let head = try #require(bench.origin.last)
        #expect((head.query ?? "").filter { "abc".contains($0) } == wanted)
        #expect((head.headers["cookie"] ?? "").filter { "abc".contains($0) } == wanted)
    }

    @Test("headers of both policies reach the origin; a block list spares what the other lists")
    func headers() async throws {
        var policy = CachePolicy(id: "p")
        policy.headers = .only(["X-A"])
        func sent(_ extra: Selection) async throws -> RequestHead {
            let bench = Bench(
                .sample(policy: policy) {
                    var more = OriginRequestPolicy(id: "o")
                    more.headers = extra
                    $0.behaviors[0].originRequestPolicy = more
                },
                origin: PipelineTests.plain
            )
            let headers: Headers = ["X-A": "1", "X-B": "2", "User-Agent": "curl", "TE": "x"]
            _ = await bench.get("/x", headers: headers)
            return try #require(bench.origin.last)
        }
        let none = try await sent(.none)
        #expect(none.headers["x-a"] == "1" && none.headers["x-b"] == nil)
        #expect(none.headers["user-agent"] == "Amazon CloudFront")
        let all = try await sent(.all)
        #expect(all.headers["x-b"] == "2" && all.headers["user-agent"] == "curl")
        #expect(all.headers["host"] == "app.localhost:8443" && all.headers["te"] == nil)
        let except = try await sent(.allExcept(["x-a", "host"]))
        #expect(except.headers["x-a"] == "1" && except.headers["x-b"] == "2")
        #expect(except.headers["host"] == "origin.example")
    }

    /// The older settings: what of a viewer's headers goes on without being named.
    @Test(
        "ForwardedValues passes headers on by the guide's table",
        arguments: [
            ("GET", "Accept", false), ("GET", "Accept-Language", false), ("GET", "Referer", false),
            ("GET", "Authorization", false), ("POST", "Authorization", true),
            ("GET", "X-Other", true), ("GET", "Cache-Control", true), ("GET", "Origin", true),
            ("GET", "Cookie", false), ("GET", "Proxy-Authorization", false), ("GET", "TE", false),
            ("GET", "X-HTTP-Method-Override", false), ("GET", "X-Real-IP", false),
            ("GET", "X-Edge-A", false), ("GET", "Pragma", true), ("GET", "Date", true),
        ]
    )
    func legacy(_ method: String, _ name: String, _ passes: Bool) async throws {
        var policy = CachePolicy(id: "legacy")
        policy.isLegacy = true
        let all = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
        let bench = Bench(
            .sample(policy: policy) { $0.behaviors[0].allowedMethods = all },
            origin: PipelineTests.plain
        )
        _ = await bench.get("/x", method: method, headers: [name: "a=1"])
        let head = try #require(bench.origin.last)
        #expect(head.headers.contains(name) == passes)
        #expect(head.headers["user-agent"] == "Amazon CloudFront")
        #expect(head.headers["host"] == "origin.example")
    }

    @Test("the older settings key on some query strings and pass all on")
    func legacyQueries() async throws {
        var policy = CachePolicy(id: "legacy")
        policy.isLegacy = true
        policy.queryStrings = .all
        policy.legacyQueryKeys = ["a"]
        policy.cookies = .only(["s*"])
        let bench = Bench(.sample(policy: policy), origin: PipelineTests.plain)
        _ = await bench.get("/x", query: "a=1&b=1", headers: ["Cookie": "t=1; sid=2; $s=3"])
        #expect(bench.origin.last?.query == "a=1&b=1")
        #expect(bench.origin.last?.headers["cookie"] == "sid=2")
        _ = await bench.get("/x", query: "a=1&b=2", headers: ["Cookie": "sid=2"])
        #expect(bench.origin.count == 1)
        _ = await bench.get("/x", query: "a=2&b=1", headers: ["Cookie": "sid=2"])
        #expect(bench.origin.count == 2)
    }

    @Test(
        "Vary keeps what can vary here",
        arguments: [
            ("Accept-Encoding, X-A, X-B", "Accept-Encoding, X-A"), ("X-B", nil),
            ("Cookie", "Cookie"), ("*", nil), ("Origin, X-a", "X-a"),
        ] as [(String, String?)]
    )
    func vary(_ sent: String, _ kept: String?) async throws {
        var policy = CachePolicy.cachingOptimized
        policy.headers = .only(["X-A"])
        let bench = Bench(.sample(policy: policy)) { _ in
            (ResponseHead(status: 200, headers: ["Vary": sent]), "x")
        }
        #expect(try #require(await bench.get("/a")).header("vary") == kept)
    }

    @Test("Vary with a star is asked for each time when the minimum is zero")
    func varyStar() async throws {
        var policy = CachePolicy.cachingOptimized
        policy.minTTL = 0
        let bench = Bench(.sample(policy: policy)) { _ in
            (ResponseHead(status: 200, headers: ["Vary": "*"]), "x")
        }
        for _ in 0..<2 {
            #expect(try #require(await bench.get("/a")).cache == "Miss from cloudfront")
        }
    }

    @Test(
        "cookies of answers are kept only where cookies go on, and never when no-cache names them"
    )
    func answerCookies() async throws {
        let answer: @Sendable (RequestHead) -> (ResponseHead, String) = { head in
            var headers: Headers = ["Set-Cookie": "a=1", "set-cookie": "b=2"]
            if head.path == "/fresh" {
                headers.append("Cache-Control", "max-age=60, no-cache=\"Set-Cookie\"")
            }
            return (ResponseHead(status: 200, headers: headers), "x")
        }
        let none = Bench(.sample(), origin: answer)
        #expect(try #require(await none.get("/a")).header("set-cookie") == nil)
        var policy = CachePolicy.cachingOptimized
        policy.cookies = .all
        let some = Bench(.sample(policy: policy), origin: answer)
        for _ in 0..<2 {
            let got = try #require(await some.get("/a"))
            #expect(got.head.headers.all("set-cookie") == ["a=1", "b=2"])
        }
        #expect(try #require(await some.get("/fresh")).header("set-cookie") == "a=1")
        let hit = try #require(await some.get("/fresh"))
        #expect(hit.cache == "Hit from cloudfront")
        #expect(hit.header("set-cookie") == nil)
    }

    @Test("there are all managed policies, by AWS's ids")
    func managed() {
        #expect(ManagedPolicies.cache.count == 7)
        #expect(ManagedPolicies.originRequest.count == 8)
        #expect(ManagedPolicies.responseHeaders.count == 5)
        let named = ManagedPolicies.cache["658327ea-f89d-4fab-a63d-7e88639e58f6"]
        #expect(named?.name == "Managed-CachingOptimized")
        #expect(named?.minTTL == 1)
    }

    @Test("a HEAD is answered from what a GET left, and GET is not from a HEAD")
    func head() async throws {
        let bench = Bench(.sample(), origin: PipelineTests.plain)
        #expect(try #require(await bench.get("/a", method: "HEAD")).cache == "Miss from cloudfront")
        #expect(try #require(await bench.get("/a")).cache == "Miss from cloudfront")
        let head = try #require(await bench.get("/a", method: "HEAD"))
        #expect(head.cache == "Hit from cloudfront")
        #expect(head.header("content-length") == "5")
    }

    @Test("an invalidation forgets all variants of its paths, as they are in the key")
    func invalidation() async throws {
        var policy = CachePolicy.cachingOptimized
        policy.queryStrings = .all
        let bench = Bench(
            .sample(policy: policy, hooks: [.viewerRequest]),
            scripts: [
                "viewer-request:1": echo("request") { object in
                    if object["uri"] == "/img/x" { object["uri"] = "/api/x" }
                }
            ],
            origin: PipelineTests.plain
        )
        func isHit(_ path: String, _ query: String? = nil, _ coding: String = "br") async -> Bool {
            await bench.get(path, query: query, headers: ["Accept-Encoding": coding])?.cache
                == "Hit from cloudfront"
        }
        for coding in ["br", "gzip"] { _ = await isHit("/a", nil, coding) }
        _ = await isHit("/a", "q=1")
        _ = await isHit("/ab")
        _ = await isHit("/img/x")
        #expect(bench.cache.invalidate(distribution: "E1", path: "/a") == 2)
        #expect(await isHit("/a", "q=1"))
        #expect(await isHit("/ab"))
        #expect(bench.cache.invalidate(distribution: "E1", path: "/img/x") == 0)
        #expect(await isHit("/img/x"))
        #expect(bench.cache.invalidate(distribution: "E2", path: "/*") == 0)
        #expect(bench.cache.invalidate(distribution: "E1", path: "/api/*") == 1)
        #expect(bench.cache.invalidate(distribution: "E1", path: "/a*") == 2)
        #expect(!(await isHit("/ab")))
    }
}
