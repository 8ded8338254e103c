import Foundation
import Testing
import Testkit

/// Runs a script of `Scripts` with the AWS clients for Python against a node's API port.
struct PythonClient {
    /// The folder of the virtual environment that `scripts/install-dependencies` makes.
    static let environment = RunningNode.root.appendingPathComponent(".venv/bin")

    /// A program of the virtual environment, or of the machine when it has none.
    static func program(_ name: String) -> [String] {
        let own = environment.appendingPathComponent(name).path
        return FileManager.default.isExecutableFile(atPath: own) ? [own] : ["/usr/bin/env", name]
    }

    /// Runs a script, which fails by its exit status; what it printed is the failure's text.
    static func run(_ script: String, against node: RunningNode, _ arguments: [String] = []) throws
    {
        try run(script, ports: node.ports, authority: node.authority, arguments)
    }

    /// As `run`, against whatever has these ports: `api`, `https` and `http`.
    static func run(
        _ script: String,
        ports: [String: Int],
        authority: String = "",
        _ arguments: [String] = []
    ) throws {
        let port = try #require(ports["api"])
        let path = RunningNode.root.appendingPathComponent("Tests/ClientTests/Scripts/\(script)")
        let command = program("python3") + [path.path] + arguments
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.environment = ProcessInfo.processInfo.environment.merging([
            "AWS_ENDPOINT_URL": "http://127.0.0.1:\(port)", "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "",
            "AWS": program("aws").joined(separator: " "),
            "HTTPS_PORT": String(ports["https"] ?? 0), "CA": authority,
            "HTTP_PORT": String(ports["http"] ?? 0),
        ]) { $1 }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.start()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: output, as: UTF8.self)
        #expect(process.terminationStatus == 0, "\(script):\n\(text)")
    }
}
