import Model
import Testing

@testable import Registry

@Suite("Drafts and records")
struct DraftTests {
    @Test("the draft changes in place and leaves the numbers of versions alone")
    func drafts() async throws {
        let folder = try TemporaryFolder()
        let registry = PrimaryRegistry(store: try SQLiteStore(directory: folder.path))
        let first = try await registry.addBlob(try code("exports.handler = 1"))
        let second = try await registry.addBlob(try code("exports.handler = 2"))
        for digest in [first, second] {
            _ = try await registry.publish([.put(.function(function("f", 0, code: digest)))])
        }
        let snapshot = try await registry.snapshot()
        #expect(snapshot.functions["f:$LATEST"]?.codeDigest == second)
        #expect(snapshot.resolve(function: "f") == "f:$LATEST")
        #expect(try await registry.version(for: function("f", 0, code: second)) == 1)
    }

    @Test("a function that was deleted as a whole starts at version 1 again")
    func resets() async throws {
        let folder = try TemporaryFolder()
        let store = try SQLiteStore(directory: folder.path)
        let registry = PrimaryRegistry(store: store)
        let digest = try await registry.addBlob(try code("exports.handler = 1"))
        _ = try await registry.publish([.put(.function(function("f", 4, code: digest)))])
        #expect(try await registry.versionCounters() == ["f": 4])
        _ = try await registry.publish([.delete("function/f:4"), .resetVersions(function: "f")])
        #expect(try await registry.versionCounters().isEmpty)
        #expect(try store.current().counters.isEmpty)
        _ = try await registry.publish([.put(.function(function("f", 1, code: digest)))])
        #expect(try store.snapshot().functions.keys.sorted() == ["f:1"])
    }

    @Test("an update sees what was committed before it, and an empty one makes no revision")
    func updates() async throws {
        let folder = try TemporaryFolder()
        let registry = PrimaryRegistry(store: try SQLiteStore(directory: folder.path))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    _ = try await registry.update { snapshot, _ in
                        let count = snapshot.records["count"].flatMap { Int($0) } ?? 0
                        return ([.put(.record(id: "count", document: String(count + 1)))], count)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await registry.snapshot().records == ["count": "20"])
        #expect(try await registry.update { _, _ in ([], 7) } == (20, 7))
    }

    @Test("an alias with shares draws its version for each call")
    func shares() {
        var snapshot = Snapshot()
        let zero = String(repeating: "0", count: 64)
        snapshot.functions = [
            "f:1": function("f", 1, code: zero), "f:2": function("f", 2, code: zero),
        ]
        for (weight, expected) in [(0.0, "f:1"), (1.0, "f:2")] {
            let share = FunctionAlias.Share(version: 2, weight: weight)
            snapshot.aliases = [
                "f:live": FunctionAlias(function: "f", name: "live", version: 1, additional: share)
            ]
            #expect(snapshot.resolve(function: "f:live") == expected)
        }
    }
}
