import Reactor

/// Whether a reactor is at work for most of the time.
///
/// Linux has a worker that wakes go first at times: on the processor of the reactor that has just told it something and could have
/// told others more. Workers of a reactor that is at work for most of the time become batch jobs, which take no processor from
/// anybody by waking. Where other programs want the processors as well, a reactor does not get that far, and its workers
/// interrupt them as before.
struct Crowding {
    /// The share of time from which on a reactor is crowded, and that at which it is no longer.
    static let limits = (enters: 0.6, leaves: 0.4)
    /// Over how long the share is taken, at least.
    static let window: Duration = .milliseconds(200)

    private(set) var isCrowded = false
    private var last: (time: MonotonicInstant, work: Duration)?

    /// Notes how long the reactor has been at work in all up to an instant; true when it is crowded now and was not,
    /// or the other way round.
    mutating func note(_ work: Duration, at time: MonotonicInstant) -> Bool {
        guard let last else {
            self.last = (time, work)
            return false
        }
        let passed = time - last.time
        guard passed >= Self.window else { return false }
        self.last = (time, work)
        let share = (work - last.work) / passed
        let wasCrowded = isCrowded
        isCrowded = share > (wasCrowded ? Self.limits.leaves : Self.limits.enters)
        return isCrowded != wasCrowded
    }
}

extension ReactorWorkers {
    /// Has environments that work yield to the reactor while it is crowded, and no longer afterwards.
    func heedCrowding(_ working: [ExecutionEnvironment]) {
        let hasChanged = crowding.note(reactor.processorTime, at: reactor.preciseTime)
        if hasChanged, !crowding.isCrowded {
            for environment in living.values { environment.yields(false) }
        } else if crowding.isCrowded {
            for environment in working { environment.yields(true) }
        }
    }
}
