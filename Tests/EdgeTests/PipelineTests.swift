import DataPlane
import HTTP
import JSON
import Model
import Testing

@testable import Edge

@Suite("Pipeline")
struct PipelineTests {
    static let plain: @Sendable (RequestHead) -> (ResponseHead, String) = { head in
        (ResponseHead(status: 200, headers: ["Content-Type": "text/plain"]), "at \(head.target)")
    }

    @Test("a miss becomes a hit with its age")
    func missThenHitWithAge() async throws {
        let bench = Bench(.sample(), origin: Self.plain)
        let first = try #require(await bench.get("/a"))
        #expect(first.status == 200)
        #expect(first.text == "at /a")
        #expect(first.cache == "Miss from cloudfront")
        #expect(first.head.headers["age"] == nil)
        #expect(first.stages == ["cache miss", "origin 200"])
        bench.advance(7)
        let second = try #require(await bench.get("/a"))
        #expect(second.cache == "Hit from cloudfront")
        #expect(second.head.headers["age"] == "7")
        #expect(second.text == "at /a")
        #expect(second.head.headers["x-amz-cf-pop"] == "IAD89-P1")
        #expect(second.head.headers["x-amz-cf-id"]?.utf8.count == 56)
        let head = try #require(await bench.get("/a", method: "HEAD"))
        #expect(head.cache == "Hit from cloudfront")
        #expect(head.text.isEmpty)
        #expect(head.head.headers["content-length"] == "5")
        #expect(bench.origin.count == 1)
    }

    @Test("all four hooks run in order")
    func allFourHooksInOrder() async throws {
        let bench = Bench(
            .sample(hooks: EdgeEvent.allCases),
            scripts: [
                "viewer-request:1": echo("request") { $0["uri"] = "/rewritten" },
                "origin-request:1": echo("request") {
                    setHeader(&$0, "x-from-hook", "1")
                    setHeader(&$0, "host", "other")
                },
                "origin-response:1": echo("response") { setHeader(&$0, "x-stored", "yes") },
                "viewer-response:1": echo("response") { setHeader(&$0, "x-last", "yes") },
            ],
            origin: Self.plain
        )
        let first = try #require(await bench.get("/a"))
        #expect(first.status == 200)
        #expect(first.text == "at /rewritten")
        #expect(first.head.headers["x-stored"] == "yes")
        #expect(first.head.headers["x-last"] == "yes")
        #expect(bench.origin.last?.headers["x-from-hook"] == "1")
        #expect(bench.origin.last?.headers["host"] == "other")
        #expect(
            first.stages == [
                "viewer-request proceed", "cache miss", "origin-request proceed", "origin 200",
                "origin-response proceed", "viewer-response proceed",
            ]
        )
        let second = try #require(await bench.get("/b"))
        #expect(second.cache == "Hit from cloudfront")
        #expect(second.head.headers["x-stored"] == "yes")
        #expect(
            second.stages == ["viewer-request proceed", "cache hit", "viewer-response proceed"]
        )
    }

    @Test("the origin gets CloudFront's headers")
    func originHeadersAreCloudFronts() async throws {
        let bench = Bench(
            .sample { $0.origins[0].customHeaders = ["X-Key": "k"] },
            origin: Self.plain
        )
        _ = await bench.get(
            "/a",
            query: "q=1",
            headers: [
                "User-Agent": "curl", "Accept": "x", "Cookie": "a=1", "Authorization": "b",
                "X-Forwarded-For": "10.0.0.1", "Accept-Encoding": "deflate, gzip",
            ]
        )
        let head = try #require(bench.origin.last)
        #expect(head.target == "/a")
        #expect(head.headers["host"] == "origin.example")
        #expect(head.headers["user-agent"] == "Amazon CloudFront")
        #expect(head.headers["accept"] == nil)
        #expect(head.headers["cookie"] == nil)
        #expect(head.headers["authorization"] == nil)
        #expect(head.headers["x-forwarded-for"] == "10.0.0.1,198.51.100.7")
        #expect(head.headers["accept-encoding"] == "gzip")
        #expect(head.headers["x-key"] == "k")
        #expect(head.headers["via"]?.hasPrefix("1.1 ") == true)
        #expect(head.headers["x-amz-cf-id"]?.hasSuffix("==") == true)
    }

    @Test("an answer of the viewer-request hook ends the request")
    func viewerRequestAnswers() async throws {
        let bench = Bench(
            .sample(hooks: [.viewerRequest, .viewerResponse]),
            scripts: [
                "viewer-request:1": { _ in
                    .success(Array(#"{"status":"418","body":"tea"}"#.utf8)[...])
                }
            ],
            origin: Self.plain
        )
        let got = try #require(await bench.get("/a"))
        #expect(got.status == 418)
        #expect(got.text == "tea")
        #expect(got.cache == "LambdaGeneratedResponse from cloudfront")
        #expect(bench.origin.count == 0)
        #expect(bench.invoker.functions == ["viewer-request:1"])
    }

    @Test("an answer of the origin-request hook is cached")
    func originRequestAnswersAreCached() async throws {
        let bench = Bench(
            .sample(hooks: [.originRequest, .originResponse]),
            scripts: [
                "origin-request:1": { _ in
                    .success(Array(#"{"status":"200","body":"made"}"#.utf8)[...])
                }
            ],
            origin: Self.plain
        )
        #expect(
            try #require(await bench.get("/a")).cache == "LambdaGeneratedResponse from cloudfront"
        )
        let second = try #require(await bench.get("/a"))
        #expect(second.cache == "Hit from cloudfront")
        #expect(second.text == "made")
        #expect(bench.invoker.functions == ["origin-request:1"])
    }

    @Test(
        "each fault of a function has its status and X-Cache value",
        arguments: [
            (
                InvocationResult.functionError(.handled, payload: []), 503,
                "LambdaExecutionError from cloudfront"
            ),
            (.functionError(.timeout, payload: []), 503, "LambdaExecutionError from cloudfront"),
            (.throttled("Rate exceeded"), 503, "LambdaLimitExceeded from cloudfront"),
            (.success(Array("null".utf8)[...]), 502, "LambdaValidationError from cloudfront"),
        ]
    )
    func functionFaults(_ result: InvocationResult, _ status: Int, _ cache: String) async throws {
        let bench = Bench(
            .sample(hooks: [.viewerRequest]),
            scripts: ["viewer-request:1": { _ in result }],
            origin: Self.plain
        )
        let got = try #require(await bench.get("/a"))
        #expect(got.status == status)
        #expect(got.cache == cache)
        #expect(got.text.contains("\(status) ERROR"))
        let id = try #require(got.head.headers["x-amz-cf-id"])
        #expect(got.text.contains("Request ID: \(id)"))
        #expect(
            bench.firstLine?.hasPrefix("/aws/cloudfront/LambdaEdge/E1 (\(id)) ERROR ") == true
        )
    }

    @Test("redirects name the real port")
    func redirectsToTheRealPort() async throws {
        let bench = Bench(
            .sample { $0.behaviors[0].viewerProtocolPolicy = .redirectToHTTPS },
            origin: Self.plain
        )
        let got = try #require(await bench.get("/a", query: "x=1", isTLS: false))
        #expect(got.status == 301)
        #expect(got.head.headers["location"] == "https://app.localhost:8443/a?x=1")
        #expect(got.cache == "Redirect from cloudfront")
        #expect(got.text.utf8.count == 167)
        let post = try #require(await bench.get("/a", method: "POST", isTLS: false))
        #expect(post.status == 307)
    }

    @Test("methods are checked")
    func methodsAreChecked() async throws {
        let bench = Bench(.sample(), origin: Self.plain)
        let got = try #require(await bench.get("/a", method: "POST"))
        #expect(got.status == 403)
        #expect(got.text.contains("not configured to allow the HTTP request method"))
        #expect(got.cache == "Error from cloudfront")
    }

    @Test("errors skip the viewer-response hook")
    func errorsSkipTheViewerResponseHook() async throws {
        let bench = Bench(
            .sample(hooks: [.viewerResponse]),
            origin: { _ in (ResponseHead(status: 404), "gone") }
        )
        let got = try #require(await bench.get("/a"))
        #expect(got.status == 404)
        #expect(got.cache == "Error from cloudfront")
        #expect(bench.invoker.functions.isEmpty)
        _ = await bench.get("/a")
        #expect(bench.origin.count == 1)
        bench.advance(11)
        _ = await bench.get("/a")
        #expect(bench.origin.count == 2)
    }

    @Test("a custom error page stands for the error")
    func customErrorPage() async throws {
        let bench = Bench(
            .sample {
                $0.customErrorResponses = [
                    CustomErrorResponse(
                        errorCode: 404,
                        responsePagePath: "/sorry.html",
                        responseCode: 200
                    )
                ]
            },
            origin: { head in
                head.path == "/sorry.html"
                    ? (ResponseHead(status: 200), "sorry") : (ResponseHead(status: 404), "raw")
            }
        )
        let got = try #require(await bench.get("/a"))
        #expect(got.status == 200)
        #expect(got.text == "sorry")
        #expect(got.cache == "Error from cloudfront")
    }

    @Test("the default root object stands for the root only")
    func defaultRootObject() async throws {
        let bench = Bench(.sample { $0.defaultRootObject = "index.html" }, origin: Self.plain)
        #expect(try #require(await bench.get("/")).text == "at /index.html")
        #expect(try #require(await bench.get("/d/")).text == "at /d/")
    }

    @Test("a stale answer is revalidated")
    func revalidation() async throws {
        let bench = Bench(
            .sample(),
            origin: { head in
                head.headers["if-none-match"] == "\"1\""
                    ? (ResponseHead(status: 304, headers: ["Cache-Control": "max-age=5"]), "")
                    : (
                        ResponseHead(
                            status: 200,
                            headers: ["ETag": "\"1\"", "Cache-Control": "max-age=5"]
                        ),
                        "body"
                    )
            }
        )
        _ = await bench.get("/a")
        bench.advance(6)
        let second = try #require(await bench.get("/a"))
        #expect(second.cache == "RefreshHit from cloudfront")
        #expect(second.text == "body")
        #expect(try #require(await bench.get("/a")).cache == "Hit from cloudfront")
        let conditional = try #require(await bench.get("/a", headers: ["If-None-Match": "\"1\""]))
        #expect(conditional.status == 304)
        #expect(bench.origin.count == 2)
    }

    @Test("an abandoned body is not stored")
    func anAbandonedBodyIsNotStored() async throws {
        let bench = Bench(.sample(), origin: Self.plain)
        _ = await bench.get("/a", readsBody: false)
        #expect(try #require(await bench.get("/a")).cache == "Miss from cloudfront")
        #expect(bench.origin.count == 2)
    }

    @Test("caching disabled asks each time")
    func cachingDisabledAsksEachTime() async throws {
        let bench = Bench(.sample(policy: .cachingDisabled), origin: Self.plain)
        for _ in 0..<2 {
            #expect(try #require(await bench.get("/a")).cache == "Miss from cloudfront")
        }
        #expect(bench.origin.count == 2)
    }

    @Test("an included body is cut in the event and sent whole")
    func includedBodyIsCutAndStillSentWhole() async throws {
        let allowed = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
        let bench = Bench(
            .sample(policy: .cachingDisabled, hooks: [.viewerRequest], includeBody: true) {
                $0.behaviors[0].allowedMethods = allowed
            },
            scripts: ["viewer-request:1": echo("request")],
            origin: Self.plain
        )
        let body = String(repeating: "x", count: 40 << 10 + 1)
        #expect(try #require(await bench.get("/a", method: "POST", body: body)).status == 200)
        let shown = bench.invoker.firstEvent?["Records"]?[0]?["cf"]?["request"]?["body"]
        #expect(shown?["inputTruncated"]?.bool == true)
        #expect(shown?["data"]?.string?.utf8.count == 54616)
        #expect(shown?["action"]?.string == "read-only")
    }

    @Test("a changed origin is asked")
    func changedOriginIsAsked() async throws {
        let bench = Bench(
            .sample(hooks: [.originRequest]),
            scripts: [
                "origin-request:1": echo("request") {
                    $0["origin"] = [
                        "custom": [
                            "domainName": "new.example", "protocol": "http", "port": 8080,
                            "path": "/base", "readTimeout": 5, "keepaliveTimeout": 5,
                            "sslProtocols": ["TLSv1.2"], "customHeaders": [:],
                        ]
                    ]
                }
            ],
            origin: Self.plain
        )
        #expect(try #require(await bench.get("/a")).text == "at /base/a")
        let target = try #require(bench.origin.lastTarget)
        #expect(target.origin.domainName == "new.example")
        #expect(target.port == 8080)
    }

    @Test("a stale answer stands in for a failing origin")
    func staleAnswersStandInForAFailingOrigin() async throws {
        let bench = Bench(
            .sample(),
            origin: { head in
                head.headers["if-none-match"] == nil
                    ? (
                        ResponseHead(
                            status: 200,
                            headers: ["ETag": "\"1\"", "Cache-Control": "max-age=5"]
                        ),
                        "old"
                    ) : (ResponseHead(status: 503), "down")
            }
        )
        _ = await bench.get("/a")
        bench.advance(6)
        for _ in 0..<2 {
            let got = try #require(await bench.get("/a"))
            #expect(got.status == 200)
            #expect(got.text == "old")
        }
        #expect(bench.origin.count == 2)
        bench.advance(11)
        _ = await bench.get("/a")
        #expect(bench.origin.count == 3)
    }

    @Test("upgrades reach the origin uncached")
    func upgradesReachTheOriginUncached() async throws {
        let bench = Bench(
            .sample(hooks: [.originRequest]),
            scripts: ["origin-request:1": echo("request")],
            origin: Self.plain
        )
        for _ in 0..<2 {
            let got = try #require(
                await bench.get(
                    "/ws",
                    headers: [
                        "Connection": "keep-alive, Upgrade", "Upgrade": "websocket",
                        "Sec-WebSocket-Key": "k", "Keep-Alive": "5",
                    ]
                )
            )
            #expect(got.cache == "Miss from cloudfront")
        }
        let head = try #require(bench.origin.last)
        #expect(head.headers["connection"] == "Upgrade")
        #expect(head.headers["upgrade"] == "websocket")
        #expect(head.headers["sec-websocket-key"] == "k")
        #expect(head.headers["keep-alive"] == nil)
        #expect(bench.origin.count == 2)
    }

    @Test("a failing origin hook leaves no waiters")
    func aFailingOriginHookLeavesNoWaiters() async throws {
        let bench = Bench(
            .sample(hooks: [.originRequest]),
            scripts: ["origin-request:1": { _ in .success(Array("1".utf8)[...]) }],
            origin: Self.plain
        )
        for _ in 0..<3 {
            let got = try #require(await bench.get("/a"))
            #expect(got.cache == "LambdaValidationError from cloudfront")
        }
        #expect(bench.invoker.functions.count == 3)
        #expect(bench.origin.count == 0)
    }

    @Test("the pattern of the viewer's path chooses the behaviour")
    func thePatternOfTheViewersPathChoosesTheBehaviour() async throws {
        let bench = Bench(
            .sample {
                $0.origins.append(Origin(id: "images", domainName: "images.example"))
                $0.behaviors.insert(
                    CacheBehavior(
                        pathPattern: "/images/*",
                        targetOriginID: "images",
                        cachePolicy: .cachingOptimized
                    ),
                    at: 0
                )
            },
            origin: Self.plain
        )
        _ = await bench.get("/x/../images/a.jpg")
        #expect(bench.origin.lastTarget?.origin.domainName == "images.example")
        #expect(bench.origin.last?.path == "/x/../images/a.jpg")
        _ = await bench.get("/other")
        #expect(bench.origin.lastTarget?.origin.domainName == "origin.example")
    }
}
