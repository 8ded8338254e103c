package import JSON
import Model

/// A source of events that is polled for a function.
///
/// Source: "How Lambda processes records from stream and queue-based event sources".
package struct EventSourceMapping: Sendable, Equatable {
    /// The kinds of sources.
    enum Kind: Sendable, Equatable { case queue(isFIFO: Bool), kinesis, dynamodb }

    /// Where a stream is read from at first.
    enum Position: Sendable, Equatable {
        case trimHorizon, latest
        /// Unit: seconds since 1970.
        case timestamp(Double)
    }

    package let uuid: String
    let kind: Kind
    let source: ServiceARN
    /// The function's name.
    let function: String
    let qualifier: String?
    let isEnabled: Bool
    let batchSize: Int
    /// Unit: seconds.
    let window: Int
    /// How long a window is whose records the function adds up; nil without such windows.
    ///
    /// Unit: seconds.
    let tumbling: Int?
    /// As text; a filter that cannot be read matches nothing.
    let filters: [String]
    let reportsFailures: Bool
    let position: Position
    let parallelization: Int
    /// Nil means for ever.
    let maximumRetries: Int?
    /// Unit: seconds; nil means for ever.
    let maximumAge: Int?
    let bisects: Bool
    /// The ARN that learns of batches that were given up.
    let onFailure: String?
    let maximumConcurrency: Int?

    /// Reads what the Lambda API keeps of a mapping; nil when it is of a kind that is not polled here.
    package init?(_ document: JSONValue) {
        guard let uuid = document["UUID"]?.string,
            let source = document["EventSourceArn"]?.string.flatMap({ ServiceARN($0) }),
            let function = document["FunctionArn"]?.string.flatMap({ FunctionARN($0) })
        else { return nil }
        switch source.service {
        case "sqs": kind = .queue(isFIFO: source.resource.hasSuffix(".fifo"))
        case "kinesis": kind = .kinesis
        case "dynamodb": kind = .dynamodb
        default: return nil
        }
        self.uuid = uuid
        self.source = source
        self.function = function.name
        qualifier = function.qualifier
        isEnabled = document["Enabled"]?.bool ?? true
        let isQueue = source.service == "sqs"
        batchSize = max(1, document["BatchSize"]?.int ?? (isQueue ? 10 : 100))
        window = document["MaximumBatchingWindowInSeconds"]?.int ?? 0
        tumbling = document["TumblingWindowInSeconds"]?.int.flatMap { $0 > 0 ? $0 : nil }
        filters = (document["FilterCriteria"]?["Filters"]?.array ?? []).compactMap {
            $0["Pattern"]?.string
        }
        let types = document["FunctionResponseTypes"]?.array ?? []
        reportsFailures = types.contains("ReportBatchItemFailures")
        switch document["StartingPosition"]?.string {
        case "AT_TIMESTAMP":
            position = .timestamp(document["StartingPositionTimestamp"]?.double ?? 0)
        case "LATEST": position = .latest
        default: position = .trimHorizon
        }
        parallelization = max(1, document["ParallelizationFactor"]?.int ?? 1)
        maximumRetries = document["MaximumRetryAttempts"]?.int.flatMap { $0 < 0 ? nil : $0 }
        maximumAge = document["MaximumRecordAgeInSeconds"]?.int.flatMap { $0 < 0 ? nil : $0 }
        bisects = document["BisectBatchOnFunctionError"]?.bool ?? false
        let failure = document["DestinationConfig"]?["OnFailure"]?["Destination"]?.string ?? ""
        onFailure = failure.isEmpty ? nil : failure
        maximumConcurrency = document["ScalingConfig"]?["MaximumConcurrency"]?.int
    }
}
