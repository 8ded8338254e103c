import Foundation
import Testing

/// What goes to and comes from other AWS services, with moto's server as these.
@Suite("Other services of AWS", .serialized, .timeLimit(.minutes(10)))
struct EventSourceTests {
    private func run(_ script: String) throws {
        let moto = try MotoServer()
        let folder = try moto.template()
        defer { try? FileManager.default.removeItem(at: folder) }
        let node = try RunningNode(["up"], in: folder)
        try PythonClient.run(script, against: node, [moto.url])
    }

    @Test("records and dead letters reach queues, topics, buses and buckets")
    func destinations() throws { try run("lambda_destinations.py") }

    @Test(
        "queues and streams are polled, in the batches and with the retries that a mapping asks for"
    )
    func sources() throws { try run("lambda_event_sources.py") }

    @Test(
        "rules of event buses match events, made by boto3 and the command line"
    )
    func rules() throws {
        let node = try RunningNode(["up"])
        let out = node.folder.appendingPathComponent("told")
        try PythonClient.run("events_rules.py", against: node, [out.path])
    }

    @Test("with known keys every call must be signed, at the APIs and at a function's URL")
    func signatures() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(
            "portico-credentials-\(UUID().uuidString)"
        )
        defer { try? FileManager.default.removeItem(at: file) }
        let text = "[default]\naws_access_key_id = AKIAKNOWN\naws_secret_access_key = the-secret\n"
        try text.write(to: file, atomically: true, encoding: .utf8)
        let node = try RunningNode(["up", "--credentials", file.path])
        try PythonClient.run("signatures.py", against: node)
    }
}
