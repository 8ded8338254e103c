package import JSON
package import Model

/// What the registry keeps of an event source mapping: the members that the Lambda API shows, with `Enabled`.
///
/// A template and an API call end in the same document. Source: Lambda API, "CreateEventSourceMapping".
package struct MappingDocument: Sendable {
    /// The kind of records that hold these documents.
    package static let kind = "lambda/mapping"
    /// The most filters of a mapping.
    ///
    /// Source: "Control which events Lambda sends to your function": 5, 10 on request.
    static let maximumFilters = 10
    /// The largest batch of a queue with strict order.
    ///
    /// Source: Lambda API, "CreateEventSourceMapping".
    static let maximumStrictBatch = 10

    /// Why a mapping was refused, in AWS's words.
    package struct Refusal: Error, Sendable, Equatable {
        package let message: String

        /// The members that messages name, for those who say where a mistake stands.
        package static let members =
            [
                "BatchSize", "MaximumBatchingWindowInSeconds", "FilterCriteria", "StartingPosition",
                "StartingPositionTimestamp",
            ] + ofStreams + foreign
    }

    /// The kinds of sources that are polled here.
    private enum Source { case queue, strictQueue, kinesis, dynamodb }

    /// Members that hold for streams alone.
    private static let ofStreams = [
        "DestinationConfig", "ParallelizationFactor", "MaximumRecordAgeInSeconds",
        "BisectBatchOnFunctionError", "MaximumRetryAttempts", "TumblingWindowInSeconds",
    ]
    /// Members of sources that are not polled here, or of what only AWS has.
    private static let foreign = [
        "Topics", "Queues", "SourceAccessConfigurations", "SelfManagedEventSource",
        "AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig",
        "DocumentDBEventSourceConfig", "KMSKeyArn", "ProvisionedPollerConfig", "MetricsConfig",
        "LoggingConfig",
    ]

    /// The members as the API shows them.
    package private(set) var members: JSONObject

    /// Reads a document that is kept.
    package init(kept: JSONObject) { members = kept }

    /// Makes the document of a new mapping.
    package init(
        _ input: JSONValue,
        uuid: String,
        functionARN: String,
        now: JSONValue
    ) throws(Refusal) {
        let given = input["EventSourceArn"]?.string
        if given == nil, let name = Self.foreign.first(where: { Self.isGiven(input[$0]) }) {
            throw Refusal(message: "\(name) is not supported here.")
        }
        guard let arn = given, let source = Self.source(arn) else {
            throw Refusal(message: Self.reason(given))
        }
        members = JSONObject()
        members["UUID"] = .string(uuid)
        members["EventSourceMappingArn"] = .string(
            "arn:aws:lambda:us-east-1:\(FunctionARN.account):event-source-mapping:\(uuid)"
        )
        members["EventSourceArn"] = .string(arn)
        members["FunctionArn"] = .string(functionARN)
        members["Enabled"] = input["Enabled"] ?? true
        try Self.checkPosition(input, source, arn)
        if source == .kinesis || source == .dynamodb {
            members["StartingPosition"] = input["StartingPosition"]
            members["StartingPositionTimestamp"] = input["StartingPositionTimestamp"]
            members["DestinationConfig"] = ["OnFailure": [:]]
            members["BisectBatchOnFunctionError"] = false
            members["MaximumRecordAgeInSeconds"] = -1
            members["MaximumRetryAttempts"] = -1
            members["ParallelizationFactor"] = 1
            members["TumblingWindowInSeconds"] = 0
        }
        members["BatchSize"] = source == .kinesis || source == .dynamodb ? 100 : 10
        members["MaximumBatchingWindowInSeconds"] = 0
        members["FunctionResponseTypes"] = []
        try apply(input, now: now)
    }

    /// Changes what is given and leaves the rest.
    package mutating func apply(_ input: JSONValue, now: JSONValue) throws(Refusal) {
        guard let source = Self.source(members["EventSourceArn"]?.string ?? "") else {
            throw Refusal(message: "Unrecognized event source.")
        }
        for name in Self.foreign where Self.isGiven(input[name]) {
            throw Refusal(message: "\(name) is not supported here.")
        }
        let isStream = source == .kinesis || source == .dynamodb
        for name in Self.ofStreams where !isStream && Self.isGiven(input[name]) {
            throw Refusal(
                message: "Unsupported \(name) parameter for given event source mapping type."
            )
        }
        if isStream, Self.isGiven(input["ScalingConfig"]) {
            throw Refusal(
                message: "Unsupported ScalingConfig parameter for given event source mapping type."
            )
        }
        for name in [
            "Enabled", "BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes",
            "ScalingConfig", "ParallelizationFactor", "MaximumRecordAgeInSeconds",
            "BisectBatchOnFunctionError", "MaximumRetryAttempts", "FilterCriteria",
            "TumblingWindowInSeconds",
        ] {
            if let value = input[name], !value.isNull { members[name] = value }
        }
        if isStream, let config = input["DestinationConfig"], !config.isNull {
            try Self.checkDestination(config)
            members["DestinationConfig"] = ["OnFailure": config["OnFailure"] ?? [:]]
        }
        if members["FilterCriteria"]?["Filters"]?.array?.isEmpty ?? true {
            members["FilterCriteria"] = nil
        }
        members["LastModified"] = now
        try check(source)
    }

    /// Points the mapping at another function.
    package mutating func retarget(_ functionARN: String) {
        members["FunctionArn"] = .string(functionARN)
    }

    /// Keeps a member that is this program's own.
    package mutating func note(_ name: String, _ value: JSONValue?) { members[name] = value }

    package var uuid: String { members["UUID"]?.string ?? "" }
    package var sourceARN: String { members["EventSourceArn"]?.string ?? "" }
    package var functionARN: String { members["FunctionArn"]?.string ?? "" }
    package var isEnabled: Bool { members["Enabled"]?.bool ?? true }
    package var isQueue: Bool { sourceARN.hasPrefix("arn:aws:sqs:") }

    /// The resource that holds this document.
    package var resource: Resource {
        .record(id: "\(Self.kind)/\(uuid)", document: JSONValue.object(members).text)
    }

    // MARK: Checks

    private static func isGiven(_ value: JSONValue?) -> Bool {
        guard let value, !value.isNull else { return false }
        return value.object?.isEmpty != true && value.array?.isEmpty != true
    }

    private static func source(_ arn: String) -> Source? {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn" else { return nil }
        switch parts[2] {
        case "sqs": return parts[5].hasSuffix(".fifo") ? .strictQueue : .queue
        case "kinesis":
            // A consumer with a share of its own needs a push over HTTP/2 that only AWS has.
            return parts[5].hasPrefix("stream/") && !parts[5].contains("/consumer/")
                ? .kinesis : nil
        case "dynamodb": return parts[5].contains("/stream/") ? .dynamodb : nil
        default: return nil
        }
    }

    /// Sources that AWS polls and that are not polled here, by the service in their ARN.
    private static let unpolled = [
        "kafka": "Amazon MSK and Kafka", "mq": "Amazon MQ", "rds": "Amazon DocumentDB",
    ]

    /// Why a source is refused.
    private static func reason(_ arn: String?) -> String {
        let service = arn?.split(separator: ":", omittingEmptySubsequences: false).dropFirst(2)
            .first
        guard let service, let title = unpolled[String(service)] else {
            return "Unrecognized event source."
        }
        return "Event sources of \(title) are not supported here: SQS queues, Kinesis streams and "
            + "DynamoDB streams are."
    }

    private static func checkPosition(
        _ input: JSONValue,
        _ source: Source,
        _ arn: String
    ) throws(Refusal) {
        let position = input["StartingPosition"]?.string
        let unsupported = Refusal(message: "Unsupported starting position for arn type: \(arn)")
        switch source {
        case .queue, .strictQueue: if position != nil { throw unsupported }
        case .kinesis, .dynamodb:
            guard let position else {
                throw Refusal(
                    message: "1 validation error detected: Value null at 'startingPosition' failed "
                        + "to satisfy constraint: Member must not be null."
                )
            }
            guard position == "AT_TIMESTAMP" else { return }
            if source == .dynamodb { throw unsupported }
            if input["StartingPositionTimestamp"]?.double == nil {
                throw Refusal(
                    message:
                        "StartingPositionTimestamp is required for StartingPosition AT_TIMESTAMP."
                )
            }
        }
    }

    private static func checkDestination(_ config: JSONValue) throws(Refusal) {
        if isGiven(config["OnSuccess"]) {
            throw Refusal(
                message:
                    "Unsupported DestinationConfig parameter for given event source mapping type."
            )
        }
        let arn = config["OnFailure"]?["Destination"]?.string ?? ""
        let services = ["sqs", "sns", "s3"].map { "arn:aws:\($0):" }
        guard arn.isEmpty || services.contains(where: arn.hasPrefix) else {
            throw Refusal(message: "The destination ARN \(arn) is invalid.")
        }
    }

    private func check(_ source: Source) throws(Refusal) {
        let size = members["BatchSize"]?.int ?? 0
        let window = members["MaximumBatchingWindowInSeconds"]?.int ?? 0
        switch source {
        case .queue where size > Self.maximumStrictBatch && window == 0:
            throw Refusal(
                message: "Maximum batch window in seconds must be greater than 0 if maximum batch "
                    + "size is greater than 10"
            )
        case .strictQueue where size > Self.maximumStrictBatch:
            throw Refusal(
                message: "Batch size must not be greater than 10 for FIFO event source mappings."
            )
        case .strictQueue where window > 0:
            throw Refusal(
                message: "Batching window is not supported for FIFO queues."
            )
        default: break
        }
        let age = members["MaximumRecordAgeInSeconds"]?.int ?? -1
        guard age == -1 || (60...604_800).contains(age) else {
            throw Refusal(
                message: "MaximumRecordAgeInSeconds must be -1 or between 60 and 604800."
            )
        }
        let tumbling = members["TumblingWindowInSeconds"]?.int ?? 0
        guard (0...900).contains(tumbling) else {
            throw Refusal(message: "TumblingWindowInSeconds must be between 0 and 900.")
        }
        guard tumbling == 0 || members["ParallelizationFactor"]?.int ?? 1 == 1 else {
            throw Refusal(
                message:
                    "TumblingWindowInSeconds with a ParallelizationFactor greater than 1 is not "
                    + "supported here."
            )
        }
        let filters = members["FilterCriteria"]?["Filters"]?.array ?? []
        guard filters.count <= Self.maximumFilters else {
            throw Refusal(message: "A mapping has at most \(Self.maximumFilters) filters.")
        }
        for filter in filters {
            guard let pattern = filter["Pattern"]?.string,
                (try? EventPattern(pattern)) != nil
            else { throw Refusal(message: "Invalid filter pattern definition.") }
        }
    }
}
