import DataPlane
import HTTP
import JSON
import Model
import Synchronization
import Testing

@testable import Edge

/// What emulators usually get wrong, as seen by a viewer.
///
/// The numbers are those of a list of twenty: 7 is in the lifetimes, 13 to 16 are asked by real clients, 19 is in
/// the tests of the executor and of the rules.
@Suite("Acceptance")
struct AcceptanceTests {
    static let ok: @Sendable (RequestHead) -> (ResponseHead, String) = { _ in
        (ResponseHead(status: 200, headers: ["Cache-Control": "max-age=60"]), "body")
    }
    static let missing: @Sendable (RequestHead) -> (ResponseHead, String) = { _ in
        (ResponseHead(status: 404), "none")
    }
    static let addHeader = echo("response") { setHeader(&$0, "x-added", "1") }

    static func fixed(_ json: String) -> ScriptedInvoker.Script {
        { _ in .success(Array(json.utf8)[...]) }
    }

    @Test("1: a 404 of the origin passes by viewer-response, with an error page and without")
    func errorsPassByViewerResponse() async throws {
        for page in [nil, "/page"] {
            let bench = Bench(
                .sample(hooks: [.viewerResponse]) {
                    guard let page else { return }
                    $0.customErrorResponses = [
                        CustomErrorResponse(
                            errorCode: 404,
                            responsePagePath: page,
                            responseCode: 200
                        )
                    ]
                },
                scripts: ["viewer-response:1": Self.addHeader]
            ) { $0.path == "/page" ? Self.ok($0) : Self.missing($0) }
            let got = try #require(await bench.get("/a"))
            #expect(got.status == (page == nil ? 404 : 200))
            #expect(got.header("x-added") == nil)
        }
    }

    @Test("2: Via stays, Host may change on the way to the origin and not before")
    func hostAndVia() async throws {
        func answer(
            _ event: EdgeEvent,
            _ change: @escaping @Sendable (inout JSONObject) -> Void
        ) async
            -> Received?
        {
            await Bench(
                .sample(hooks: [event]),
                scripts: ["\(event.rawValue):1": echo("request", change)],
                origin: Self.ok
            ).get("/a")
        }
        let noVia = await answer(.originRequest) { object in
            var headers = object["headers"]?.object ?? JSONObject()
            headers["via"] = nil
            object["headers"] = .object(headers)
        }
        #expect(noVia?.status == 502 && noVia?.cache == "LambdaValidationError from cloudfront")
        #expect(
            await answer(.originRequest) { setHeader(&$0, "host", "other.example") }?.status == 200
        )
        #expect(
            await answer(.viewerRequest) { setHeader(&$0, "host", "other.example") }?.status == 502
        )
    }

    @Test(
        "3: a status is a text from 200 to 599, and 204 has no body",
        arguments: [
            (#"{"status":200}"#, 502), (#"{"status":"200"}"#, 200), (#"{"status":"199"}"#, 502),
            (#"{"status":"600"}"#, 502), (#"{"status":"204","body":"x"}"#, 502),
        ]
    )
    func statuses(json: String, status: Int) async throws {
        let bench = Bench(
            .sample(hooks: [.viewerRequest]),
            scripts: ["viewer-request:1": Self.fixed(json)],
            origin: Self.ok
        )
        #expect(await bench.get("/a")?.status == status)
    }

    @Test(
        "4: bodies have their sizes; an answer at origin-request is cached, one at viewer-request never"
    )
    func generatedBodies() async throws {
        func answer(_ event: EdgeEvent, _ size: Int) async -> [String?] {
            let body = String(repeating: "x", count: size)
            let bench = Bench(
                .sample(hooks: [event]),
                scripts: [
                    "\(event.rawValue):1": Self.fixed(#"{"status":"200","body":"\#(body)"}"#)
                ],
                origin: Self.ok
            )
            let first = await bench.get("/a")
            let second = await bench.get("/a")
            return [first.map { String($0.status) }, second?.cache]
        }
        #expect(await answer(.viewerRequest, 40 << 10).first == "200")
        #expect(await answer(.viewerRequest, 40 << 10 + 1).first == "502")
        #expect(await answer(.originRequest, 1 << 20) == ["200", "Hit from cloudfront"])
        #expect(
            await answer(.viewerRequest, 10)
                == ["200", "LambdaGeneratedResponse from cloudfront"]
        )
    }

    @Test("5: a rewritten URI keeps its behaviour, is in the key, and is what invalidations name")
    func rewriting() async throws {
        let bench = Bench(
            .sample(hooks: [.viewerRequest]) {
                $0.origins.append(Origin(id: "api", domainName: "api.example"))
                var img = $0.behaviors[0]
                img.pathPattern = "/img/*"
                var api = $0.behaviors[0]
                (api.pathPattern, api.targetOriginID, api.functions) = ("/api/*", "api", [])
                $0.behaviors.insert(contentsOf: [img, api], at: 0)
            },
            scripts: ["viewer-request:1": echo("request") { $0["uri"] = "/api/x" }],
            origin: Self.ok
        )
        _ = await bench.get("/img/x")
        #expect(bench.origin.lastTarget?.origin.domainName == "origin.example")
        #expect(bench.origin.last?.path == "/api/x")
        bench.cache.invalidate(distribution: "E1", path: "/img/x")
        #expect(await bench.get("/img/x")?.cache == "Hit from cloudfront")
        bench.cache.invalidate(distribution: "E1", path: "/api/x")
        #expect(await bench.get("/img/x")?.cache == "Miss from cloudfront")
    }

    @Test("6: what the older settings send by themselves")
    func legacyForwarding() async throws {
        var policy = CachePolicy(id: "legacy")
        policy.isLegacy = true
        let bench = Bench(
            .sample(policy: policy) {
                $0.behaviors[0].allowedMethods = [
                    "GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE",
                ]
            },
            origin: Self.ok
        )
        let headers: Headers = [
            "User-Agent": "curl", "Accept": "text/html", "Authorization": "Basic x",
        ]
        _ = await bench.get("/a", headers: headers)
        let got = try #require(bench.origin.last)
        #expect(got.headers["user-agent"] == "Amazon CloudFront")
        #expect(got.headers["host"] == "origin.example")
        #expect(got.headers["accept"] == nil && got.headers["authorization"] == nil)
        _ = await bench.get("/b", method: "POST", headers: headers, body: "x")
        #expect(bench.origin.last?.headers["authorization"] == "Basic x")
    }

    @Test("8: two ways to say gzip and br share an answer; a strong tag becomes weak")
    func encodings() async throws {
        let bench = Bench(
            .sample { $0.behaviors[0].compress = true },
            origin: { head in
                let size = head.path == "/small" ? 999 : 1000
                let headers: Headers = [
                    "Cache-Control": "max-age=60",
                    "Content-Type": head.path == "/font" ? "font/woff2" : "text/plain",
                    "ETag": "\"a\"",
                ]
                return (
                    ResponseHead(status: 200, headers: headers), String(repeating: "x", count: size)
                )
            }
        )
        let first = await bench.get("/a", headers: ["Accept-Encoding": "gzip, deflate, br"])
        #expect(first?.header("content-encoding") == "br" && first?.header("etag") == "W/\"a\"")
        let second = await bench.get("/a", headers: ["Accept-Encoding": "br;q=1.0, gzip"])
        #expect(second?.cache == "Hit from cloudfront")
        for path in ["/small", "/font"] {
            let plain = await bench.get(path, headers: ["Accept-Encoding": "gzip"])
            #expect(plain?.header("content-encoding") == nil && plain?.header("etag") == "\"a\"")
        }
    }

    @Test("9: an error reaches the origin once in its time; a 403 without a lifetime is not kept")
    func errorCaching() async throws {
        for (status, asked) in [(503, 1), (403, 2)] {
            let bench = Bench(.sample()) { _ in (ResponseHead(status: status), "x") }
            _ = await bench.get("/a")
            bench.advance(5)
            _ = await bench.get("/a")
            #expect(bench.origin.count == asked, "\(status)")
        }
    }

    @Test("10: a POST does not fail over, a GET does with a second run of origin-request")
    func failover() async throws {
        for (method, runs) in [("POST", 1), ("GET", 2)] {
            let bench = Bench(
                .sample(policy: .cachingDisabled, hooks: [.originRequest]) {
                    $0.origins.append(Origin(id: "second", domainName: "second.example"))
                    $0.originGroups = [
                        OriginGroup(id: "g", primary: "o", secondary: "second", statusCodes: [503])
                    ]
                    $0.behaviors[0].targetOriginID = "g"
                    $0.behaviors[0].allowedMethods = [
                        "GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE",
                    ]
                },
                scripts: ["origin-request:1": echo("request")]
            ) { head in
                let isFirst = head.headers["host"] == "origin.example"
                return (ResponseHead(status: isFirst ? 503 : 200), "x")
            }
            let got = await bench.get("/a", method: method, body: method == "POST" ? "x" : "")
            #expect(got?.status == (method == "POST" ? 503 : 200))
            #expect(bench.invoker.functions.count == runs, "\(method)")
        }
    }

    @Test("11: redirects by method and version, without any function")
    func redirects() async throws {
        for (method, version, status) in [
            ("POST", HTTPVersion.http11, 307), ("GET", .http11, 301), ("POST", .http10, 403),
        ] {
            let bench = Bench(
                .sample(hooks: [.viewerRequest]) {
                    $0.behaviors[0].viewerProtocolPolicy = .redirectToHTTPS
                    $0.behaviors[0].allowedMethods = [
                        "GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE",
                    ]
                },
                scripts: ["viewer-request:1": echo("request")],
                origin: Self.ok
            )
            let got = await bench.get("/a", method: method, isTLS: false, version: version)
            #expect(got?.status == status)
            #expect(bench.invoker.functions.isEmpty)
        }
    }

    @Test("12: patterns see the path without dots, origins the path as it came")
    func patterns() async throws {
        let bench = Bench(
            .sample {
                $0.origins.append(Origin(id: "img", domainName: "img.example"))
                var img = $0.behaviors[0]
                (img.pathPattern, img.targetOriginID) = ("/images/*.jpg", "img")
                $0.behaviors.insert(img, at: 0)
            },
            origin: Self.ok
        )
        for path in ["/images/a/b.jpg", "/x/../images/a.jpg"] {
            _ = await bench.get(path)
            #expect(bench.origin.lastTarget?.origin.domainName == "img.example")
            #expect(bench.origin.last?.path == path)
        }
    }

    @Test("17: a policy that does not override leaves CORS to an origin that speaks of it at all")
    func cors() async throws {
        var policy = ResponseHeadersPolicy(id: "p")
        var cors = ResponseHeadersPolicy.CORS()
        cors.allowOrigins = ["*"]
        cors.allowMethods = ["GET"]
        cors.allowHeaders = ["x-a"]
        cors.overridesOrigin = false
        policy.cors = cors
        let bench = Bench(
            .sample { $0.behaviors[0].responseHeadersPolicy = policy },
            origin: { _ in
                (
                    ResponseHead(
                        status: 200,
                        headers: ["Access-Control-Allow-Origin": "https://own"]
                    ), "x"
                )
            }
        )
        let got = try #require(await bench.get("/a", headers: ["Origin": "https://own"]))
        let names = got.head.headers.map { $0.name.lowercased() }
            .filter { $0.hasPrefix("access-control-") }
        #expect(names == ["access-control-allow-origin"])
    }

    @Test("18: ranges out of order get the whole")
    func ranges() async throws {
        let bench = Bench(.sample()) { _ in
            (
                ResponseHead(status: 200, headers: ["Cache-Control": "max-age=60"]),
                String(repeating: "x", count: 500)
            )
        }
        _ = await bench.get("/a")
        let got = try #require(await bench.get("/a", headers: ["Range": "bytes=300-400,100-200"]))
        #expect(got.status == 200 && got.bytes.count == 500)
    }

    @Test("20: no origin-request hook for an origin whose configured name does not resolve")
    func unresolved() async throws {
        let bench = Bench(
            .sample(hooks: [.originRequest]),
            scripts: ["origin-request:1": echo("request")],
            origin: Self.ok
        )
        bench.origin.broken.withLock {
            $0["origin.example"] = .upstream(
                .init(host: "no-such-name.invalid", port: 80, isTLS: false)
            )
        }
        #expect(await bench.get("/a")?.status == 502)
        #expect(bench.invoker.functions.isEmpty)
    }
}

/// What stays in a cache that is smaller than what is asked for.
@Suite("Eviction")
struct EvictionTests {
    static func entry(_ size: Int) -> StoredResponse {
        StoredResponse(
            head: ResponseHead(status: 200),
            body: [UInt8](repeating: 120, count: size)[...],
            storedAt: 0,
            expiresAt: 100,
            originStatus: 200
        )
    }

    @Test("a scan over ten times the cache's size leaves what is in use")
    func scan() {
        let store = CacheStore(byteLimit: 16 << 20)
        let used = (0..<400).map { "used \($0)" }
        for key in used { store.put(key, Self.entry(8 << 10)) }
        for key in used { _ = store.fresh(key, now: 0) }
        for number in 0..<20_000 { store.put("scanned \(number)", Self.entry(8 << 10)) }
        let kept = used.filter { store.fresh($0, now: 0) != nil }.count
        #expect(kept == used.count, "\(kept) of \(used.count) stayed")
        #expect(store.cost <= 16 << 20)
    }

    @Test("what is no longer in use makes room in the end")
    func aging() {
        let store = CacheStore(byteLimit: 1 << 20)
        for round in 0..<40 {
            for number in 0..<100 {
                let key = "\(round) \(number)"
                store.put(key, Self.entry(1 << 10))
                _ = store.fresh(key, now: 0)
            }
        }
        #expect((0..<100).allSatisfy { store.fresh("0 \($0)", now: 0) == nil })
        #expect((0..<100).allSatisfy { store.fresh("39 \($0)", now: 0) != nil })
    }
}
