/// One step of a request's life with what it changed.
package struct TimelineEntry: Sendable, Codable {
    /// The stage's name, such as `viewer-request` or `cache`.
    package var stage: String
    /// Unit: microseconds.
    package var durationMicroseconds: Int
    /// The function version that ran in this stage, as `name:version`.
    package var function: String?
    /// What the stage changed: `uri: /a -> /b`, `header x-added: 1`, `status: 200 -> 404`.
    package var changes: [String]
    /// The outcome in a word: `proceed`, `respond`, `hit`, `miss`, an error's rule.
    package var outcome: String?

    /// Makes an entry.
    package init(
        stage: String,
        durationMicroseconds: Int,
        function: String? = nil,
        changes: [String] = [],
        outcome: String? = nil
    ) {
        self.stage = stage
        self.durationMicroseconds = durationMicroseconds
        self.function = function
        self.changes = changes
        self.outcome = outcome
    }
}

/// What is kept of one request for `/_portico/requests` and the access log.
package struct AccessRecord: Sendable, Codable {
    package var requestID = ""
    /// Seconds since 1970.
    package var startedAt = 0.0
    package var door = ""
    package var edge = ""
    package var method = ""
    package var host = ""
    package var uri = ""
    package var status = 0
    /// The result type, such as `Hit`, `Miss` or `LambdaGeneratedResponse`.
    package var resultType = ""
    package var clientIP = ""
    /// Unit: microseconds.
    package var durationMicroseconds = 0
    package var bytesSent = 0
    package var stages: [TimelineEntry] = []

    /// Makes an empty record.
    package init() {}
}
