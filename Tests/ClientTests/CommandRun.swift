import Foundation
import Testing
import Testkit

/// A run of the `portico` binary in a folder of its own, with what it prints.
final class CommandRun {
    let folder: URL
    let process = Process()
    private let output = Pipe()
    private let errors = Pipe()
    private var outputText = ""
    private var errorText = ""

    /// The rest of a template: a distribution whose origin never answers, with the function `Hook` at
    /// viewer-request.
    static let hookedSite = """
          Site:
            Type: AWS::CloudFront::Distribution
            Properties:
              DistributionConfig:
                Enabled: true
                Origins:
                  - Id: app
                    DomainName: app.example.com
                    CustomOriginConfig: { OriginProtocolPolicy: http-only }
                DefaultCacheBehavior:
                  TargetOriginId: app
                  ViewerProtocolPolicy: allow-all
                  CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
                  LambdaFunctionAssociations:
                    - { EventType: viewer-request, LambdaFunctionARN: !Ref Hook.Version }
        Metadata:
          Portico: { Origins: { app.example.com: http://127.0.0.1:9 } }
        """

    /// Makes a folder with these files for the runs of one test.
    static func folder(_ files: [String: String] = [:]) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "portico-cli-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (name, text) in files { try write(text, to: name, in: folder) }
        return folder
    }

    /// Writes a file below a folder.
    static func write(_ text: String, to name: String, in folder: URL) throws {
        let file = folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try text.write(to: file, atomically: true, encoding: .utf8)
    }

    /// Starts the binary; `input` is its standard input.
    init(_ arguments: [String], in folder: URL, input: String? = nil) throws {
        self.folder = folder
        let built = [
            RunningNode.root.appendingPathComponent(".build/debug/portico"), RunningNode.binary,
        ].first { FileManager.default.isExecutableFile(atPath: $0.path) }
        process.executableURL = try #require(built)
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.standardOutput = output
        process.standardError = errors
        let stdin = Pipe()
        process.standardInput = stdin
        try process.start()
        if let input { stdin.fileHandleForWriting.write(Data(input.utf8)) }
        try stdin.fileHandleForWriting.close()
    }

    /// Starts `up` or `try` on free ports and waits until it is ready.
    static func node(_ arguments: [String], in folder: URL) throws -> CommandRun {
        let run = try CommandRun(
            arguments + [
                "--https-port", "0", "--http-port", "0", "--api-port", "0", "--bind", "127.0.0.1",
            ],
            in: folder
        )
        let text = run.readOutput(until: "ready\n")
        try #require(text.hasSuffix("ready\n"), "it printed: \(text) \(run.finish().errors)")
        return run
    }

    /// What a finished run left.
    struct Result {
        var status: Int32
        var output: String
        var errors: String
    }

    /// Waits for the end.
    @discardableResult
    func finish() -> Result {
        let rest = output.fileHandleForReading.readDataToEndOfFile()
        outputText += String(decoding: rest, as: UTF8.self)
        let more = errors.fileHandleForReading.readDataToEndOfFile()
        errorText += String(decoding: more, as: UTF8.self)
        process.waitUntilExit()
        return Result(status: process.terminationStatus, output: outputText, errors: errorText)
    }

    /// The longest wait for a piece of output.
    ///
    /// Unit: milliseconds.
    private static let patience: Int32 = 60_000

    /// The next piece of output; nil at its end, or when none comes in time.
    private static func piece(of pipe: Pipe) -> String? {
        let handle = pipe.fileHandleForReading
        var place = pollfd(fd: handle.fileDescriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&place, 1, patience) > 0 else { return nil }
        let bytes = handle.availableData
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    /// Reads standard output until it holds a text.
    func readOutput(until text: String) -> String {
        while !outputText.contains(text), let piece = Self.piece(of: output) { outputText += piece }
        return outputText
    }

    /// Reads standard error until it holds a text; what comes up to its line's end.
    @discardableResult
    func readErrors(until text: String) -> String {
        while true {
            if let found = errorText.range(of: text),
                let end = errorText[found.upperBound...].firstIndex(of: "\n")
            {
                let start =
                    errorText[..<found.lowerBound].lastIndex(of: "\n")
                    .map { errorText.index(after: $0) } ?? errorText.startIndex
                return String(errorText[start..<end])
            }
            guard let piece = Self.piece(of: errors) else { return "" }
            errorText += piece
        }
    }

    /// A port that the node says it took: `https`, `http` or `api`.
    func port(_ name: String) throws -> Int {
        let words = readOutput(until: "ready\n").split(whereSeparator: \.isWhitespace)
        let line = try #require(words.lastIndex(of: "https") ?? words.lastIndex(of: "feed"))
        let place = try #require(words[line...].firstIndex(of: Substring(name)))
        return try #require(Int(words[place + 1]))
    }

    /// Asks the node over HTTPS with its own authority.
    func get(_ path: String, _ more: [String] = []) throws -> Answer {
        let port = try port("https")
        let authority = folder.appendingPathComponent(".portico/certs/ca.pem").path
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            [
                "curl", "-sS", "-i", "--max-time", "20", "--http1.1", "--cacert", authority,
                "https://localhost:\(port)\(path)",
            ] + more
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.start()
        let content = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Answer(String(decoding: content, as: UTF8.self))
    }

    /// Ends the node as a user does.
    func stop() -> Result {
        process.terminate()
        return finish()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(at: folder)
    }
}
