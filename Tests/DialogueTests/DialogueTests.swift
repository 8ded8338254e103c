import Foundation
import Testing

/// Every `.dialogue` file, each in a process of its own so that its descriptors and children can be counted.
///
/// One after the other: fifty doors at once would only measure the machine.
@Suite("Dialogues", .serialized, .timeLimit(.minutes(10)))
struct DialogueTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Dialogues")

    /// Paths relative to the folder, sorted: the first failure is the simplest one.
    ///
    /// PORTICO_DIALOGUES=text plays only those whose path contains the text;
    /// PORTICO_DIALOGUE_ERRORS=file keeps what a crashing one says.
    static let names: [String] = {
        let chosen = ProcessInfo.processInfo.environment["PORTICO_DIALOGUES"]
        let found = FileManager.default.enumerator(atPath: folder.path)?.allObjects ?? []
        return found.compactMap { $0 as? String }.filter {
            $0.hasSuffix(".dialogue") && (chosen.map($0.contains) ?? true)
        }.sorted()
    }()

    @Test("a dialogue goes as it is written and leaves nothing behind", arguments: names)
    func play(_ name: String) async throws {
        await #expect(processExitsWith: .success) { [name] in
            if let trace = ProcessInfo.processInfo.environment["PORTICO_DIALOGUE_ERRORS"] {
                dup2(open(trace, O_WRONLY | O_CREAT | O_TRUNC, 0o600), 2)
            }
            let path = DialogueTests.folder.appendingPathComponent(name).path
            do {
                let player = try await DialoguePlayer(String(contentsOfFile: path, encoding: .utf8))
                try await player.play()
                for failure in player.failures { Issue.record("\(failure)") }
                if !player.failures.isEmpty { Issue.record("log: \(player.log.suffix(20))") }
            } catch {
                Issue.record("\(error)")
            }
        }
    }

    @Test("there are dialogues")
    func exist() { #expect(!Self.names.isEmpty) }
}
