import Foundation
import Testing

/// The CloudFront API, asked by boto3 and the aws command line.
@Suite("CloudFront API with real clients", .serialized, .timeLimit(.minutes(15)))
struct CloudFrontAPITests {
    @Test(
        "boto3 finds what it expects of CloudFront",
        arguments: [
            "cloudfront_distributions.py", "cloudfront_policies.py", "cloudfront_functions.py",
            "cloudfront_traffic.py", "cloudfront_function_runs.py", "cloudfront_signing.py",
            "cloudfront_staging.py", "cloudfront_operations.py", "cloudfront_tags.py",
        ]
    )
    func boto3(script: String) throws {
        try PythonClient.run(script, against: try RunningNode(["up"]))
    }

    @Test("the aws command line drives a distribution through its life")
    func commandLine() throws {
        try PythonClient.run("cloudfront_cli.py", against: try RunningNode(["up"]))
    }
}
