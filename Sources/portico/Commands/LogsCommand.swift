import ArgumentParser
import Foundation

/// Shows what functions of a running node wrote.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Show log lines of functions, of one function or of a log group.",
        discussion: """
            A function's name or logical id stands for all of its lines, in the Region and at edges. \
            Exits with 1 when no node answers or there is no such function, group or edge.
            """
    )

    @Argument(help: "A function's name or logical id, or a log group; everything when left out.")
    var name: String?

    @Flag(name: .shortAndLong, help: "Go on with new lines as they come.")
    var follow = false

    @Option(help: "Only lines that are not older, such as 30s, 10m, 2h or 1d.")
    var since: Age?

    @Option(
        help:
            "A filter pattern of CloudWatch Logs: ERROR, \"a phrase\", -not, {$.level = \"ERROR\"}."
    )
    var filter: String?

    @Option(help: "Only what ran at this edge.")
    var edge: String?

    @Flag(help: "Print a JSON object for each line.")
    var json = false

    @Option(help: "The API port of the running node.")
    var apiPort = 4566

    /// How long ago something was.
    struct Age: ExpressibleByArgument {
        /// Unit: milliseconds.
        var milliseconds: Int64

        init?(argument: String) {
            let units: [Character: Double] = [
                "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000,
            ]
            guard let unit = argument.last.flatMap({ units[$0] }),
                let number = Double(argument.dropLast()), number >= 0, number * unit < 1e15
            else { return nil }
            milliseconds = Int64(number * unit)
        }
    }

    /// How long to wait before asking for new lines again.
    private static let pause = Duration.milliseconds(200)

    func run() async throws {
        var from: Int64?
        if let since {
            from = Int64(Date().timeIntervalSince1970 * 1000) - since.milliseconds
        }
        var place = (node: "", after: 0)
        while true {
            let path = path(from: from, after: place.after)
            let data = try await NodeCall.send("GET", path, apiPort: apiPort)
            let page = try JSONDecoder().decode(Page.self, from: data)
            if page.node != place.node, place.after > 0 {
                // Another node has taken the port: its lines are counted anew.
                place = (page.node, 0)
                continue
            }
            write(page.events)
            let isWhole = page.events.isEmpty || page.last == place.after
            place = (page.node, page.last)
            if isWhole {
                guard follow else { return }
                try await Task.sleep(for: Self.pause)
            }
        }
    }

    private func path(from: Int64?, after: Int) -> String {
        var items = [URLQueryItem(name: "after", value: String(after))]
        if let name { items.append(URLQueryItem(name: "name", value: name)) }
        if let from { items.append(URLQueryItem(name: "from", value: String(from))) }
        if let filter { items.append(URLQueryItem(name: "filter", value: filter)) }
        if let edge { items.append(URLQueryItem(name: "edge", value: edge)) }
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-_./")
        let query = items.map { item in
            let value = item.value?.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
            return "\(item.name)=\(value)"
        }
        return "/_portico/logs?" + query.joined(separator: "&")
    }

    /// An answer of the node.
    private struct Page: Decodable {
        var node: String
        var last: Int
        var events: [Line]
    }

    /// A line with where it is from.
    struct Line: Codable {
        var timestamp: Int64
        var group: String
        var stream: String
        var function: String?
        var edge: String?
        var requestId: String?
        var message: String

        /// The line as it is shown: time, place and text.
        var text: String {
            let date = Date(timeIntervalSince1970: Double(timestamp) / 1000)
            let time = date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
            let place = (function ?? group) + (edge.map { "@" + $0 } ?? "")
            return "\(time) [\(place)] \(message.trimmingCharacters(in: .newlines))"
        }
    }

    private func write(_ lines: [Line]) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var output = Data()
        for line in lines {
            if json, let encoded = try? encoder.encode(line) {
                output += encoded
            } else {
                output += Data(line.text.utf8)
            }
            output.append(10)
        }
        if !output.isEmpty { FileHandle.standardOutput.write(output) }
    }
}
