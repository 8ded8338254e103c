import Foundation
import Testing

/// Real-time logs of a running node.
@Suite("Real-time logs with real clients", .serialized, .timeLimit(.minutes(5)))
struct RealTimeLogTests {
    @Test("boto3 manages the configuration, and records arrive where a stream is on this machine")
    func records() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("portico-realtime-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let template = folder.appendingPathComponent("template.yaml")
        try "Resources: {}\n".write(to: template, atomically: true, encoding: .utf8)
        let node = try RunningNode(
            ["up", "--edge-setting", "equal-reference-refused=true"],
            in: folder
        )
        try PythonClient.run("cloudfront_realtime.py", against: node, [template.path])
    }
}
