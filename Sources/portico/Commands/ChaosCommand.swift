import ArgumentParser
import Foundation

/// Breaks things on purpose.
struct ChaosCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Bring a fault over an edge or a primary, to see what happens.",
        subcommands: [Edge.self, Primary.self]
    )

    /// A duration such as `30s`, `500ms` or `2m`.
    struct Span: ExpressibleByArgument {
        var seconds: Double

        init?(argument: String) {
            for (unit, factor) in [("ms", 0.001), ("s", 1), ("m", 60)]
            where argument.hasSuffix(unit) {
                guard let number = Double(argument.dropLast(unit.count)), number >= 0 else {
                    continue
                }
                seconds = number * factor
                return
            }
            return nil
        }
    }

    /// A fault of one edge.
    struct Edge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "NAME lag 30s, NAME partition 60s, or NAME kill; lag 0s ends a lag."
        )

        enum Fault: String, ExpressibleByArgument, CaseIterable { case lag, partition, kill }

        @Argument(help: "The edge's name.")
        var name: String

        @Argument(help: "lag, partition or kill.")
        var fault: Fault

        @Argument(help: "How much or how long: 500ms, 30s, 2m.")
        var span: Span?

        @Option(help: "The API port of the running node.")
        var apiPort = 4566

        mutating func validate() throws {
            guard fault == .kill || span != nil else {
                throw ValidationError("\(fault.rawValue) needs a duration such as 30s")
            }
        }

        func run() async throws {
            let query = span.map { "?seconds=\($0.seconds)" } ?? ""
            let path = "/_portico/chaos/edge/\(name)/\(fault.rawValue)\(query)"
            let data = try await NodeCall.send("POST", path, apiPort: apiPort)
            print(String(decoding: data, as: UTF8.self), terminator: "")
        }
    }

    /// A primary that plays dead.
    struct Primary: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "down makes a primary play dead, for a while if one is given; up ends it."
        )

        enum Fault: String, ExpressibleByArgument, CaseIterable { case down, up }

        @Argument(help: "down or up.")
        var fault: Fault

        @Argument(help: "How long: 30s, 2m; until `up` if not given.")
        var span: Span?

        @Option(help: "The API port of the running node.")
        var apiPort = 4566

        func run() async throws {
            let query = span.map { "?seconds=\($0.seconds)" } ?? ""
            let path = "/_portico/chaos/primary/\(fault.rawValue)\(query)"
            let data = try await NodeCall.send("POST", path, apiPort: apiPort)
            print(String(decoding: data, as: UTF8.self), terminator: "")
        }
    }
}
