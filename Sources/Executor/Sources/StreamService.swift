import JSON
import Model

/// What a shard poller asks of a stream.
protocol StreamService: Sendable {
    /// All shards that can be read.
    func shards() async throws(ServiceFailure) -> [StreamShard]
    /// Where to read a shard: after a sequence number, else from the mapping's position.
    func iterator(_ shard: String, after: String?) async throws(ServiceFailure) -> String
    /// Some records and where to go on; nil at the end of a closed shard.
    func records(
        _ iterator: String,
        limit: Int,
        shard: String
    ) async throws(ServiceFailure) -> (records: [SourceRecord], next: String?)
}

/// A shard with the one it came from.
struct StreamShard: Sendable, Equatable {
    var id: String
    var parent: String?
}

/// A Kinesis data stream.
///
/// Source: Amazon Kinesis Data Streams API reference.
struct KinesisService: StreamService {
    let mapping: EventSourceMapping
    let client: ServiceClient
    /// The ARN of the function's role.
    let role: @Sendable () -> String

    private var name: JSONValue {
        .string(mapping.source.resource.split(separator: "/").last.map(String.init) ?? "")
    }

    func shards() async throws(ServiceFailure) -> [StreamShard] {
        var all: [StreamShard] = []
        var token: JSONValue?
        repeat {
            let answer = try await call(
                "ListShards",
                token.map { ["NextToken": $0] } ?? ["StreamName": name]
            )
            all += (answer["Shards"]?.array ?? []).map {
                StreamShard(id: $0["ShardId"]?.string ?? "", parent: $0["ParentShardId"]?.string)
            }
            token = answer["NextToken"].flatMap { $0.isNull ? nil : $0 }
        } while token != nil && all.count < StreamPoller.shardLimit
        return all
    }

    func iterator(_ shard: String, after: String?) async throws(ServiceFailure) -> String {
        var input = JSONObject()
        input["StreamName"] = name
        input["ShardId"] = .string(shard)
        if let after {
            input["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER"
            input["StartingSequenceNumber"] = .string(after)
        } else {
            switch mapping.position {
            case .trimHorizon: input["ShardIteratorType"] = "TRIM_HORIZON"
            case .latest: input["ShardIteratorType"] = "LATEST"
            case .timestamp(let seconds):
                input["ShardIteratorType"] = "AT_TIMESTAMP"
                input["Timestamp"] = .number(String(seconds))
            }
        }
        return try await call("GetShardIterator", .object(input))["ShardIterator"]?.string ?? ""
    }

    func records(
        _ iterator: String,
        limit: Int,
        shard: String
    ) async throws(ServiceFailure) -> (records: [SourceRecord], next: String?) {
        let answer = try await call(
            "GetRecords",
            ["ShardIterator": .string(iterator), "Limit": .integer(min(limit, 10_000))]
        )
        let role = role()
        let records = (answer["Records"]?.array ?? []).map {
            SourceRecord(kinesis: $0, shard: shard, stream: mapping.source, role: role)
        }
        return (records, answer["NextShardIterator"]?.string)
    }

    private func call(
        _ operation: String,
        _ input: JSONValue
    ) async throws(ServiceFailure) -> JSONValue {
        try await client.json(
            .kinesis,
            region: mapping.source.region,
            target: "Kinesis_20131202." + operation,
            version: "1.1",
            input
        )
    }
}

/// The stream of a DynamoDB table.
///
/// Source: Amazon DynamoDB Streams API reference.
struct DynamoStreamService: StreamService {
    let mapping: EventSourceMapping
    let client: ServiceClient

    func shards() async throws(ServiceFailure) -> [StreamShard] {
        var all: [StreamShard] = []
        var last: JSONValue?
        repeat {
            var input = JSONObject()
            input["StreamArn"] = .string(mapping.source.text)
            if let last { input["ExclusiveStartShardId"] = last }
            let answer = try await call("DescribeStream", .object(input))["StreamDescription"]
            all += (answer?["Shards"]?.array ?? []).map {
                StreamShard(id: $0["ShardId"]?.string ?? "", parent: $0["ParentShardId"]?.string)
            }
            last = answer?["LastEvaluatedShardId"].flatMap { $0.isNull ? nil : $0 }
        } while last != nil && all.count < StreamPoller.shardLimit
        return all
    }

    func iterator(_ shard: String, after: String?) async throws(ServiceFailure) -> String {
        var input = JSONObject()
        input["StreamArn"] = .string(mapping.source.text)
        input["ShardId"] = .string(shard)
        if let after {
            input["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER"
            input["SequenceNumber"] = .string(after)
        } else {
            input["ShardIteratorType"] = mapping.position == .latest ? "LATEST" : "TRIM_HORIZON"
        }
        return try await call("GetShardIterator", .object(input))["ShardIterator"]?.string ?? ""
    }

    func records(
        _ iterator: String,
        limit: Int,
        shard: String
    ) async throws(ServiceFailure) -> (records: [SourceRecord], next: String?) {
        let answer = try await call(
            "GetRecords",
            ["ShardIterator": .string(iterator), "Limit": .integer(min(limit, 1000))]
        )
        let records = (answer["Records"]?.array ?? []).map {
            SourceRecord(dynamodb: $0, stream: mapping.source)
        }
        return (records, answer["NextShardIterator"]?.string)
    }

    private func call(
        _ operation: String,
        _ input: JSONValue
    ) async throws(ServiceFailure) -> JSONValue {
        try await client.json(
            .dynamodb,
            region: mapping.source.region,
            target: "DynamoDBStreams_20120810." + operation,
            version: "1.0",
            input
        )
    }
}
