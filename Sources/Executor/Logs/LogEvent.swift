/// One line in a log group.
package struct LogEvent: Sendable {
    /// Ascends over all groups of a store, without gaps.
    package let sequence: Int
    package let group: String
    package let stream: String
    /// Unit: milliseconds since 1970.
    package let timestamp: Int64
    /// When the store took it.
    ///
    /// Unit: milliseconds since 1970.
    package let ingestion: Int64
    private let content: Content

    /// A line of a function is put into words when it is read.
    private enum Content: Sendable {
        case line(FunctionLogLine)
        case text(String)
    }

    init(_ line: FunctionLogLine, sequence: Int) {
        self.sequence = sequence
        group = line.group
        stream = line.stream
        timestamp = line.timestamp
        ingestion = line.timestamp
        content = .line(line)
    }

    init(
        _ text: String,
        group: String,
        stream: String,
        timestamp: Int64,
        ingestion: Int64,
        sequence: Int
    ) {
        self.sequence = sequence
        self.group = group
        self.stream = stream
        self.timestamp = timestamp
        self.ingestion = ingestion
        content = .text(text)
    }

    /// The text as CloudWatch Logs has it: a function's line keeps its line end.
    package var message: String {
        switch content {
        case .line(let line): line.text + "\n"
        case .text(let text): text
        }
    }

    /// The qualified function (`name:version`) that wrote it; nil for what was put by a call.
    package var function: String? {
        if case .line(let line) = content { line.function } else { nil }
    }

    /// The edge on which the function ran; nil in the home region.
    package var edge: String? { if case .line(let line) = content { line.edge } else { nil } }

    /// The invocation that it belongs to, if any.
    package var requestID: String? {
        if case .line(let line) = content { line.requestID } else { nil }
    }

    /// What an event costs beside its text, as CloudWatch Logs counts it.
    ///
    /// Unit: bytes. Source: CloudWatch Logs API, "PutLogEvents": 26 bytes for each event.
    package static let overhead = 26

    /// What it occupies, about.
    ///
    /// Unit: bytes.
    var cost: Int {
        switch content {
        case .line(let line): Self.overhead + line.cost
        case .text(let text): Self.overhead + text.utf8.count
        }
    }
}
