package import Model
import Synchronization

/// One of the writers: publishes revisions, follows what other primaries publish, tells followers.
///
/// What is current is held in memory and read without the store. Everything that waits for the store does so
/// on a queue of its own.
package actor PrimaryRegistry {
    /// How many revisions may wait for one follower; a slower one starts anew from where it is.
    static let followerBacklog = 256
    /// How often a publisher that has fallen behind reads up before it gives up.
    static let turnLimit = 16

    private let executor = QueueExecutor(label: "portico.registry")
    nonisolated let store: any RegistryStore
    nonisolated let desk = BlockingDesk(label: "portico.store")
    private nonisolated let shared = Mutex(Shared())
    private nonisolated let broadcast = HeadBroadcast()
    private var follower: Task<Void, Never>?

    private struct Shared {
        var state: StoredState?
        /// The latest revisions, without gaps up to the state's.
        var tail: [Revision] = []
        var followers: [Int: AsyncStream<Revision>.Continuation] = [:]
        var nextFollower = 0
        var hash: StateHash?
    }

    /// The queue of its own, so that no reactor waits for the store.
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    /// Starts from what the store holds, which is read at the first use.
    package init(store: any RegistryStore) { self.store = store }

    deinit {
        follower?.cancel()
        broadcast.close()
    }

    /// Ends the store: what is in memory can still be read, nothing can be published.
    package nonisolated func close() { store.close() }

    // MARK: Publishing

    /// Commits changes as the next revision and returns its number.
    package func publish(_ changes: [Change]) async throws -> Int {
        try commit { _, _ in (changes, ()) }.revision
    }

    /// Commits the changes that the closure makes of the state at the head; nobody, on this primary or
    /// another, commits in between.
    ///
    /// The closure also gets the highest number ever given to a version of each function; it may be called
    /// more than once, and only its last answer counts. Returns the revision after it, which is the current
    /// one when there are no changes, and the closure's value.
    package func update<Value: Sendable>(
        _ body: @Sendable (Snapshot, [String: Int]) throws -> (changes: [Change], value: Value)
    ) async throws -> (revision: Int, value: Value) {
        try commit(body)
    }

    private func commit<Value>(
        _ body: (Snapshot, [String: Int]) throws -> (changes: [Change], value: Value)
    ) throws -> (revision: Int, value: Value) {
        for _ in 0..<Self.turnLimit {
            let known = try state()
            var next = known
            var fresh: [Revision] = []
            var outcome: (changes: [Change], value: Value)?
            do {
                let number = try store.publish(after: known.snapshot.revision) { missing in
                    next = known
                    fresh = missing
                    for revision in missing { next.apply(revision) }
                    let made = try body(next.snapshot, next.counters)
                    try VersionLaw.check(made.changes, at: next.snapshot, next.counters)
                    outcome = made
                    return made.changes
                }
                guard let outcome else { throw RegistryError(.storage, "the store gave no turn") }
                if !outcome.changes.isEmpty {
                    let own = Revision(number: number, changes: outcome.changes)
                    next.apply(own)
                    fresh.append(own)
                }
                adopt(next, fresh)
                return (number, outcome.value)
            } catch let error as RegistryError where error.kind == .behind {
                try readUp()
            } catch let error as RegistryError where error.kind == .snapshotRequired {
                try startAnew()
            }
        }
        throw RegistryError(.unreachable, "others publish faster than this primary can read")
    }

    // MARK: Following the other primaries

    /// Reads what others have published up to now.
    package func catchUp() async throws { try readUp() }

    private func readUp() throws {
        while true {
            var next = try state()
            do {
                let fresh = try store.changes(
                    after: next.snapshot.revision,
                    limit: Self.followerBacklog
                )
                guard !fresh.isEmpty else { return }
                for revision in fresh { next.apply(revision) }
                adopt(next, fresh)
            } catch let error as RegistryError where error.kind == .snapshotRequired {
                try startAnew()
            }
        }
    }

    /// Takes the whole state from the store; followers begin anew from where they are.
    private func startAnew() throws {
        let state = try store.current()
        let ended = shared.withLock { shared in
            shared.state = state
            shared.tail = []
            defer { shared.followers = [:] }
            return Array(shared.followers.values)
        }
        for follower in ended { follower.finish() }
        broadcast.announce(state.snapshot.revision)
    }

    private func state() throws -> StoredState {
        if let state = shared.withLock({ $0.state }) { return state }
        let heads = store.heads()
        let state = try store.current()
        shared.withLock { $0.state = state }
        follower = Task.detached { [weak self] in
            for await head in heads {
                guard let self else { return }
                if head > self.known { try? await self.catchUp() }
            }
        }
        return state
    }

    private nonisolated var known: Int { shared.withLock { $0.state?.snapshot.revision ?? 0 } }

    private func adopt(_ state: StoredState, _ fresh: [Revision]) {
        let ended = shared.withLock { shared in
            shared.state = state
            shared.tail += fresh
            if shared.tail.count > 2 * Self.followerBacklog {
                shared.tail.removeFirst(shared.tail.count - Self.followerBacklog)
            }
            var ended: [AsyncStream<Revision>.Continuation] = []
            for (id, follower) in shared.followers where !Self.give(fresh, to: follower) {
                shared.followers[id] = nil
                ended.append(follower)
            }
            return ended
        }
        for follower in ended { follower.finish() }
        if !fresh.isEmpty { broadcast.announce(state.snapshot.revision) }
    }

    /// False when the follower has no room left.
    private static func give(
        _ revisions: some Sequence<Revision>,
        to follower: AsyncStream<Revision>.Continuation
    ) -> Bool {
        for revision in revisions {
            guard case .enqueued = follower.yield(revision) else { return false }
        }
        return true
    }

    // MARK: Reading

    /// Everything that is current here: at most a notice behind what other primaries committed.
    package nonisolated func snapshot() async throws -> Snapshot { try await loaded().snapshot }

    /// The highest number ever given to a version of each function.
    package nonisolated func versionCounters() async throws -> [String: Int] {
        try await loaded().counters
    }

    /// Names the history that the revisions belong to; an edge of another one starts from a snapshot.
    package nonisolated func history() async throws -> String { try await loaded().history }

    private nonisolated func loaded() async throws -> StoredState {
        if let state = shared.withLock({ $0.state }) { return state }
        return try await load()
    }

    private func load() throws -> StoredState { try state() }

    /// The digest of everything that is current, made once for each revision that is asked for.
    package nonisolated func stateHash() async throws -> StateHash {
        let snapshot = try await snapshot()
        if let hash = shared.withLock({ $0.hash }), hash.revision == snapshot.revision {
            return hash
        }
        let hash = try await desk.run { try StateHash(of: snapshot) }
        shared.withLock { $0.hash = hash }
        return hash
    }

    /// The number under which the draft is or would be published.
    ///
    /// The latest version keeps its number when code and configuration are equal; numbers are never
    /// given twice, also after a deletion.
    package nonisolated func version(for draft: FunctionVersion) async throws -> Int {
        let state = try await loaded()
        let latest = state.snapshot.functions.values
            .filter { $0.name == draft.name && $0.version != FunctionVersion.latest }
            .max { $0.version < $1.version }
        if let latest {
            var same = draft
            same.version = latest.version
            same.description = latest.description
            if same == latest { return latest.version }
        }
        return (state.counters[draft.name] ?? 0) + 1
    }

    // MARK: The feed

    /// The newest revision each time there is one; only the last waits to be read.
    package nonisolated func heads() -> AsyncStream<Int> { broadcast.watch() }

    /// Revisions after the given one, oldest first: from memory when they are recent, else from the store.
    ///
    /// - Throws: `snapshotRequired` when they are compacted away.
    package nonisolated func changes(after revision: Int, limit: Int) async throws -> [Revision] {
        _ = try await loaded()
        let recent = shared.withLock { shared -> [Revision]? in
            guard let first = shared.tail.first, first.number <= revision + 1 else { return nil }
            return Array(shared.tail.dropFirst(revision + 1 - first.number).prefix(limit))
        }
        if let recent { return recent }
        return try await desk.run { [store] in try store.changes(after: revision, limit: limit) }
    }

    /// Revisions after the given one, then every new one.
    ///
    /// Ends when the follower falls far behind, or at once when there is nothing to begin with: when the
    /// revision is compacted away or ahead of the head.
    package nonisolated func feed(after revision: Int) async -> AsyncStream<Revision> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Revision.self,
            bufferingPolicy: .bufferingOldest(Self.followerBacklog)
        )
        var last = revision
        if let loaded = try? await loaded(), last > loaded.snapshot.revision {
            try? await catchUp()
        }
        if !follow(continuation, after: last) {
            let backlog = (try? await changes(after: last, limit: Self.followerBacklog)) ?? []
            guard Self.give(backlog, to: continuation) else {
                continuation.finish()
                return stream
            }
            last = backlog.last?.number ?? last
            if !follow(continuation, after: last) { continuation.finish() }
        }
        return stream
    }

    /// Gives what memory holds after the revision and every new one; false when memory does not reach back
    /// so far or the follower has no room.
    private nonisolated func follow(
        _ continuation: AsyncStream<Revision>.Continuation,
        after revision: Int
    ) -> Bool {
        let id = shared.withLock { shared -> Int? in
            guard let head = shared.state?.snapshot.revision, revision <= head else { return nil }
            let first = shared.tail.first?.number ?? head + 1
            guard first <= revision + 1,
                Self.give(shared.tail.dropFirst(revision + 1 - first), to: continuation)
            else { return nil }
            shared.nextFollower += 1
            shared.followers[shared.nextFollower] = continuation
            return shared.nextFollower
        }
        guard let id else { return false }
        continuation.onTermination = { [weak self] _ in self?.forget(id) }
        return true
    }

    private nonisolated func forget(_ id: Int) {
        shared.withLock { _ = $0.followers.removeValue(forKey: id) }
    }
}

extension StoredState {
    /// Takes the next revision.
    mutating func apply(_ revision: Revision) {
        snapshot = snapshot.applying(revision.changes, revision: revision.number)
        VersionLaw.count(revision.changes, &counters)
    }
}
