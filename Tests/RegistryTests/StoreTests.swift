import Foundation
import Model
import Testing

@testable import Registry

/// What every store promises of revisions.
@Suite("Stores", .timeLimit(.minutes(15)))
struct StoreTests {
    @Test(
        "eight concurrent publishers on two primaries leave no gap and see each other",
        arguments: Engine.allCases
    )
    func concurrentPublishers(engine: Engine) async throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let primaries = [
            PrimaryRegistry(store: try bench.open()), PrimaryRegistry(store: try bench.open()),
        ]
        let numbers = try await withThrowingTaskGroup(of: [Int].self) { group in
            for publisher in 0..<8 {
                group.addTask {
                    var numbers: [Int] = []
                    for _ in 0..<25 {
                        let primary = primaries[publisher % 2]
                        let done = try await primary.update { snapshot, _ in
                            let count = snapshot.records["count"].flatMap { Int($0) } ?? 0
                            let next = Change.put(.record(id: "count", document: "\(count + 1)"))
                            return ([next], count)
                        }
                        // What was decided on is exactly the state of the revision before.
                        #expect(done.value == done.revision - 1)
                        numbers.append(done.revision)
                    }
                    return numbers
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(numbers.sorted() == Array(1...200))
        let store = try bench.open()
        #expect(try store.changes(after: 0, limit: 1000).map(\.number) == Array(1...200))
        #expect(try store.changes(after: 40, limit: 3).map(\.number) == [41, 42, 43])
        for primary in primaries {
            try await primary.catchUp()
            #expect(try await primary.snapshot() == store.current().snapshot)
            #expect(try await primary.snapshot().records == ["count": "200"])
        }
    }

    @Test("a transaction that fails leaves nothing", arguments: Engine.allCases)
    func failingTransaction(engine: Engine) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let store = try bench.open()
        #expect(try store.publish([bucket("a")]) == 1)
        let missing = String(repeating: "0", count: 64)
        let error = #expect(throws: RegistryError.self) {
            try store.publish([bucket("b"), .put(.function(function("f", 1, code: missing)))])
        }
        #expect(error?.kind == .invalid)
        struct Refusal: Error {}
        #expect(throws: Refusal.self) { try store.publish(after: 1) { _ in throw Refusal() } }
        #expect(try store.publish(after: 1) { _ in [] } == 1)
        #expect(try store.head().revision == 1)
        #expect(try store.snapshot().buckets == ["a": "/a"])
        #expect(try store.publish([bucket("c")]) == 2)
    }

    @Test("what was committed is there after a reopening", arguments: Engine.allCases)
    func reopening(engine: Engine) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let zip = try code("exports.handler = 1")
        let digest = CodeArchive.digest(zip)
        let first = try bench.open()
        try first.put(zip)
        try first.publish([.put(.function(function("f", 3, code: digest))), bucket("a'\"\\,{}")])
        try first.publish([.delete("bucket/a'\"\\,{}")])
        let history = try first.head().history
        first.close()
        #expect(throws: RegistryError.self) { try first.publish([bucket("x")]) }
        let store = try bench.open()
        #expect(try store.head() == StoreHead(history: history, revision: 2, floor: 0))
        #expect(try store.snapshot().functions.keys.sorted() == ["f:3"])
        #expect(try store.snapshot().buckets.isEmpty)
        #expect(try store.get(digest) == zip)
        #expect(try store.current().counters == ["f": 3])
        let another = try StoreBench(engine)
        defer { another.close() }
        #expect(try another.open().head().history != history)
    }

    @Test("counters outlive versions, until a reset", arguments: Engine.allCases)
    func counters(engine: Engine) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let store = try bench.open()
        let digest = try store.put(try code("1"))
        func put(_ version: Int) -> Change { .put(.function(function("f", version, code: digest))) }
        try store.publish([put(1), put(5), put(0)])
        try store.publish([.delete("function/f:5"), put(1)])
        #expect(try store.current().counters == ["f": 5])
        try store.publish([.delete("function/f:1"), .resetVersions(function: "f")])
        #expect(try store.current().counters.isEmpty)
        try store.publish([put(4), .resetVersions(function: "f"), put(2)])
        #expect(try store.current().counters == ["f": 2])
    }

    @Test("the state is the sum of the revisions", arguments: Engine.allCases)
    func sum(engine: Engine) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let store = try bench.open()
        for number in 1...30 {
            var changes = [bucket("b\(number % 7)"), .delete("bucket/b\(number % 5)")]
            if number % 3 == 0 { changes.append(bucket("b\(number % 5)")) }
            try store.publish(changes)
        }
        let sum = try store.changes(after: 0, limit: 100).reduce(Snapshot()) {
            $0.applying($1.changes, revision: $1.number)
        }
        let state = try store.current()
        #expect(state.snapshot == sum)
        #expect(try StateHash(of: state.snapshot) == StateHash(of: sum))
        var other = sum
        other.buckets["b1"] = "/elsewhere"
        #expect(try StateHash(of: other) != StateHash(of: sum))
    }

    @Test("a publisher's turn gives what it has missed, up to a bound", arguments: Engine.allCases)
    func turns(engine: Engine) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let store = try bench.open()
        for number in 1...StoreLimits.missingLimit { try store.publish([bucket("\(number)")]) }
        var seen: [Int] = []
        _ = try store.publish(after: 0) { missing in
            seen = missing.map(\.number)
            return [bucket("last")]
        }
        #expect(seen == Array(1...StoreLimits.missingLimit))
        let error = #expect(throws: RegistryError.self) {
            try store.publish(after: 0) { _ in [bucket("x")] }
        }
        #expect(error?.kind == .behind)
        let ahead = #expect(throws: RegistryError.self) {
            try store.publish(after: 9999) { _ in [bucket("x")] }
        }
        #expect(ahead?.kind == .corrupt)
    }

    @Test("one read gives a bounded number of bytes", arguments: Engine.allCases)
    func boundedReads(engine: Engine) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        // Encoding megabytes within a turn takes its time in a debug build.
        let store = try bench.open(stallLimit: .seconds(120))
        let large = String(repeating: "x", count: 3 << 20)
        for number in 1...4 { try store.publish([.put(.record(id: "\(number)", document: large))]) }
        #expect(try store.changes(after: 0, limit: 10).map(\.number) == [1, 2])
        #expect(try store.changes(after: 2, limit: 10).map(\.number) == [3, 4])
        let larger = String(repeating: "y", count: StoreLimits.changeBytesLimit)
        try store.publish([.put(.record(id: "5", document: larger))])
        #expect(try store.changes(after: 4, limit: 10).map(\.number) == [5])
        #expect(try store.changes(after: 5, limit: 10).isEmpty)
    }

    @Test("compaction keeps what either rule asks for", arguments: Engine.allCases)
    func compaction(engine: Engine) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let store = try bench.open()
        for number in 1...10 { try store.publish([bucket("\(number)")]) }
        #expect(try store.compact(keeping: Retention(revisions: 3, age: .seconds(60))) == 0)
        try bench.age(seconds: 120)
        #expect(try store.compact(keeping: Retention(revisions: 20, age: .seconds(60))) == 0)
        for number in 11...12 { try store.publish([bucket("\(number)")]) }
        #expect(try store.compact(keeping: Retention(revisions: 3, age: .seconds(60))) == 9)
        #expect(try store.compact(keeping: Retention(revisions: 3, age: .seconds(60))) == 9)
        #expect(try store.compact(keeping: Retention(revisions: 0, age: .seconds(60))) == 10)
        #expect(try store.head().floor == 10)
        #expect(try store.changes(after: 10, limit: 5).map(\.number) == [11, 12])
        for after in [0, 9] {
            let error = #expect(throws: RegistryError.self) {
                try store.changes(after: after, limit: 5)
            }
            #expect(error?.kind == .snapshotRequired)
            let turn = #expect(throws: RegistryError.self) {
                try store.publish(after: after) { _ in [bucket("x")] }
            }
            #expect(turn?.kind == .snapshotRequired)
        }
        #expect(try store.current().snapshot.buckets.count == 12)
        #expect(try store.publish([bucket("13")]) == 13)
    }

    @Test("heads tell of commits by others", arguments: Engine.allCases)
    func heads(engine: Engine) async throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let watcher = try bench.open()
        let heads = watcher.heads()
        let publisher = try bench.open()
        for number in 1...3 { try publisher.publish([bucket("\(number)")]) }
        for await head in heads where head == 3 { break }
        watcher.close()
        for await _ in watcher.heads() { Issue.record("a closed store tells of heads") }
    }
}
