import Model
import Reactor

/// The environments of one function on one reactor.
///
/// Confined to that reactor.
final class FunctionPool {
    /// How long a request waits for an environment that has just answered before a new one is started.
    static let finishingPatience: Duration = .milliseconds(100)

    /// What asking for an environment gave.
    enum Grant {
        case environment(ExecutionEnvironment)
        /// The caller may start one and must then `release` it or call `startFailed`.
        case startNew
        case throttled
    }

    private struct Waiter {
        let number: Int
        let deadline: ContinuousClock.Instant
        let continuation: UnsafeContinuation<ReactorLocal<Grant>, Never>
        var timer: TimerID
    }

    let identity: FunctionIdentity
    let counts: IdleCounts
    private let position: Int
    private let reactor: Reactor
    private let limit: Int
    private let maximumWaiters: Int
    private var idle: [ExecutionEnvironment] = [] {
        didSet { counts.cells[position].set(idle.count) }
    }
    private var waiters: [Waiter] = []
    private var serial = 0
    private var retired = false
    /// Environments that have answered and not yet asked for more.
    private var finishing = 0
    /// Idle, busy and starting environments.
    private(set) var total = 0

    init(
        identity: FunctionIdentity,
        counts: IdleCounts,
        position: Int,
        reactor: Reactor,
        limit: Int,
        maximumWaiters: Int
    ) {
        self.identity = identity
        self.counts = counts
        self.position = position
        self.reactor = reactor
        self.limit = max(1, limit)
        self.maximumWaiters = maximumWaiters
    }

    var hasIdle: Bool { !idle.isEmpty }

    /// The most recently used idle environment, the right to start one, or a place in the queue.
    func acquire(until deadline: ContinuousClock.Instant) async -> Grant {
        while let environment = idle.popLast() {
            if environment.isAlive { return .environment(environment) }
            environment.stop()
            total -= 1
        }
        if total < limit, finishing == 0 {
            total += 1
            return .startNew
        }
        guard waiters.count < maximumWaiters, !retired else { return .throttled }
        serial += 1
        let number = serial
        let patience = total < limit ? min(deadline, .now + Self.finishingPatience) : deadline
        let granted: ReactorLocal<Grant> = await withUnsafeContinuation { continuation in
            waiters.append(
                Waiter(
                    number: number,
                    deadline: deadline,
                    continuation: continuation,
                    timer: watch(number, until: patience)
                )
            )
        }
        return granted.value
    }

    /// An environment has answered and works on; it comes back by `release`.
    func beginFinishing() { finishing += 1 }

    /// Gives an environment back: to the longest waiter, or to the idle ones.
    func release(_ environment: ExecutionEnvironment, afterFinishing: Bool = false) {
        if afterFinishing { finishing -= 1 }
        guard environment.isAlive, !retired else {
            environment.stop()
            return startFailed()
        }
        if !resumeFirst(with: .environment(environment)) { idle.append(environment) }
    }

    /// Takes a loaded environment that nobody had asked for.
    func adopt(_ environment: ExecutionEnvironment) {
        total += 1
        release(environment)
    }

    /// An environment is gone; its place goes to the longest waiter.
    func startFailed() {
        if retired || !resumeFirst(with: .startNew) { total -= 1 }
    }

    /// Ends environments that have been idle since before an instant.
    func reap(idleBefore instant: ContinuousClock.Instant) {
        let old = idle.filter { $0.idleSince < instant || !$0.isAlive }
        guard !old.isEmpty else { return }
        idle.removeAll { $0.idleSince < instant || !$0.isAlive }
        total -= old.count
        for environment in old { environment.stop() }
    }

    /// Since when the longest idle environment has been idle; nil when none is.
    var longestIdle: ContinuousClock.Instant? { idle.first?.idleSince }

    /// Ends the longest idle environment.
    func endLongestIdle() {
        guard !idle.isEmpty else { return }
        idle.removeFirst().stop()
        total -= 1
    }

    /// Ends everything: idle environments now, busy ones when they come back, waiters are refused.
    func retire() {
        retired = true
        for environment in idle { environment.stop() }
        total -= idle.count
        idle = []
        while resumeFirst(with: .throttled) {}
    }

    private func resumeFirst(with grant: Grant) -> Bool {
        guard !waiters.isEmpty else { return false }
        let waiter = waiters.removeFirst()
        reactor.cancel(waiter.timer)
        waiter.continuation.resume(returning: ReactorLocal(grant))
        return true
    }

    private func watch(_ number: Int, until instant: ContinuousClock.Instant) -> TimerID {
        reactor.schedule(at: instant) { [weak self] in self?.expire(number, at: instant) }
    }

    private func expire(_ number: Int, at instant: ContinuousClock.Instant) {
        guard let position = waiters.firstIndex(where: { $0.number == number }) else { return }
        if instant >= waiters[position].deadline {
            waiters.remove(at: position).continuation.resume(returning: ReactorLocal(.throttled))
        } else if total < limit {
            total += 1
            waiters.remove(at: position).continuation.resume(returning: ReactorLocal(.startNew))
        } else {
            waiters[position].timer = watch(number, until: waiters[position].deadline)
        }
    }
}
