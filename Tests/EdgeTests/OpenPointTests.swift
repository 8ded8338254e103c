import DataPlane
import HTTP
import JSON
import Model
import Testing

@testable import Edge

/// The settings of what AWS's pages leave open: each changes what it says.
@Suite("Settings of open points")
struct OpenPointTests {
    private static func settings(_ texts: String...) -> EdgeSettings {
        var settings = EdgeSettings()
        for text in texts { #expect(OpenPoint.set(text, in: &settings) == nil) }
        return settings
    }

    @Test("every setting has a name of its own, a meaning and a standard that can be set")
    func names() {
        #expect(Set(OpenPoint.all.map(\.name)).count == OpenPoint.all.count)
        for point in OpenPoint.all {
            var settings = EdgeSettings()
            #expect(!point.meaning.isEmpty)
            #expect(OpenPoint.set("\(point.name)=\(point.standard)", in: &settings) == nil)
        }
    }

    @Test(
        "what cannot be is refused in a sentence",
        arguments: [
            ("nothing=true", "there is no setting nothing"), ("", "there is no setting"),
            ("compression-varies", "is not possible"), ("compression-varies=1", "is not possible"),
            ("function-time-limit=0", "is not possible"), ("staging-cookie=a=b", "is not possible"),
            ("access-denied-text=<b>", "is not possible"), ("throttled-result=", "is not possible"),
        ]
    )
    func refused(text: String, words: String) {
        var settings = EdgeSettings()
        #expect(OpenPoint.set(text, in: &settings)?.contains(words) == true)
    }

    @Test("errors that functions made or that are stored get a viewer-response when that is wanted")
    func errors() async throws {
        for isWanted in [false, true] {
            let bench = Bench(
                .sample(hooks: [.originRequest, .viewerResponse]),
                scripts: [
                    "origin-request:1": { _ in
                        .success(Array(#"{"status":"404","headers":{}}"#.utf8)[...])
                    },
                    "viewer-response:1": echo("response") { setHeader(&$0, "x-ran", "1") },
                ],
                settings: Self.settings("viewer-response-on-errors=\(isWanted)"),
                origin: { _ in (ResponseHead(status: 200), "x") }
            )
            for _ in 0..<2 {
                let got = try #require(await bench.get("/a"))
                #expect(got.status == 404)
                #expect((got.header("x-ran") == "1") == isWanted)
            }
        }
    }

    @Test("a body of a viewer-response function is left alone when that is wanted")
    func bodies() async throws {
        for isWanted in [true, false] {
            let bench = Bench(
                .sample(hooks: [.viewerResponse]),
                scripts: ["viewer-response:1": echo("response") { $0["body"] = "other" }],
                settings: Self.settings("viewer-response-replaces-body=\(isWanted)"),
                origin: { _ in (ResponseHead(status: 200), "origin") }
            )
            #expect(await bench.get("/a")?.text == (isWanted ? "other" : "origin"))
        }
    }

    @Test("compression says so in Vary, unless that is not wanted")
    func vary() async throws {
        for isWanted in [true, false] {
            let bench = Bench(
                .sample { $0.behaviors[0].compress = true },
                settings: Self.settings("compression-varies=\(isWanted)"),
                origin: { _ in
                    let text = String(repeating: "x", count: 2000)
                    return (ResponseHead(status: 200, headers: ["Content-Type": "text/css"]), text)
                }
            )
            let got = try #require(await bench.get("/a", headers: ["Accept-Encoding": "gzip"]))
            #expect(got.header("content-encoding") == "gzip")
            #expect((got.header("vary") == "Accept-Encoding") == isWanted)
        }
    }

    @Test("a function may come before the signature is asked for")
    func order() async throws {
        for isAfter in [false, true] {
            let bench = Bench(
                .sample(hooks: [.viewerRequest]) {
                    $0.behaviors[0].trustedKeyGroups = ["g"]
                },
                scripts: [
                    "viewer-request:1": { _ in
                        .success(Array(#"{"status":"302","headers":{}}"#.utf8)[...])
                    }
                ],
                settings: Self.settings("signatures-after-functions=\(isAfter)"),
                origin: { _ in (ResponseHead(status: 200), "x") }
            )
            let got = try #require(await bench.get("/a"))
            #expect(got.status == (isAfter ? 302 : 403))
        }
    }

    @Test("a refused signature and a throttled function are called as they are told")
    func words() async throws {
        let key = try SigningKey("EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        defer { key.remove() }
        let signed = Bench(
            .sample { $0.behaviors[0].trustedKeyGroups = ["g"] },
            signers: ["K1": PublicKey(id: "K1", name: "k", encodedKey: key.publicPEM)],
            settings: Self.settings("access-denied-text=Not for you"),
            origin: { _ in (ResponseHead(status: 200), "x") }
        )
        let query = "Expires=2000000&Signature=\(try key.sign("else"))&Key-Pair-Id=K1"
        let refused = try #require(await signed.get("/a", query: query))
        #expect(refused.text.contains("<Code>AccessDenied</Code><Message>Not for you</Message>"))

        guard FunctionHost.isAvailable else { return }
        let bench = FunctionHookTests.bench(
            request: "for (;;) {}",
            settings: Self.settings("throttled-result=Slow")
        )
        let first = await bench.get("/a")?.cache
        #expect(first == "FunctionExecutionError from cloudfront")
        // A loaded machine may let the pause pass between two calls.
        var last = first
        for _ in 0..<20 * FunctionHost.strikes where last == first {
            last = await bench.get("/a")?.cache
        }
        #expect(last == "Slow from cloudfront")
    }

    @Test("headers of a policy are spelled and followed by Vary as they are told")
    func policies() async throws {
        for isUsual in [true, false] {
            let bench = Bench(
                .sample {
                    var policy = ResponseHeadersPolicy(id: "p")
                    var cors = ResponseHeadersPolicy.CORS()
                    cors.allowOrigins = ["https://app.example"]
                    policy.cors = cors
                    let security = ResponseHeadersPolicy.transportSecurity(
                        maxAge: 1,
                        includesSubdomains: true,
                        isPreload: false
                    )
                    policy.security = [
                        .init("Strict-Transport-Security", security, overridesOrigin: true)
                    ]
                    $0.behaviors[0].responseHeadersPolicy = policy
                },
                settings: Self.settings("cors-varies=\(isUsual)", "hsts-lower-case=\(!isUsual)"),
                origin: { _ in (ResponseHead(status: 200), "x") }
            )
            let got = try #require(
                await bench.get("/a", headers: ["Origin": "https://app.example"])
            )
            #expect(got.header("access-control-allow-origin") == "https://app.example")
            #expect((got.header("vary") == "Origin") == isUsual)
            #expect(
                got.header("strict-transport-security")
                    == (isUsual ? "max-age=1; includeSubDomains" : "max-age=1; includesubdomains")
            )
        }
    }
}
