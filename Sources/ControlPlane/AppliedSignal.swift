import Synchronization

/// Tells calls that wait for edges that one of them has applied something.
package final class AppliedSignal: Sendable {
    private struct State {
        /// Counts the notices, so that none is missed between a look and a wait.
        var serial = 0
        var next = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Mutex(State())

    /// Makes a signal that nobody waits for.
    package init() {}

    /// An edge has applied a revision or has told of one.
    package func notify() {
        let woken = state.withLock { state in
            state.serial += 1
            defer { state.waiters = [:] }
            return state.waiters.values.map { $0 }
        }
        for waiter in woken { waiter.resume() }
    }

    /// Waits until a condition holds, looking at each notice; false when the time is up.
    func wait(
        until deadline: ContinuousClock.Instant,
        _ condition: () -> Bool
    ) async -> Bool {
        while true {
            let seen = state.withLock { $0.serial }
            if condition() { return true }
            if ContinuousClock.now >= deadline { return false }
            await notice(after: seen, until: deadline)
        }
    }

    private func notice(after seen: Int, until deadline: ContinuousClock.Instant) async {
        let id = state.withLock { state in
            state.next += 1
            return state.next
        }
        let timer = Task { [weak self] in
            try? await Task.sleep(until: deadline)
            self?.wake(id)
        }
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if state.serial != seen || ContinuousClock.now >= deadline { return true }
                state.waiters[id] = continuation
                return false
            }
            if isThere { continuation.resume() }
        }
        timer.cancel()
    }

    private func wake(_ id: Int) {
        state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
    }
}
