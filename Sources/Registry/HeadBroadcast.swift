import Synchronization

/// Tells watchers the newest head; whoever is slow sees only the last one.
final class HeadBroadcast: Sendable {
    private let state = Mutex(State())

    private struct State {
        var head = 0
        var next = 0
        var isClosed = false
        var watchers: [Int: AsyncStream<Int>.Continuation] = [:]
    }

    /// Passes on a head, also one that is not new.
    func announce(_ head: Int) {
        let watchers = state.withLock { state in
            state.head = max(state.head, head)
            return (state.head, Array(state.watchers.values))
        }
        for watcher in watchers.1 { watcher.yield(watchers.0) }
    }

    /// The heads from now on.
    func watch() -> AsyncStream<Int> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Int.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let id = state.withLock { state -> Int? in
            guard !state.isClosed else { return nil }
            state.next += 1
            state.watchers[state.next] = continuation
            return state.next
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in self?.forget(id) }
        return stream
    }

    /// Ends all streams.
    func close() {
        let watchers = state.withLock { state in
            state.isClosed = true
            defer { state.watchers = [:] }
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.finish() }
    }

    private func forget(_ id: Int) { state.withLock { _ = $0.watchers.removeValue(forKey: id) } }
}
