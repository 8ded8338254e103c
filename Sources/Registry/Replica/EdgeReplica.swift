import Dispatch
import Foundation
package import Model
import Synchronization

/// How far an edge is.
package struct ReplicaStatus: Sendable, Codable, Hashable {
    package var name: String
    /// The last revision that this edge applied.
    package var revision: Int
    /// How many revisions of the primary are not applied yet.
    package var lag: Int
    /// Seconds since 1970; 0 before the first contact.
    package var lastContact: Double
    /// Why the next revision is not applied, or what was repaired.
    package var error: String?
    /// Seconds since the oldest revision that is not applied here was published.
    package var lagSeconds = 0.0
    /// Where the edge was last heard from; nil for an edge of this process.
    package var address: String?
    /// Whether the edge was heard from lately; a published change waits for live edges only.
    package var isLive = true
    /// Seconds since 1970 at which the edge's certificate ends; nil for an edge of this process.
    package var certificateExpires: Int?
    /// How often the state differed from the primary's and was taken anew.
    package var repairs = 0
    /// The faults that were injected and last.
    package var faults: [String] = []

    /// Makes a status without troubles.
    package init(name: String, revision: Int, lag: Int, lastContact: Double) {
        self.name = name
        self.revision = revision
        self.lag = lag
        self.lastContact = lastContact
    }
}

/// A step on the way of a revision into an edge; tests end the process at each of them.
package enum ApplyStep: String, Sendable, CaseIterable {
    /// A part of an archive is on disk.
    case receiving
    /// Every archive is here and verified.
    case received
    /// New code lies beside its final place.
    case unpacking
    /// New code is in its place.
    case unpacked
    /// The new snapshot is served and not yet recorded.
    case swapped
    /// The new state is recorded on disk.
    case recorded
}

/// An edge's copy of the registry: follows the feed, keeps its state on disk, swaps the snapshot.
package final class EdgeReplica: Sendable {
    /// How long a follower waits before it tries a failed revision again.
    static let retryDelay = Duration.milliseconds(500)

    package let name: String
    /// What the doors of this edge read.
    package let box = SnapshotBox()
    /// The replica's own folder.
    package let directory: String
    private let registry: PrimaryRegistry?
    private let keepsState: Bool
    private let keys: VariableKeys
    private let worker: ReplicaWorker
    private let steps: @Sendable (ApplyStep) -> Void
    private let shared: Mutex<Shared>

    private struct Shared {
        var head = 0
        var applied = 0
        var lastContact = 0.0
        var error: String?
        var repairs = 0
        var lag = Duration.zero
        var cutUntil: ContinuousClock.Instant?
        /// The code that is known to be unpacked here.
        var unpacked: Set<String> = []
        var pendingSince: ContinuousClock.Instant?
        var waiters: [(revision: Int, continuation: CheckedContinuation<Void, Never>)] = []
        var hooks: [@Sendable (Snapshot) -> Void] = []
        var follower: Task<Void, Never>?
    }

    /// Makes a replica with its own folder.
    ///
    /// One that follows a registry of this process is brought to life by `start`, any other by `open`. One
    /// that does not keep its state starts anew each time: simulations do so. `keys` seal variables on disk.
    package init(
        name: String,
        directory: String,
        registry: PrimaryRegistry? = nil,
        keepsState: Bool = true,
        keys: VariableKeys = VariableKeys(),
        steps: @escaping @Sendable (ApplyStep) -> Void = { _ in }
    ) {
        self.name = name
        self.directory = directory
        self.registry = registry
        self.keepsState = keepsState
        self.keys = keys
        self.steps = steps
        worker = ReplicaWorker(name: name, directory: directory, keys: keys, steps: steps)
        shared = Mutex(Shared())
    }

    deinit { shared.withLock { $0.follower?.cancel() } }

    /// Loads the last good state, or takes the primary's snapshot, then follows the feed.
    package func start() async throws {
        guard let registry else { throw RegistryError(.invalid, "edge \(name) has no registry") }
        try FileManager.default.createDirectory(
            atPath: directory + "/code",
            withIntermediateDirectories: true
        )
        let primary = try await registry.snapshot()
        let (kept, problem) = ReplicaState.read(directory + "/state.json", keys: keys)
        shared.withLock {
            $0.head = primary.revision
            $0.error = problem
        }
        // A state from another history than the primary's is of no use, nor one that nobody can open.
        let first =
            kept.flatMap { $0.revision <= primary.revision && $0.isOpen ? $0 : nil } ?? primary
        try await apply(first) { try registry.blob($0) }
        let task = Task.detached { [weak self] in
            while !Task.isCancelled {
                let before = self?.appliedRevision
                guard let feed = await self?.feed() else { return }
                let failed = await Self.follow(feed) { [weak self] in self }
                guard failed || self?.appliedRevision == before else { continue }
                if !failed { await self?.catchUp(registry) }
                try? await Task.sleep(for: Self.retryDelay)
            }
        }
        shared.withLock { $0.follower = task }
    }

    /// Stops following; what is applied keeps being served.
    package func stop() async {
        let task = shared.withLock { $0.follower }
        task?.cancel()
        await task?.value
        await worker.flush()
    }

    /// The last revision that was applied.
    package var appliedRevision: Int { shared.withLock { $0.applied } }

    /// Returns once the revision is applied here.
    package func waitUntil(revision: Int) async {
        await withCheckedContinuation { continuation in
            let isThere = shared.withLock { shared in
                if shared.applied >= revision { return true }
                shared.waiters.append((revision, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// How far this edge is.
    package func status() -> ReplicaStatus {
        shared.withLock {
            var status = ReplicaStatus(
                name: name,
                revision: $0.applied,
                lag: max(0, $0.head - $0.applied),
                lastContact: $0.lastContact
            )
            status.error = $0.error
            status.repairs = $0.repairs
            let now = ContinuousClock.now
            if status.lag > 0, let since = $0.pendingSince {
                status.lagSeconds = (now - since) / .seconds(1)
            }
            if $0.lag > .zero { status.faults.append("lag \($0.lag)") }
            if let until = $0.cutUntil, until > now {
                status.faults.append("partition for \(until - now)")
            }
            return status
        }
    }

    /// The folder with the unpacked code of this digest, or nil when it is not here.
    package func codeFolder(_ digest: String) -> String? {
        guard digest.utf8.count == 64, digest.allSatisfy(\.isHexDigit) else { return nil }
        let path = directory + "/code/" + digest
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }

    /// Calls the hook after every swap, on the replica's own thread.
    package func onApply(_ hook: @escaping @Sendable (Snapshot) -> Void) {
        shared.withLock { $0.hooks.append(hook) }
    }

    private func feed() async -> AsyncStream<ArrivedRevision>? {
        await (registry?.feed(after: appliedRevision)).map(ArrivedRevision.stamp)
    }

    /// Takes the whole state when the feed has nothing to begin with: the next revision is compacted away.
    private func catchUp(_ registry: PrimaryRegistry) async {
        guard let snapshot = try? await registry.snapshot(), snapshot.revision > appliedRevision
        else { return }
        do {
            try await apply(snapshot) { try registry.blob($0) }
        } catch {
            shared.withLock { $0.error = "revision \(snapshot.revision) is not applied: \(error)" }
        }
    }

    /// Applies what comes; true when a revision failed and should be tried again later.
    private static func follow(
        _ feed: AsyncStream<ArrivedRevision>,
        _ replica: @Sendable () -> EdgeReplica?
    ) async -> Bool {
        for await arrived in feed {
            guard let replica = replica() else { return false }
            let revision = arrived.revision
            await replica.holdBack(arrived)
            guard revision.number == replica.appliedRevision + 1 else { return true }
            replica.shared.withLock { $0.head = max($0.head, revision.number) }
            do {
                let next = replica.box.current.applying(
                    revision.changes,
                    revision: revision.number
                )
                try await replica.apply(next) { try replica.registry?.blob($0) }
            } catch {
                let text = "revision \(revision.number) is not applied: \(error)"
                replica.shared.withLock { $0.error = text }
                return true
            }
        }
        return false
    }

    /// Brings the code here, swaps the snapshot, wakes who waits; the state reaches the disk later.
    ///
    /// `blob` gives the archive of a digest that is not unpacked here.
    package func apply(
        _ snapshot: Snapshot,
        blob: @escaping @Sendable (String) throws -> [UInt8]?
    ) async throws {
        // A state whose code is here need not wait for the disk, which may be busy with the one before.
        let missing = shared.withLock { snapshot.codeDigests.subtracting($0.unpacked) }
        if !missing.isEmpty {
            try await worker.prepare(missing, blob: blob)
            shared.withLock { $0.unpacked.formUnion(missing) }
        }
        box.swap(snapshot)
        steps(.swapped)
        let (ready, hooks) = shared.withLock { shared in
            shared.applied = snapshot.revision
            shared.lastContact = Date().timeIntervalSince1970
            if shared.error?.hasPrefix("revision ") == true { shared.error = nil }
            let ready = shared.waiters.filter { $0.revision <= snapshot.revision }
            shared.waiters.removeAll { $0.revision <= snapshot.revision }
            return (ready.map(\.continuation), shared.hooks)
        }
        for hook in hooks { hook(snapshot) }
        for continuation in ready { continuation.resume() }
        if keepsState { worker.persist(snapshot) }
    }
}

// MARK: - Edges that follow from another process

extension EdgeReplica {
    /// Loads and serves the last good state; false when there is none.
    ///
    /// What a crash left half done is removed: only code that the state names was synced with it.
    package func open() async throws -> Bool {
        try FileManager.default.createDirectory(
            atPath: directory + "/code",
            withIntermediateDirectories: true
        )
        let (kept, problem) = ReplicaState.read(directory + "/state.json", keys: keys)
        shared.withLock { $0.error = problem }
        try await worker.clean(keeping: kept?.codeDigests ?? [])
        guard let kept, kept.codeDigests.allSatisfy({ codeFolder($0) != nil }) else {
            if kept != nil {
                note(error: "the state names code that is not here and is taken anew")
            }
            return false
        }
        shared.withLock { $0.head = kept.revision }
        try await apply(kept) { _ in nil }
        return true
    }

    /// The code that a snapshot names and that is not unpacked here.
    package func missingCode(of snapshot: Snapshot) -> [String] {
        snapshot.codeDigests.filter { codeFolder($0) == nil }.sorted()
    }

    /// Writes the newest state, if it is not on disk yet, and returns the revision that is.
    package func record() async throws -> Int {
        keepsState ? try await worker.record() : appliedRevision
    }

    /// Remembers what the primary said of its latest revision.
    package func note(head: Int) {
        shared.withLock {
            $0.head = head
            $0.lastContact = Date().timeIntervalSince1970
        }
    }

    /// Remembers a trouble, or that there is none any more.
    package func note(error: String?) { shared.withLock { $0.error = error } }

    /// Counts a state that differed from the primary's.
    package func noteRepair() { shared.withLock { $0.repairs += 1 } }
}

// MARK: - Faults on purpose

extension EdgeReplica {
    /// Makes the edges of this process apply changes this much later, until it is zero again.
    package func lag(by duration: Duration) { shared.withLock { $0.lag = duration } }

    /// Cuts an edge of this process off from its registry for a while.
    package func cutOff(for duration: Duration) {
        shared.withLock { $0.cutUntil = .now + duration }
    }

    /// Waits as long as injected faults keep a revision from this edge.
    private func holdBack(_ arrived: ArrivedRevision) async {
        while !Task.isCancelled {
            let until = shared.withLock { shared -> ContinuousClock.Instant in
                shared.head = max(shared.head, arrived.revision.number)
                shared.pendingSince = arrived.instant
                return max(arrived.instant + shared.lag, shared.cutUntil ?? arrived.instant)
            }
            let left = until - .now
            guard left > .zero else { return }
            // In short steps, so that a fault that is taken back ends soon.
            try? await Task.sleep(for: min(left, .milliseconds(100)))
        }
    }
}

/// A revision with the instant at which it came.
private struct ArrivedRevision: Sendable {
    /// How many may wait; a replica that is further behind starts anew from where it is.
    static let backlog = 1024

    var revision: Revision
    var instant: ContinuousClock.Instant

    /// Marks what comes with the time.
    static func stamp(_ feed: AsyncStream<Revision>) -> AsyncStream<ArrivedRevision> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ArrivedRevision.self,
            bufferingPolicy: .bufferingOldest(backlog)
        )
        let task = Task.detached {
            for await revision in feed {
                let arrived = ArrivedRevision(revision: revision, instant: .now)
                guard case .enqueued = continuation.yield(arrived) else { break }
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }
}
