import ControlPlane
import Executor
import JSON
import Model
import Registry
import Synchronization

/// The polling of event sources and the firing of schedules, as far as this process is the one that does them.
///
/// Rules with patterns work in every process: events are matched where they are put.
final class EventDuties: Sendable {
    /// The most bytes that one leader leaves to the next.
    private static let stateLimit = StoreLimits.privateValueLimit - 1024

    private let sources: EventSources
    private let bus: EventBus
    private let steps: AsyncStream<Step>.Continuation
    /// What was applied last, and whether the step that looks at it is still to come.
    private let newest: Mutex<(snapshot: Snapshot, isWaiting: Bool)>

    private enum Step {
        /// There is a newer snapshot.
        case changed
        case begin
        case end(CheckedContinuation<Void, Never>)
    }

    /// Follows what a replica applies from now on; one that does not lead waits for `begin`.
    init(_ replica: EdgeReplica, _ sources: EventSources, _ bus: EventBus, isLeading: Bool) {
        self.sources = sources
        self.bus = bus
        newest = Mutex((replica.box.current, true))
        let (stream, steps) = AsyncStream.makeStream(of: Step.self)
        self.steps = steps
        replica.onApply { [self] snapshot in
            let isFirst = newest.withLock { newest in
                defer { newest = (snapshot, true) }
                return !newest.isWaiting
            }
            if isFirst { steps.yield(.changed) }
        }
        steps.yield(.changed)
        Task { [self] in await work(stream, isLeading) }
    }

    private func work(_ stream: AsyncStream<Step>, _ leadsAtFirst: Bool) async {
        var isLeading = leadsAtFirst
        var followed: Snapshot?
        if !isLeading { await bus.fireSchedules(false) }
        for await step in stream {
            switch step {
            case .changed:
                // Several in a row are followed once.
                let snapshot = newest.withLock { newest in
                    newest.isWaiting = false
                    return newest.snapshot
                }
                followed = snapshot
                await bus.follow(BusRule.all(of: snapshot), of: snapshot.revision)
            case .begin: isLeading = true
            case .end(let done):
                isLeading = false
                await sources.follow([])
                done.resume()
                continue
            }
            guard isLeading, let followed else { continue }
            await sources.follow(Self.mappings(of: followed))
        }
    }

    private static func mappings(of snapshot: Snapshot) -> [EventSourceMapping] {
        snapshot.documents(of: MappingDocument.kind).compactMap { EventSourceMapping($0) }
    }

    // MARK: - Handing over

    /// Begins where the process that did this before has ended.
    func begin(from left: [UInt8]) async {
        let state = try? JSONValue.parse(left[...])
        var checkpoints: [String: String] = [:]
        for member in state?["checkpoints"]?.object?.members ?? [] {
            checkpoints[member.key] = member.value.string
        }
        sources.checkpoints.adopt(checkpoints)
        await bus.fireSchedules(true, since: state?["firedUntil"]?.int.map { Int64($0) })
        steps.yield(.begin)
    }

    /// What the process that does this next has to know.
    func state() async -> [UInt8] {
        var writer = JSONWriter(reserving: 1024)
        writer.beginObject()
        writer.field("firedUntil", Int(await bus.firedUntil))
        writer.key("checkpoints")
        writer.beginObject()
        // Records of a shard that is not named come once more.
        for (key, sequence) in sources.checkpoints.all.sorted(by: { $0.key < $1.key })
        where writer.bytes.count < Self.stateLimit { writer.field(key, sequence) }
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }

    /// Stops; batches that run end by themselves.
    func end() async {
        await bus.fireSchedules(false)
        await withCheckedContinuation { done in
            if case .terminated = steps.yield(.end(done)) { done.resume() }
        }
    }
}
