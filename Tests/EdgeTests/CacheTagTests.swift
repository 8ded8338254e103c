import HTTP
import Model
import Testing

@testable import Edge

/// Invalidations by the tags that origins give their objects.
@Suite("Cache tags")
struct CacheTagTests {
    private static func bench(header: String? = "Cache-Tag") -> Bench {
        Bench(.sample { $0.cacheTagHeader = header }) { head in
            let tags = [
                "/a": "Red, blue", "/b": "blue,green", "/c": "greenish",
                "/many": (0..<60).map { "t\($0)" }.joined(separator: ","),
                "/odd": "a b,\(String(repeating: "x", count: 257)),fine",
            ]
            let headers: Headers = [
                "Cache-Control": "max-age=600", "Cache-Tag": tags[head.path] ?? "",
            ]
            return (ResponseHead(status: 200, headers: headers), head.path)
        }
    }

    /// Whether each path is still held after an invalidation.
    private static func held(
        _ paths: [String],
        after item: String,
        header: String? = "Cache-Tag"
    ) async -> [String] {
        let bench = bench(header: header)
        for path in paths { _ = await bench.get(path) }
        bench.cache.invalidate(distribution: "E1", path: item)
        var held: [String] = []
        for path in paths {
            let got = await bench.get(path)
            if got?.cache == "Hit from cloudfront" { held.append(path) }
        }
        return held
    }

    @Test("a tag takes what carries it, whatever its letter case, and nothing else")
    func tags() async {
        let all = ["/a", "/b", "/c"]
        #expect(await Self.held(all, after: "#BLUE") == ["/c"])
        #expect(await Self.held(all, after: "#red") == ["/b", "/c"])
        #expect(await Self.held(all, after: "#green") == ["/a", "/c"])
        #expect(await Self.held(all, after: "#none") == all)
        // No wildcards among tags.
        #expect(await Self.held(all, after: "#green*") == all)
    }

    @Test("without a configured field nothing is tagged")
    func unconfigured() async {
        #expect(await Self.held(["/a"], after: "#red", header: nil) == ["/a"])
        #expect(await Self.held(["/a"], after: "#red", header: "Other") == ["/a"])
    }

    @Test("of an object's tags the first fifty valid ones count")
    func limits() async {
        #expect(await Self.held(["/many"], after: "#t49").isEmpty)
        #expect(await Self.held(["/many"], after: "#t50") == ["/many"])
        #expect(await Self.held(["/odd"], after: "#a b") == ["/odd"])
        #expect(await Self.held(["/odd"], after: "#fine").isEmpty)
    }

    @Test("another distribution's objects keep their tags to themselves")
    func otherDistribution() async {
        let bench = Self.bench()
        _ = await bench.get("/a")
        #expect(bench.cache.invalidate(distribution: "E", path: "#red") == 0)
        #expect(bench.cache.invalidate(distribution: "E1", path: "#red") == 1)
    }

    @Test("tags are kept with what is on a disk")
    func description() throws {
        let entry = StoredResponse(
            head: ResponseHead(status: 200),
            body: [],
            storedAt: 1,
            expiresAt: 2,
            originStatus: 200,
            tags: ["a", "b"]
        )
        let tier = DiskTier(folder: "/nowhere", byteLimit: 1 << 20)
        let object = DiskObject(name: "n", format: DiskFormat(room: 0, length: 0), tier: tier)
        let read = try #require(DiskDescription.decode(DiskDescription.encode("k", entry), object))
        #expect(read.entry.tags == ["a", "b"])
    }
}
