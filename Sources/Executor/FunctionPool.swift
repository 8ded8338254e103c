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

    /// One who waits; what it gets lies here, because a generic wrapper would cost more than the wait.
    private final class Waiter {
        let deadline: MonotonicInstant
        /// When the queue looks at it next: at its deadline, or earlier.
        var patience: MonotonicInstant
        private var continuation: UnsafeContinuation<Void, Never>?
        private(set) var granted = Grant.throttled

        init(deadline: MonotonicInstant, patience: MonotonicInstant) {
            self.deadline = deadline
            self.patience = patience
        }

        func wait(_ register: () -> Void) async {
            await withUnsafeContinuation {
                continuation = $0
                register()
            }
        }

        func resume(with grant: Grant) {
            granted = grant
            continuation?.resume()
            continuation = nil
        }
    }

    let identity: FunctionIdentity
    let counts: IdleCounts
    /// Where the ledger counts this function's invocations.
    let slot: ConcurrencyLedger.Slot
    /// How long one invocation may take.
    let timeout: Duration
    private let position: Int
    private let reactor: Reactor
    private let budget: Int
    private let maximumWaiters: Int
    // Exclusivity of these is by confinement: one thread, and no access calls out while it lasts.
    @exclusivity(unchecked)
    private var idle: [ExecutionEnvironment] = []
    /// Those before `firstWaiter` have left.
    @exclusivity(unchecked)
    private var waiters: [Waiter] = []
    @exclusivity(unchecked)
    private var firstWaiter = 0
    /// One timer serves all waiters; it is left alone when they leave.
    @exclusivity(unchecked)
    private var timer: (id: TimerID, at: MonotonicInstant)?
    @exclusivity(unchecked)
    private var retired = false
    private var kept: [ScratchFolder] = []
    /// How many environments are kept ready whether somebody asks or not.
    private(set) var provisioned = 0
    /// Runs when environments that are kept ready are missing.
    var onShortage: (() -> Void)?
    /// Environments that have answered and not yet asked for more.
    @exclusivity(unchecked)
    private var finishing = 0
    /// Idle, busy and starting environments.
    @exclusivity(unchecked)
    private(set) var total = 0

    init(
        identity: FunctionIdentity,
        counts: IdleCounts,
        slot: ConcurrencyLedger.Slot,
        position: Int,
        reactor: Reactor,
        limit: Int,
        maximumWaiters: Int
    ) {
        self.identity = identity
        self.counts = counts
        self.slot = slot
        timeout = .seconds(identity.version.timeout)
        self.position = position
        self.reactor = reactor
        budget = max(1, limit)
        self.maximumWaiters = maximumWaiters
    }

    var hasIdle: Bool { !idle.isEmpty }
    private var limit: Int { max(budget, provisioned) }

    /// The most recently used idle environment.
    func takeIdle() -> ExecutionEnvironment? {
        defer { countIdle() }
        while let environment = idle.popLast() {
            if environment.isAlive { return environment }
            environment.stop()
            total -= 1
        }
        return nil
    }

    /// An idle environment, the right to start one, or a place in the queue.
    func acquire(until deadline: MonotonicInstant) async -> Grant {
        if let environment = takeIdle() { return .environment(environment) }
        if total < limit, finishing == 0 {
            total += 1
            return .startNew
        }
        guard waiters.count - firstWaiter < maximumWaiters, !retired else { return .throttled }
        let patience =
            total < limit ? min(deadline, reactor.time + Self.finishingPatience) : deadline
        let waiter = Waiter(deadline: deadline, patience: patience)
        await waiter.wait {
            waiters.append(waiter)
            watch(until: patience)
        }
        return waiter.granted
    }

    /// Keeps the files of an environment that ran out of time, for the one that takes its place.
    func keep(_ scratch: ScratchFolder?) {
        guard let scratch, !retired, kept.count < limit else { return }
        kept.append(scratch)
    }

    /// The files that the next environment finds.
    func takeScratch() -> ScratchFolder? { kept.popLast() }

    /// An environment has answered and works on; it comes back by `release`.
    func beginFinishing() { finishing += 1 }

    /// Gives an environment back: to the longest waiter, or to the idle ones.
    func release(_ environment: ExecutionEnvironment, afterFinishing: Bool = false) {
        if afterFinishing { finishing -= 1 }
        guard environment.isAlive, !retired else {
            environment.stop()
            return startFailed()
        }
        if !resumeFirst(with: .environment(environment)) {
            idle.append(environment)
            countIdle()
        }
    }

    /// Takes a loaded environment that nobody had asked for.
    func adopt(_ environment: ExecutionEnvironment) {
        total += 1
        release(environment)
    }

    /// An environment is gone; its place goes to the longest waiter.
    func startFailed() {
        guard retired || !resumeFirst(with: .startNew) else { return }
        total -= 1
        if isShort { onShortage?() }
    }

    /// Keeps this many environments ready; calls beyond them find others.
    func provision(_ count: Int) {
        guard !retired else { return }
        provisioned = count
        if isShort { onShortage?() }
    }

    private var isShort: Bool { !retired && total < provisioned }

    /// The right to start an environment that is missing; `release` or `startFailed` must follow.
    func startMissing() -> Bool {
        guard isShort else { return false }
        total += 1
        return true
    }

    /// Ends environments that have been idle for longer than a limit.
    func reap(idleFor limit: Duration, at now: MonotonicInstant) {
        let ended = idle.filter { !$0.isAlive }
        let spare = max(0, total - ended.count - provisioned)
        let old = ended + idle.filter { $0.isAlive && $0.idleSince + limit < now }.prefix(spare)
        guard !old.isEmpty else { return }
        idle.removeAll { environment in old.contains { $0 === environment } }
        countIdle()
        total -= old.count
        for environment in old { environment.stop() }
        if isShort { onShortage?() }
    }

    /// Since when the longest idle environment has been idle; nil when none is that may be ended.
    var longestIdle: MonotonicInstant? { total > provisioned ? idle.first?.idleSince : nil }

    /// Ends the longest idle environment.
    func endLongestIdle() {
        guard !idle.isEmpty else { return }
        idle.removeFirst().stop()
        countIdle()
        total -= 1
    }

    /// Ends everything: idle environments now, busy ones when they come back, waiters are refused.
    func retire() {
        retired = true
        kept = []
        onShortage = nil
        for environment in idle { environment.stop() }
        total -= idle.count
        idle = []
        countIdle()
        while resumeFirst(with: .throttled) {}
    }

    private func countIdle() { counts.cells[position].set(idle.count) }

    private func resumeFirst(with grant: Grant) -> Bool {
        guard firstWaiter < waiters.count else { return false }
        let waiter = waiters[firstWaiter]
        firstWaiter += 1
        if firstWaiter == waiters.count {
            waiters.removeAll(keepingCapacity: true)
            firstWaiter = 0
        } else if firstWaiter > maximumWaiters {
            waiters.removeFirst(firstWaiter)
            firstWaiter = 0
        }
        waiter.resume(with: grant)
        return true
    }

    private func watch(until instant: MonotonicInstant) {
        if let timer {
            guard instant < timer.at else { return }
            reactor.cancel(timer.id)
        }
        let id = reactor.schedule(at: instant) { [weak self] in self?.expire() }
        timer = (id, instant)
    }

    /// Looks at every waiter whose time has come.
    private func expire() {
        guard let at = timer?.at else { return }
        timer = nil
        let now = max(reactor.time, at)
        let looked = waiters[firstWaiter...]
        waiters = []
        firstWaiter = 0
        for waiter in looked {
            if now >= waiter.deadline {
                waiter.resume(with: .throttled)
            } else if now >= waiter.patience, total < limit {
                total += 1
                waiter.resume(with: .startNew)
            } else {
                if now >= waiter.patience { waiter.patience = waiter.deadline }
                waiters.append(waiter)
            }
        }
        if let next = waiters.lazy.map(\.patience).min() { watch(until: next) }
    }
}
