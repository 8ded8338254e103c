import Foundation
import Testing
import Testkit

/// The server of moto on a free port, which stands for AWS's own services.
///
/// It ends with the value.
final class MotoServer {
    private static let program = """
        import sys
        from moto.server import ThreadedMotoServer
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        print(server.get_host_and_port()[1], flush=True)
        sys.stdin.read()
        """

    let port: Int
    private let process = Process()
    /// The server lives as long as this stays open, also when the tests are killed.
    private let input = Pipe()

    init() throws {
        let command = PythonClient.program("python3")
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst()) + ["-c", Self.program]
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.start()
        var text = ""
        while !text.contains("\n") {
            let piece = output.fileHandleForReading.availableData
            guard !piece.isEmpty else { break }
            text += String(decoding: piece, as: UTF8.self)
        }
        port = try #require(Int(text.filter(\.isNumber)), "moto's server did not start")
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.terminate()
        process.waitUntilExit()
    }

    var url: String { "http://127.0.0.1:\(port)" }

    /// A folder with a template that sends every AWS service here, and `more` of it.
    func template(_ more: String = "Resources: {}") throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "portico-moto-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let names = ["sqs", "sns", "s3", "events", "kinesis", "dynamodb"]
        let endpoints = names.map { "      \($0): \(url)\n" }.joined()
        let text =
            "Metadata:\n  Portico:\n    Endpoints:\n\(endpoints)\(more)\n"
        let file = folder.appendingPathComponent("template.yaml")
        try text.write(to: file, atomically: true, encoding: .utf8)
        return folder
    }
}
