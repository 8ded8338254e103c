import Foundation
import Testing
import Testkit

/// Scripts that start nodes themselves, end them, and look at what is left.
@Suite("A node's state", .timeLimit(.minutes(15)))
struct EventSurvivalTests {
    @Test("a thousand accepted events are delivered although the node is killed")
    func killed() throws { try run("event_survival.py") }

    @Test(
        "functions' variables are sealed in the state folder, and without the key nothing is lost"
    )
    func variables() throws { try run("variables_at_rest.py") }

    private func run(_ name: String) throws {
        let built = [
            RunningNode.root.appendingPathComponent(".build/debug/portico"), RunningNode.binary,
        ].first { FileManager.default.isExecutableFile(atPath: $0.path) }
        let binary = try #require(built)
        let script = RunningNode.root.appendingPathComponent(
            "Tests/ClientTests/Scripts/\(name)"
        )
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", script.path, binary.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.start()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(String(decoding: output, as: UTF8.self))")
    }
}
