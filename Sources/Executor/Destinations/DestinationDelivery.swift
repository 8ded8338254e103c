import HTTP
import JSON
import Model

/// Takes parcels to queues, topics, event buses and buckets.
///
/// Source: "Capturing records of Lambda asynchronous invocations".
package struct DestinationDelivery: Sendable {
    /// The most bytes of an error's text that a dead letter carries.
    ///
    /// Source: "Capturing records of Lambda asynchronous invocations", "Adding a dead-letter queue": 1 KB.
    private static let maximumMessage = 1024

    private let client: ServiceClient
    /// Takes an event for an event bus of this node; nil when the bus is elsewhere.
    private let ownBus: @Sendable (BusEvent) async -> Bool

    /// Makes a delivery; `ownBus` takes events where no endpoint is named for them, and says whether it did.
    package init(
        client: ServiceClient,
        ownBus: @escaping @Sendable (BusEvent) async -> Bool = { _ in false }
    ) {
        self.client = client
        self.ownBus = ownBus
    }

    /// Delivers a parcel to an ARN.
    package func deliver(_ parcel: Parcel, to text: String) async throws(ServiceFailure) {
        guard let arn = ServiceARN(text) else { throw .unreachable("\(text) is no ARN") }
        switch (arn.service, parcel) {
        case ("sqs", .record(let record, _, _)):
            try await send(String(decoding: record, as: UTF8.self), [], arn)
        case ("sqs", .deadLetter(let event, let code, let message)):
            let text = String(decoding: event.payload, as: UTF8.self)
            try await send(text, Self.attributes(event, code, message), arn)
        case ("sns", .record(let record, _, _)):
            try await publish(String(decoding: record, as: UTF8.self), [], arn)
        case ("sns", .deadLetter(let event, let code, let message)):
            let text = String(decoding: event.payload, as: UTF8.self)
            try await publish(text, Self.attributes(event, code, message), arn)
        case ("events", .record(let record, let function, let isSuccess)):
            try await put(record, function, isSuccess, arn)
        case ("s3", .record(let record, let function, _)):
            try await client.putObject(
                bucket: arn.resource,
                key: Self.key(function: function, at: System.milliseconds),
                region: FunctionARN(name: function).region,
                record
            )
        default: throw .unreachable("nothing is delivered to \(arn.service)")
        }
    }

    private typealias Attribute = (name: String, type: String, value: String)

    private static func attributes(
        _ event: QueuedEvent,
        _ code: Int,
        _ message: String
    ) -> [Attribute] {
        let short = String(decoding: message.utf8.prefix(maximumMessage), as: UTF8.self)
        return [
            ("RequestID", "String", event.id), ("ErrorCode", "Number", String(code)),
            ("ErrorMessage", "String", short.isEmpty ? "-" : short),
        ]
    }

    /// `aws/lambda/async/<function>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<UUID>`.
    static func key(function: String, at milliseconds: Int64) -> String {
        let name = FunctionARN(function)?.name ?? function
        let time = System.timestamp(milliseconds)
        let day = time.prefix(10).replacing("-", with: "/")
        let clock = time.prefix(19).replacing(":", with: ".")
        return "aws/lambda/async/\(name)/\(day)/\(clock)-\(RequestIdentifier.make())"
    }

    // MARK: Services

    private func send(
        _ body: String,
        _ attributes: [Attribute],
        _ arn: ServiceARN
    ) async throws(ServiceFailure) {
        var input = JSONObject()
        input["QueueUrl"] = .string(try Queues.url(of: arn, client))
        input["MessageBody"] = .string(body)
        if arn.resource.hasSuffix(".fifo") {
            input["MessageGroupId"] = .string(RequestIdentifier.make())
            input["MessageDeduplicationId"] = .string(RequestIdentifier.make())
        }
        var members = JSONObject()
        for attribute in attributes {
            members[attribute.name] = [
                "DataType": .string(attribute.type), "StringValue": .string(attribute.value),
            ]
        }
        if !members.isEmpty { input["MessageAttributes"] = .object(members) }
        _ = try await client.json(
            .sqs,
            region: arn.region,
            target: "AmazonSQS.SendMessage",
            version: "1.0",
            .object(input)
        )
    }

    private func publish(
        _ message: String,
        _ attributes: [Attribute],
        _ arn: ServiceARN
    ) async throws(ServiceFailure) {
        var pairs = [
            ("Action", "Publish"), ("Version", "2010-03-31"), ("TopicArn", arn.text),
            ("Message", message),
        ]
        for (index, attribute) in attributes.enumerated() {
            let entry = "MessageAttributes.entry.\(index + 1)"
            pairs.append(("\(entry).Name", attribute.name))
            pairs.append(("\(entry).Value.DataType", attribute.type))
            pairs.append(("\(entry).Value.StringValue", attribute.value))
        }
        try await client.form(.sns, region: arn.region, pairs)
    }

    private func put(
        _ record: [UInt8],
        _ function: String,
        _ isSuccess: Bool,
        _ arn: ServiceARN
    ) async throws(ServiceFailure) {
        let name = arn.resource.split(separator: "/").last.map(String.init) ?? "default"
        let event = BusEvent(
            bus: name,
            source: "lambda",
            detailType: "Lambda Function Invocation Result - "
                + (isSuccess ? "Success" : "Failure"),
            resources: [arn.text, function],
            detail: String(decoding: record, as: UTF8.self)
        )
        let isNamed = client.endpoints.url(of: .events, region: arn.region) != nil
        if !isNamed, await ownBus(event) { return }
        let answer = try await client.json(
            .events,
            region: arn.region,
            target: "AWSEvents.PutEvents",
            version: "1.1",
            ["Entries": [event.entry]]
        )
        guard answer["FailedEntryCount"]?.int ?? 0 == 0 else {
            let entry = answer["Entries"]?[0]
            throw .refused(
                status: 200,
                code: entry?["ErrorCode"]?.string ?? "",
                message: entry?["ErrorMessage"]?.string ?? ""
            )
        }
    }
}

/// The addresses of queues.
enum Queues {
    /// The URL of a queue at its endpoint.
    static func url(
        of arn: ServiceARN,
        _ client: ServiceClient
    ) throws(ServiceFailure) -> String {
        guard let place = client.endpoints.url(of: .sqs, region: arn.region) else {
            throw .noEndpoint(.sqs)
        }
        let base = place.hasSuffix("/") ? String(place.dropLast()) : place
        return "\(base)/\(arn.account)/\(arn.resource)"
    }
}
