/// Where the snapshot of one function version stands: the process that environments are copied from.
///
/// Pure: processes and time are outside.
struct SnapshotState: Equatable {
    /// How often a process that was lost is replaced.
    static let lossLimit = 3

    /// What one who needs an environment does next.
    enum Step: Equatable {
        /// Make the snapshot, then ask again.
        case prepare
        /// Wait until whoever makes it is done.
        case wait
        case fork
        /// Start without one.
        case startPlainly
    }

    private enum Phase { case absent, preparing, ready }

    private var phase = Phase.absent
    /// How many processes have been lost, by a crash or because they could not be copied.
    private(set) var losses = 0

    /// Somebody needs an environment.
    mutating func ask() -> Step {
        switch phase {
        case .absent where losses >= Self.lossLimit: return .startPlainly
        case .absent:
            phase = .preparing
            return .prepare
        case .preparing: return .wait
        case .ready: return .fork
        }
    }

    /// The process that prepares has ended its work.
    mutating func prepared(isReady: Bool) {
        guard phase == .preparing else { return }
        phase = isReady ? .ready : .absent
    }

    /// The process was lost.
    mutating func lose() {
        guard phase == .ready else { return }
        phase = .absent
        losses += 1
    }

    /// The process was ended because nobody had needed it for long; the next who does has it made anew.
    mutating func end() {
        if phase == .ready { phase = .absent }
    }
}
