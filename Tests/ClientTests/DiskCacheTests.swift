import Foundation
import Testing

/// The cache on disk of a running node.
@Suite("Cache on disk", .serialized, .timeLimit(.minutes(5)))
struct DiskCacheTests {
    @Test("a large answer is a hit before and after a restart, in whole and in part")
    func restart() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("portico-disk-\(UUID().uuidString)")
        let bucket = folder.appendingPathComponent("site")
        try FileManager.default.createDirectory(at: bucket, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // More than memory takes of one object, and no two chunks alike.
        let content = (0..<900_000).map { "line number \($0)\n" }.joined()
        let file = bucket.appendingPathComponent("big.bin")
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
        let whole = try ask(again)
        #expect(whole.body == content && whole.headers["x-cache"] == "Hit from cloudfront")
    }
}
