import Foundation
import Model
import Testing
import Testkit

@testable import Registry

/// Figures for the decision note; not a test of anything.
@Suite(
    "Measurements",
    .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["PORTICO_MEASURE"] != nil)
)
struct StoreMeasurements {
    private static func median(_ times: [Duration]) -> String {
        let sorted = times.sorted()
        func text(_ time: Duration) -> String {
            let parts = time.components
            return String(
                format: "%.2f",
                Double(parts.seconds) * 1000 + Double(parts.attoseconds) / 1e15
            )
        }
        return "median \(text(sorted[sorted.count / 2])) ms, "
            + "p90 \(text(sorted[sorted.count * 9 / 10])) ms"
    }

    private static func measure(
        _ count: Int,
        _ body: (Int) async throws -> Void
    ) async rethrows
        -> String
    {
        var times: [Duration] = []
        for round in 0..<count {
            let start = ContinuousClock.now
            try await body(round)
            times.append(.now - start)
        }
        return median(times)
    }

    @Test("how long the steps of a publication take", arguments: Engine.allCases)
    func steps(engine: Engine) async throws {
        // A server of its own, with fsync.
        let server = engine == .postgreSQL ? try PostgreSQLServer(isDurable: true) : nil
        defer { server?.stop() }
        let folder = try TemporaryFolder()
        let url = try server?.makeDatabase() ?? ""
        func open() throws -> any RegistryStore {
            engine == .sqlite
                ? try SQLiteStore(directory: folder.path) : try PostgreSQLStore(url: url)
        }
        let store = try open()
        let primary = PrimaryRegistry(store: store)
        _ = try await primary.snapshot()
        let archives = (0..<60).map { noise(1 << 20, seed: UInt64($0 + 1)) }
        let put = try await Self.measure(60) { try store.put(archives[$0]) }
        let digests = archives.map { CodeArchive.digest($0) }
        let pin = try await Self.measure(60) { _ = try store.pinBlob(digests[$0]) }
        let publish = try await Self.measure(60) {
            _ = try await primary.publish([
                .put(.function(function("f", $0 + 1, code: digests[$0])))
            ])
        }
        let small = try await Self.measure(60) { _ = try await primary.publish([bucket("\($0)")]) }
        let read = try await Self.measure(60) { _ = try store.get(digests[$0]) }
        print("\(engine.rawValue): put of 1 MiB \(put); check of 1 MiB \(pin)")
        print("\(engine.rawValue): publish of a version \(publish); of a small change \(small)")
        print("\(engine.rawValue): read of 1 MiB \(read)")
        guard engine == .postgreSQL else { return }
        let other = PrimaryRegistry(store: try open())
        _ = try await other.snapshot()
        _ = try await primary.publish([bucket("first")])
        let seen = try await Self.measure(60) {
            let heads = other.heads()
            let number = try await primary.publish([bucket("seen \($0)")])
            if try await other.snapshot().revision >= number { return }
            for await head in heads where head >= number { break }
        }
        print("PostgreSQL: publish on one primary until another has it \(seen)")
        primary.close()
        other.close()
    }
}
