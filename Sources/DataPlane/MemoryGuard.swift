import Reactor
import Synchronization

/// Watches what the process holds in memory and has requests turned away before anything fails.
///
/// Past the budget, memory that is merely free inside the process is given back first; only when that is not
/// enough requests get 503, until a twentieth of the budget is free again.
package final class MemoryGuard: Sendable {
    /// How often memory is measured.
    package static let watchInterval: Duration = .milliseconds(100)
    /// How much of the machine's memory is the budget unless told otherwise.
    ///
    /// Unit: percent.
    package static let budgetShare = 75
    /// How much of the budget may be in use when requests are taken again.
    ///
    /// Unit: percent.
    package static let recoveryLimit = 95

    /// Unit: bytes.
    package let budget: Int
    private let admission: Admission
    private let measure: @Sendable () -> Int
    private let release: @Sendable () -> Void
    private let measured = Atomic<Int>(0)
    private let watcher = Mutex<Task<Void, Never>?>(nil)

    /// Makes a guard; `measure` gives the bytes in use, `release` gives free memory back to the system.
    package init(
        budget: Int,
        admission: Admission,
        measure: @escaping @Sendable () -> Int,
        release: @escaping @Sendable () -> Void = {}
    ) {
        self.budget = budget
        self.admission = admission
        self.measure = measure
        self.release = release
    }

    /// Makes a guard of this process's memory; without a budget it is a share of what the machine has.
    package convenience init(budget: Int?, admission: Admission) {
        let memory = ProcessMemory()
        self.init(
            budget: budget ?? ProcessMemory.available / 100 * Self.budgetShare,
            admission: admission,
            measure: { memory.residentBytes },
            release: { ProcessMemory.trim() }
        )
    }

    deinit { watcher.withLock { $0?.cancel() } }

    /// What was measured last.
    ///
    /// Unit: bytes.
    package var lastMeasured: Int { measured.load(ordering: .relaxed) }

    /// Measures once and decides.
    package func look() {
        var bytes = measure()
        let isShort = admission.isShedding
        let limit = isShort ? budget / 100 * Self.recoveryLimit : budget
        if bytes > limit {
            release()
            bytes = measure()
        }
        measured.store(bytes, ordering: .relaxed)
        if (bytes > limit) != isShort { admission.shed(bytes > limit) }
    }

    /// Looks again and again, away from the reactors, until this guard is let go.
    package func watch() {
        watcher.withLock { watcher in
            guard watcher == nil else { return }
            watcher = Task.detached { [weak self] in
                while !Task.isCancelled {
                    guard let guardian = self else { return }
                    guardian.look()
                    try? await Task.sleep(for: Self.watchInterval)
                }
            }
        }
    }
}
