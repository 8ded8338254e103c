import JSON
import Model
import Synchronization

/// Reads the shards of a stream, each in order, and calls the function with their records.
///
/// Source: "How Lambda processes records from stream and queue-based event sources".
struct StreamPoller {
    /// The most shards of a stream that are read.
    static let shardLimit = 1000
    /// The most bytes of a batch.
    ///
    /// Source: Lambda quotas, "Invocation payload": 6 MB.
    private static let largestBatch = 6 << 20
    /// How often an empty shard is asked.
    ///
    /// Unit: milliseconds. Source: "Using Lambda with Amazon Kinesis": once per second.
    private static let interval: Int64 = 1000
    /// How often new shards are looked for.
    ///
    /// Unit: milliseconds.
    private static let lookInterval: Int64 = 10_000
    /// Unit: milliseconds.
    private static let pauses: (first: Int64, longest: Int64) = (1000, 60_000)

    let mapping: EventSourceMapping
    let context: SourceContext
    let states: SourceStates
    let service: any StreamService
    let checkpoints: CheckpointStore
    private let filter: RecordFilter
    /// Shards that were read to their end.
    private let finished = Finished()

    private final class Finished: Sendable {
        let shards = Mutex<Set<String>>([])
    }

    init(
        _ mapping: EventSourceMapping,
        _ context: SourceContext,
        _ states: SourceStates,
        service: any StreamService,
        checkpoints: CheckpointStore
    ) {
        self.mapping = mapping
        self.context = context
        self.states = states
        self.service = service
        self.checkpoints = checkpoints
        filter = RecordFilter(mapping.filters)
    }

    /// Polls until the task is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            var started: Set<String> = []
            var pause = Self.pauses.first
            while !Task.isCancelled {
                var wait = Self.lookInterval
                do throws(ServiceFailure) {
                    let all = try await service.shards()
                    pause = Self.pauses.first
                    let known = Set(all.map(\.id))
                    let done = finished.shards.withLock { $0 }
                    // What came from a shard is read after it.
                    for shard in all where !started.contains(shard.id) {
                        if let parent = shard.parent, known.contains(parent), !done.contains(parent)
                        {
                            if !started.contains(parent) { wait = Self.interval }
                            continue
                        }
                        started.insert(shard.id)
                        group.addTask { await read(shard.id) }
                    }
                    if !started.subtracting(done).isEmpty || all.isEmpty {
                        wait = max(wait, Self.interval)
                    }
                } catch {
                    note(error, pause)
                    wait = pause
                    pause = min(pause * 2, Self.pauses.longest)
                }
                await context.clock.sleep(until: context.clock.milliseconds + wait)
            }
        }
    }

    private func note(_ failure: ServiceFailure, _ pause: Int64) {
        states.change(mapping.uuid) { $0.lastResult = "PROBLEM: \(failure)" }
        guard pause == Self.pauses.first else { return }
        context.log("event source \(mapping.source.text): the stream cannot be read: \(failure)")
    }

    // MARK: One shard

    private func read(_ shard: String) async {
        var iterator: String?
        var pause = Self.pauses.first
        var window = mapping.tumbling.flatMap {
            checkpoints.window(of: mapping.uuid, shard: shard, length: $0)
        }
        while !Task.isCancelled {
            do throws(ServiceFailure) {
                var place = iterator ?? ""
                if iterator == nil {
                    let after = checkpoints.sequence(of: mapping.uuid, shard: shard)
                    place = try await service.iterator(shard, after: after)
                }
                let (batch, next, isEmpty) = try await gather(shard, place)
                pause = Self.pauses.first
                iterator = next
                if let length = mapping.tumbling {
                    await add(batch, to: &window, length, shard, isLast: next == nil)
                } else if !batch.isEmpty {
                    await process(batch, shard)
                }
                if Task.isCancelled { return }
                guard next != nil else {
                    _ = finished.shards.withLock { $0.insert(shard) }
                    return
                }
                if isEmpty {
                    await context.clock.sleep(until: context.clock.milliseconds + Self.interval)
                }
            } catch {
                iterator = nil
                if !error.isRefusal("ExpiredIteratorException") { note(error, pause) }
                await context.clock.sleep(until: context.clock.milliseconds + pause)
                pause = min(pause * 2, Self.pauses.longest)
            }
        }
    }

    /// Records until the batch is full, its window is over or the shard has no more.
    private func gather(
        _ shard: String,
        _ start: String
    ) async throws(ServiceFailure) -> (records: [SourceRecord], next: String?, isEmpty: Bool) {
        var batch: [SourceRecord] = []
        var size = 0
        var end: Int64?
        var place = start
        while true {
            let limit = mapping.batchSize - batch.count
            let (found, next) = try await service.records(place, limit: limit, shard: shard)
            let passing = found.filter(filter.passes)
            if passing.count < found.count {
                states.change(mapping.uuid) { $0.filtered += found.count - passing.count }
            }
            if batch.isEmpty, passing.isEmpty, let last = found.last {
                checkpoints.keep(last.id, of: mapping.uuid, shard: shard)
            }
            batch += passing
            size += passing.reduce(0) { $0 + $1.size }
            guard let next else { return (batch, nil, found.isEmpty) }
            place = next
            if batch.isEmpty || mapping.window == 0 { return (batch, next, found.isEmpty) }
            let now = context.clock.milliseconds
            if end == nil { end = now + Int64(mapping.window) * 1000 }
            guard batch.count < mapping.batchSize, size < Self.largestBatch, now < end ?? now,
                !Task.isCancelled
            else { return (batch, next, false) }
            if found.isEmpty {
                await context.clock.sleep(until: min(now + Self.interval, end ?? now))
            }
        }
    }

    /// Works on a batch, in parts of their own by the records' keys where the mapping asks for that.
    private func process(_ batch: [SourceRecord], _ shard: String) async {
        let parts = Self.parts(batch, mapping.parallelization)
        let isWhole = parts.count == 1
        let (checkpoints, uuid) = (checkpoints, mapping.uuid)
        await withTaskGroup(of: Void.self) { group in
            for part in parts {
                let run = StreamBatchRun(
                    mapping: mapping,
                    context: context,
                    states: states,
                    shard: shard
                ) { id, _ in if isWhole { checkpoints.keep(id, of: uuid, shard: shard) } }
                group.addTask { await run.run(part) }
            }
        }
        if !isWhole, !Task.isCancelled, let last = batch.last {
            checkpoints.keep(last.id, of: uuid, shard: shard)
        }
    }

    // MARK: Windows

    /// Works on a batch window by window, and ends the windows whose time is over.
    private func add(
        _ batch: [SourceRecord],
        to window: inout TumblingWindow?,
        _ length: Int,
        _ shard: String,
        isLast: Bool
    ) async {
        let (checkpoints, uuid) = (checkpoints, mapping.uuid)
        let run = StreamBatchRun(
            mapping: mapping,
            context: context,
            states: states,
            shard: shard
        ) { checkpoints.keep($0, of: uuid, shard: shard, window: $1) }
        func end() async {
            await run.end(&window)
            if window == nil { checkpoints.closeWindow(of: uuid, shard: shard) }
        }
        var left = batch[...]
        while let first = left.first, !Task.isCancelled {
            let own = TumblingWindow(containing: first.arrival, length: length)
            // What comes late belongs to the window that is open.
            if let open = window, own.start > open.start { await end() }
            if Task.isCancelled { return }
            let open = window ?? own
            let part = left.prefix { $0.arrival < open.end * 1000 }
            window = open
            await run.run(Array(part), in: &window)
            left = left.dropFirst(part.count)
        }
        let now = context.clock.milliseconds
        if let open = window, isLast || batch.isEmpty && now > open.end * 1000 + Self.interval {
            await end()
        }
    }

    /// The records in parts of which each has all records of its keys, in order.
    static func parts(_ batch: [SourceRecord], _ count: Int) -> [[SourceRecord]] {
        guard count > 1 else { return [batch] }
        var parts = [[SourceRecord]](repeating: [], count: count)
        for record in batch {
            // The hash must be the same in every run of this loop alone.
            let hash = record.group.utf8.reduce(UInt64(5381)) { ($0 &* 33) ^ UInt64($1) }
            parts[Int(hash % UInt64(count))].append(record)
        }
        return parts.filter { !$0.isEmpty }
    }
}
