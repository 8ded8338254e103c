import Reactor

/// Measures the memory of the processes that work, and ends those over their limit.
///
/// Confined to its reactor. A process that rests is measured once more and then left alone.
final class MemoryWatch {
    private let reactor: Reactor
    private let interval: Duration
    /// Runs at each look, with the environments that have worked since the last one.
    var onLook: (([ExecutionEnvironment]) -> Void)?
    private var watched: [ExecutionEnvironment] = []
    private var timer: TimerID?

    init(reactor: Reactor, interval: Duration) {
        self.reactor = reactor
        self.interval = interval
    }

    /// Watches an environment for as long as it works.
    func add(_ environment: ExecutionEnvironment) {
        guard !environment.isWatched else { return }
        environment.isWatched = true
        watched.append(environment)
        if timer == nil { schedule() }
    }

    /// Stops measuring.
    func stop() {
        if let timer { reactor.cancel(timer) }
        timer = nil
        watched = []
        onLook = nil
    }

    private func schedule() {
        timer = reactor.schedule(at: reactor.time + interval) { [weak self] in self?.measure() }
    }

    private func measure() {
        timer = nil
        onLook?(watched)
        for environment in watched {
            environment.measureMemory()
            if !environment.isBusy || !environment.isAlive { environment.isWatched = false }
        }
        watched.removeAll { !$0.isWatched }
        if !watched.isEmpty { schedule() }
    }
}
