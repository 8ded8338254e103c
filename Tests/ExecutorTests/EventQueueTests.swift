import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Synchronization
import Testing

@testable import Executor

/// A clock that moves only when a test says so.
final class VirtualClock: EventClock {
    private struct State {
        var now: Int64 = 1_800_000_000_000
        var sleepers: [Int: (due: Int64, continuation: CheckedContinuation<Void, Never>)] = [:]
        var serial = 0
    }
    private let state = Mutex(State())

    var milliseconds: Int64 { state.withLock { $0.now } }

    func sleep(until due: Int64) async {
        let number = state.withLock { state in
            state.serial += 1
            return state.serial
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    if Task.isCancelled || state.now >= due { return true }
                    state.sleepers[number] = (due, continuation)
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            let sleeper = state.withLock { $0.sleepers.removeValue(forKey: number) }
            sleeper?.continuation.resume()
        }
    }

    /// Goes on to the next sleeper's time and wakes it; nil when nobody sleeps.
    func advance() -> Int64? {
        let woken = state.withLock { state in
            guard let next = state.sleepers.min(by: { $0.value.due < $1.value.due }) else {
                return nil as CheckedContinuation<Void, Never>?
            }
            state.now = max(state.now, next.value.due)
            state.sleepers[next.key] = nil
            return next.value.continuation
        }
        guard let woken else { return nil }
        woken.resume()
        return milliseconds
    }
}

/// A function that answers as a test says and notes when it ran.
final class ScriptedFunction: FunctionInvoker {
    private let clock: VirtualClock
    private let script: @Sendable (Invocation, Int) -> InvocationResult
    private let calls = Mutex<[(Invocation, Int64)]>([])

    init(_ clock: VirtualClock, _ script: @escaping @Sendable (Invocation, Int) -> InvocationResult)
    {
        self.clock = clock
        self.script = script
    }

    var invocations: [Invocation] { calls.withLock { $0.map(\.0) } }

    /// Seconds since the first call.
    var times: [Int64] {
        calls.withLock { calls in calls.map { ($0.1 - calls[0].1) / 1000 } }
    }

    func invoke(_ invocation: Invocation) async -> InvocationResult {
        let count = calls.withLock { calls in
            calls.append((invocation, clock.milliseconds))
            return calls.count
        }
        return script(invocation, count)
    }
}

@Suite(.timeLimit(.minutes(15)))
struct EventQueueTests {
    private let clock = VirtualClock()
    private let path = NSTemporaryDirectory() + "events-" + UUID().uuidString + ".sqlite"

    private func queue(
        _ function: ScriptedFunction,
        settings: EventSettings = EventSettings(),
        isStopped: Bool = false,
        deadLetters: String? = nil,
        deliver: @escaping @Sendable (Parcel, String) async -> ServiceFailure? = { _, _ in nil }
    ) throws -> EventQueue {
        try EventQueue(
            path: path,
            invoker: function,
            functions: EventQueue.Functions(
                resolve: { name, qualifier in "\(name):\(qualifier ?? "$LATEST")" },
                settings: { name, _ in name == "f" ? settings : nil },
                isStopped: { _ in isStopped },
                deadLetterTarget: { _ in deadLetters },
                deliver: deliver
            ),
            clock: clock,
            log: { _ in }
        )
    }

    private func event(_ id: String = "e1") -> QueuedEvent {
        QueuedEvent(id: id, function: "f", payload: Array("{\"a\":1}".utf8)[...])
    }

    /// Lets the queue work, moving the clock whenever it waits, until nothing is left.
    private func settle(_ queue: EventQueue) async {
        while await queue.count > 0 {
            _ = clock.advance()
            await Task.yield()
        }
    }

    @Test("an event of a failing function is tried after 0, 60 and 180 seconds and then given up")
    func retries() async throws {
        let function = ScriptedFunction(clock) { _, _ in
            .functionError(.handled, payload: Array("{\"errorType\":\"E\"}".utf8)[...])
        }
        var settings = EventSettings()
        settings.onFailure = "arn:aws:lambda:us-east-1:123456789012:function:sink"
        let queue = try queue(function, settings: settings)
        try await queue.accept(event())
        while function.invocations.count(where: { $0.function.hasPrefix("sink:") }) == 0 {
            _ = clock.advance()
            await Task.yield()
        }
        let attempts = function.invocations.filter { $0.function == "f:$LATEST" }
        #expect(attempts.map(\.requestID) == ["e1", "e1", "e1"])
        #expect(function.times.prefix(3) == [0, 60, 180])
        let sink = try #require(function.invocations.first { $0.function.hasPrefix("sink:") })
        let record = try JSONValue.parse(sink.payload)
        #expect(
            record.object?.keys == [
                "version", "timestamp", "requestContext", "requestPayload", "responseContext",
                "responsePayload",
            ]
        )
        let context = record["requestContext"]
        #expect(context?["condition"] == "RetriesExhausted")
        #expect(context?["approximateInvokeCount"] == 3)
        #expect(
            context?["functionArn"] == "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST"
        )
        #expect(record["requestPayload"] == ["a": 1])
        #expect(record["responseContext"]?["functionError"] == "Unhandled")
        #expect(record["responsePayload"]?["errorType"] == "E")
        await queue.stop()
    }

    @Test("a throttled event backs off from one second to five minutes and keeps its id")
    func throttles() async throws {
        let function = ScriptedFunction(clock) { _, count in
            count < 12 ? .throttled("x") : .success(Array("1".utf8)[...])
        }
        let queue = try queue(function)
        try await queue.accept(event())
        await settle(queue)
        #expect(
            function.times == [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111]
        )
        #expect(Set(function.invocations.map(\.requestID)) == ["e1"])
    }

    @Test("an event older than its maximum age is given up without a response")
    func age() async throws {
        let function = ScriptedFunction(clock) { invocation, _ in
            invocation.function.hasPrefix("f:") ? .throttled("x") : .success(Array("1".utf8)[...])
        }
        var settings = EventSettings()
        settings.maximumAge = 60
        settings.onFailure = "arn:aws:lambda:us-east-1:123456789012:function:sink:live"
        let queue = try queue(function, settings: settings)
        try await queue.accept(event())
        await settle(queue)
        let sink = try #require(function.invocations.last)
        #expect(sink.function == "sink:live")
        let record = try JSONValue.parse(sink.payload)
        #expect(record["requestContext"]?["condition"] == "EventAgeExceeded")
        #expect(record["responseContext"] == nil)
        #expect(function.times.dropLast().allSatisfy { $0 <= 60 })
    }

    @Test(
        "what is given up goes to the destination and to the dead letter target, tried again when it may help"
    )
    func parcels() async throws {
        let function = ScriptedFunction(clock) { _, _ in
            .functionError(.handled, payload: Array("{\"errorMessage\":\"m\"}".utf8)[...])
        }
        var settings = EventSettings()
        settings.maximumRetryAttempts = 0
        settings.onFailure = "arn:aws:sqs:us-east-1:123456789012:failures"
        let seen = Mutex<[String]>([])
        let queue = try queue(
            function,
            settings: settings,
            deadLetters: "arn:aws:sns:us-east-1:123456789012:letters"
        ) { parcel, arn in
            let count = seen.withLock { seen in
                switch parcel {
                case .record(let bytes, let function, let isSuccess):
                    let condition = (try? JSONValue.parse(bytes[...]))?["requestContext"]?[
                        "condition"
                    ]
                    seen.append("\(arn) \(function) \(isSuccess) \(condition?.string ?? "")")
                case .deadLetter(let event, let code, let message):
                    seen.append("\(arn) \(event.id) \(code) \(message)")
                }
                return seen.count
            }
            return count == 1 ? .unreachable("gone") : nil
        }
        try await queue.accept(event())
        await settle(queue)
        let record =
            "arn:aws:sqs:us-east-1:123456789012:failures "
            + "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST false RetriesExhausted"
        let letter = "arn:aws:sns:us-east-1:123456789012:letters e1 200 m"
        #expect(seen.withLock { $0 } == [record, record, letter])
    }

    @Test("a success goes to its destination, and retries are as many as the settings say")
    func settingsApply() async throws {
        let function = ScriptedFunction(clock) { invocation, count in
            invocation.function.hasPrefix("f:") && count == 1
                ? .functionError(.handled, payload: Array("{}".utf8)[...])
                : .success(Array("{\"ok\":true}".utf8)[...])
        }
        var settings = EventSettings()
        settings.maximumRetryAttempts = 1
        settings.onSuccess = "arn:aws:lambda:us-east-1:123456789012:function:sink"
        let queue = try queue(function, settings: settings)
        try await queue.accept(event())
        await settle(queue)
        #expect(function.invocations.map(\.function) == ["f:$LATEST", "f:$LATEST", "sink:$LATEST"])
        let record = try JSONValue.parse(try #require(function.invocations.last).payload)
        #expect(record["requestContext"]?["condition"] == "Success")
        #expect(record["responsePayload"] == ["ok": true])
    }

    @Test("a function that is switched off loses its events without an attempt")
    func stopped() async throws {
        let function = ScriptedFunction(clock) { _, _ in .success(Array("1".utf8)[...]) }
        let queue = try queue(function, isStopped: true)
        try await queue.accept(event())
        await settle(queue)
        #expect(function.invocations.isEmpty)
    }

    @Test("what was accepted is done after a restart, and what was done is not done again")
    func restart() async throws {
        let throttled = ScriptedFunction(clock) { _, _ in .throttled("x") }
        let first = try queue(throttled)
        for number in 0..<60 { try await first.accept(event("e\(number)")) }
        await first.stop()
        let function = ScriptedFunction(clock) { _, _ in .success(Array("1".utf8)[...]) }
        let second = try queue(function)
        #expect(await second.count == 60)
        await second.start()
        await settle(second)
        #expect(Set(function.invocations.map(\.requestID)).count == 60)
        #expect(function.invocations.count == 60)
        let third = try queue(function)
        #expect(await third.count == 0)
    }

    @Test("the heap gives events by time and then by arrival")
    func heap() {
        var heap = EventHeap()
        var generator = SystemRandomNumberGenerator()
        let dues = (0..<500).map { _ in Int64.random(in: 0..<50, using: &generator) }
        for (number, due) in dues.enumerated() { heap.insert("\(number)", due: due) }
        var out: [(Int64, Int)] = []
        while let entry = heap.removeFirst() { out.append((entry.due, Int(entry.id) ?? -1)) }
        let expected = dues.enumerated().map { ($0.element, $0.offset) }.sorted { $0 < $1 }
        #expect(out.elementsEqual(expected, by: ==))
    }
}
