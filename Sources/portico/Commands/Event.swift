import ArgumentParser
import Foundation
import JSON

/// Events to invoke functions with.
struct Event: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Events as services send them.",
        subcommands: [Generate.self]
    )

    /// Prints one event.
    struct Generate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the event of a service, for `portico invoke NAME --event -`.",
            discussion: "Kinds: " + EventShape.allCases.map(\.rawValue).joined(separator: ", ")
        )

        @Argument(help: "The kind of event.")
        var kind: EventShape

        @Option(help: "The bucket of an S3 event.")
        var bucket: String?

        @Option(help: "The object's key of an S3 event, as it is.")
        var key: String?

        @Option(help: "The message, body, data or log line.")
        var message: String?

        @Option(help: "The subject of a notification, or the detail type of an event.")
        var subject: String?

        @Option(help: "The name of topic, queue, stream, table, rule, API or function.")
        var name: String?

        @Option(help: "The method of an HTTP event.")
        var method: String?

        @Option(help: "The path of an HTTP event.")
        var path: String?

        @Option(help: "The region that the event names.")
        var region: String?

        func run() async throws {
            var values = EventShape.Values()
            values.bucket = bucket ?? values.bucket
            values.key = key ?? values.key
            values.message = message ?? values.message
            values.subject = subject
            values.name = name ?? values.name
            values.method = method?.uppercased() ?? values.method
            values.path = path ?? values.path
            values.region = region ?? values.region
            FileHandle.standardOutput.write(Data(kind.make(values).encoded() + [10]))
        }
    }
}

extension EventShape: ExpressibleByArgument {}
