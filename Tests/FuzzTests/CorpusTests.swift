import Foundation
import FuzzTargets
import Testing

/// Every input that a fuzzer or a person has kept, read again.
@Suite("Fuzz corpora", .timeLimit(.minutes(15)))
struct CorpusTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fuzz")

    static func inputs(of name: String) -> [URL] {
        ["Corpora", "Crashes"].flatMap { kind in
            let place = folder.appendingPathComponent("\(kind)/\(name)")
            let found = try? FileManager.default.contentsOfDirectory(
                at: place,
                includingPropertiesForKeys: nil
            )
            return (found ?? []).sorted { $0.path < $1.path }
        }
    }

    @Test("no kept input breaks its target", arguments: FuzzTarget.all.map(\.name))
    func replay(_ name: String) async throws {
        #expect(!Self.inputs(of: name).isEmpty)
        // In a process of its own: a broken property traps.
        await #expect(processExitsWith: .success) { [name] in
            let target = try #require(FuzzTarget.named(name))
            for input in CorpusTests.inputs(of: name) {
                target.run([UInt8](try Data(contentsOf: input))[...])
            }
        }
    }
}
