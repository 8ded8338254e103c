import Reactor

/// Holds the time limit of an environment for as long as a debugger is attached to it.
///
/// Confined to its reactor.
final class DebugWatch {
    private static let interval: Duration = .milliseconds(100)

    private let port: DebugPort
    private let environment: ExecutionEnvironment
    private let reactor: Reactor
    private var left: Duration
    private var timer: TimerID?
    /// Whether the time ran out without a debugger.
    private(set) var hasExpired = false

    /// Starts to count.
    init(
        _ port: DebugPort,
        _ environment: ExecutionEnvironment,
        limit: Duration,
        _ reactor: Reactor
    ) {
        self.port = port
        self.environment = environment
        self.reactor = reactor
        left = limit
        schedule()
    }

    private func schedule() {
        let wait = min(left, Self.interval)
        timer = reactor.schedule(at: reactor.preciseTime + wait) { [self] in look(after: wait) }
    }

    private func look(after wait: Duration) {
        timer = nil
        if !port.isAttached { left -= wait }
        guard left <= .zero else { return schedule() }
        hasExpired = true
        environment.stop(.timeout)
    }

    /// Ends the counting.
    func stop() {
        if let timer { reactor.cancel(timer) }
        timer = nil
    }
}
