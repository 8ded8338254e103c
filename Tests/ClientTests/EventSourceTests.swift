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
}
