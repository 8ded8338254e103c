import Model
import Reactor

/// The environments of one function on one reactor.
///
/// Confined to that reactor.
final class FunctionPool {
    /// What asking for an environment gave.
    enum Grant {
        case environment(ExecutionEnvironment)
        /// The caller may start one and must then `release` it or call `startFailed`.
        case startNew
        case throttled
    }

    private struct Waiter {
        let number: Int
        let continuation: UnsafeContinuation<ReactorLocal<Grant>, Never>
        let timer: TimerID
    }

    let identity: FunctionIdentity
    private let reactor: Reactor
    private let limit: Int
    private let maximumWaiters: Int
    private var idle: [ExecutionEnvironment] = []
    private var waiters: [Waiter] = []
    private var serial = 0
    private var retired = false
    /// Idle, busy and starting environments.
    private(set) var total = 0

    init(identity: FunctionIdentity, reactor: Reactor, limit: Int, maximumWaiters: Int) {
        self.identity = identity
        self.reactor = reactor
        self.limit = max(1, limit)
        self.maximumWaiters = maximumWaiters
    }

    /// The most recently used idle environment, the right to start one, or a place in the queue.
    func acquire(until deadline: ContinuousClock.Instant) async -> Grant {
        while let environment = idle.popLast() {
            if environment.isAlive { return .environment(environment) }
            environment.stop()
            total -= 1
        }
        if total < limit {
            total += 1
            return .startNew
        }
        guard waiters.count < maximumWaiters, !retired else { return .throttled }
        serial += 1
        let number = serial
        let granted: ReactorLocal<Grant> = await withUnsafeContinuation { continuation in
            let timer = reactor.schedule(at: deadline) { [weak self] in self?.giveUp(number) }
            waiters.append(Waiter(number: number, continuation: continuation, timer: timer))
        }
        return granted.value
    }

    /// Gives an environment back: to the longest waiter, or to the idle ones.
    func release(_ environment: ExecutionEnvironment) {
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
        idle.removeAll { environment in
            guard environment.idleSince < instant || !environment.isAlive else { return false }
            environment.stop()
            total -= 1
            return true
        }
    }

    /// Ends everything: idle environments now, busy ones when they come back, waiters are refused.
    func retire() {
        retired = true
        reap(idleBefore: .now + .seconds(1))
        while resumeFirst(with: .throttled) {}
    }

    private func resumeFirst(with grant: Grant) -> Bool {
        guard !waiters.isEmpty else { return false }
        let waiter = waiters.removeFirst()
        reactor.cancel(waiter.timer)
        waiter.continuation.resume(returning: ReactorLocal(grant))
        return true
    }

    private func giveUp(_ number: Int) {
        guard let position = waiters.firstIndex(where: { $0.number == number }) else { return }
        waiters.remove(at: position).continuation.resume(returning: ReactorLocal(.throttled))
    }
}
