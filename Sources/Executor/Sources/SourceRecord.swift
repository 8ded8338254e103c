import Crypto
import HTTP
import JSON

/// One message or record as a function gets it.
struct SourceRecord: Sendable {
    /// What stands in `Records` of the event.
    var event: JSONValue
    /// By what a function names it when it reports failures: message id or sequence number.
    var id: String
    /// The receipt of a message.
    var receipt = ""
    /// What decides about the order among records of a shard.
    var group = ""
    /// When it came into the source.
    ///
    /// Unit: milliseconds since 1970.
    var arrival: Int64
    /// What filters look at.
    var filterView: JSONValue

    /// About how many bytes it adds to an event.
    var size: Int { event.text.utf8.count + 1 }

    /// The event of some records, and what else it says.
    static func event(
        of records: [SourceRecord],
        _ more: (inout JSONWriter) -> Void = { _ in }
    ) -> Bytes {
        var json = JSONWriter(reserving: records.reduce(32) { $0 + $1.size })
        json.beginObject()
        json.key("Records")
        json.beginArray()
        for record in records { json.value(record.event) }
        json.endArray()
        more(&json)
        json.endObject()
        return json.bytes[...]
    }

    // MARK: SQS

    /// A message as `ReceiveMessage` gives it.
    init(message: JSONValue, of queue: ServiceARN) {
        id = message["MessageId"]?.string ?? ""
        receipt = message["ReceiptHandle"]?.string ?? ""
        let attributes = message["Attributes"]?.object ?? JSONObject()
        arrival = attributes["SentTimestamp"]?.string.flatMap { Int64($0) } ?? 0
        group = attributes["MessageGroupId"]?.string ?? ""
        let body = message["Body"]?.string ?? ""
        var members = JSONObject()
        members["messageId"] = .string(id)
        members["receiptHandle"] = .string(receipt)
        members["body"] = .string(body)
        members["attributes"] = .object(attributes)
        let own = message["MessageAttributes"]?.object ?? JSONObject()
        var converted = JSONObject()
        for attribute in own { converted[attribute.key] = Self.attribute(attribute.value) }
        members["messageAttributes"] = .object(converted)
        if let digest = message["MD5OfMessageAttributes"] {
            members["md5OfMessageAttributes"] = digest
        }
        members["md5OfBody"] = message["MD5OfBody"] ?? ""
        members["eventSource"] = "aws:sqs"
        members["eventSourceARN"] = .string(queue.text)
        members["awsRegion"] = .string(queue.region)
        event = .object(members)
        members["body"] = Self.parsed(Array(body.utf8)) ?? .string(body)
        filterView = .object(members)
    }

    private static func attribute(_ given: JSONValue) -> JSONValue {
        var members = JSONObject()
        if let text = given["StringValue"], !text.isNull { members["stringValue"] = text }
        if let bytes = given["BinaryValue"], !bytes.isNull { members["binaryValue"] = bytes }
        members["stringListValues"] = []
        members["binaryListValues"] = []
        members["dataType"] = given["DataType"] ?? "String"
        return .object(members)
    }

    // MARK: Kinesis

    /// A record as `GetRecords` gives it; `role` is the function's.
    init(kinesis record: JSONValue, shard: String, stream: ServiceARN, role: String) {
        id = record["SequenceNumber"]?.string ?? ""
        group = record["PartitionKey"]?.string ?? ""
        let time = record["ApproximateArrivalTimestamp"]?.double ?? 0
        arrival = Int64((time * 1000).rounded())
        let data = record["Data"]?.string ?? ""
        var inner = JSONObject()
        inner["kinesisSchemaVersion"] = "1.0"
        inner["partitionKey"] = .string(group)
        inner["sequenceNumber"] = .string(id)
        inner["data"] = .string(data)
        // With three decimals always, so that typed languages read one type of number.
        let fraction = String(1000 + arrival % 1000).dropFirst()
        inner["approximateArrivalTimestamp"] = .number("\(arrival / 1000).\(fraction)")
        var members = JSONObject()
        members["kinesis"] = .object(inner)
        members["eventSource"] = "aws:kinesis"
        members["eventVersion"] = "1.0"
        members["eventID"] = .string("\(shard):\(id)")
        members["eventName"] = "aws:kinesis:record"
        members["invokeIdentityArn"] = .string(role)
        members["awsRegion"] = .string(stream.region)
        members["eventSourceARN"] = .string(stream.text)
        event = .object(members)
        let bytes = Base64.decode(data) ?? []
        var view = members
        view["data"] = Self.parsed(bytes) ?? .string(String(decoding: bytes, as: UTF8.self))
        view["partitionKey"] = .string(group)
        filterView = .object(view)
    }

    // MARK: DynamoDB

    /// A record as `GetRecords` of DynamoDB streams gives it.
    init(dynamodb record: JSONValue, stream: ServiceARN) {
        let inner = record["dynamodb"]
        id = inner?["SequenceNumber"]?.string ?? ""
        group = inner?["Keys"]?.text ?? ""
        arrival = Int64((inner?["ApproximateCreationDateTime"]?.double ?? 0) * 1000)
        var members = JSONObject()
        for name in [
            "eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb",
            "userIdentity",
        ] {
            if let value = record[name], !value.isNull { members[name] = value }
        }
        members["eventSourceARN"] = .string(stream.text)
        event = .object(members)
        filterView = event
    }

    /// Bytes as a JSON object or list; nil when they are none.
    private static func parsed(_ bytes: [UInt8]) -> JSONValue? {
        guard let value = try? JSONValue.parse(bytes[...]),
            value.object != nil || value.array != nil
        else { return nil }
        return value
    }
}
