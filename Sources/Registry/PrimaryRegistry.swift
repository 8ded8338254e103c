import Crypto
package import Model

/// The only writer: publishes revisions and tells followers of them.
package actor PrimaryRegistry {
    /// How many revisions may wait for one follower; a slower one starts anew from where it is.
    static let followerBacklog = 256

    private let executor = QueueExecutor(label: "portico.registry")
    private nonisolated let store: any RegistryStore
    private var loaded: State?
    private var followers: [Int: AsyncStream<Revision>.Continuation] = [:]
    private var nextFollower = 0

    private struct State {
        var current: Snapshot
        var counters: [String: Int]
    }

    /// The queue of its own, so that no reactor waits for the store.
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    /// Starts from what the store holds, which is read at the first use.
    package init(store: any RegistryStore) { self.store = store }

    /// Commits changes as the next revision and returns its number.
    package func publish(_ changes: [Change]) async throws -> Int { try commit(changes) }

    /// Commits the changes that the closure makes of the current state; nobody commits in between.
    ///
    /// The closure also gets the highest number ever given to a version of each function. Returns the
    /// revision after it, which is the current one when there are no changes, and the closure's value.
    package func update<Value: Sendable>(
        _ body: @Sendable (Snapshot, [String: Int]) throws -> (changes: [Change], value: Value)
    ) async throws -> (revision: Int, value: Value) {
        let state = try state()
        let (changes, value) = try body(state.current, state.counters)
        return (changes.isEmpty ? state.current.revision : try commit(changes), value)
    }

    private func commit(_ changes: [Change]) throws -> Int {
        var state = try state()
        let number = try store.publish(changes)
        state.current = state.current.applying(changes, revision: number)
        for change in changes {
            switch change {
            case .put(.function(let version)):
                state.counters[version.name] = max(
                    state.counters[version.name] ?? 0,
                    version.version
                )
            case .resetVersions(let function): state.counters[function] = nil
            case .put, .delete: break
            }
        }
        loaded = state
        let revision = Revision(number: number, changes: changes)
        for (id, follower) in followers { send(revision, to: follower, id) }
        return number
    }

    /// Keeps a code archive, which must be readable, and returns its digest.
    package func addBlob(_ bytes: [UInt8]) async throws -> String {
        try CodeArchive.check(bytes)
        let digest = CodeArchive.digest(bytes)
        try store.putBlob(digest: digest, bytes)
        return digest
    }

    /// The bytes kept under a digest, read off the registry's own queue.
    package nonisolated func blob(_ digest: String) throws -> [UInt8]? { try store.blob(digest) }

    /// The number under which the draft is or would be published.
    ///
    /// The latest version keeps its number when code and configuration are equal; numbers are never
    /// given twice, also after a deletion.
    package func version(for draft: FunctionVersion) async throws -> Int {
        let state = try state()
        let latest = state.current.functions.values
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

    /// The highest number ever given to a version of each function.
    package func versionCounters() throws -> [String: Int] { try state().counters }

    /// Revisions after the given one, then every new one; ends when the follower falls far behind.
    package func feed(after revision: Int) -> AsyncStream<Revision> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Revision.self,
            bufferingPolicy: .bufferingOldest(Self.followerBacklog)
        )
        let id = nextFollower
        nextFollower += 1
        continuation.onTermination = { [weak self] _ in
            Task { await self?.forget(id) }
        }
        guard let current = try? state().current, revision <= current.revision,
            let backlog = try? store.changes(after: revision, limit: Self.followerBacklog)
        else {
            continuation.finish()
            return stream
        }
        for old in backlog { continuation.yield(old) }
        if (backlog.last?.number ?? revision) < current.revision {
            continuation.finish()
        } else {
            followers[id] = continuation
        }
        return stream
    }

    /// Everything that is current.
    package func snapshot() throws -> Snapshot { try state().current }

    private func state() throws -> State {
        if let loaded { return loaded }
        let state = State(current: try store.snapshot(), counters: try store.versionCounters())
        loaded = state
        return state
    }

    private func forget(_ id: Int) { followers[id] = nil }

    private func send(
        _ revision: Revision,
        to follower: AsyncStream<Revision>.Continuation,
        _ id: Int
    ) {
        guard case .enqueued = follower.yield(revision) else {
            followers[id] = nil
            follower.finish()
            return
        }
    }
}
