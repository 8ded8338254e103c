/// One line in a log group.
package struct LogEvent: Sendable {
    /// Ascends over all groups of a store, without gaps.
    package let sequence: Int
    private let content: Content

    /// A line of a function is put into words when it is read.
    private enum Content: Sendable {
        case line(FunctionLogLine)
        case put(PutEvent)
    }

    init(_ line: FunctionLogLine, sequence: Int) {
        self.sequence = sequence
        content = .line(line)
    }

    init(_ event: PutEvent, sequence: Int) {
        self.sequence = sequence
        content = .put(event)
    }

    /// The log group.
    package var group: String {
        switch content {
        case .line(let line): line.group
        case .put(let event): event.group
        }
    }

    /// The stream of the group.
    package var stream: String {
        switch content {
        case .line(let line): line.stream
        case .put(let event): event.stream
        }
    }

    /// Unit: milliseconds since 1970.
    package var timestamp: Int64 {
        switch content {
        case .line(let line): line.timestamp
        case .put(let event): event.timestamp
        }
    }

    /// When the store took it.
    ///
    /// Unit: milliseconds since 1970.
    package var ingestion: Int64 {
        switch content {
        case .line(let line): line.timestamp
        case .put(let event): event.ingestion
        }
    }

    /// The text as CloudWatch Logs has it: a function's line keeps its line end.
    package var message: String {
        switch content {
        case .line(let line): line.text + "\n"
        case .put(let event): event.text
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
        case .put(let event): Self.overhead + event.text.utf8.count
        }
    }
}

/// A line that a call has put into a log group.
struct PutEvent: Sendable {
    let text: String
    let group: String
    let stream: String
    /// Unit: milliseconds since 1970, as `ingestion`.
    let timestamp: Int64
    let ingestion: Int64
}
