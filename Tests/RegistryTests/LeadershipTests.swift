import Foundation
import Synchronization
import Testing

@testable import Registry

/// What a candidate was told to do, in order.
private final class Told: Sendable {
    private let steps = Mutex<[String]>([])

    var all: [String] { steps.withLock { $0 } }

    func add(_ step: String) { steps.withLock { $0.append(step) } }

    /// Duties that leave a text to the next leader.
    func duties(leaving text: String) -> Leadership.Duties {
        Leadership.Duties(
            begin: { self.add("begin " + String(decoding: $0, as: UTF8.self)) },
            state: { Array(text.utf8) },
            end: { self.add("end") }
        )
    }

    /// Returns once a step was told.
    func wait(for step: String) async throws {
        let deadline = ContinuousClock.now + .seconds(300)
        while !all.contains(step) {
            try #require(ContinuousClock.now < deadline, "\(step) never came, only \(all)")
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

@Suite("Leadership", .timeLimit(.minutes(15)))
struct LeadershipTests {
    @Test("one primary leads, and hands over what the next one needs", arguments: Engine.allCases)
    func handsOver(engine: Engine) async throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        // A term longer than the test: nobody takes the lead from one who is only slow.
        let (one, two) = (Told(), Told())
        let first = Leadership(
            of: PrimaryRegistry(store: try bench.open()),
            name: "one",
            term: .seconds(600),
            duties: one.duties(leaving: "of one")
        )
        let leading = Task { await first.run() }
        try await one.wait(for: "begin ")
        #expect(await first.isLeading)
        let second = Leadership(
            of: PrimaryRegistry(store: try bench.open()),
            name: "two",
            term: .milliseconds(100),
            duties: two.duties(leaving: "of two")
        )
        leading.cancel()
        await leading.value
        #expect(one.all == ["begin ", "end"])
        let next = Task { await second.run() }
        try await two.wait(for: "begin of one")
        next.cancel()
        await next.value
    }

    @Test("a leader that is silent for a term is replaced, and cannot write any more")
    func replaced() async throws {
        let bench = try StoreBench(.sqlite)
        defer { bench.close() }
        let store = try bench.open()
        // One that was stopped in the middle of its term.
        #expect(
            try store.setPrivateValue("leadership", Array("gone\nits state".utf8), expecting: 0)
        )
        let told = Told()
        let heir = Leadership(
            of: PrimaryRegistry(store: try bench.open()),
            name: "heir",
            term: .milliseconds(200),
            duties: told.duties(leaving: "new")
        )
        let task = Task { await heir.run() }
        try await told.wait(for: "begin its state")
        #expect(try !store.setPrivateValue("leadership", Array("gone\nlate".utf8), expecting: 1))
        task.cancel()
        await task.value
    }

    @Test("a leader without its store stops by itself")
    func cutOff() async throws {
        let bench = try StoreBench(.sqlite)
        defer { bench.close() }
        let store = try bench.open()
        let told = Told()
        let leader = Leadership(
            of: PrimaryRegistry(store: store),
            name: "leader",
            term: .milliseconds(300),
            duties: told.duties(leaving: "")
        )
        let task = Task { await leader.run() }
        try await told.wait(for: "begin ")
        store.close()
        try await told.wait(for: "end")
        #expect(await !leader.isLeading)
        task.cancel()
        await task.value
    }
}
