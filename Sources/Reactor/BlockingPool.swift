import Glibc
import Synchronization

/// A few threads for calls that may block, so that no reactor waits for a disk.
///
/// Jobs run in the order in which they came; how many may wait is bounded.
package final class BlockingPool: Sendable {
    /// How many jobs may wait; further ones are refused.
    package static let capacity = 4096

    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var next = 0
        var threads = 0

        var waiting: Int { jobs.count - next }

        /// The job whose turn it is.
        mutating func take() -> (@Sendable () -> Void)? {
            guard next < jobs.count else { return nil }
            let job = jobs[next]
            next += 1
            if next == jobs.count {
                jobs.removeAll(keepingCapacity: true)
                next = 0
            }
            return job
        }
    }

    private let state = Mutex(State())
    private let maximumThreads: Int

    /// Makes a pool without threads: they start with the first jobs and end when there are none.
    package init(threads: Int = 2) { maximumThreads = threads }

    /// Has a job done soon; false when too many wait already.
    @discardableResult
    package func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        let starts = state.withLock { state -> Bool? in
            guard state.waiting < Self.capacity else { return nil }
            state.jobs.append(job)
            guard state.threads < maximumThreads else { return false }
            state.threads += 1
            return true
        }
        if starts == true { startThread() }
        return starts != nil
    }

    /// Waits for what a job gives; nil when too many wait already.
    package func run<Value: Sendable>(
        _ job: @escaping @Sendable () -> Value
    ) async -> Value? {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Value?, Never>) in
            if !submit({ continuation.resume(returning: job()) }) {
                continuation.resume(returning: nil)
            }
        }
    }

    private func startThread() {
        // Where no thread is to be had, the caller's does what waits, late but not never.
        if !SystemThread.start("blocking", { self.work() }) { work() }
    }

    private func work() {
        while true {
            let job = state.withLock { state in
                let job = state.take()
                if job == nil { state.threads -= 1 }
                return job
            }
            guard let job else { return }
            job()
        }
    }
}
