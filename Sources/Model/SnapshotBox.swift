import Synchronization

/// The running snapshot of one edge: read per request, swapped whole by the control loop.
package final class SnapshotBox: Sendable {
    private let value: Mutex<Snapshot>
    private let counter = Atomic<Int>(0)

    /// Makes a box that holds a snapshot.
    package init(_ snapshot: Snapshot = Snapshot()) { value = Mutex(snapshot) }

    /// Grows with every swap; one relaxed load tells a reader whether what it derived is current.
    package var generation: Int { counter.load(ordering: .acquiring) }

    /// The running snapshot.
    package var current: Snapshot { value.withLock { $0 } }

    /// Replaces the running snapshot.
    package func swap(_ snapshot: Snapshot) {
        value.withLock { $0 = snapshot }
        counter.add(1, ordering: .acquiringAndReleasing)
    }
}
