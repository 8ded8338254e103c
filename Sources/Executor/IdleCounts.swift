import Synchronization

/// How many idle environments each reactor has for one function, readable from every reactor.
final class IdleCounts: Sendable {
    /// One reactor's count.
    final class Cell: Sendable {
        private let value = Atomic<Int>(0)

        var count: Int { value.load(ordering: .relaxed) }

        func set(_ count: Int) { value.store(count, ordering: .relaxed) }
    }

    let cells: [Cell]

    init(reactors: Int) { cells = (0..<reactors).map { _ in Cell() } }

    /// A reactor other than this one that has an idle environment.
    func lender(besides own: Int) -> Int? {
        cells.indices.first { $0 != own && cells[$0].count > 0 }
    }
}
