import Foundation
import Testing

@Suite("Asynchronous events", .timeLimit(.minutes(15)))
struct EventSurvivalTests {
    @Test("a thousand accepted events are delivered although the node is killed")
    func killed() throws {
        let built = [
            RunningNode.root.appendingPathComponent(".build/debug/portico"), RunningNode.binary,
        ].first { FileManager.default.isExecutableFile(atPath: $0.path) }
        let binary = try #require(built)
        let script = RunningNode.root.appendingPathComponent(
            "Tests/ClientTests/Scripts/event_survival.py"
        )
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", script.path, binary.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(String(decoding: output, as: UTF8.self))")
    }
}
