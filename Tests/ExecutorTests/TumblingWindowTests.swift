import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Reactor
import Synchronization
import Testing

@testable import Executor

@Suite("Tumbling windows", .timeLimit(.minutes(5)))
struct TumblingWindowTests {
    private let clock = VirtualClock()

    /// A shard whose pages are written beforehand; then it is empty.
    private struct Shard: StreamService {
        let pages: [[SourceRecord]]

        func shards() async throws(ServiceFailure) -> [StreamShard] { [StreamShard(id: "shard")] }
        func iterator(_: String, after: String?) async throws(ServiceFailure) -> String { "0" }

        func records(
            _ iterator: String,
            limit: Int,
            shard: String
        ) async throws(ServiceFailure) -> (records: [SourceRecord], next: String?) {
            let page = Int(iterator) ?? 0
            guard page < pages.count else { return ([], iterator) }
            return (pages[page], String(page + 1))
        }
    }

    /// What a function was told of a window.
    private struct Call: Equatable {
        var ids: [String]
        var start: String
        var state: String
        var isFinal = false
        var isEarly = false
    }

    private func mapping(_ more: String = "") throws -> EventSourceMapping {
        let json = try JSONValue.parse(
            #"""
            {"UUID":"u","EventSourceArn":"arn:aws:kinesis:us-east-1:123456789012:stream/s",
             "FunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:f","BatchSize":10,
             "StartingPosition":"TRIM_HORIZON","TumblingWindowInSeconds":60\#(more)}
            """#
        )
        return try #require(EventSourceMapping(json))
    }

    /// Records with seconds since the clock's beginning, which is that of a window.
    private func records(_ times: [(id: String, second: Int64)]) throws -> [SourceRecord] {
        let stream = try #require(ServiceARN("arn:aws:kinesis:us-east-1:123456789012:stream/s"))
        return times.map { id, second in
            SourceRecord(
                kinesis: [
                    "SequenceNumber": .string(id), "PartitionKey": "key", "Data": "e30=",
                    "ApproximateArrivalTimestamp": .integer(Int(1_800_000_000 + second)),
                ],
                shard: "shard",
                stream: stream,
                role: "role"
            )
        }
    }

    private func store() throws -> (CheckpointStore, URL) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "portico-windows-\(UUID().uuidString)"
        )
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.appendingPathComponent("sources.sqlite").path
        return (try CheckpointStore(path: path), folder)
    }

    /// Polls until the function was called so often.
    private func poll(
        _ pages: [[SourceRecord]],
        _ mapping: EventSourceMapping,
        _ checkpoints: CheckpointStore,
        until count: Int,
        _ answer: @escaping @Sendable (JSONValue, Int) -> InvocationResult
    ) async -> [Call] {
        let function = ScriptedFunction(clock) { invocation, count in
            answer((try? JSONValue.parse(invocation.payload)) ?? .null, count)
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
            deliver: { _, _ in nil },
            clock: clock,
            log: { _ in }
        )
        let poller = StreamPoller(
            mapping,
            context,
            SourceStates(),
            service: Shard(pages: pages),
            checkpoints: checkpoints
        )
        let task = Task { await poller.run() }
        while function.invocations.count < count {
            _ = clock.advance()
            await Task.yield()
        }
        task.cancel()
        await task.value
        return function.invocations.prefix(count).map { Self.call($0) }
    }

    private static func call(_ invocation: Invocation) -> Call {
        let event = (try? JSONValue.parse(invocation.payload)) ?? .null
        return Call(
            ids: (event["Records"]?.array ?? []).compactMap {
                $0["kinesis"]?["sequenceNumber"]?.string
            },
            start: event["window"]?["start"]?.string ?? "",
            state: event["state"]?.text ?? "",
            isFinal: event["isFinalInvokeForWindow"]?.bool ?? false,
            isEarly: event["isWindowTerminatedEarly"]?.bool ?? false
        )
    }

    /// Counts the records of a window, as a function would.
    private static func counted(_ event: JSONValue) -> InvocationResult {
        let before = event["state"]?["count"]?.int ?? 0
        let count = before + (event["Records"]?.array?.count ?? 0)
        return .success(Array(#"{"state":{"count":\#(count)}}"#.utf8)[...])
    }

    @Test("a state goes from call to call, and each window is told its end once")
    func state() async throws {
        let (checkpoints, folder) = try store()
        defer { try? FileManager.default.removeItem(at: folder) }
        let pages = [
            try records([("1", 1), ("2", 2)]), try records([("3", 59), ("4", 60)]),
            try records([("5", 61)]),
        ]
        let calls = await poll(pages, try mapping(), checkpoints, until: 6) { event, _ in
            Self.counted(event)
        }
        let (first, second) = ("2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z")
        #expect(
            calls == [
                Call(ids: ["1", "2"], start: first, state: "{}"),
                Call(ids: ["3"], start: first, state: #"{"count":2}"#),
                Call(ids: [], start: first, state: #"{"count":3}"#, isFinal: true),
                Call(ids: ["4"], start: second, state: "{}"),
                Call(ids: ["5"], start: second, state: #"{"count":1}"#),
                Call(ids: [], start: second, state: #"{"count":2}"#, isFinal: true),
            ]
        )
    }

    @Test("a state over its limit ends the window early")
    func early() async throws {
        let (checkpoints, folder) = try store()
        defer { try? FileManager.default.removeItem(at: folder) }
        let pages = [try records([("1", 1)]), try records([("2", 2)])]
        let calls = await poll(pages, try mapping(), checkpoints, until: 3) { event, count in
            let size = count == 1 ? TumblingWindow.largestState : 1
            let text = String(repeating: "x", count: size)
            return .success(Array(#"{"state":{"text":"\#(text)"}}"#.utf8)[...])
        }
        #expect(calls.map(\.isEarly) == [false, true, false])
        #expect(calls.map(\.isFinal) == [false, true, false])
        #expect(calls.map(\.ids) == [["1"], [], ["2"]])
        #expect(calls[2].state == "{}")
    }

    @Test("a window that was open is gone on with after a restart")
    func restart() async throws {
        let (checkpoints, folder) = try store()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("sources.sqlite").path
        _ = await poll([try records([("1", 1)])], try mapping(), checkpoints, until: 1) {
            event,
            _ in Self.counted(event)
        }
        // The checkpoint is written once the answer is there, which the call itself is not.
        while checkpoints.sequence(of: "u", shard: "shard") == nil { await Task.yield() }
        let again = try CheckpointStore(path: path)
        let calls = await poll([try records([("2", 2)])], try mapping(), again, until: 1) {
            event,
            _ in Self.counted(event)
        }
        #expect(calls.first?.state == #"{"count":1}"#)
        #expect(calls.first?.ids == ["2"])
    }

    @Test("a call that fails is tried again with the state of before")
    func failure() async throws {
        let (checkpoints, folder) = try store()
        defer { try? FileManager.default.removeItem(at: folder) }
        let pages = [try records([("1", 1)]), try records([("2", 2)])]
        let calls = await poll(pages, try mapping(), checkpoints, until: 3) { event, count in
            count == 2 ? .functionError(.handled, payload: []) : Self.counted(event)
        }
        #expect(calls.map(\.ids) == [["1"], ["2"], ["2"]])
        #expect(calls.map(\.state) == ["{}", #"{"count":1}"#, #"{"count":1}"#])
    }
}
