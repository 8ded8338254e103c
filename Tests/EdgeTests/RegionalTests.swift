import HTTP
import Model
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
