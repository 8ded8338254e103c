import DataPlane
import HTTP
import JSON
import Model
import Synchronization
import Testing

@testable import Edge

/// One row of the table of which hooks run when.
struct Decision: Sendable, CustomTestStringConvertible {
    var name: String
    /// The hooks that run, by the initials of event and place.
    var runs: [EdgeEvent]
    var status = 200
    var prepare: @Sendable (inout Distribution) -> Void = { _ in }
    /// Replaces the scripts that change nothing.
    var scripts: [EdgeEvent: ScriptedInvoker.Script] = [:]
    var answer: @Sendable (RequestHead) -> (ResponseHead, String) = Decision.page
    /// Whether the same request was made before, and how long ago.
    var earlier: Int?
    var method = "GET"
    var isTLS = true
    var testDescription: String { name }

    static let page: @Sendable (RequestHead) -> (ResponseHead, String) = { head in
        let fields: Headers = ["ETag": "\"1\"", "Cache-Control": "max-age=60"]
        if head.headers["if-none-match"] == "\"1\"" {
            return (ResponseHead(status: 304, headers: fields), "")
        }
        return (ResponseHead(status: 200, headers: fields), "page")
    }
    static let missing: @Sendable (RequestHead) -> (ResponseHead, String) = { head in
        head.path == "/sorry.html"
            ? (ResponseHead(status: 200), "sorry") : (ResponseHead(status: 404), "missing")
    }
    static func generate(_ status: Int) -> ScriptedInvoker.Script {
        { _ in .success(Array(#"{"status":"\#(status)","body":"made"}"#.utf8)[...]) }
    }
    static func restrict(_ distribution: inout Distribution) {
        distribution.geoRestriction.kind = .blacklist
        distribution.geoRestriction.countries = ["DE"]
    }
    static func group(_ distribution: inout Distribution) {
        distribution.origins.append(Origin(id: "second", domainName: "second.example"))
        distribution.originGroups = [
            OriginGroup(id: "g", primary: "o", secondary: "second", statusCodes: [503])
        ]
        distribution.behaviors[0].targetOriginID = "g"
        distribution.behaviors[0].allowedMethods = [
            "GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE",
        ]
    }
    static let failing: @Sendable (RequestHead) -> (ResponseHead, String) = { head in
        head.headers["host"] == "second.example" ? page(head) : (ResponseHead(status: 503), "down")
    }

    static let rows: [Decision] = [
        Decision(name: "miss, origin 200", runs: EdgeEvent.allCases),
        Decision(
            name: "fresh hit of a 200",
            runs: [.viewerRequest, .viewerResponse],
            earlier: 1
        ),
        Decision(name: "expired, origin answers 304", runs: EdgeEvent.allCases, earlier: 61),
        Decision(
            name: "fresh hit of a cached 404",
            runs: [.viewerRequest],
            status: 404,
            answer: missing,
            earlier: 1
        ),
        Decision(
            name: "miss, origin 404, no custom error page",
            runs: [.viewerRequest, .originRequest, .originResponse],
            status: 404,
            answer: missing
        ),
        Decision(
            name: "miss, origin 404, custom error page",
            runs: [
                .viewerRequest, .originRequest, .originResponse, .originRequest, .originResponse,
            ],
            prepare: {
                $0.customErrorResponses = [
                    CustomErrorResponse(
                        errorCode: 404,
                        responsePagePath: "/sorry.html",
                        responseCode: 200
                    )
                ]
            },
            answer: missing
        ),
        Decision(
            name: "miss, origin 404, origin-response rewrites the status to 200",
            runs: [.viewerRequest, .originRequest, .originResponse],
            scripts: [.originResponse: echo("response") { $0["status"] = "200" }],
            answer: missing
        ),
        Decision(
            name: "viewer-request returns a response",
            runs: [.viewerRequest],
            scripts: [.viewerRequest: generate(200)]
        ),
        Decision(
            name: "origin-request returns a response",
            runs: [.viewerRequest, .originRequest, .viewerResponse],
            scripts: [.originRequest: generate(200)]
        ),
        Decision(
            name: "hit of a response that origin-request returned",
            runs: [.viewerRequest, .viewerResponse],
            scripts: [.originRequest: generate(200)],
            earlier: 1
        ),
        Decision(
            name: "redirect to HTTPS",
            runs: [],
            status: 301,
            prepare: { $0.behaviors[0].viewerProtocolPolicy = .redirectToHTTPS },
            isTLS: false
        ),
        Decision(
            name: "https-only behaviour over HTTP",
            runs: [],
            status: 403,
            prepare: { $0.behaviors[0].viewerProtocolPolicy = .httpsOnly },
            isTLS: false
        ),
        Decision(name: "method not allowed", runs: [], status: 403, method: "POST"),
        Decision(name: "geo block", runs: [], status: 403, prepare: restrict),
        Decision(
            name: "origin group, the first fails with a failover code",
            runs: [
                .viewerRequest, .originRequest, .originRequest, .originResponse, .viewerResponse,
            ],
            prepare: group,
            answer: failing
        ),
        Decision(
            name: "origin group, POST does not fail over",
            runs: [.viewerRequest, .originRequest, .originResponse],
            status: 503,
            prepare: group,
            answer: failing,
            method: "POST"
        ),
        Decision(
            name: "origin name does not resolve",
            runs: [.viewerRequest],
            status: 502,
            prepare: { $0.origins[0].domainName = "unknown.example" }
        ),
    ]
}

@Suite("Which hooks run when", .timeLimit(.minutes(15)))
struct DecisionTableTests {
    @Test("each situation runs the hooks that CloudFront runs", arguments: Decision.rows)
    func hooks(_ row: Decision) async throws {
        var scripts: [String: ScriptedInvoker.Script] = [:]
        for event in EdgeEvent.allCases {
            let kind = event.rawValue.hasSuffix("request") ? "request" : "response"
            scripts["\(event.rawValue):1"] = row.scripts[event] ?? echo(kind)
        }
        let bench = Bench(
            .sample(hooks: EdgeEvent.allCases, change: row.prepare),
            scripts: scripts,
            locations: ["198.51.100.0/24": "country=DE"],
            origin: row.answer
        )
        // A label of 64 characters is refused by the resolver without a question to anyone.
        let target = UpstreamTarget(
            host: String(repeating: "a", count: 64) + ".example",
            port: 80,
            isTLS: false
        )
        bench.origin.broken.withLock { $0["unknown.example"] = .upstream(target) }
        if let seconds = row.earlier {
            _ = await bench.get("/a", method: row.method, isTLS: row.isTLS)
            bench.invoker.events.withLock { $0 = [] }
            bench.advance(seconds)
        }
        let got = try #require(await bench.get("/a", method: row.method, isTLS: row.isTLS))
        #expect(got.status == row.status)
        #expect(bench.invoker.functions == row.runs.map { $0.rawValue + ":1" })
    }

    @Test("origin-response sees the 304 and its changes stay with the refreshed answer")
    func refreshIsShown() async throws {
        let bench = Bench(
            .sample(hooks: [.originResponse]),
            scripts: [
                "origin-response:1": echo("response") {
                    setHeader(&$0, "x-seen", $0["status"]?.string ?? "")
                }
            ],
            origin: Decision.page
        )
        #expect(try #require(await bench.get("/a")).header("x-seen") == "200")
        bench.advance(61)
        let second = try #require(await bench.get("/a"))
        #expect(second.cache == "RefreshHit from cloudfront")
        #expect(second.status == 200)
        #expect(second.text == "page")
        #expect(second.header("x-seen") == "304")
        let third = try #require(await bench.get("/a"))
        #expect(third.cache == "Hit from cloudfront")
        #expect(third.header("x-seen") == "304")
    }
}
