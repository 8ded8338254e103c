import Foundation
import Model
import Synchronization
import Testing

@testable import Registry

@Suite
struct ReplicaTests {
    @Test
    func appliesCodeBeforeConfiguration() async throws {
        let folder = try TemporaryFolder()
        let primary = PrimaryRegistry(store: try SQLiteStore(directory: folder.path + "/primary"))
        let replicas = ["iad", "fra", "nrt"].map {
            EdgeReplica(name: $0, directory: folder.path + "/" + $0, registry: primary)
        }
        for replica in replicas { try await replica.start() }
        let digest = try await primary.addBlob(try code("exports.handler = 7"))
        let seen = Mutex<[Int]>([])
        replicas[0].onApply { snapshot in seen.withLock { $0.append(snapshot.revision) } }
        let revision = try await primary.publish(
            [.put(.function(function("f", 1, code: digest)))])
        for replica in replicas {
            await replica.waitUntil(revision: revision)
            #expect(replica.box.current.functions["f:1"]?.codeDigest == digest)
            let code = try #require(replica.codeFolder(digest))
            #expect(
                try String(contentsOfFile: code + "/index.js", encoding: .utf8)
                    == "exports.handler = 7"
            )
            let status = replica.status()
            #expect(status.revision == 1 && status.lag == 0 && status.error == nil)
            await replica.stop()
        }
        #expect(seen.withLock { $0 } == [1])
        #expect(replicas[0].codeFolder("../..") == nil)
    }

    @Test
    func resumesFromItsOwnState() async throws {
        let folder = try TemporaryFolder()
        let primary = PrimaryRegistry(store: try SQLiteStore(directory: folder.path + "/primary"))
        let directory = folder.path + "/iad"
        do {
            let replica = EdgeReplica(name: "iad", directory: directory, registry: primary)
            try await replica.start()
            _ = try await primary.publish([bucket("a")])
            await replica.waitUntil(revision: 1)
            await replica.stop()
        }
        #expect(ReplicaState.read(directory + "/state.json").snapshot?.revision == 1)
        _ = try await primary.publish([bucket("b")])
        _ = try await primary.publish([.delete("bucket/a")])
        let replica = EdgeReplica(name: "iad", directory: directory, registry: primary)
        let seen = Mutex<[Int]>([])
        replica.onApply { snapshot in seen.withLock { $0.append(snapshot.revision) } }
        try await replica.start()
        await replica.waitUntil(revision: 3)
        #expect(seen.withLock { $0 } == [1, 2, 3])
        #expect(replica.box.current.buckets == ["b": "/b"])
        await replica.stop()
    }

    @Test
    func damagedStateIsSetAside() async throws {
        let folder = try TemporaryFolder()
        let primary = PrimaryRegistry(store: try SQLiteStore(directory: folder.path + "/primary"))
        _ = try await primary.publish([bucket("a")])
        var state = try ReplicaState(Snapshot())
        state.snapshot.buckets = ["forged": "/"]
        try folder.write("", to: "iad/x")
        try state.write(to: folder.path + "/iad/state.json")
        let replica = EdgeReplica(
            name: "iad",
            directory: folder.path + "/iad",
            registry: primary
        )
        try await replica.start()
        #expect(replica.box.current.buckets == ["a": "/a"])
        #expect(replica.status().error?.contains("set aside") == true)
        #expect(folder.read("iad/state.json.damaged")?.contains("forged") == true)
        await replica.stop()
        #expect(ReplicaState.read(folder.path + "/iad/state.json").snapshot?.revision == 1)
    }

    @Test
    func followsAFarAheadPrimary() async throws {
        let folder = try TemporaryFolder()
        let primary = PrimaryRegistry(store: try SQLiteStore(directory: folder.path + "/primary"))
        let directory = folder.path + "/iad"
        let replica = EdgeReplica(name: "iad", directory: directory, registry: primary)
        try FileManager.default.createDirectory(
            atPath: directory,
            withIntermediateDirectories: true
        )
        try ReplicaState(Snapshot()).write(to: directory + "/state.json")
        let count = PrimaryRegistry.followerBacklog + 10
        for number in 1...count { _ = try await primary.publish([bucket("b\(number)")]) }
        try await replica.start()
        await replica.waitUntil(revision: count)
        #expect(replica.box.current.buckets.count == count)
        await replica.stop()
    }

    @Test("an edge that lags on purpose applies a burst late, once, and says so")
    func lags() async throws {
        let folder = try TemporaryFolder()
        let primary = PrimaryRegistry(store: try SQLiteStore(directory: folder.path + "/primary"))
        let replica = EdgeReplica(name: "iad", directory: folder.path + "/iad", registry: primary)
        try await replica.start()
        replica.lag(by: .milliseconds(300))
        let began = ContinuousClock.now
        for name in ["a", "b", "c"] { _ = try await primary.publish([bucket(name)]) }
        #expect(replica.status().faults.contains { $0.hasPrefix("lag") })
        await replica.waitUntil(revision: 3)
        #expect(ContinuousClock.now - began >= .milliseconds(300))
        replica.lag(by: .zero)
        replica.cutOff(for: .milliseconds(200))
        #expect(replica.status().faults.contains { $0.hasPrefix("partition") })
        let cut = ContinuousClock.now
        _ = try await primary.publish([bucket("d")])
        await replica.waitUntil(revision: 4)
        #expect(ContinuousClock.now - cut >= .milliseconds(190))
        #expect(replica.status().faults.isEmpty)
        await replica.stop()
    }
}
