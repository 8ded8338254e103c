import Foundation
import Testing

/// The Elastic Load Balancing API, asked by boto3 and the aws command line.
@Suite("Load balancing API with real clients", .serialized, .timeLimit(.minutes(15)))
struct LoadBalancingAPITests {
    @Test(
        "clients find what they expect of load balancers, and the balancer serves",
        arguments: ["elbv2.py", "elbv2_cli.py"]
    )
    func clients(script: String) throws {
        try PythonClient.run(script, against: try RunningNode(["up"]))
    }
}
