import ArgumentParser
import Crypto

/// The command line: one verb per file under `Commands`.
@main
struct Portico: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "portico",
        abstract: "A local front door that behaves like CloudFront, ALB and API Gateway.",
        version: "0.1.0",
        subcommands: [
            Up.self, Try.self, Invoke.self, Validate.self, Trust.self, Untrust.self, Certs.self,
            RulesList.self, Explain.self, Event.self, RegistryCommand.self, EdgeCommand.self,
            JoinTokenCommand.self, EdgesCommand.self, SnapshotCommand.self, ChaosCommand.self,
            LogsCommand.self, CostCommand.self,
        ]
    )

    static func main() async {
        // A command that fails ends the process while other parts of it still run.
        LibCrypto.outliveExit()
        await main(nil)
    }
}

/// A failure that ends the program with a sentence on standard error.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
