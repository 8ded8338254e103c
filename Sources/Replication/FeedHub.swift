package import Model
import Reactor
package import Registry
import Synchronization

/// Follows a source once for all edges: encodes each revision once and wakes who waits for it.
package final class FeedHub: Sendable {
    /// The most revisions kept in memory; an edge further behind reads from the source.
    static let maximumRevisions = 1024
    /// The most bytes of revisions kept in memory.
    static let maximumBytes = 64 << 20
    /// About how many bytes an edge is given at once.
    static let maximumPiece = 256 << 10
    /// How many revisions are read from the source at once.
    static let pageSize = 64
    /// The pause after the source has failed.
    static let retryPause = Duration.milliseconds(200)

    let source: any FeedSource
    private let state = Mutex(State())

    private struct State {
        var entries: [Entry] = []
        var bytes = 0
        var head = 0
        var stations: [(reactor: Reactor, local: ReactorLocal<FeedStation>)] = []
        var encoded: EncodedState?
        var hooks: [@Sendable (Revision) -> Void] = []
    }

    private struct Entry {
        var number: Int
        var frames: [UInt8]
        var at: ContinuousClock.Instant
    }

    /// What is next for a follower.
    enum Step {
        case frames([UInt8], last: Int)
        /// There is nothing new.
        case nothing
        /// The next revision is held back until then.
        case held(until: ContinuousClock.Instant)
        /// The next revision has to be read from the source.
        case behind
    }

    /// Makes a hub; `run` brings it to life.
    package init(source: any FeedSource) { self.source = source }

    /// The latest revision of the source.
    package var head: Int { state.withLock { $0.head } }

    /// Calls the hook for every new revision, before any edge is given it.
    package func onRevision(_ hook: @escaping @Sendable (Revision) -> Void) {
        state.withLock { $0.hooks.append(hook) }
    }

    /// Follows the source until the task is cancelled; `started` gets the state it starts from.
    package func run(started: @Sendable (Snapshot) -> Void) async {
        var last: Int?
        while !Task.isCancelled {
            let before = last
            do {
                let position: Int
                if let last {
                    position = last
                } else {
                    let first = try await source.snapshot()
                    started(first)
                    begin(at: first.revision)
                    position = first.revision
                    last = position
                }
                guard let stream = try await source.follow(after: position) else {
                    last = nil
                    continue
                }
                for await revision in stream {
                    guard let known = last, revision.number == known + 1 else {
                        // A source that jumped (a relay that took a snapshot) starts anew.
                        last = nil
                        break
                    }
                    try add(revision)
                    last = revision.number
                }
            } catch {
                // The source is away for a while: edges keep what they have.
            }
            if last == before { try? await Task.sleep(for: Self.retryPause) }
        }
    }

    private func begin(at revision: Int) {
        state.withLock {
            $0.entries = []
            $0.bytes = 0
            $0.head = revision
            $0.encoded = nil
        }
        wake()
    }

    private func add(_ revision: Revision) throws {
        let frames = FeedFrame.frames(ofRevision: try revision.encoded())
        let hooks = state.withLock { $0.hooks }
        for hook in hooks { hook(revision) }
        state.withLock { state in
            state.entries.append(Entry(number: revision.number, frames: frames, at: .now))
            state.bytes += frames.count
            state.head = revision.number
            var dropped = 0
            while state.entries.count - dropped > Self.maximumRevisions
                || (state.bytes > Self.maximumBytes && state.entries.count - dropped > 1)
            {
                state.bytes -= state.entries[dropped].frames.count
                dropped += 1
            }
            state.entries.removeFirst(dropped)
        }
        wake()
    }

    /// What a follower gets that has everything up to a revision; `lag` holds revisions back.
    func step(after position: Int, upTo limit: Int = .max, lag: Duration = .zero) -> Step {
        state.withLock { state in
            guard state.head > position else { return .nothing }
            guard let first = state.entries.first, first.number <= position + 1 else {
                return .behind
            }
            var frames: [UInt8] = []
            var last = position
            for entry in state.entries[(position + 1 - first.number)...] {
                if entry.number > limit || frames.count >= Self.maximumPiece { break }
                if lag > .zero, entry.at + lag > .now {
                    if frames.isEmpty { return .held(until: entry.at + lag) }
                    break
                }
                frames += entry.frames
                last = entry.number
            }
            return frames.isEmpty ? .nothing : .frames(frames, last: last)
        }
    }

    /// When a revision was published, as far as it is kept in memory.
    package func published(_ revision: Int) -> ContinuousClock.Instant? {
        state.withLock { state in
            guard let first = state.entries.first, revision >= first.number,
                revision - first.number < state.entries.count
            else { return nil }
            return state.entries[revision - first.number].at
        }
    }

    /// The latest state's revision and hash; computed once per revision.
    func stateHash() async throws -> (revision: Int, digest: String) {
        let current = try await encodedState()
        return (current.revision, current.digest)
    }

    /// The latest state as it goes over the wire, with its hash; made once per revision.
    func encodedState() async throws -> EncodedState {
        let known = state.withLock { state in
            state.encoded.flatMap { $0.revision == state.head ? $0 : nil }
        }
        if let known { return known }
        let made = try await EncodedState.make(of: try await source.snapshot())
        state.withLock { $0.encoded = made }
        return made
    }

    // MARK: - Stations

    /// The place on the current reactor where its feeds wait.
    func station(on reactor: Reactor) -> FeedStation {
        reactor.preconditionIsolated()
        let known = state.withLock { state in
            state.stations.first { $0.reactor === reactor }?.local
        }
        if let known { return known.value }
        let station = FeedStation()
        let local = ReactorLocal(station)
        state.withLock { $0.stations.append((reactor, local)) }
        return station
    }

    /// Wakes every feed.
    package func wake() {
        for (reactor, local) in state.withLock({ $0.stations }) {
            reactor.submit { local.value.wakeAll() }
        }
    }
}

/// A whole state, ready to be sent.
struct EncodedState: Sendable {
    let revision: Int
    let digest: String
    let bytes: [UInt8]

    /// Encodes and hashes, away from the reactors.
    @concurrent
    static func make(of snapshot: Snapshot) async throws -> EncodedState {
        EncodedState(
            revision: snapshot.revision,
            digest: try StateHash(of: snapshot).digest,
            bytes: try snapshot.encoded()
        )
    }
}

/// The feeds of one reactor.
///
/// Confined to it.
final class FeedStation {
    private struct Place { weak var body: FeedBody? }
    private var bodies: [ObjectIdentifier: Place] = [:]

    var count: Int { bodies.count }

    func add(_ body: FeedBody) { bodies[ObjectIdentifier(body)] = Place(body: body) }

    func remove(_ id: ObjectIdentifier) { bodies[id] = nil }

    func wakeAll() {
        for place in Array(bodies.values) { place.body?.wake() }
    }
}
