import Foundation
import Model
import Testing

@testable import Registry

/// What the primaries know beside revisions.
@Suite("Edges and private values", .timeLimit(.minutes(15)))
struct KeepingTests {
    @Test("all primaries see what an edge said last, and how long ago", arguments: Engine.allCases)
    func edges(engine: Engine) async throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let first = try bench.open()
        let second = try bench.open()
        var report = EdgeReport(name: "fra", address: "10.0.0.7:4", revision: 3, primary: "a")
        try first.report(report)
        report.revision = 4
        report.error = "revision 5 is not applied: \"x\""
        report.certificateExpiry = 1_900_000_000
        report.facts = ["pop": "FRA56"]
        report.primary = "b"
        try second.report(report)
        try second.report(EdgeReport(name: "äöü '\"", address: "", revision: 0, primary: "b"))
        try bench.age(seconds: 100)
        for store in [first, second] {
            var seen = try store.edges()
            #expect(seen.map(\.name) == ["fra", "äöü '\""])
            #expect(seen[0].age >= 100 && seen[0].age < 200)
            seen[0].age = 0
            #expect(seen[0] == report)
        }
        try first.forgetEdge("fra")
        #expect(try second.edges().map(\.name) == ["äöü '\""])
    }

    @Test("a private value changes only from the version that was read", arguments: Engine.allCases)
    func privateValues(engine: Engine) throws {
        let bench = try StoreBench(engine)
        defer { bench.close() }
        let store = try bench.open()
        let other = try bench.open()
        #expect(try store.privateValue("ca/key") == nil)
        #expect(try store.setPrivateValue("ca/key", [0, 1, 255], expecting: 0))
        #expect(try !other.setPrivateValue("ca/key", [9], expecting: 0))
        #expect(try other.privateValue("ca/key") == PrivateValue(bytes: [0, 1, 255], version: 1))
        #expect(try other.setPrivateValue("ca/key", [], expecting: 1))
        #expect(try !store.setPrivateValue("ca/key", [7], expecting: 1))
        #expect(try !store.setPrivateValue("ca/key", nil, expecting: 1))
        #expect(try store.setPrivateValue("ca/%_", [1], expecting: 0))
        #expect(try store.setPrivateValue("cb", [1], expecting: 0))
        #expect(try other.privateValues(under: "ca/").keys.sorted() == ["ca/%_", "ca/key"])
        #expect(try store.setPrivateValue("ca/key", nil, expecting: 2))
        #expect(try store.setPrivateValue("ca/key", nil, expecting: 0))
        #expect(try !store.setPrivateValue("ca/key", [1], expecting: 2))
        let large = [UInt8](repeating: 0, count: StoreLimits.privateValueLimit + 1)
        #expect(throws: RegistryError.self) {
            try store.setPrivateValue("large", large, expecting: 0)
        }
        #expect(try store.current().snapshot == Snapshot())
    }
}
