import Foundation
import Model
import Synchronization
import Testing

@testable import Registry
@testable import Replication

/// A source that misbehaves as a test wants.
final class BentSource: FeedSource {
    struct Bend {
        var floor = 0
        /// So many archives arrive damaged.
        var damages = 0
        /// Whether new revisions are kept from who follows, as by a task that gets no turn.
        var isHeldBack = false
    }
    let plain: PrimarySource
    let bend = Mutex(Bend())

    init(_ plain: PrimarySource) { self.plain = plain }

    func follow(after revision: Int) async throws -> AsyncStream<Revision>? {
        guard let stream = try await plain.follow(after: revision) else { return nil }
        let (bent, continuation) = AsyncStream.makeStream(of: Revision.self)
        let task = Task { [self] in
            for await revision in stream {
                while bend.withLock({ $0.isHeldBack }), !Task.isCancelled {
                    try? await Task.sleep(for: .milliseconds(2))
                }
                continuation.yield(revision)
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return bent
    }

    func revisions(after revision: Int, limit: Int) async throws -> [Revision]? {
        guard revision >= bend.withLock({ $0.floor }) else { return nil }
        return try await plain.revisions(after: revision, limit: limit)
    }

    func snapshot() async throws -> Snapshot { try await plain.snapshot() }

    func reaches(_ revision: Int) async throws -> Bool { try await plain.reaches(revision) }

    func blobSize(_ digest: String) async throws -> Int? { try await plain.blobSize(digest) }

    func blobPart(_ digest: String, _ number: Int) async throws -> [UInt8]? {
        guard var bytes = try await plain.blobPart(digest, number) else { return nil }
        let isDamaged = bend.withLock { bend in
            bend.damages -= 1
            return bend.damages >= 0
        }
        if isDamaged { bytes[bytes.count / 2] ^= 1 }
        return bytes
    }
}

@Suite("Trouble", .serialized, .timeLimit(.minutes(10)))
struct TroubleTests {
    @Test("an archive damaged on its way is never served, and fetched anew")
    func damagedArchive() async throws {
        let folder = try TemporaryFolder()
        let source = Mutex<BentSource?>(nil)
        let primary = try await Primary(folder: folder.path + "/primary") { plain in
            let bent = BentSource(plain)
            source.withLock { $0 = bent }
            return bent
        }
        let errors = Mutex<[String]>([])
        let edge = try await primary.enrol("fra", in: folder) { options in
            options.log = { line in
                errors.withLock { $0.append(line) }
                guard line.contains("arrived damaged") else { return }
                source.withLock { $0 }?.bend.withLock { $0.damages = 0 }
            }
        }
        source.withLock { $0 }?.bend.withLock { $0.damages = .max }
        let revision = try await primary.publish("f", 1, bytes: 300_000)
        await edge.replica.waitUntil(revision: revision)
        #expect(errors.withLock { $0.contains { $0.contains("arrived damaged") } })
        try await eventually { edge.replica.status().error == nil }
        await edge.stop()
        await primary.stop()
    }

    @Test("a download goes on where it broke off, and a spoilt part is thrown away")
    func resumesDownload() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        for (name, spoilt) in [("good", false), ("bad", true)] {
            let bytes = try archive(500_000)
            let digest = try await primary.registry.addBlob(bytes)
            let archives = folder.path + "/\(name)/replica/archives"
            let depot = try BlobDepot(folder: archives)
            #expect(try await depot.begin(digest) == 0)
            var part = bytes.prefix(200_000)
            if spoilt { part[100] ^= 1 }
            try await depot.append(digest, part)
            await depot.end(digest)
            #expect(try await depot.begin(digest) == 200_000)
            await depot.end(digest)
            let edge = try await TestEdge(
                name,
                folder: folder.path + "/" + name,
                primaries: [primary.address],
                token: primary.token(name)
            )
            let revision = try await primary.registry.publish([function(name, 1, code: digest)])
            await edge.replica.waitUntil(revision: revision)
            #expect(edge.replica.codeFolder(digest) != nil)
            await edge.stop()
        }
        await primary.stop()
    }

    @Test("an edge below the floor takes a snapshot and goes on from there")
    func belowTheFloor() async throws {
        let folder = try TemporaryFolder()
        let first = try await Primary(folder: folder.path + "/primary")
        let early = try await first.enrol("fra", in: folder)
        let before = try await first.registry.publish([bucket("a")])
        await early.replica.waitUntil(revision: before)
        try await eventually { try await early.replica.record() == before }
        await early.stop()
        for number in 0..<20 { _ = try await first.registry.publish([bucket("b\(number)")]) }
        let (port, registry) = (first.port, first.registry)
        await first.stop()
        let source = Mutex<BentSource?>(nil)
        let second = try await Primary(
            folder: folder.path + "/primary",
            port: port,
            registry: registry
        ) { plain in
            let bent = BentSource(plain)
            bent.bend.withLock { $0.floor = before + 10 }
            source.withLock { $0 = bent }
            return bent
        }
        let edge = try await TestEdge(
            "fra",
            folder: folder.path + "/fra",
            primaries: [second.address]
        )
        await edge.replica.waitUntil(revision: before + 20)
        let last = try await second.registry.publish([bucket("z")])
        await edge.replica.waitUntil(revision: last)
        #expect(edge.history.contains(before + 20) && !edge.history.contains(before + 1))
        #expect(edge.replica.box.current.buckets.count == 22)
        await edge.stop()
        await second.stop()
    }

    @Test("a state that differs from the primary's is found, counted and taken anew")
    func differingState() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        let edge = try await primary.enrol("fra", in: folder)
        let revision = try await primary.registry.publish([bucket("a")])
        await edge.replica.waitUntil(revision: revision)
        try await eventually { try await edge.replica.record() == revision }
        var forged = edge.replica.box.current
        forged.buckets["forged"] = "/"
        edge.replica.box.swap(forged)
        try await eventually { edge.replica.box.current.buckets == ["a": "/a"] }
        try await eventually { edge.replica.status().repairs >= 1 }
        try await eventually {
            let said = primary.directory.statuses(head: revision) { _ in nil }.first
            return said?.repairs == edge.replica.status().repairs
        }
        let next = try await primary.registry.publish([bucket("b")])
        await edge.replica.waitUntil(revision: next)
        await edge.stop()
        await primary.stop()
    }

    @Test("an edge that took a snapshot before its primary's feed knew of it is not ahead of it")
    func ahead() async throws {
        let folder = try TemporaryFolder()
        let source = Mutex<BentSource?>(nil)
        // A state is encoded for each snapshot, since no hash is asked for meanwhile.
        var settings = quick()
        settings.hashInterval = .seconds(86_400)
        let primary = try await Primary(
            folder: folder.path + "/primary",
            settings: settings
        ) { plain in
            let bent = BentSource(plain)
            source.withLock { $0 = bent }
            return bent
        }
        let first = try await primary.enrol("fra", in: folder)
        try await eventually { first.replica.appliedRevision > 0 }
        let before = try await primary.registry.publish([bucket("before")])
        await first.replica.waitUntil(revision: before)
        await first.stop()
        // The same edge without a state.
        let again = folder.path + "/again"
        try FileManager.default.createDirectory(atPath: again, withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            atPath: folder.path + "/fra/identity",
            toPath: again + "/identity"
        )
        source.withLock { $0 }?.bend.withLock { $0.isHeldBack = true }
        let revision = try await primary.registry.publish([bucket("a")])
        let edge = try await TestEdge(
            "fra",
            folder: again,
            primaries: [primary.address]
        )
        // It follows and reports, although the feed has not come so far.
        try await eventually {
            primary.directory.statuses(head: revision) { _ in nil }.first?.revision == revision
        }
        #expect(primary.hub.head < revision)
        #expect(edge.replica.status().repairs == 0)
        source.withLock { $0 }?.bend.withLock { $0.isHeldBack = false }
        let next = try await primary.registry.publish([bucket("b")])
        await edge.replica.waitUntil(revision: next)
        await edge.stop()
        await primary.stop()
    }

    @Test("a damaged state file is set aside and the state taken anew")
    func damagedStateFile() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        let first = try await primary.enrol("fra", in: folder)
        let revision = try await primary.publish("f", 1)
        await first.replica.waitUntil(revision: revision)
        try await eventually { try await first.replica.record() == revision }
        await first.stop()
        let path = folder.path + "/fra/replica/state.json"
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        bytes[bytes.count / 2] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let again = try await TestEdge(
            "fra",
            folder: folder.path + "/fra",
            primaries: [primary.address]
        )
        await again.replica.waitUntil(revision: revision)
        #expect(again.replica.box.current.functions["f:1"] != nil)
        #expect(FileManager.default.fileExists(atPath: path + ".damaged"))
        await again.stop()
        await primary.stop()
    }

    @Test("with every primary gone an edge starts and serves from its own state")
    func alone() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        let first = try await primary.enrol("fra", in: folder)
        let revision = try await primary.publish("f", 1)
        await first.replica.waitUntil(revision: revision)
        try await eventually { try await first.replica.record() == revision }
        await first.stop()
        let address = primary.address
        await primary.stop()
        let again = try await TestEdge("fra", folder: folder.path + "/fra", primaries: [address])
        #expect(again.replica.appliedRevision == revision)
        let version = try #require(again.replica.box.current.functions["f:1"])
        #expect(again.replica.codeFolder(version.codeDigest) != nil)
        try await eventually { again.replica.status().error?.contains("does not answer") == true }
        await again.stop()
    }

    @Test("an edge goes over to another primary when its own is gone")
    func failsOver() async throws {
        let folder = try TemporaryFolder()
        let one = try await Primary(folder: folder.path + "/primary")
        let two = try await Primary(folder: folder.path + "/primary", registry: one.registry)
        let edge = try await TestEdge(
            "fra",
            folder: folder.path + "/fra",
            primaries: [one.address, two.address],
            token: one.token("fra")
        )
        let first = try await one.registry.publish([bucket("a")])
        await edge.replica.waitUntil(revision: first)
        await one.stop()
        let second = try await one.registry.publish([bucket("b")])
        await edge.replica.waitUntil(revision: second)
        try await eventually {
            two.directory.statuses(head: second) { _ in nil }.first?.revision == second
        }
        await edge.stop()
        await two.stop()
    }

    @Test("a burst becomes few swaps, each the state at some revision")
    func coalesces() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        let edge = try await primary.enrol("fra", in: folder)
        try await eventually { edge.replica.appliedRevision > 0 }
        // Held back, they all come at once.
        #expect(primary.directory.inject(.lag(.seconds(3600)), into: "fra"))
        var last = 0
        for number in 0..<30 { last = try await primary.registry.publish([bucket("b\(number)")]) }
        let newest = last
        try await eventually { primary.hub.head == newest }
        #expect(primary.directory.inject(.lag(.zero), into: "fra"))
        primary.hub.wake()
        await edge.replica.waitUntil(revision: last)
        #expect(edge.history.count < 30)
        #expect(edge.history == edge.history.sorted())
        #expect(edge.replica.box.current.buckets.count == 30)
        await edge.stop()
        await primary.stop()
    }

    @Test("a revision larger than any frame arrives whole")
    func largeRevision() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        let edge = try await primary.enrol("fra", in: folder)
        let document = "\"" + String(repeating: "x", count: 3 << 20) + "\""
        let revision = try await primary.registry.publish(
            [.put(.record(id: "test/large/1", document: document))]
        )
        await edge.replica.waitUntil(revision: revision)
        #expect(edge.replica.box.current.records["test/large/1"] == document)
        await edge.stop()
        await primary.stop()
    }

    @Test("injected faults do what they say and are shown")
    func injected() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        let ends = Numbers()
        let edge = try await primary.enrol("fra", in: folder) { options in
            options.end = { ends.append(1) }
        }
        try await eventually { edge.replica.appliedRevision > 0 }
        func faults() -> [String] {
            primary.directory.statuses(head: 0) { _ in nil }.flatMap(\.faults)
        }
        let directory = primary.directory
        #expect(!directory.inject(.kill, into: "nobody"))
        #expect(directory.inject(.lag(.milliseconds(300)), into: "fra"))
        #expect(faults().contains { $0.hasPrefix("lag") })
        let began = ContinuousClock.now
        let late = try await primary.registry.publish([bucket("late")])
        await edge.replica.waitUntil(revision: late)
        #expect(ContinuousClock.now - began >= .milliseconds(300))
        #expect(directory.inject(.lag(.zero), into: "fra"))
        #expect(faults().isEmpty)
        #expect(directory.inject(.partition(.milliseconds(400)), into: "fra"))
        #expect(faults().contains { $0.hasPrefix("partition") })
        primary.hub.wake()
        let cut = ContinuousClock.now
        let behind = try await primary.registry.publish([bucket("cut")])
        await edge.replica.waitUntil(revision: behind)
        #expect(ContinuousClock.now - cut >= .milliseconds(350))
        #expect(directory.inject(.kill, into: "fra"))
        primary.hub.wake()
        try await eventually { ends.all == [1] }
        directory.playDead(for: .milliseconds(300))
        primary.hub.wake()
        #expect(faults().contains("primary down"))
        let dead = try await primary.registry.publish([bucket("dead")])
        await edge.replica.waitUntil(revision: dead)
        #expect(!directory.isDown)
        await edge.stop()
        await primary.stop()
    }

    @Test("an order to end is for the process that followed when it was given, not the next")
    func staleOrder() async throws {
        let folder = try TemporaryFolder()
        let primary = try await Primary(folder: folder.path + "/primary")
        let first = try await primary.enrol("fra", in: folder)
        try await eventually { first.replica.appliedRevision > 0 }
        await first.stop()
        #expect(primary.directory.inject(.kill, into: "fra"))
        let ends = Numbers()
        let second = try await primary.enrol("fra", in: folder) { options in
            options.end = { ends.append(1) }
        }
        let later = try await primary.registry.publish([bucket("later")])
        await second.replica.waitUntil(revision: later)
        #expect(ends.all.isEmpty)
        await second.stop()
        await primary.stop()
    }
}
