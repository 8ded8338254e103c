import Foundation
import Testing
import Testkit

/// A `portico` process on free ports with a state folder of its own; ends with the value.
final class RunningNode {
    let process = Process()
    let folder: URL
    private(set) var ports: [String: Int] = [:]
    private let output = Pipe()
    private let isShared: Bool

    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The binary that was built together with the tests.
    static var binary: URL {
        Bundle.main.bundleURL.appendingPathComponent("portico").resolvingSymlinksInPath()
    }

    /// Starts a verb and waits for its line `ready`; `files` are the flags of `ulimit`.
    ///
    /// Unless told otherwise it starts with the limit of open files that many systems give a program. With
    /// `sharing` it has the folder of another node, which has to outlive it.
    init(
        _ verb: [String],
        in folder: URL? = nil,
        isSample: Bool = false,
        files: String = "-Sn 1024",
        sharing other: RunningNode? = nil
    ) throws {
        isShared = other != nil
        let base =
            other?.folder
            ?? FileManager.default.temporaryDirectory.appendingPathComponent(
                "portico-\(UUID().uuidString)"
            )
        try FileManager.default.createDirectory(at: base, withIntermediateDirectories: true)
        self.folder = base
        authority =
            isSample
            ? Self.root.appendingPathComponent("certs/ca.pem").path
            : base.appendingPathComponent("state/certs/ca.pem").path
        let built = [
            Self.root.appendingPathComponent(".build/debug/portico"), Self.binary,
        ].first { FileManager.default.isExecutableFile(atPath: $0.path) }
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // The sample's web app gets a port of its own, so that nodes can run side by side.
        let parameters = ["--parameter", "WebPort=\(Int.random(in: 20_000..<32_000))"]
        let shell = ["-c", "ulimit \(files); exec \"$0\" \"$@\"", try #require(built).path]
        process.arguments =
            shell + verb + (isSample ? parameters : []) + [
                "--state", base.appendingPathComponent("state").path, "--https-port", "0",
                "--http-port", "0",
                "--api-port", "0", "--bind", "127.0.0.1",
            ]
        process.currentDirectoryURL = folder ?? base
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.start()
        var text = ""
        while !text.contains("ready\n") {
            let piece = output.fileHandleForReading.availableData
            guard !piece.isEmpty else { break }
            text += String(decoding: piece, as: UTF8.self)
        }
        try #require(text.contains("ready\n"), "it printed: \(text)")
        for line in text.split(separator: "\n") where line.hasPrefix("https ") {
            let words = line.split(separator: " ")
            for index in stride(from: 0, to: words.count - 1, by: 2) {
                ports[String(words[index])] = Int(words[index + 1])
            }
        }
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
        if !isShared { try? FileManager.default.removeItem(at: folder) }
    }

    /// The local authority's certificate.
    let authority: String

    /// Asks over HTTPS with curl; `host` is the name to ask for.
    func get(_ path: String, host: String = "localhost", _ more: [String] = []) throws -> Answer {
        let port = try #require(ports["https"])
        let output = try run(
            "/usr/bin/env",
            [
                "curl", "-sS", "-i", "--max-time", "20", "--http1.1", "--cacert", authority,
                "--resolve",
                "\(host):\(port):127.0.0.1", "https://\(host):\(port)\(path)",
            ] + more
        )
        return Answer(output)
    }

    /// Asks the API port.
    func api(_ path: String, _ more: [String] = []) throws -> Answer {
        let port = try #require(ports["api"])
        return Answer(
            try run(
                "/usr/bin/env",
                ["curl", "-sS", "-i", "--max-time", "20", "http://127.0.0.1:\(port)\(path)"] + more
            )
        )
    }

    /// Runs a command and returns what it printed.
    func run(_ path: String, _ arguments: [String]) throws -> String {
        let command = Process()
        command.executableURL = URL(fileURLWithPath: path)
        command.arguments = arguments
        let pipe = Pipe()
        command.standardOutput = pipe
        try command.start()
        let content = pipe.fileHandleForReading.readDataToEndOfFile()
        command.waitUntilExit()
        return String(decoding: content, as: UTF8.self)
    }
}

/// An HTTP answer as curl prints it.
struct Answer {
    let status: Int
    let headers: [String: String]
    let body: String

    init(_ text: String) {
        let normal = text.replacingOccurrences(of: "\r\n", with: "\n")
        let parts = normal.components(separatedBy: "\n\n")
        let lines = (parts.first ?? "").split(separator: "\n")
        status =
            lines.first.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) }
            ?? 0
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        self.headers = headers
        body = parts.dropFirst().joined(separator: "\n\n")
    }
}
