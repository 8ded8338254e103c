import Foundation
import GRDB
import Model
import Testing

@testable import Registry

@Suite
struct StoreTests {
    @Test
    func concurrentPublishersLeaveNoGap() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(directory: folder.path)
        let numbers = try await withThrowingTaskGroup(of: [Int].self) { group in
            for publisher in 0..<20 {
                group.addTask {
                    try (0..<5).map { try store.publish([bucket("b\(publisher)-\($0)")]) }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(numbers.sorted() == Array(1...100))
        #expect(try store.changes(after: 0, limit: 1000).map(\.number) == Array(1...100))
        #expect(try store.snapshot().buckets.count == 100)
        #expect(try store.changes(after: 40, limit: 3).map(\.number) == [41, 42, 43])
    }

    @Test
    func failingTransactionLeavesNothing() throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(directory: folder.path)
        #expect(try store.publish([bucket("a")]) == 1)
        let missing = String(repeating: "0", count: 64)
        #expect(throws: RegistryError.self) {
            try store.publish([bucket("b"), .put(.function(function("f", 1, code: missing)))])
        }
        #expect(try store.head().revision == 1)
        #expect(try store.snapshot().buckets == ["a": "/a"])
        #expect(try store.publish([bucket("c")]) == 2)
    }

    @Test
    func reopeningKeepsEverything() throws {
        let folder = try TemporaryFolder()
        let zip = try code("exports.handler = 1")
        let digest = CodeArchive.digest(zip)
        do {
            let store = try SQLiteStore(directory: folder.path)
            try store.put(zip, as: digest)
            _ = try store.publish([.put(.function(function("f", 1, code: digest))), bucket("a")])
            _ = try store.publish([.delete("bucket/a")])
        }
        let store = try SQLiteStore(directory: folder.path)
        #expect(try store.head().revision == 2)
        #expect(try store.snapshot().functions.keys.sorted() == ["f:1"])
        #expect(try store.snapshot().buckets.isEmpty)
        #expect(try store.get(digest) == zip)
        #expect(try store.current().counters == ["f": 1])
    }

    @Test
    func versionsAreImmutableAndNeverGivenAgain() async throws {
        let folder = try TemporaryFolder()
        let primary = PrimaryRegistry(store: try SQLiteStore(directory: folder.path))
        let digest = try await primary.addBlob(try code("1"))
        let version = function("f", 1, code: digest)
        var changed = version
        changed.timeout = 9
        _ = try await primary.publish([.put(.function(version))])
        let change = Change.put(.function(changed))
        await #expect(throws: RegistryError.self) { _ = try await primary.publish([change]) }
        _ = try await primary.publish([.delete("function/f:1")])
        await #expect(throws: RegistryError.self) {
            _ = try await primary.publish([.put(.function(version))])
        }
        changed.version = 2
        #expect(try await primary.publish([.put(.function(changed))]) == 3)
    }

    @Test
    func blobsAreVerified() throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(directory: folder.path)
        let zip = try code("1")
        let digest = CodeArchive.digest(zip)
        #expect(throws: RegistryError.self) { try store.put(zip + [0], as: digest) }
        #expect(try store.get(digest) == nil)
        #expect(try store.get("../registry.sqlite") == nil)
        try store.put(zip, as: digest)
        try folder.write("damaged", to: "blobs/" + digest)
        #expect(throws: RegistryError.self) { try store.get(digest) }
    }
}

@Suite
struct PrimaryTests {
    @Test
    func numbersOfDrafts() async throws {
        let folder = try TemporaryFolder()
        let primary = PrimaryRegistry(store: try SQLiteStore(directory: folder.path))
        let one = try await primary.addBlob(try code("1"))
        let two = try await primary.addBlob(try code("2"))
        #expect(try await primary.version(for: function("f", 0, code: one)) == 1)
        _ = try await primary.publish([.put(.function(function("f", 1, code: one)))])
        #expect(try await primary.version(for: function("f", 0, code: one)) == 1)
        #expect(try await primary.version(for: function("f", 0, code: two)) == 2)
        _ = try await primary.publish([.put(.function(function("f", 2, code: two)))])
        #expect(try await primary.version(for: function("f", 0, code: one)) == 3)
        _ = try await primary.publish([.delete("function/f:1"), .delete("function/f:2")])
        let reopened = PrimaryRegistry(store: try SQLiteStore(directory: folder.path))
        #expect(try await reopened.version(for: function("f", 0, code: two)) == 3)
    }

    @Test
    func feedGivesOldAndNewWithoutGap() async throws {
        let folder = try TemporaryFolder()
        let primary = PrimaryRegistry(store: try SQLiteStore(directory: folder.path))
        _ = try await primary.publish([bucket("a")])
        _ = try await primary.publish([bucket("b")])
        let feed = await primary.feed(after: 1)
        _ = try await primary.publish([bucket("c")])
        var seen: [Int] = []
        for await revision in feed {
            seen.append(revision.number)
            if seen.count == 2 { break }
        }
        #expect(seen == [2, 3])
    }

    @Test
    func slowFollowerIsEndedNotSkipped() async throws {
        let folder = try TemporaryFolder()
        let primary = PrimaryRegistry(store: try SQLiteStore(directory: folder.path))
        let feed = await primary.feed(after: 0)
        for number in 0..<PrimaryRegistry.followerBacklog + 5 {
            _ = try await primary.publish([bucket("b\(number)")])
        }
        var seen: [Int] = []
        for await revision in feed { seen.append(revision.number) }
        #expect(seen == Array(1...PrimaryRegistry.followerBacklog))
    }
}
