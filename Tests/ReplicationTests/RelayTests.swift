import DataPlane
import Foundation
import Model
import Synchronization
import Testing

@testable import Registry
@testable import Replication

@Suite("Relays and snapshot files", .serialized, .timeLimit(.minutes(10)))
struct RelayTests {
    @Test("an edge behind a relay enrols, follows and is seen by the primary")
    func chain() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        try await primary.publish("f", 1)
        let relay = try await TestRelay("hub", in: folder, behind: primary.address, primary)
        let leaf = try await TestEdge(
            "fra",
            folder: folder.path + "/fra",
            primaries: [relay.address],
            token: primary.token("fra")
        )
        let revision = try await primary.publish("f", 2, bytes: 200_000)
        await leaf.replica.waitUntil(revision: revision)
        #expect(leaf.replica.missingCode(of: leaf.replica.box.current).isEmpty)
        try await eventually {
            let statuses = primary.directory.statuses(head: revision) { _ in nil }
            return statuses.map(\.name) == ["fra", "hub"]
                && statuses.allSatisfy { $0.revision == revision && $0.isLive }
        }
        // The certificate of an edge that is no relay does not pass for a primary's.
        let impostor = await FeedPort(
            source: RelaySource(replica: leaf.replica, depot: leaf.client.depot),
            office: nil,
            settings: quick(),
            address: "127.0.0.1",
            port: 0,
            tls: try leaf.client.currentIdentity.serverContext()
        )
        try impostor.listener.start(on: [leaf.reactor])
        let target = PrimaryAddress(host: "127.0.0.1", port: impostor.listener.port).target()
        let edge = relay.edge
        let (reactor, context) = (edge.reactor, try edge.client.currentIdentity.clientContext())
        await #expect(throws: FeedError.self) {
            try await onReactor(reactor) {
                let pool = UpstreamPool(reactor: reactor, client: context)
                let caller = FeedCaller(pool: pool, target: target, patience: .seconds(5))
                _ = try await caller.send("GET", "/_portico/snapshot")
            }
        }
        await impostor.stop()
        await leaf.stop()
        await relay.stop()
        await primary.stop()
    }

    @Test("relays follow relays, and the primary sees all that are behind them")
    func relaysBehindRelays() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        try await primary.publish("f", 1)
        let near = try await TestRelay("near", in: folder, behind: primary.address, primary)
        let far = try await TestRelay("far", in: folder, behind: near.address, primary)
        let leaf = try await TestEdge(
            "leaf",
            folder: folder.path + "/leaf",
            primaries: [far.address],
            token: primary.token("leaf")
        )
        let revision = try await primary.publish("f", 2, bytes: 200_000)
        await leaf.replica.waitUntil(revision: revision)
        #expect(leaf.replica.missingCode(of: leaf.replica.box.current).isEmpty)
        try await eventually {
            let statuses = primary.directory.statuses(head: revision) { _ in nil }
            return statuses.map(\.name) == ["far", "leaf", "near"]
                && statuses.allSatisfy { $0.revision == revision && $0.isLive }
        }
        // Revoked at the primary, an edge is cut off by the relay that it follows.
        #expect(try await primary.office.revoke(name: "leaf"))
        let last = try await primary.registry.publish([bucket("after")])
        await far.edge.replica.waitUntil(revision: last)
        try await eventually { leaf.replica.status().error?.contains("revoked") == true }
        #expect(leaf.replica.box.current.buckets.isEmpty)
        await leaf.stop()
        await far.stop()
        await near.stop()
        await primary.stop()
    }

    @Test("a new edge starts from a snapshot file, and a damaged file is refused")
    func snapshotFile() async throws {
        let folder = try TemporaryFolder()
        let primary = PrimaryRegistry(store: try SQLiteStore(directory: folder.path + "/registry"))
        let digest = try await primary.addBlob(try archive(100_000))
        _ = try await primary.publish([function("f", 1, code: digest), bucket("a")])
        let path = folder.path + "/portico.snapshot"
        let snapshot = try await primary.snapshot()
        try SnapshotFile.write(snapshot, to: path) { try primary.blob($0) }
        let replica = EdgeReplica(name: "fra", directory: folder.path + "/replica")
        #expect(try await !replica.open())
        let depot = try BlobDepot(folder: folder.path + "/replica/archives")
        let read = try await SnapshotFile.read(path) { try await depot.keep($0, $1) }
        #expect(try StateHash(of: read) == StateHash(of: snapshot))
        try await replica.apply(read) { try depot.read($0) }
        #expect(try await replica.record() == snapshot.revision)
        let again = EdgeReplica(name: "fra", directory: folder.path + "/replica")
        #expect(try await again.open())
        #expect(again.codeFolder(digest) != nil && again.box.current.buckets == ["a": "/a"])
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        for position in [0, 30, whole.count / 2, whole.count - 1] {
            var damaged = whole
            damaged[position] ^= 1
            try Data(damaged).write(to: URL(fileURLWithPath: path))
            await #expect(throws: FeedError.self) { try await SnapshotFile.read(path) { _, _ in } }
        }
        try Data(whole.prefix(whole.count - 40)).write(to: URL(fileURLWithPath: path))
        await #expect(throws: FeedError.self) { try await SnapshotFile.read(path) { _, _ in } }
    }
}
