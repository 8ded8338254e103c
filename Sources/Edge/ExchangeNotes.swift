import DataPlane
import Reactor
import Telemetry

// What a function's stage leaves in the timeline, whichever kind of function it is.

extension Exchange {
    /// Notes that a function let the message pass; what it changed is named when somebody asks.
    mutating func note(
        _ stage: String,
        function: String,
        since started: MonotonicInstant,
        lazily changes: @escaping @Sendable () -> [String]
    ) {
        record.stages.append(
            TimelineEntry(
                stage: stage,
                durationMicroseconds: context.preciseTime.microseconds(since: started),
                function: function,
                changes: changes,
                outcome: "proceed"
            )
        )
    }

    /// Notes how a function's stage ended, in words.
    mutating func note(
        _ stage: String,
        function: String,
        since started: MonotonicInstant,
        _ changes: [String],
        outcome: String
    ) {
        record.stages.append(
            TimelineEntry(
                stage: stage,
                durationMicroseconds: context.preciseTime.microseconds(since: started),
                function: function,
                changes: changes,
                outcome: outcome
            )
        )
    }
}
