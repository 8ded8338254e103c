import Synchronization

/// A number that only grows, or one that goes up and down; from any thread.
package final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    /// Makes a counter at zero.
    package init() {}

    /// What was counted so far.
    package var value: Int { count.load(ordering: .relaxed) }

    /// Counts up by one or more and returns the new number.
    @discardableResult
    package func add(_ more: Int = 1) -> Int { count.add(more, ordering: .relaxed).newValue }

    /// Counts down by one or more.
    package func subtract(_ less: Int = 1) { count.subtract(less, ordering: .relaxed) }
}
