import ArgumentParser
import Foundation
import Registry

/// Shows the edges of a node, and takes their access away.
struct EdgesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edges",
        abstract: "Show how far every edge is, or revoke one.",
        subcommands: [List.self, Revoke.self],
        defaultSubcommand: List.self
    )

    /// One line per edge.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show name, revision, lag, last contact, certificate and troubles."
        )

        @Option(help: "The API port of the running node.")
        var apiPort = 4566

        @Flag(help: "Print JSON.")
        var json = false

        func run() async throws {
            let data = try await NodeCall.send("GET", "/_portico/edges", apiPort: apiPort)
            if json {
                print(String(decoding: data, as: UTF8.self))
                return
            }
            let edges = try JSONDecoder().decode([ReplicaStatus].self, from: data)
            let rows = [Self.title] + edges.map(Self.row)
            let widths = Self.title.indices.map { column in
                rows.map { $0[column].count }.max() ?? 0
            }
            for row in rows {
                let cells = zip(row, widths).map { text, width in
                    text.padding(toLength: max(width, 1), withPad: " ", startingAt: 0)
                }
                print(cells.joined(separator: "  ").trimmingCharacters(in: .whitespaces))
            }
        }

        private static let title = [
            "EDGE", "ADDRESS", "REVISION", "LAG", "SECONDS", "LAST CONTACT", "CERTIFICATE ENDS",
            "TROUBLE",
        ]

        private static func row(_ edge: ReplicaStatus) -> [String] {
            let troubles =
                (edge.isLive ? [] : ["gone"]) + edge.faults + [edge.error].compactMap(\.self)
                + (edge.repairs > 0 ? ["repaired \(edge.repairs) times"] : [])
            return [
                edge.name, edge.address ?? "here", String(edge.revision), String(edge.lag),
                String(format: "%.1f", edge.lagSeconds),
                edge.lastContact > 0 ? date(edge.lastContact) : "never",
                edge.certificateExpires.map { date(Double($0)) } ?? "-",
                troubles.isEmpty ? "-" : troubles.joined(separator: "; "),
            ]
        }

        private static func date(_ seconds: Double) -> String {
            Date(timeIntervalSince1970: seconds).formatted(.iso8601)
        }
    }

    /// Takes an edge's access away.
    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cut an edge off at once; it can come back only with a new token."
        )

        @Argument(help: "The edge's name.")
        var name: String

        @Option(help: "The API port of a running primary.")
        var apiPort = 4566

        func run() async throws {
            let path = "/_portico/edges/\(name)/revoke"
            let data = try await NodeCall.send("POST", path, apiPort: apiPort)
            print(String(decoding: data, as: UTF8.self), terminator: "")
        }
    }
}
