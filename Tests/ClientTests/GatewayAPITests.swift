import Foundation
import Testing

/// The API of API Gateway's HTTP APIs, asked by boto3 and the aws command line.
@Suite("HTTP API management with real clients", .timeLimit(.minutes(15)))
struct GatewayAPITests {
    @Test("clients find what they expect of HTTP APIs, and the API serves")
    func clients() throws {
        try PythonClient.run("apigatewayv2.py", against: try RunningNode(["up"]))
    }
}
