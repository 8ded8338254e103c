/// One line in a log group.
package struct LogEvent: Sendable {
    /// Ascends over all groups of a store, without gaps.
    package let sequence: Int
    private let line: FunctionLogLine
    /// When a call has put it, in milliseconds since 1970; nil for a line of a function.
    private let putAt: Int64?

    /// A line of a function, which is put into words when it is read, or a text that a call put.
    init(_ line: FunctionLogLine, putAt: Int64? = nil, sequence: Int) {
        self.sequence = sequence
        self.line = line
        self.putAt = putAt
    }

    /// The log group.
    package var group: String { line.group }

    /// The stream of the group.
    package var stream: String { line.stream }

    /// Unit: milliseconds since 1970.
    package var timestamp: Int64 { line.timestamp }

    /// When the store took it.
    ///
    /// Unit: milliseconds since 1970.
    package var ingestion: Int64 { putAt ?? line.timestamp }

    /// The text as CloudWatch Logs has it: a function's line keeps its line end.
    package var message: String { putAt == nil ? line.text + "\n" : line.text }

    /// The qualified function (`name:version`) that wrote it; nil for what was put by a call.
    package var function: String? { putAt == nil ? line.function : nil }

    /// The edge on which the function ran; nil in the home region.
    package var edge: String? { line.edge }

    /// The invocation that it belongs to, if any.
    package var requestID: String? { line.requestID }

    /// What an event costs beside its text, as CloudWatch Logs counts it.
    ///
    /// Unit: bytes. Source: CloudWatch Logs API, "PutLogEvents": 26 bytes for each event.
    package static let overhead = 26

    /// What it occupies, about.
    ///
    /// Unit: bytes.
    var cost: Int { Self.overhead + (putAt == nil ? line.cost : line.text.utf8.count) }
}
