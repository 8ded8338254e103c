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
}

/// An edge's copy of the registry: follows the feed, keeps its state on disk, swaps the snapshot.
package final class EdgeReplica: Sendable {
    /// How long a follower waits before it tries a failed revision again.
    static let retryDelay = Duration.milliseconds(500)

    package let name: String
    /// What the doors of this edge read.
    package let box = SnapshotBox()
    private let directory: String
    private let registry: PrimaryRegistry
    private let worker: ReplicaWorker
    private let shared: Mutex<Shared>

    private struct Shared {
        var head = 0
        var applied = 0
        var lastContact = 0.0
        var error: String?
        var waiters: [(revision: Int, continuation: CheckedContinuation<Void, Never>)] = []
        var hooks: [@Sendable (Snapshot) -> Void] = []
        var follower: Task<Void, Never>?
    }

    /// Makes a replica with its own folder; `start` brings it to life.
    package init(name: String, directory: String, registry: PrimaryRegistry) {
        self.name = name
        self.directory = directory
        self.registry = registry
        worker = ReplicaWorker(name: name, directory: directory)
        shared = Mutex(Shared())
    }

    deinit { shared.withLock { $0.follower?.cancel() } }

    /// Loads the last good state, or takes the primary's snapshot, then follows the feed.
    package func start() async throws {
        try FileManager.default.createDirectory(
            atPath: directory + "/code",
            withIntermediateDirectories: true
        )
        let primary = try await registry.snapshot()
        let (kept, problem) = ReplicaState.read(directory + "/state.json")
        shared.withLock {
            $0.head = primary.revision
            $0.error = problem
        }
        // A state from another history than the primary's is of no use.
        if let kept, kept.revision <= primary.revision {
            try await apply(kept)
        } else {
            try await apply(primary)
        }
        let task = Task.detached { [weak self] in
            while !Task.isCancelled {
                guard let feed = await self?.feed() else { return }
                let failed = await Self.follow(feed) { [weak self] in self }
                if failed { try? await Task.sleep(for: Self.retryDelay) }
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
            ReplicaStatus(
                name: name,
                revision: $0.applied,
                lag: max(0, $0.head - $0.applied),
                lastContact: $0.lastContact,
                error: $0.error
            )
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

    private func feed() async -> AsyncStream<Revision> {
        await registry.feed(after: appliedRevision)
    }

    /// Applies what comes; true when a revision failed and should be tried again later.
    private static func follow(
        _ feed: AsyncStream<Revision>,
        _ replica: @Sendable () -> EdgeReplica?
    ) async -> Bool {
        for await revision in feed {
            guard let replica = replica() else { return false }
            guard revision.number == replica.appliedRevision + 1 else { return true }
            replica.shared.withLock { $0.head = max($0.head, revision.number) }
            do {
                let next = replica.box.current.applying(
                    revision.changes,
                    revision: revision.number
                )
                try await replica.apply(next)
            } catch {
                let text = "revision \(revision.number) is not applied: \(error)"
                replica.shared.withLock { $0.error = text }
                return true
            }
        }
        return false
    }

    /// Brings the code here, swaps the snapshot, wakes who waits; the state reaches the disk later.
    private func apply(_ snapshot: Snapshot) async throws {
        let needed = Set(
            snapshot.functions.values.flatMap { [$0.codeDigest] + ($0.layers ?? []) }
        )
        try await worker.prepare(needed) { [registry] in try registry.blob($0) }
        box.swap(snapshot)
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
        await worker.persist(snapshot)
    }
}
