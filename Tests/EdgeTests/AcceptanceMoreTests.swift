import HTTP
import Model
import Testing

@testable import Edge

/// Two more of the checks that imitations of CloudFront usually fail.
@Suite("Acceptance checks of lifetimes and signatures")
struct AcceptanceMoreTests {
    @Test(
        "7: no-store lives for MinTTL, s-maxage comes before max-age",
        arguments: [
            ("no-store", 60, 59, 61), ("no-store", 0, -1, 0), ("s-maxage=5, max-age=100", 0, 4, 5),
        ]
    )
    func lifetimes(_ control: String, _ minimum: Int, _ lasts: Int, _ ends: Int) async throws {
        var policy = CachePolicy(id: "p")
        policy.minTTL = minimum
        let bench = Bench(.sample(policy: policy)) { _ in
            (ResponseHead(status: 200, headers: ["Cache-Control": control]), "body")
        }
        #expect(await bench.get("/a")?.cache == "Miss from cloudfront")
        if lasts >= 0 {
            bench.advance(lasts)
            #expect(await bench.get("/a")?.cache == "Hit from cloudfront")
        }
        bench.advance(ends - max(0, lasts))
        #expect(await bench.get("/a")?.cache == "Miss from cloudfront")
    }

    @Test("13: a signed URL verifies, a changed parameter is refused, none of them goes on")
    func signed() async throws {
        let key = try SigningKey("RSA", "-pkeyopt", "rsa_keygen_bits:2048")
        defer { key.remove() }
        var policy = CachePolicy.cachingOptimized
        policy.queryStrings = .all
        let bench = Bench(
            .sample(policy: policy) { $0.behaviors[0].trustedKeyGroups = ["group"] },
            signers: ["K1": PublicKey(id: "K1", name: "k", encodedKey: key.publicPEM)],
            origin: PipelineTests.plain
        )
        let text =
            #"{"Statement":[{"Resource":"https://app.localhost:8443/a?x=1","Condition":"#
            + #"{"DateLessThan":{"AWS:EpochTime":2000000}}}]}"#
        let query = "x=1&Expires=2000000&Signature=\(try key.sign(text))&Key-Pair-Id=K1"
        #expect(await bench.get("/a", query: query)?.status == 200)
        #expect(bench.origin.last?.query == "x=1")
        let changed = query.replacing("x=1", with: "x=2", maxReplacements: 1)
        #expect(await bench.get("/a", query: changed)?.status == 403)
        #expect(await bench.get("/a", query: query)?.cache == "Hit from cloudfront")
    }
}
