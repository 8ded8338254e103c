import Foundation
import Testing
import Testkit

/// What a hit costs, counted from outside.
@Suite("Cost of a hit", .serialized, .timeLimit(.minutes(5)))
struct HitCostTests {
    @Test(
        "a hit of 1 KiB over HTTP/1.1 wakes one thread, and takes a counted number of allocations"
    )
    func allocations() throws {
        let script = RunningNode.root.appendingPathComponent("Tests/Benchmarks/hit-allocations.py")
        let built = [
            RunningNode.root.appendingPathComponent(".build/debug/portico"), RunningNode.binary,
        ].first { FileManager.default.isExecutableFile(atPath: $0.path) }
        let process = Process()
        let command = PythonClient.program("python3")
        process.executableURL = URL(fileURLWithPath: command[0])
        // A build for debugging takes more than a release build, whose number `make bench` prints.
        process.arguments =
            Array(command.dropFirst()) + [
                script.path, try #require(built).path, "--requests", "2000", "--most", "30",
            ]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.start()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: output, as: UTF8.self)
        #expect(process.terminationStatus == 0, "\(text)")
        #expect(text.contains("allocations for each hit over HTTP/1.1"))
    }
}
