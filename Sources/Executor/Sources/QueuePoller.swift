import DataPlane
import JSON
import Model

/// Takes messages from a queue and calls the function with them, batch by batch.
///
/// Source: "Using Lambda with Amazon SQS".
actor QueuePoller {
    /// How many messages one request gives.
    ///
    /// Source: Amazon SQS API, "ReceiveMessage".
    private static let perRequest = 10
    /// How long one request waits for messages.
    ///
    /// Unit: seconds. Short, so that a mapping that is switched off stops soon.
    private static let wait = 2
    /// The most bytes of a batch.
    ///
    /// Source: Lambda quotas, "Invocation payload": 6 MB.
    private static let largestBatch = 6 << 20
    /// How many batches run at once at first.
    ///
    /// Source: "Scaling and processing for SQS event source mappings": five concurrent batches.
    private static let concurrency = 5
    /// How long to pause after a failure, doubled up to the longest.
    ///
    /// Unit: milliseconds.
    private static let pauses: (first: Int64, longest: Int64) = (1000, 60_000)

    private let mapping: EventSourceMapping
    private let context: SourceContext
    private let states: SourceStates
    private let filter: RecordFilter
    private let limit: Int
    private var running = 0
    private var whenFree: [CheckedContinuation<Void, Never>] = []

    init(_ mapping: EventSourceMapping, _ context: SourceContext, _ states: SourceStates) {
        self.mapping = mapping
        self.context = context
        self.states = states
        filter = RecordFilter(mapping.filters)
        // In a FIFO queue a batch must be done before the next of its groups begins.
        limit =
            mapping.kind == .queue(isFIFO: true)
            ? 1 : min(Self.concurrency, mapping.maximumConcurrency ?? Self.concurrency)
    }

    /// Polls until the task is cancelled; then waits for what runs.
    func run() async {
        var pause = Self.pauses.first
        while !Task.isCancelled {
            do throws(ServiceFailure) {
                let batch = try await gather()
                pause = Self.pauses.first
                guard !batch.isEmpty else { continue }
                running += 1
                Task { await process(batch) }
                while running >= limit {
                    await withCheckedContinuation { whenFree.append($0) }
                }
            } catch {
                note("PROBLEM: \(error)", "the queue cannot be read: \(error)", pause)
                await context.clock.sleep(until: context.clock.milliseconds + pause)
                pause = min(pause * 2, Self.pauses.longest)
            }
        }
        while running > 0 { await withCheckedContinuation { whenFree.append($0) } }
    }

    /// Says once in a row of failures what is wrong.
    private func note(_ result: String, _ text: String, _ pause: Int64) {
        states.change(mapping.uuid) { $0.lastResult = result }
        if pause == Self.pauses.first {
            context.log("event source \(mapping.source.text): \(text)")
        }
    }

    // MARK: Gathering

    /// Messages until the batch is full or its window is over.
    private func gather() async throws(ServiceFailure) -> [SourceRecord] {
        var batch: [SourceRecord] = []
        var size = 0
        var end: Int64?
        while batch.count < mapping.batchSize, size < Self.largestBatch, !Task.isCancelled {
            if let end, context.clock.milliseconds >= end { break }
            let left = end.map { max(0, Int(($0 - context.clock.milliseconds) / 1000)) }
            let room = min(Self.perRequest, mapping.batchSize - batch.count)
            let found = try await receive(room, wait: min(Self.wait, left ?? Self.wait))
            let passing = try await sift(found)
            batch += passing
            size += passing.reduce(0) { $0 + $1.size }
            if batch.isEmpty { return [] }
            guard mapping.window > 0 else { break }
            if end == nil { end = context.clock.milliseconds + Int64(mapping.window) * 1000 }
        }
        return batch
    }

    private func receive(_ count: Int, wait: Int) async throws(ServiceFailure) -> [SourceRecord] {
        let answer = try await call(
            "ReceiveMessage",
            [
                "MaxNumberOfMessages": .integer(count), "WaitTimeSeconds": .integer(wait),
                "AttributeNames": ["All"], "MessageAttributeNames": ["All"],
            ]
        )
        return (answer["Messages"]?.array ?? []).map {
            SourceRecord(message: $0, of: mapping.source)
        }
    }

    /// Deletes messages that no filter lets through, and gives the others.
    private func sift(_ found: [SourceRecord]) async throws(ServiceFailure) -> [SourceRecord] {
        let refused = found.filter { !filter.passes($0) }
        guard !refused.isEmpty else { return found }
        states.change(mapping.uuid) { $0.filtered += refused.count }
        try await delete(refused)
        return found.filter(filter.passes)
    }

    // MARK: Processing

    private func process(_ batch: [SourceRecord]) async {
        let (result, _, _) = await context.invoke(mapping, batch)
        let outcome = BatchOutcome(result, of: batch, reportsFailures: mapping.reportsFailures)
        states.change(mapping.uuid) { state in
            state.batches += 1
            state.records += batch.count
            if outcome != .done { state.failedBatches += 1 }
            state.lastResult = outcome == .done ? "OK" : "PROBLEM: Function call failed"
        }
        do throws(ServiceFailure) {
            switch outcome {
            case .done: try await delete(batch)
            case .partly(let failed): try await delete(batch.filter { !failed.contains($0.id) })
            case .failed: break
            case .throttled:
                await context.clock.sleep(until: context.clock.milliseconds + Self.pauses.first)
            }
        } catch {
            context.log("event source \(mapping.source.text): messages stay in the queue: \(error)")
        }
        running -= 1
        let waiting = whenFree
        whenFree = []
        for waiter in waiting { waiter.resume() }
    }

    private func delete(_ records: [SourceRecord]) async throws(ServiceFailure) {
        for start in stride(from: 0, to: records.count, by: Self.perRequest) {
            let part = records[start..<min(records.count, start + Self.perRequest)]
            let entries = part.enumerated().map { index, record in
                JSONValue.object(Self.entry(index, record))
            }
            _ = try await call("DeleteMessageBatch", ["Entries": .array(entries)])
        }
    }

    private static func entry(_ index: Int, _ record: SourceRecord) -> JSONObject {
        var entry = JSONObject()
        entry["Id"] = .string(String(index))
        entry["ReceiptHandle"] = .string(record.receipt)
        return entry
    }

    private func call(
        _ operation: String,
        _ input: JSONValue
    ) async throws(ServiceFailure) -> JSONValue {
        var members = input.object ?? JSONObject()
        members["QueueUrl"] = .string(try Queues.url(of: mapping.source, context.client))
        return try await context.client.json(
            .sqs,
            region: mapping.source.region,
            target: "AmazonSQS." + operation,
            version: "1.0",
            .object(members)
        )
    }
}
