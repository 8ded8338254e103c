/// One step of a request's life with what it changed.
///
/// Made for every request and read for few: what it says is put into words when it is read.
package struct TimelineEntry: Sendable, Encodable {
    /// How a stage ended.
    package enum Outcome: Sendable {
        /// `proceed`, `respond`, `hit`, `miss`, an error's rule.
        case word(String)
        /// The status of an answer.
        case status(Int)
    }

    /// Which origin was asked for what.
    package struct Asked: Sendable {
        package var host: String
        package var path: String
        package var query: String?

        /// Makes the place of a request.
        package init(host: String, path: String, query: String?) {
            self.host = host
            self.path = path
            self.query = query
        }
    }

    /// What a stage changed: in words, or how to find them.
    private enum Changes: Sendable {
        case words([String])
        case found(@Sendable () -> [String])
    }

    /// The stage's name, such as `viewer-request` or `cache`.
    package var stage: String
    /// Unit: microseconds.
    package var durationMicroseconds: Int
    /// The function version that ran in this stage, as `name:version`.
    package var function: String?
    private var changed: Changes
    /// The origin that was asked; nil for other stages.
    package private(set) var asked: Asked?
    private var ended: Outcome?
}

// By way of the memberwise initializer: one that sets the members itself copies all of them at its end.
extension TimelineEntry {
    /// Makes an entry; an outcome is a word.
    package init(
        stage: String,
        durationMicroseconds: Int,
        function: String? = nil,
        changes: [String] = [],
        outcome: String? = nil
    ) {
        self.init(
            stage: stage,
            durationMicroseconds: durationMicroseconds,
            function: function,
            changed: .words(changes),
            asked: nil,
            ended: outcome.map { .word($0) }
        )
    }

    /// Makes an entry whose changes are found when it is read.
    package init(
        stage: String,
        durationMicroseconds: Int,
        function: String?,
        changes: @escaping @Sendable () -> [String],
        outcome: String
    ) {
        self.init(
            stage: stage,
            durationMicroseconds: durationMicroseconds,
            function: function,
            changed: .found(changes),
            asked: nil,
            ended: .word(outcome)
        )
    }

    /// Makes the entry of a request to an origin.
    package init(stage: String, durationMicroseconds: Int, asked: Asked, outcome: Outcome) {
        self.init(
            stage: stage,
            durationMicroseconds: durationMicroseconds,
            function: nil,
            changed: .words([]),
            asked: asked,
            ended: outcome
        )
    }

    /// What the stage changed: `uri: /a -> /b`, `header x-added: 1`, `status: 200 -> 404`.
    package var changes: [String] {
        let changed =
            switch changed {
            case .words(let words): words
            case .found(let find): find()
            }
        guard let asked else { return changed }
        return ["origin: \(asked.host)\(asked.path)\(asked.query.map { "?" + $0 } ?? "")"] + changed
    }

    /// The outcome in a word or a status.
    package var outcome: String? {
        switch ended {
        case nil: nil
        case .word(let word): word
        case .status(let status): String(status)
        }
    }

    private enum Key: String, CodingKey {
        case stage, durationMicroseconds, function, changes, outcome
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(stage, forKey: .stage)
        try container.encode(durationMicroseconds, forKey: .durationMicroseconds)
        try container.encodeIfPresent(function, forKey: .function)
        try container.encode(changes, forKey: .changes)
        try container.encodeIfPresent(outcome, forKey: .outcome)
    }
}
