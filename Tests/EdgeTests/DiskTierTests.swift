import DataPlane
import Foundation
import HTTP
import Model
import Reactor
import Synchronization
import Testing

@testable import Edge

/// Large answers on a disk.
@Suite("Disk tier", .timeLimit(.minutes(5)))
struct DiskTierTests {
    /// A folder that goes with the value.
    private final class Folder: Sendable {
        let path =
            FileManager.default.temporaryDirectory.path + "/portico-disk-\(UUID().uuidString)"

        deinit { try? FileManager.default.removeItem(atPath: path) }

        var files: [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
        }

        func size() -> Int {
            files.reduce(0) { total, name in
                let of = try? FileManager.default.attributesOfItem(atPath: path + "/" + name)
                return total + (of?[.size] as? Int ?? 0)
            }
        }
    }

    /// A text of many different bytes, longer than some chunks.
    static let long = (0..<90_000).map { "line \($0)\n" }.joined()

    private static func tier(
        _ folder: Folder,
        limit: Int = 64 << 20,
        minimum: Int = 1024
    ) -> DiskTier {
        DiskTier(
            folder: folder.path,
            byteLimit: limit,
            minimumObject: minimum,
            pool: BlockingPool(threads: 1)
        )
    }

    /// A bench whose memory is too small for what its origin gives.
    private static func bench(
        _ tier: DiskTier,
        memory: Int = 1 << 20,
        text: String = long
    ) -> Bench {
        Bench(
            .sample(),
            cache: CacheStore(byteLimit: memory, disk: tier)
        ) { head in
            let headers: Headers = [
                "Cache-Control": "max-age=60", "ETag": "\"\(text.utf8.count)\"",
                "Content-Length": String(text.utf8.count), "Content-Type": "image/png",
            ]
            if head.headers["if-none-match"] != nil {
                return (ResponseHead(status: 304, headers: ["Cache-Control": "max-age=60"]), "")
            }
            return (ResponseHead(status: 200, headers: headers), text)
        }
    }

    /// Waits until the reactor and then the tier's one thread have done what they were given before.
    private func settle(_ bench: Bench, _ tier: DiskTier) async {
        await withCheckedContinuation { continuation in
            bench.reactor.submit { continuation.resume() }
        }
        _ = await tier.pool.run {}
    }

    @Test("what memory is too small for is a hit from the disk, in whole and in parts")
    func large() async throws {
        let folder = Folder()
        let tier = Self.tier(folder)
        let bench = Self.bench(tier)
        let first = try #require(await bench.get("/a"))
        #expect(first.cache == "Miss from cloudfront" && first.text == Self.long)
        #expect(tier.counts.objects == 1 && tier.counts.written == 1)
        let second = try #require(await bench.get("/a"))
        #expect(second.cache == "Hit from cloudfront" && second.text == Self.long)
        #expect(second.stages == ["cache disk"])
        let part = try #require(await bench.get("/a", headers: ["Range": "bytes=300000-300009"]))
        #expect(part.status == 206 && part.text == String(Self.long.dropFirst(300_000).prefix(10)))
        #expect(part.header("content-range") == "bytes 300000-300009/\(Self.long.utf8.count)")
        let across = try #require(await bench.get("/a", headers: ["Range": "bytes=262000-600000"]))
        #expect(across.text == String(Self.long.dropFirst(262_000).prefix(338_001)))
        let none = try #require(await bench.get("/a", headers: ["Range": "bytes=9000000-"]))
        #expect(none.status == 416)
        let head = try #require(await bench.get("/a", method: "HEAD"))
        #expect(head.header("content-length") == String(Self.long.utf8.count))
        let tag = try #require(second.header("etag"))
        #expect(await bench.get("/a", headers: ["If-None-Match": tag])?.status == 304)
        #expect(bench.origin.count == 1)
    }

    @Test("what fits into memory moves to the disk behind the viewer's back when it is large")
    func moved() async throws {
        let folder = Folder()
        let tier = Self.tier(folder)
        let bench = Self.bench(tier, memory: 256 << 20)
        #expect(await bench.get("/a")?.text == Self.long)
        await settle(bench, tier)
        #expect(tier.counts.objects == 1 && bench.cache.cost < 10_000)
        let got = try #require(await bench.get("/a"))
        #expect(got.text == Self.long && got.stages == ["cache disk"])
        let small = Self.bench(Self.tier(folder, minimum: 1 << 20), text: "small")
        _ = await small.get("/b")
        #expect(await small.get("/b")?.stages == ["cache hit"])
    }

    @Test("a restart finds what was there, with its age, its validators and its place in line")
    func restart() async throws {
        let folder = Folder()
        let before = Self.tier(folder)
        let one = Self.bench(before)
        _ = await one.get("/a")
        _ = await one.get("/b")
        before.close()
        // Half written when the process ended.
        try "x".write(toFile: folder.path + "/abc.part", atomically: true, encoding: .utf8)
        let after = Self.tier(folder)
        let two = Self.bench(after)
        await after.load(into: two.cache)
        #expect(after.counts.objects == 2 && after.counts.bytes == folder.size())
        #expect(folder.files.allSatisfy { $0.hasSuffix(".object") })
        two.advance(7)
        let got = try #require(await two.get("/a"))
        #expect(got.text == Self.long && got.header("age") == "7")
        #expect(got.header("content-type") == "image/png" && two.origin.count == 0)
        two.advance(60)
        let stale = try #require(await two.get("/a"))
        #expect(stale.cache == "RefreshHit from cloudfront" && stale.text == Self.long)
        #expect(two.origin.last?.headers["if-none-match"] == got.header("etag"))
        #expect(await two.get("/a")?.stages == ["cache disk"])
        #expect(two.origin.count == 1)
    }

    @Test("a byte that changed on the disk is noticed before it goes out, and the object is gone")
    func corrupted() async throws {
        let folder = Folder()
        let tier = Self.tier(folder)
        let bench = Self.bench(tier)
        func change(_ fromEnd: UInt64) throws {
            let name = try #require(folder.files.first)
            let file = try #require(FileHandle(forUpdatingAtPath: folder.path + "/" + name))
            let size = try file.seekToEnd()
            try file.seek(toOffset: size - fromEnd)
            try file.write(contentsOf: Data([0xFF]))
            try file.close()
        }
        _ = await bench.get("/a")
        // In the first chunk: the viewer notices nothing.
        try change(UInt64(Self.long.utf8.count - 5))
        let got = try #require(await bench.get("/a"))
        #expect(got.text == Self.long && got.cache == "Miss from cloudfront")
        #expect(tier.counts.corrupted == 1 && bench.origin.count == 2)
        // In the last one: what is whole goes out, then the answer breaks off.
        try change(5)
        let cut = try #require(await bench.get("/a"))
        #expect(cut.bytes.count < Self.long.utf8.count)
        #expect(Self.long.utf8.starts(with: cut.bytes))
        #expect(tier.counts.corrupted == 2)
        #expect(await bench.get("/a")?.text == Self.long)
        #expect(bench.origin.count == 3)
        // Found at the start: in what is known of the answer, or too short.
        tier.close()
        let name = try #require(folder.files.first { $0.hasSuffix(".object") })
        let file = try #require(FileHandle(forUpdatingAtPath: folder.path + "/" + name))
        try file.seek(toOffset: 70)
        try file.write(contentsOf: Data([0xFF]))
        try file.close()
        try "short".write(toFile: folder.path + "/b.object", atomically: true, encoding: .utf8)
        let after = Self.tier(folder)
        await after.load(into: CacheStore(disk: after))
        #expect(after.counts.corrupted == 2 && after.counts.objects == 0 && folder.files.isEmpty)
    }

    @Test("the bound in bytes holds, what was asked for longest ago goes first")
    func bounded() async throws {
        let folder = Folder()
        let tier = Self.tier(folder, limit: 3 * Self.long.utf8.count)
        let bench = Self.bench(tier)
        for path in ["/a", "/b"] { _ = await bench.get(path) }
        _ = await bench.get("/a")
        for path in ["/c", "/d"] { _ = await bench.get(path) }
        #expect(tier.counts.bytes <= tier.byteLimit && tier.counts.evicted == 2)
        await settle(bench, tier)
        #expect(folder.size() <= tier.byteLimit)
        #expect(bench.origin.count == 4)
        #expect(await bench.get("/d")?.stages == ["cache disk"])
        // Too large for the whole tier: passed on and not kept.
        let tiny = Self.tier(folder, limit: Self.long.utf8.count)
        let other = Self.bench(tiny)
        #expect(await other.get("/x")?.text == Self.long)
        #expect(await other.get("/x")?.cache == "Miss from cloudfront")
    }

    @Test("an invalidation removes the file; a viewer who leaves in the middle leaves nothing")
    func removal() async throws {
        let folder = Folder()
        let tier = Self.tier(folder)
        let bench = Self.bench(tier)
        _ = await bench.get("/a")
        #expect(folder.files.count == 1)
        bench.cache.invalidate(distribution: "E1", path: "/a")
        await settle(bench, tier)
        #expect(folder.files.isEmpty)
        #expect(tier.counts.objects == 0 && tier.counts.bytes == 0)
        _ = await bench.get("/b", readsBody: false)
        await settle(bench, tier)
        #expect(folder.files.isEmpty && tier.counts.bytes == 0)
        #expect(await bench.get("/b")?.text == Self.long)
    }

    @Test("a folder that cannot be written to leaves the cache as if there were none")
    func unwritable() async throws {
        let tier = DiskTier(folder: "/proc/none", byteLimit: 64 << 20, minimumObject: 1024)
        let bench = Self.bench(tier)
        #expect(await bench.get("/a")?.text == Self.long)
        #expect(await bench.get("/a")?.text == Self.long)
        #expect(tier.counts.failed == 2 && tier.counts.bytes == 0)
    }
}
