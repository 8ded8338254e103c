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

    private static let credentials =
        "[default]\naws_access_key_id = AKIAKNOWN\naws_secret_access_key = the-secret\n"

    @Test("a registry and an edge of their own check signatures with the keys they are given")
    func signaturesOfRoles() throws {
        // Each run has a folder of its own, which goes with it.
        let folder = try CommandRun.folder(["credentials": Self.credentials])
        let state = folder.appendingPathComponent("registry").path
        let keys = folder.appendingPathComponent("credentials").path
        let registry = try CommandRun(
            [
                "registry", "--listen", "127.0.0.1:0", "--api-port", "0", "--state", state,
                "--credentials", keys,
            ],
            in: folder
        )
        try #require(registry.readOutput(until: "ready\n").hasSuffix("ready\n"))
        let token = try CommandRun(
            ["join-token", "--name", "fra", "--state", state],
            in: try CommandRun.folder()
        ).finish().output.trimmingCharacters(in: .whitespacesAndNewlines)
        let edge = try CommandRun(
            [
                "edge", "--primary", "https://127.0.0.1:\(try registry.port("feed"))", "--name",
                "fra", "--token", token, "--bind", "127.0.0.1", "--https-port", "0", "--http-port",
                "0", "--api-port", "0", "--credentials", keys,
            ],
            in: try CommandRun.folder()
        )
        try #require(edge.readOutput(until: "ready\n").hasSuffix("ready\n"))
        try PythonClient.run(
            "signatures.py",
            ports: ["api": try registry.port("api"), "http": try edge.port("http")]
        )
    }

    @Test("with known keys every call must be signed, at the APIs and at a function's URL")
    func signatures() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(
            "portico-credentials-\(UUID().uuidString)"
        )
        defer { try? FileManager.default.removeItem(at: file) }
        try Self.credentials.write(to: file, atomically: true, encoding: .utf8)
        let node = try RunningNode(["up", "--credentials", file.path])
        try PythonClient.run("signatures.py", against: node)
    }
}
