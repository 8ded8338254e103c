/// A fault on purpose, for learning and for tests.
package enum InjectedFault: Sendable, Equatable {
    /// Changes reach the edge this much later, until it is zero again.
    case lag(Duration)
    /// The edge can't reach this primary for a while.
    case partition(Duration)
    /// The edge ends itself as by SIGKILL.
    case kill
}

/// What an edge can expect of this primary now.
struct EdgeCondition: Sendable {
    var mayFollow: Bool
    var lag: Duration
}
