import DataPlane
import HTTP
import Model
import Synchronization
import Testing

@testable import Edge

@Suite("What a distribution asks of viewers", .timeLimit(.minutes(15)))
struct AdmissionTests {
    @Test("a URL may have 8192 bytes and a head 32768")
    func sizes() async throws {
        let bench = Bench(.sample(), origin: PipelineTests.plain)
        let longest = "/" + String(repeating: "a", count: 8191)
        #expect(try #require(await bench.get(longest)).status == 200)
        #expect(try #require(await bench.get(longest + "a")).status == 414)
        #expect(
            try #require(await bench.get("/", query: String(longest.dropFirst(2)))).status == 200
        )
        #expect(try #require(await bench.get("/", query: longest)).status == 414)
        let big = String(repeating: "x", count: 32_768)
        let got = try #require(await bench.get("/a", headers: ["X-A": big]))
        #expect(got.status == 494)
        #expect(got.text.contains("494 ERROR"))
    }

    @Test("a country is blocked or let in, and an unknown one is served")
    func countries() async throws {
        func status(
            _ kind: GeoRestriction.Kind,
            _ preset: String?,
            _ address: String = "127.0.0.1"
        )
            async -> Int?
        {
            let bench = Bench(
                .sample {
                    $0.geoRestriction.kind = kind
                    $0.geoRestriction.countries = ["DE"]
                },
                locations: ["203.0.113.0/24": "country=DE", "203.0.113.9": "country=FR"],
                origin: PipelineTests.plain
            )
            let headers: Headers = preset.map { ["X-Portico-Viewer": $0] } ?? [:]
            return await bench.get("/a", headers: headers, address: address)?.status
        }
        #expect(await status(.blacklist, "country=DE") == 403)
        #expect(await status(.blacklist, "country=FR") == 200)
        #expect(await status(.whitelist, "country=DE; city=Köln") == 200)
        #expect(await status(.whitelist, "country=FR") == 403)
        #expect(await status(.whitelist, nil) == 200)
        #expect(await status(.blacklist, nil, "203.0.113.8") == 403)
        #expect(await status(.blacklist, nil, "203.0.113.9") == 200)
        // Only a viewer on this machine may choose who it seems to be.
        #expect(await status(.blacklist, "country=FR", "203.0.113.8") == 403)
        #expect(await status(.none, "planet=Mars") == 400)
    }

    @Test("a geo block may have a custom error page")
    func blockedPage() async throws {
        let bench = Bench(
            .sample {
                $0.geoRestriction.kind = .blacklist
                $0.geoRestriction.countries = ["DE"]
                $0.customErrorResponses = [
                    CustomErrorResponse(
                        errorCode: 403,
                        responsePagePath: "/sorry",
                        responseCode: 404
                    )
                ]
            },
            origin: PipelineTests.plain
        )
        let got = try #require(
            await bench.get(
                "/a",
                headers: ["x-portico-viewer": "country=DE"],
                address: "127.0.0.1"
            )
        )
        #expect(got.status == 404)
        #expect(got.text == "at /sorry")
    }

    @Test("CloudFront's own headers take the place of the viewer's when a policy asks for them")
    func ownHeaders() async throws {
        var policy = CachePolicy.cachingOptimized
        policy.headers = .only(["CloudFront-Viewer-Country", "CloudFront-Is-Mobile-Viewer"])
        let bench = Bench(.sample(policy: policy), origin: PipelineTests.plain)
        func get(_ preset: String, _ agent: String) async -> Received? {
            await bench.get(
                "/a",
                headers: [
                    "X-Portico-Viewer": preset, "User-Agent": agent,
                    "CloudFront-Viewer-Country": "XX",
                ],
                address: "::1"
            )
        }
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148"
        _ = await get("country=DE", phone)
        let sent = try #require(bench.origin.last?.headers)
        #expect(sent.all("cloudfront-viewer-country") == ["DE"])
        #expect(sent["cloudfront-is-mobile-viewer"] == "true")
        #expect(sent["x-portico-viewer"] == nil)
        #expect(try #require(await get("country=DE", phone)).cache == "Hit from cloudfront")
        #expect(try #require(await get("country=FR", phone)).cache == "Miss from cloudfront")
        #expect(try #require(await get("country=DE", "curl")).cache == "Miss from cloudfront")
    }

    @Test(
        "devices are told by the user agent",
        arguments: [
            ("Mozilla/5.0 (X11; Linux x86_64) Firefox/120.0", ["desktop"]),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Mobile/15E148", ["ios", "mobile"]),
            ("Mozilla/5.0 (iPad; CPU OS 16_0) Mobile/15E148", ["ios", "tablet"]),
            ("Mozilla/5.0 (Linux; Android 13; Pixel 7) Mobile Safari", ["android", "mobile"]),
            ("Mozilla/5.0 (Linux; Android 13; SM-X900) Safari", ["android", "tablet"]),
            ("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0)", ["smarttv"]), ("", ["desktop"]),
        ]
    )
    func devices(_ agent: String, _ wanted: [String]) {
        #expect(ViewerFacts.devices(of: agent) == Set(wanted))
    }

    @Test("a third distribution in a chain refuses")
    func chains() async throws {
        let bench = Bench(.sample(), origin: PipelineTests.plain)
        let via = "1.1 0123456789abcdef.cloudfront.net (CloudFront)"
        #expect(try #require(await bench.get("/a", headers: ["Via": via])).status == 200)
        let got = try #require(await bench.get("/b", headers: ["Via": via + ", " + via]))
        #expect(got.status == 403)
    }

    @Test("an HTTP/1.0 POST is not redirected, and no GET has a body")
    func oldPosts() async throws {
        let bench = Bench(
            .sample { $0.behaviors[0].viewerProtocolPolicy = .redirectToHTTPS },
            origin: PipelineTests.plain
        )
        let old = await bench.get("/a", method: "POST", isTLS: false, version: .http10)
        #expect(old?.status == 403)
        #expect(await bench.get("/a", body: "x")?.status == 403)
    }

    @Test("an explanation names choice, shadow, key and what the origin would get")
    func explanation() {
        let distribution = Distribution.sample(hooks: [.originRequest]) {
            $0.defaultRootObject = "index.html"
            for pattern in ["/a/b/*", "/a/*"] {
                let other = CacheBehavior(
                    pathPattern: pattern,
                    targetOriginID: "o",
                    cachePolicy: .cachingDisabled
                )
                $0.behaviors.insert(other, at: 0)
            }
            $0.origins[0].customHeaders = ["X-Key": "k"]
        }
        let bench = Bench(distribution, origin: PipelineTests.plain)
        let viewer = Viewer(address: "127.0.0.1", port: 1, isTLS: true, localPort: 443)
        let head = RequestHead(
            method: "GET",
            path: "/",
            query: "q=1",
            headers: ["Host": "h", "Accept-Encoding": "br"]
        )
        let lines = bench.pipeline?.explain(head, viewer: viewer) ?? []
        #expect(lines.contains("  1. /a/*: does not match /"))
        #expect(lines.contains("  2. /a/b/*: does not match /; shadowed by /a/*"))
        #expect(lines.contains("  3. *: chosen"))
        #expect(lines.contains("  origin-request: origin-request:1"))
        #expect(lines.contains("default root object: /index.html"))
        #expect(lines.contains("    accept-encoding:br"))
        #expect(lines.contains("  GET /index.html"))
        #expect(lines.contains("  X-Key: k"))
        #expect(lines.contains("limits") && lines.contains("  URL: 5 of 8192 bytes"))
        #expect(lines.contains("  origin-request: 30 s"))
        #expect(bench.origin.count == 0)
    }

    @Test("every rule has an id of its own, a page, a sentence and an example")
    func catalogue() {
        let ids = Rules.all.map(\.id)
        #expect(Set(ids).count == ids.count)
        for rule in Rules.all {
            #expect(!rule.page.isEmpty && !rule.text.isEmpty && !rule.example.isEmpty)
            #expect(400...599 ~= rule.status)
        }
    }

    @Test(
        "blocks of addresses hold what their prefix says",
        arguments: [
            ("192.0.2.0/24", "192.0.2.255", true), ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.128/25", "192.0.2.127", false), ("0.0.0.0/0", "8.8.8.8", true),
            ("192.0.2.1", "192.0.2.1", true), ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::", false), ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "2001:db8::1", false),
        ]
    )
    func blocks(_ block: String, _ address: String, _ holds: Bool) throws {
        #expect(try #require(AddressBlock(block)).contains(address) == holds)
    }

    @Test(
        "what is no block is refused",
        arguments: ["", "a", "1.2.3.4/33", "1.2.3/8", "::/129", "1.2.3.4/"]
    )
    func badBlocks(_ text: String) {
        #expect(AddressBlock(text) == nil)
    }
}
