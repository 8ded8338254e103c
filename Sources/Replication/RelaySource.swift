package import Model
package import Registry
import Synchronization

/// A replica as the source of a feed for edges behind it.
package final class RelaySource: FeedSource {
    /// How many revisions are kept for edges that are a little behind.
    static let maximumRevisions = 1024
    /// How many revisions may wait for the one follower.
    static let backlog = 256

    private let replica: EdgeReplica
    private let depot: BlobDepot
    fileprivate let state: Mutex<State>

    fileprivate struct State {
        /// The revisions up to the current one.
        var recent: [Revision] = []
        var current: Int
        var followers: [AsyncStream<Revision>.Continuation] = []
    }

    /// Makes the source of a replica whose archives are kept in a depot.
    package init(replica: EdgeReplica, depot: BlobDepot) {
        self.replica = replica
        self.depot = depot
        state = Mutex(State(current: replica.appliedRevision))
    }

    /// Takes what was applied: a run of revisions, or nil for a whole new state.
    package func note(_ revisions: [Revision]?) {
        let applied = replica.appliedRevision
        state.withLock { state in
            if let revisions, let first = revisions.first, first.number == state.current + 1 {
                state.recent += revisions
                let excess = state.recent.count - Self.maximumRevisions
                if excess > 0 { state.recent.removeFirst(excess) }
                state.followers.removeAll { follower in
                    for revision in revisions {
                        guard case .enqueued = follower.yield(revision) else {
                            follower.finish()
                            return true
                        }
                    }
                    return false
                }
            } else {
                state.recent = []
                for follower in state.followers { follower.finish() }
                state.followers = []
            }
            state.current = applied
        }
    }

    /// What the relay applies.
    package func follow(after revision: Int) async throws -> AsyncStream<Revision>? {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Revision.self,
            bufferingPolicy: .bufferingOldest(Self.backlog)
        )
        return state.withLock { state in
            guard let later = state.after(revision), later.count <= Self.backlog else {
                return nil
            }
            for revision in later { continuation.yield(revision) }
            state.followers.append(continuation)
            return stream
        }
    }

    /// What the relay has applied lately.
    package func revisions(after revision: Int, limit: Int) async throws -> [Revision]? {
        state.withLock { $0.after(revision).map { Array($0.prefix(limit)) } }
    }

    /// What the relay serves.
    package func snapshot() async throws -> Snapshot { replica.box.current }

    /// Whether the relay is so far.
    package func reaches(_ revision: Int) async throws -> Bool {
        replica.appliedRevision >= revision
    }

    /// How many bytes an archive that the relay keeps has.
    package func blobSize(_ digest: String) async throws -> Int? { depot.size(digest) }

    /// A part of an archive that the relay keeps.
    package func blobPart(_ digest: String, _ number: Int) async throws -> [UInt8]? {
        try await depot.part(digest, number)
    }
}

extension RelaySource.State {
    /// What came after a revision; nil when that is not known here.
    fileprivate func after(_ revision: Int) -> ArraySlice<Revision>? {
        if revision == current { return [] }
        guard let first = recent.first, first.number <= revision + 1, revision < current else {
            return nil
        }
        return recent[(revision + 1 - first.number)...]
    }
}
