import DataPlane
import HTTP
import JSON
import Model
import Reactor
import Synchronization
import Testing

@testable import Executor

@Suite("Batches of a stream", .timeLimit(.minutes(5)))
struct StreamBatchTests {
    private let clock = VirtualClock()
    private let states = SourceStates()
    private let told = Told()

    /// What the batch and its destination were told.
    private final class Told: Sendable {
        let progress = Mutex<[String]>([])
        let given = Mutex<[JSONValue]>([])
    }

    private func mapping(_ more: String = "") throws -> EventSourceMapping {
        let json = try JSONValue.parse(
            #"""
            {"UUID":"u","EventSourceArn":"arn:aws:kinesis:us-east-1:123456789012:stream/s",
             "FunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:f","BatchSize":10,
             "StartingPosition":"TRIM_HORIZON",
             "DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:us-east-1:1:lost"}}\#(more)}
            """#
        )
        return try #require(EventSourceMapping(json))
    }

    private func records(_ ids: [String], age: Int64 = 0) throws -> [SourceRecord] {
        let stream = try #require(ServiceARN("arn:aws:kinesis:us-east-1:123456789012:stream/s"))
        return ids.map { id in
            SourceRecord(
                kinesis: [
                    "SequenceNumber": .string(id), "PartitionKey": .string("key-" + id),
                    "ApproximateArrivalTimestamp": .integer(
                        Int(clock.milliseconds / 1000 - age)
                    ), "Data": "e30=",
                ],
                shard: "shard",
                stream: stream,
                role: "role"
            )
        }
    }

    private func run(
        _ mapping: EventSourceMapping,
        _ records: [SourceRecord],
        _ answer: @escaping @Sendable ([String], Int) -> InvocationResult
    ) async -> [[String]] {
        let function = ScriptedFunction(clock) { invocation, count in
            answer(Self.ids(of: invocation), count)
        }
        let context = SourceContext(
            client: ServiceClient(
                reactor: Reactor(),
                endpoints: ServiceEndpoints(overrides: { [:] }, variables: { _ in nil }),
                credentials: ServiceClient.Credentials(accessKey: "a", secretKey: "b")
            ),
            invoker: function,
            resolve: { name, _ in
                FunctionVersion(name: name, version: 0, runtime: "", handler: "", codeDigest: "")
            },
            deliver: { [told] parcel, _ in
                if case .record(let bytes, _, _) = parcel,
                    let json = try? JSONValue.parse(bytes[...])
                {
                    told.given.withLock { $0.append(json) }
                }
                return nil
            },
            clock: clock,
            log: { _ in }
        )
        let batch = StreamBatchRun(
            mapping: mapping,
            context: context,
            states: states,
            shard: "shard"
        ) { [told] id, _ in told.progress.withLock { $0.append(id) } }
        let isDone = Mutex(false)
        let task = Task {
            await batch.run(records)
            isDone.withLock { $0 = true }
        }
        while !isDone.withLock({ $0 }) {
            _ = clock.advance()
            await Task.yield()
        }
        await task.value
        return function.invocations.map(Self.ids)
    }

    private static func ids(of invocation: Invocation) -> [String] {
        let event = try? JSONValue.parse(invocation.payload)
        return (event?["Records"]?.array ?? []).compactMap {
            $0["kinesis"]?["sequenceNumber"]?.string
        }
    }

    private static let failure = InvocationResult.functionError(.handled, payload: [])

    @Test(
        "the time of arrival has three decimals",
        arguments: [
            ("1545084650", "1545084650.000"), ("1545084650.987", "1545084650.987"),
            ("1.54508465005E9", "1545084650.050"),
        ]
    )
    func arrival(given: String, written: String) throws {
        let stream = try #require(ServiceARN("arn:aws:kinesis:us-east-1:123456789012:stream/s"))
        let record = SourceRecord(
            kinesis: ["ApproximateArrivalTimestamp": .number(given)],
            shard: "shard",
            stream: stream,
            role: "role"
        )
        #expect(record.event["kinesis"]?["approximateArrivalTimestamp"] == .number(written))
    }

    @Test("a batch that fails is tried again whole until it succeeds")
    func retries() async throws {
        let calls = await run(try mapping(), try records(["1", "2"])) { _, count in
            count < 3 ? Self.failure : .success([])
        }
        #expect(calls == [["1", "2"], ["1", "2"], ["1", "2"]])
        #expect(told.progress.withLock { $0 } == ["2"])
        #expect(states.current["u"]?.failedBatches == 2)
        #expect(states.current["u"]?.records == 2)
    }

    @Test("after the retries that a mapping allows a batch is given up and its place is told")
    func givesUp() async throws {
        let calls = await run(
            try mapping(#","MaximumRetryAttempts":1"#),
            try records(["1", "2"])
        ) { _, _ in Self.failure }
        #expect(calls == [["1", "2"], ["1", "2"]])
        #expect(told.progress.withLock { $0 } == ["2"])
        let given = told.given.withLock { $0 }
        #expect(given.count == 1)
        #expect(given[0]["requestContext"]?["condition"]?.string == "RetryAttemptsExhausted")
        #expect(given[0]["requestContext"]?["approximateInvokeCount"]?.int == 2)
        #expect(given[0]["KinesisBatchInfo"]?["startSequenceNumber"]?.string == "1")
        #expect(given[0]["KinesisBatchInfo"]?["endSequenceNumber"]?.string == "2")
        #expect(given[0]["KinesisBatchInfo"]?["batchSize"]?.int == 2)
    }

    @Test("a bisecting mapping isolates the record that fails, and the others go through in order")
    func bisects() async throws {
        let calls = await run(
            try mapping(#","MaximumRetryAttempts":0,"BisectBatchOnFunctionError":true"#),
            try records(["1", "2", "3", "4"])
        ) { ids, _ in ids.contains("3") ? Self.failure : .success([]) }
        #expect(calls == [["1", "2", "3", "4"], ["1", "2"], ["3", "4"], ["3"], ["4"]])
        #expect(told.progress.withLock { $0 } == ["2", "3", "4"])
        #expect(told.given.withLock { $0.count } == 1)
    }

    @Test("a partial answer goes on from the lowest record that failed")
    func partial() async throws {
        let calls = await run(
            try mapping(#","FunctionResponseTypes":["ReportBatchItemFailures"]"#),
            try records(["1", "2", "3"])
        ) { _, count in
            count > 1
                ? .success(Array("null".utf8)[...])
                : .success(
                    Array(
                        #"{"batchItemFailures":[{"itemIdentifier":"3"},{"itemIdentifier":"2"}]}"#
                            .utf8
                    )[...]
                )
        }
        #expect(calls == [["1", "2", "3"], ["2", "3"]])
        #expect(told.progress.withLock { $0 } == ["1", "3"])
    }

    @Test("records over the maximum age are given up before the function sees them")
    func age() async throws {
        let old = try records(["1"], age: 100)
        let fresh = try records(["2"])
        let calls = await run(
            try mapping(#","MaximumRecordAgeInSeconds":60"#),
            old + fresh
        ) { _, _ in .success([]) }
        #expect(calls == [["2"]])
        let given = told.given.withLock { $0 }
        #expect(given.first?["requestContext"]?["condition"]?.string == "RecordAgeExceeded")
        #expect(given.first?["responseContext"] == nil)
        #expect(told.progress.withLock { $0 } == ["1", "2"])
    }

    @Test("a throttled batch waits and costs no attempt")
    func throttled() async throws {
        let calls = await run(
            try mapping(#","MaximumRetryAttempts":0"#),
            try records(["1"])
        ) { _, count in count < 4 ? .throttled("x") : .success([]) }
        #expect(calls.count == 4)
        #expect(told.given.withLock { $0.isEmpty })
    }

    @Test("parts of a batch have all records of a key, in order")
    func parts() throws {
        let all = try records((0..<100).map { String($0 % 10) })
        let parts = StreamPoller.parts(all, 4)
        #expect(parts.count > 1 && parts.joined().count == 100)
        for key in Set(all.map(\.group)) {
            #expect(parts.count { $0.contains { $0.group == key } } == 1)
        }
        #expect(StreamPoller.parts(all, 1).count == 1)
    }
}

@Suite("What a function answers to a batch")
struct BatchOutcomeTests {
    @Test(
        "is read as AWS reads it",
        arguments: [
            ("", BatchOutcome.done), ("null", .done), ("{}", .done),
            (#"{"batchItemFailures":null}"#, .done), (#"{"batchItemFailures":[]}"#, .done),
            (#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#, .partly(["a"])),
            (#"{"batchItemFailures":[{"itemIdentifier":"x"}]}"#, .failed),
            (#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, .failed),
            (#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, .failed),
            (#"{"batchItemFailures":[{"bad":"a"}]}"#, .failed),
            (#"{"batchItemFailures":"a"}"#, .failed), ("[", .failed), (#""text""#, .failed),
        ]
    )
    func reading(answer: String, expected: BatchOutcome) throws {
        let queue = try #require(ServiceARN("arn:aws:sqs:us-east-1:1:q"))
        let records = ["a", "b"].map {
            SourceRecord(message: ["MessageId": .string($0), "Body": "x"], of: queue)
        }
        let bytes = Array(answer.utf8)[...]
        #expect(BatchOutcome(.success(bytes), of: records, reportsFailures: true) == expected)
        #expect(BatchOutcome(.success(bytes), of: records, reportsFailures: false) == .done)
    }

    @Test("filters see the parsed body of a message and the decoded data of a record")
    func filters() throws {
        let queue = try #require(ServiceARN("arn:aws:sqs:us-east-1:1:q"))
        let json = SourceRecord(message: ["Body": #"{"a":1}"#], of: queue)
        let plain = SourceRecord(message: ["Body": "plain"], of: queue)
        let stream = try #require(ServiceARN("arn:aws:kinesis:us-east-1:1:stream/s"))
        let data = SourceRecord(
            kinesis: ["Data": "eyJhIjoxfQ==", "PartitionKey": "k", "SequenceNumber": "1"],
            shard: "s",
            stream: stream,
            role: ""
        )
        #expect(RecordFilter([#"{"body":{"a":[1]}}"#]).passes(json))
        #expect(!RecordFilter([#"{"body":{"a":[1]}}"#]).passes(plain))
        #expect(RecordFilter([#"{"body":["plain"]}"#]).passes(plain))
        #expect(RecordFilter([#"{"data":{"a":[1]}}"#]).passes(data))
        #expect(RecordFilter([#"{"data":{"a":[2]}}"#, #"{"partitionKey":["k"]}"#]).passes(data))
        #expect(RecordFilter([]).passes(plain))
        #expect(json.event["body"]?.string == #"{"a":1}"#)
    }
}
