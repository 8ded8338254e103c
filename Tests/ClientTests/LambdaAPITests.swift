import Foundation
import Testing

/// The Lambda API, asked by boto3 and the aws command line.
@Suite("Lambda API with real clients", .serialized, .timeLimit(.minutes(15)))
struct LambdaAPITests {
    @Test(
        "boto3 finds what it expects of Lambda",
        arguments: [
            "lambda_functions.py", "lambda_versions.py", "lambda_policies.py",
            "lambda_settings.py", "lambda_layers.py", "lambda_invoke.py", "lambda_errors.py",
            "lambda_limits.py", "lambda_snapstart.py",
        ]
    )
    func boto3(script: String) throws {
        try PythonClient.run(script, against: try RunningNode(["up"]))
    }

    @Test("code over the account's storage is refused and what is kept is counted")
    func storage() throws {
        try PythonClient.run(
            "lambda_storage.py",
            against: try RunningNode(["up", "--code-storage", "1"])
        )
    }

    @Test("the aws command line drives a function through its life")
    func commandLine() throws {
        try PythonClient.run("lambda_cli.py", against: try RunningNode(["up"]))
    }
}
