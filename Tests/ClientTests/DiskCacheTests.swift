import Foundation
import Testing

/// The cache on disk of a running node.
@Suite("Cache on disk", .serialized, .timeLimit(.minutes(5)))
struct DiskCacheTests {
    /// A folder with a bucket of one large object and a distribution in front of it.
    private final class Scene {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("portico-disk-\(UUID().uuidString)")
        /// More than memory takes of one object, and no two chunks alike.
        let content = (0..<900_000).map { "line number \($0)\n" }.joined()
        let file: URL

        init() throws {
            let bucket = folder.appendingPathComponent("site")
            file = bucket.appendingPathComponent("big.bin")
            try FileManager.default.createDirectory(at: bucket, withIntermediateDirectories: true)
            try content.write(to: file, atomically: true, encoding: .utf8)
            try """
            Metadata: { Portico: { Buckets: { site: ./site } } }
            Resources:
              Site:
                Type: AWS::CloudFront::Distribution
                Properties:
                  DistributionConfig:
                    Enabled: true
                    Origins: [{ Id: o, DomainName: site.s3.amazonaws.com, S3OriginConfig: {} }]
                    DefaultCacheBehavior:
                      TargetOriginId: o
                      ViewerProtocolPolicy: allow-all
                      CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6
            """
            .write(
                to: folder.appendingPathComponent("template.yaml"),
                atomically: true,
                encoding: .utf8
            )
        }

        deinit { try? FileManager.default.removeItem(at: folder) }
    }

    @Test("a large answer is a hit before and after a restart, in whole and in part")
    func restart() throws {
        let scene = try Scene()
        let (folder, content, file) = (scene.folder, scene.content, scene.file)
        let kept = folder.appendingPathComponent("kept").path
        let verb = ["up", "--disk-cache", "64MiB", "--disk-cache-folder", kept]
        func ask(_ node: RunningNode, _ more: [String] = []) throws -> Answer {
            try node.get("/big.bin", more)
        }
        var node: RunningNode? = try RunningNode(verb, in: folder)
        for word in ["Miss", "Hit"] {
            let got = try ask(try #require(node))
            #expect(got.status == 200 && got.body == content)
            #expect(got.headers["x-cache"] == "\(word) from cloudfront")
        }
        // The process ends in order; its files stay.
        node = nil
        try FileManager.default.removeItem(at: file)
        let again = try RunningNode(verb, in: folder)
        let part = try ask(again, ["-H", "Range: bytes=9000000-9000009"])
        #expect(part.status == 206 && part.body == String(content.dropFirst(9_000_000).prefix(10)))
        let parts = try ask(again, ["-H", "Range: bytes=0-4,9000000-9000009"])
        #expect(parts.status == 206 && parts.body.contains("\n\nline \n--"))
        #expect(parts.body.contains(content.dropFirst(9_000_000).prefix(10) + "\n--"))
        let metrics = try again.api("/_portico/metrics").body
        #expect(metrics.contains(/\nportico_cache_disk_objects\{cache="\w+"\} 1\n/))
        #expect(metrics.contains("\n# TYPE portico_cache_disk_corrupted_total counter\n"))
        let whole = try ask(again)
        #expect(whole.body == content && whole.headers["x-cache"] == "Hit from cloudfront")
    }

    @Test(
        "a process that takes over finds what its predecessor has on disk, and both keep their order"
    )
    func takeover() throws {
        let scene = try Scene()
        let kept = scene.folder.appendingPathComponent("kept").path
        let verb = ["up", "--takeover", "--disk-cache", "64MiB", "--disk-cache-folder", kept]
        let first = try RunningNode(verb, in: scene.folder)
        let got = try first.get("/big.bin")
        #expect(got.body == scene.content && got.headers["x-cache"] == "Miss from cloudfront")
        #expect(try first.get("/big.bin").headers["x-cache"] == "Hit from cloudfront")
        let second = try RunningNode(verb, in: scene.folder, sharing: first)
        first.process.waitUntilExit()
        #expect(first.process.terminationStatus == 0)
        try FileManager.default.removeItem(at: scene.file)
        let whole = try second.get("/big.bin")
        #expect(whole.body == scene.content && whole.headers["x-cache"] == "Hit from cloudfront")
        let metrics = try second.api("/_portico/metrics").body
        #expect(metrics.contains(/\nportico_cache_disk_objects\{cache="\w+"\} 1\n/))
        #expect(metrics.contains(/\nportico_cache_disk_corrupted_total\{cache="\w+"\} 0\n/))
    }
}
