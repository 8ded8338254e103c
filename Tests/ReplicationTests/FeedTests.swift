import Foundation
import Model
import Registry
import Testing

@testable import Replication

@Suite("Feed", .serialized, .timeLimit(.minutes(10)))
struct FeedTests {
    @Test("an edge enrols with a token, takes the state and follows what is published, over mTLS")
    func follows() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        try await primary.publish("f", 1)
        let edge = try await primary.enrol("fra", in: folder)
        let revision = try await primary.publish("f", 2, bytes: 1 << 20)
        await edge.replica.waitUntil(revision: revision)
        let version = try #require(edge.replica.box.current.functions["f:2"])
        let code = try #require(edge.replica.codeFolder(version.codeDigest))
        let size = try FileManager.default.attributesOfItem(atPath: code + "/index.js")[.size]
        #expect(size as? Int == 1 << 20)
        try await eventually {
            let status = primary.directory.statuses(head: revision) { _ in nil }
            return status.first?.revision == revision && status.first?.isLive == true
        }
        let status = try #require(
            primary.directory.statuses(head: revision) { _ in nil }.first
        )
        #expect(status.name == "fra" && status.lag == 0 && status.address == "127.0.0.1")
        #expect(status.certificateExpires ?? 0 > 0)
        await edge.stop()
        await primary.stop()
    }

    @Test("an edge that comes back resumes from the revision it had applied")
    func resumes() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        let first = try await primary.enrol("fra", in: folder)
        let before = try await primary.publish("f", 1)
        await first.replica.waitUntil(revision: before)
        try await eventually { try await first.replica.record() == before }
        await first.stop()
        for name in ["a", "b", "c"] { _ = try await primary.registry.publish([bucket(name)]) }
        let again = try await TestEdge(
            "fra",
            folder: folder.path + "/fra",
            primaries: [primary.address]
        )
        await again.replica.waitUntil(revision: before + 3)
        #expect(again.history.first.map { $0 > before } == true)
        #expect(again.replica.box.current.buckets.count == 3)
        #expect(again.replica.status().repairs == 0)
        await again.stop()
        await primary.stop()
    }
}
