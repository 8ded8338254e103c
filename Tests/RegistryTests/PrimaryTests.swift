import Foundation
import Model
import Testing

@testable import Registry

/// Primaries, alone and beside others on the same store.
@Suite("Primaries", .timeLimit(.minutes(15)))
struct PrimaryTests {
    @Test("versions are immutable and never given again", arguments: Engine.allCases)
    func versions(engine: Engine) async throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let primary = PrimaryRegistry(store: try bench.open())
        let other = PrimaryRegistry(store: try bench.open())
        let digest = try await primary.addBlob(try code("1"))
        let version = function("f", 1, code: digest)
        var changed = version
        changed.timeout = 9
        _ = try await other.snapshot()
        _ = try await primary.publish([.put(.function(version))])
        let change = Change.put(.function(changed))
        // The other primary has not read the revision yet; its turn tells.
        await #expect(throws: RegistryError.self) { _ = try await other.publish([change]) }
        _ = try await primary.publish([.delete("function/f:1")])
        await #expect(throws: RegistryError.self) {
            _ = try await other.publish([.put(.function(version))])
        }
        changed.version = 2
        #expect(try await other.publish([.put(.function(changed))]) == 3)
    }

    @Test("a draft gets the latest number when nothing changed, else the next one")
    func numbersOfDrafts() async throws {
        let bench = try StoreBench(.sqlite)
        defer { bench.close() }
        let primary = PrimaryRegistry(store: try bench.open())
        let one = try await primary.addBlob(try code("1"))
        let two = try await primary.addBlob(try code("2"))
        #expect(try await primary.version(for: function("f", 0, code: one)) == 1)
        _ = try await primary.publish([.put(.function(function("f", 1, code: one)))])
        #expect(try await primary.version(for: function("f", 0, code: one)) == 1)
        #expect(try await primary.version(for: function("f", 0, code: two)) == 2)
        _ = try await primary.publish([.put(.function(function("f", 2, code: two)))])
        _ = try await primary.publish([.delete("function/f:2")])
        #expect(try await primary.version(for: function("f", 0, code: two)) == 3)
    }

    @Test("a feed resumes, and follows what another primary publishes", arguments: Engine.allCases)
    func feeds(engine: Engine) async throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let primary = PrimaryRegistry(store: try bench.open())
        let other = PrimaryRegistry(store: try bench.open())
        _ = try await primary.publish([bucket("a")])
        _ = try await primary.publish([bucket("b")])
        let feed = await other.feed(after: 1)
        _ = try await primary.publish([bucket("c")])
        _ = try await other.publish([bucket("d")])
        _ = try await primary.publish([bucket("e")])
        var seen: [Revision] = []
        for await revision in feed {
            seen.append(revision)
            if seen.count == 4 { break }
        }
        #expect(seen.map(\.number) == [2, 3, 4, 5])
        #expect(seen.flatMap(\.changes) == ["b", "c", "d", "e"].map(bucket))
        #expect(try await other.changes(after: 3, limit: 1).map(\.number) == [4])
        #expect(try await primary.stateHash() == other.stateHash())
    }

    @Test("a slow follower is ended, not skipped")
    func slowFollower() async throws {
        let bench = try StoreBench(.sqlite)
        defer { bench.close() }
        let primary = PrimaryRegistry(store: try bench.open())
        let feed = await primary.feed(after: 0)
        for number in 0..<PrimaryRegistry.followerBacklog + 5 {
            _ = try await primary.publish([bucket("b\(number)")])
        }
        var seen: [Int] = []
        for await revision in feed { seen.append(revision.number) }
        #expect(seen == Array(1...PrimaryRegistry.followerBacklog))
    }

    @Test(
        "a primary that slept reads up, past compaction too, before it decides",
        arguments: Engine.allCases
    )
    func sleeper(engine: Engine) async throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        // Hears of nothing by itself for the length of the test.
        let sleeper = PrimaryRegistry(store: try bench.open(pollDelay: .seconds(600)))
        _ = try await sleeper.snapshot()
        let store = try bench.open()
        for number in 1...StoreLimits.missingLimit + 50 { try store.publish([bucket("\(number)")]) }
        let first = try await sleeper.update { snapshot, _ in
            ([bucket("mine")], snapshot.buckets.count)
        }
        #expect(first.value == StoreLimits.missingLimit + 50)
        #expect(first.revision == StoreLimits.missingLimit + 51)
        for number in 1...20 { try store.publish([.delete("bucket/\(number)")]) }
        #expect(
            try store.compact(keeping: Retention(revisions: 0, age: .zero)) == first.revision + 20
        )
        let second = try await sleeper.update { snapshot, _ in
            ([bucket("mine too")], snapshot.buckets.count)
        }
        #expect(second.value == first.value + 1 - 20)
        #expect(second.revision == first.revision + 21)
        #expect(try await sleeper.snapshot() == store.current().snapshot)
        await #expect(throws: RegistryError.self) {
            _ = try await PrimaryRegistry(store: store).changes(after: 3, limit: 5)
        }
    }

    @Test(
        "code that is kept whole is not written again, damaged code is",
        arguments: Engine.allCases
    )
    func addsCode(engine: Engine) async throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let primary = PrimaryRegistry(store: try bench.open())
        let zip = try code("exports.handler = 1")
        let digest = try await primary.addBlob(zip)
        #expect(try await primary.wholeBlob(digest) == zip)
        try bench.damage(digest)
        await #expect(throws: RegistryError.self) { _ = try await primary.wholeBlob(digest) }
        #expect(try await primary.addBlob(zip) == digest)
        #expect(try await primary.wholeBlob(digest) == zip)
        await #expect(throws: RegistryError.self) { _ = try await primary.addBlob([1, 2, 3]) }
        #expect(try await primary.readBlob(digest, from: 2, count: 4) == Array(zip[2..<6]))
        #expect(try await primary.blobSize(String(repeating: "0", count: 64)) == nil)
    }
}
