import HTTP
import Model
import Synchronization
import Testing

@testable import Edge

/// Two edges with a cache between them and the origin.
@Suite("Regional cache")
struct RegionalTests {
    static func edge(_ regional: CacheStore?) -> Bench {
        Bench(.sample(), regional: regional) { _ in
            (ResponseHead(status: 200, headers: ["Cache-Control": "max-age=60"]), "body")
        }
    }

    @Test("what one edge fetched the other takes from between, with its age")
    func shared() async throws {
        let regional = CacheStore(byteLimit: 1 << 20)
        let (one, other) = (Self.edge(regional), Self.edge(regional))
        #expect(await one.get("/a")?.cache == "Miss from cloudfront")
        other.advance(7)
        let got = try #require(await other.get("/a"))
        #expect(got.cache == "Hit from cloudfront" && got.header("age") == "7")
        #expect(got.stages == ["cache regional"] && got.text == "body")
        #expect(other.origin.count == 0)
        // Now it is the edge's own.
        regional.removeAll { _ in true }
        #expect(await other.get("/a")?.stages == ["cache hit"])
    }

    @Test("what is stale there is asked of the origin")
    func stale() async throws {
        let regional = CacheStore(byteLimit: 1 << 20)
        let (one, other) = (Self.edge(regional), Self.edge(regional))
        _ = await one.get("/a")
        other.advance(60)
        #expect(await other.get("/a")?.cache == "Miss from cloudfront")
        #expect(other.origin.count == 1)
    }

    @Test("without it each edge asks by itself")
    func none() async throws {
        let (one, other) = (Self.edge(nil), Self.edge(nil))
        _ = await one.get("/a")
        #expect(await other.get("/a")?.cache == "Miss from cloudfront")
    }
}

/// Edges whose origin has a shield.
@Suite("Origin Shield")
struct ShieldTests {
    private static func edge(
        _ shield: CacheStore,
        rate: Double? = nil,
        origin: @escaping @Sendable (RequestHead) -> (ResponseHead, String) = { _ in
            (ResponseHead(status: 200, headers: ["Cache-Control": "max-age=60"]), "body")
        }
    ) -> Bench {
        Bench(
            .sample {
                $0.origins[0].shieldRegion = "eu-west-1"
                $0.behaviors[0].responseHeadersPolicy = rate.map {
                    var policy = ResponseHeadersPolicy(id: "timing")
                    policy.serverTimingRate = $0
                    return policy
                }
            },
            shield: shield,
            origin: origin
        )
    }

    @Test("what one edge fetched the others take from the shield, which says so")
    func shared() async throws {
        let shield = CacheStore(byteLimit: 1 << 20)
        let (one, other) = (Self.edge(shield, rate: 100), Self.edge(shield, rate: 100))
        let first = try #require(await one.get("/a"))
        #expect(first.cache == "Miss from cloudfront")
        #expect(first.stages == ["cache shield miss", "origin 200"])
        #expect(first.header("server-timing")?.contains("layer;desc=\"Origin Shield\"") == true)
        let second = try #require(await other.get("/a"))
        #expect(second.cache == "Hit from cloudfront" && second.stages == ["cache shield"])
        let timing = try #require(second.header("server-timing"))
        #expect(timing.contains("cdn-hit-layer;desc=\"Origin Shield\""))
        #expect(other.origin.count == 0)
        let third = try #require(await other.get("/a"))
        #expect(third.stages == ["cache hit"])
        #expect(third.header("server-timing")?.contains("cdn-hit-layer;desc=\"EDGE\"") == true)
    }

    @Test("edges that miss at the same time reach the origin once")
    func collapsed() async throws {
        let shield = CacheStore(byteLimit: 1 << 20)
        let counter = Mutex(0)
        let edges = (0..<4).map { _ in
            Self.edge(shield) { _ in
                counter.withLock { $0 += 1 }
                return (ResponseHead(status: 200, headers: ["Cache-Control": "max-age=60"]), "body")
            }
        }
        await withTaskGroup(of: String?.self) { group in
            for edge in edges { group.addTask { await edge.get("/a")?.text } }
            for await text in group { #expect(text == "body") }
        }
        #expect(counter.withLock { $0 } == 1)
    }

    @Test("what is stale at the shield is confirmed once; an error there frees all who wait")
    func refreshed() async throws {
        let shield = CacheStore(byteLimit: 1 << 20)
        func edge() -> Bench {
            Self.edge(shield) { head in
                let isKnown = head.headers["if-none-match"] == "\"1\""
                return (
                    ResponseHead(
                        status: head.path == "/bad" ? 500 : isKnown ? 304 : 200,
                        headers: ["Cache-Control": "max-age=10", "ETag": "\"1\""]
                    ), isKnown ? "" : "body"
                )
            }
        }
        let (one, other) = (edge(), edge())
        _ = await one.get("/a")
        for bench in [one, other] { bench.advance(11) }
        #expect(await other.get("/a")?.cache == "RefreshHit from cloudfront")
        #expect(await one.get("/a")?.stages == ["cache shield"])
        #expect(other.origin.count == 1)
        #expect(await one.get("/bad")?.status == 500)
        #expect(await other.get("/bad")?.status == 500)
    }

    @Test("a function at the viewer's request turns the shield on and off")
    func chosen() async throws {
        guard FunctionHost.isAvailable else { return }
        func stages(_ shield: String, isOn: Bool) async throws -> [String] {
            let bench = FunctionHookTests.bench(
                request:
                    "require('cloudfront').updateRequestOrigin({ originShield: { \(shield) } });"
                    + " return r",
                shield: CacheStore(byteLimit: 1 << 20),
                change: { $0.origins[0].shieldRegion = isOn ? "eu-west-1" : nil }
            )
            return try #require(await bench.get("/a")).stages.filter { $0.hasPrefix("cache") }
        }
        #expect(
            try await stages("enabled: true, region: 'eu-west-1'", isOn: false)
                == ["cache shield miss"]
        )
        #expect(try await stages("enabled: false", isOn: true) == ["cache miss"])
    }
}
