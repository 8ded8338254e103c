import DataPlane
import HTTP
import JSON
import Model

/// Works on one batch of a shard until every record is done or given up, in order.
///
/// Source: "How Lambda processes records from stream and queue-based event sources", "Retain discarded batch
/// records for a Kinesis Data Streams event source in Lambda".
struct StreamBatchRun {
    /// Unit: milliseconds.
    private static let pauses: (first: Int64, longest: Int64) = (1000, 60_000)

    let mapping: EventSourceMapping
    let context: SourceContext
    let states: SourceStates
    let shard: String
    /// Is told the sequence number up to which everything is done, and what the open window has come to.
    let onProgress: @Sendable (String, TumblingWindow?) -> Void

    /// A part of the batch with how often the function failed on it.
    private struct Piece {
        var records: [SourceRecord]
        var attempts = 0
    }

    /// Why a part was given up.
    private enum Reason: String {
        case retries = "RetryAttemptsExhausted"
        case age = "RecordAgeExceeded"
    }

    /// Runs until all is done, or the task is cancelled.
    func run(_ records: [SourceRecord]) async {
        var none: TumblingWindow?
        await run(records, in: &none)
    }

    /// As `run`, with records of one window, whose state goes from call to call.
    func run(_ records: [SourceRecord], in window: inout TumblingWindow?) async {
        var pieces = [Piece(records: records)]
        var pause = Self.pauses.first
        while var piece = pieces.first, !Task.isCancelled {
            pieces.removeFirst()
            piece.records = await dropOld(piece.records, attempts: piece.attempts, window)
            guard let last = piece.records.last else { continue }
            let open = window
            let (result, id, version) = await context.invoke(mapping, piece.records) {
                open?.write(to: &$0, shard: shard, source: mapping.source.text, isFinal: false)
            }
            let outcome = BatchOutcome(
                result,
                of: piece.records,
                reportsFailures: mapping.reportsFailures
            )
            note(outcome, piece.records)
            if case .success(let answer) = result, outcome != .failed { window?.take(answer) }
            switch outcome {
            case .done:
                if window?.isOverfull == true { await end(&window) }
                onProgress(last.id, window)
                pause = Self.pauses.first
                continue
            case .throttled: pieces.insert(piece, at: 0)
            case .failed, .partly:
                if case .partly(let failed) = outcome {
                    let first = piece.records.firstIndex { failed.contains($0.id) } ?? 0
                    if first > 0 {
                        onProgress(piece.records[first - 1].id, window)
                        piece.attempts = 0
                    }
                    piece.records.removeFirst(first)
                }
                piece.attempts += 1
                if let limit = mapping.maximumRetries, piece.attempts > limit {
                    if let halves = halved(piece, outcome) {
                        pieces.insert(contentsOf: halves, at: 0)
                    } else {
                        await giveUp(piece.records, .retries, piece.attempts, result, id, version)
                        onProgress(last.id, window)
                    }
                    continue
                }
                pieces.insert(contentsOf: halved(piece, outcome) ?? [piece], at: 0)
            }
            await context.clock.sleep(until: context.clock.milliseconds + pause)
            pause = min(pause * 2, Self.pauses.longest)
        }
    }

    /// Tells the function that a window is over, as often as the mapping allows; then nothing is left of it.
    ///
    /// Source: "Implementing stateful Kinesis Data Streams processing in Lambda": the state of a window over its
    /// limit ends it early.
    func end(_ window: inout TumblingWindow?) async {
        guard let closing = window else { return }
        var pause = Self.pauses.first
        var attempts = 0
        while !Task.isCancelled {
            let (result, _, _) = await context.invoke(mapping, []) {
                closing.write(to: &$0, shard: shard, source: mapping.source.text, isFinal: true)
            }
            if case .success = result { break }
            if case .functionError = result { attempts += 1 }
            if let limit = mapping.maximumRetries, attempts > limit {
                context.log(
                    "event source \(mapping.source.text): the end of a window of shard \(shard) is given up"
                )
                break
            }
            await context.clock.sleep(until: context.clock.milliseconds + pause)
            pause = min(pause * 2, Self.pauses.longest)
        }
        // A window that was not told its end is told so by whoever reads the shard next.
        guard !Task.isCancelled else { return }
        window =
            closing.isOverfull
            ? TumblingWindow(start: closing.start, length: Int(closing.length), state: [:]) : nil
    }

    /// Two halves, each with its attempts before it, where the mapping bisects and there is something to part.
    private func halved(_ piece: Piece, _ outcome: BatchOutcome) -> [Piece]? {
        guard mapping.bisects, piece.records.count > 1, outcome == .failed else { return nil }
        let middle = piece.records.count / 2
        let attempts = piece.attempts - 1
        return [
            Piece(records: Array(piece.records[..<middle]), attempts: attempts),
            Piece(records: Array(piece.records[middle...]), attempts: attempts),
        ]
    }

    /// Gives up what is older than the mapping allows.
    private func dropOld(
        _ records: [SourceRecord],
        attempts: Int,
        _ window: TumblingWindow?
    ) async -> [SourceRecord] {
        guard let age = mapping.maximumAge else { return records }
        let oldest = context.clock.milliseconds - Int64(age) * 1000
        let old = records.prefix { $0.arrival < oldest }
        guard let last = old.last else { return records }
        await giveUp(Array(old), .age, attempts, nil, RequestIdentifier.make(), "$LATEST")
        onProgress(last.id, window)
        return Array(records.dropFirst(old.count))
    }

    private func note(_ outcome: BatchOutcome, _ records: [SourceRecord]) {
        let age = max(0, context.clock.milliseconds - (records.last?.arrival ?? 0))
        states.change(mapping.uuid) { state in
            state.iteratorAge = age
            state.batches += 1
            if outcome == .done { state.records += records.count } else { state.failedBatches += 1 }
            state.lastResult = outcome == .done ? "OK" : "PROBLEM: Function call failed"
        }
    }

    // MARK: Giving up

    private func giveUp(
        _ records: [SourceRecord],
        _ reason: Reason,
        _ attempts: Int,
        _ result: InvocationResult?,
        _ id: String,
        _ version: String
    ) async {
        states.change(mapping.uuid) { $0.dropped += records.count }
        let arn = FunctionARN(name: mapping.function, qualifier: mapping.qualifier ?? "$LATEST")
            .text
        guard let target = mapping.onFailure else {
            return context.log(
                "event source \(mapping.source.text): \(records.count) records are given up: "
                    + reason.rawValue
            )
        }
        let record = metadata(records, reason, attempts, result, id, version, arn)
        let parcel = Parcel.record(record, function: arn, isSuccess: false)
        if let problem = await context.deliver(parcel, target) {
            context.log("event source \(mapping.source.text): \(target) was not told: \(problem)")
        }
    }

    private func metadata(
        _ records: [SourceRecord],
        _ reason: Reason,
        _ attempts: Int,
        _ result: InvocationResult?,
        _ id: String,
        _ version: String,
        _ arn: String
    ) -> [UInt8] {
        var json = JSONWriter(reserving: 1024)
        json.beginObject()
        json.key("requestContext")
        json.beginObject()
        json.field("requestId", id)
        json.field("functionArn", arn)
        json.field("condition", reason.rawValue)
        json.field("approximateInvokeCount", attempts)
        json.endObject()
        if let result {
            json.key("responseContext")
            json.beginObject()
            json.field("statusCode", 200)
            json.field("executedVersion", version)
            if case .functionError = result { json.field("functionError", "Unhandled") }
            json.endObject()
        }
        json.field("version", "1.0")
        json.field("timestamp", System.timestamp(context.clock.milliseconds))
        json.key(mapping.kind == .kinesis ? "KinesisBatchInfo" : "DDBStreamBatchInfo")
        json.beginObject()
        json.field("shardId", shard)
        json.field("startSequenceNumber", records.first?.id ?? "")
        json.field("endSequenceNumber", records.last?.id ?? "")
        let times = [records.first?.arrival ?? 0, records.last?.arrival ?? 0]
        json.field("approximateArrivalOfFirstRecord", System.timestamp(times[0]))
        json.field("approximateArrivalOfLastRecord", System.timestamp(times[1]))
        json.field("batchSize", records.count)
        json.field("streamArn", mapping.source.text)
        json.endObject()
        json.endObject()
        return json.bytes
    }
}
