import CLinux
import Glibc

/// Who waits for a descriptor.
///
/// Confined to its reactor. One timer serves all waits: it is armed when none runs or the running one is too late, and left
/// alone when a wait ends, so that a busy connection touches the wheel once per deadline, not per read.
package final class Readiness {
    /// How a wait ended.
    package enum Outcome: Sendable { case ready, timedOut, closed }

    package let descriptor: Int32
    // SAFETY: the reactor holds this object, not the other way round, and only its own thread, which runs
    // inside it, comes here.
    package unowned(unsafe) let reactor: Reactor
    /// False once the reactor has closed the descriptor.
    package var isOpen: Bool { isWatched }
    @exclusivity(unchecked)
    var isWatched = true
    /// Whether another process may have the same socket: then it is taken from the set before it is closed.
    package var isShared = false
    /// Runs once when the peer has shut its side while nobody reads.
    package var onHangUp: (() -> Void)?
    /// Whether the peer has shut its sending side.
    package var isHalfClosed: Bool { hasEnded }
    @exclusivity(unchecked)
    private var hasEnded = false
    /// Whether a read took all that had arrived: until the next event of the socket another would block.
    ///
    /// Set by `noteRead`, cleared by the next edge-triggered event.
    package var isDrained: Bool { tookAll }
    @exclusivity(unchecked)
    private var tookAll = false
    @exclusivity(unchecked)
    private var hasNews = false
    /// Whether both directions are dead.
    package private(set) var isHungUp = false
    // Exclusivity of these is by confinement: one thread, and no access calls out while it lasts.
    @exclusivity(unchecked)
    private var reader: UnsafeContinuation<Outcome, Never>?
    @exclusivity(unchecked)
    private var writer: UnsafeContinuation<Outcome, Never>?
    @exclusivity(unchecked)
    private var readDeadline = MonotonicInstant.never
    @exclusivity(unchecked)
    private var writeDeadline = MonotonicInstant.never
    @exclusivity(unchecked)
    private var timer: (id: TimerID, at: MonotonicInstant)?

    /// Whether events tell that a write may succeed.
    @exclusivity(unchecked)
    private(set) var announcesRoom: Bool

    init(_ descriptor: Int32, reactor: Reactor, announcesRoom: Bool) {
        self.descriptor = descriptor
        self.reactor = reactor
        self.announcesRoom = announcesRoom
    }

    /// Remembers whether a read took all that had arrived.
    ///
    /// An end that has been announced needs no further event, so after it nothing counts as drained.
    package func noteRead(tookAll: Bool) { self.tookAll = tookAll && !hasEnded }

    /// Whether input or its end has been announced since this was last asked.
    package func takeNews() -> Bool {
        defer { hasNews = false }
        return hasNews
    }

    /// The instant a while after the beginning of the reactor's turn.
    package func deadline(_ duration: Duration) -> MonotonicInstant { reactor.time + duration }

    func fire(_ events: UInt32) {
        let trouble = events & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
        let half = events & EPOLLRDHUP.rawValue != 0
        if trouble { isHungUp = true }
        if trouble || half || events & EPOLLIN.rawValue != 0 {
            tookAll = false
            hasNews = true
        }
        if trouble || half {
            hasEnded = true
            if reader == nil, let action = onHangUp { action() }
        }
        if trouble || half || events & EPOLLIN.rawValue != 0 { wakeReader(.ready) }
        if trouble || events & EPOLLOUT.rawValue != 0 { wakeWriter(.ready) }
    }

    func closed() {
        onHangUp = nil
        if let timer {
            self.timer = nil
            reactor.cancel(timer.id)
        }
        wakeReader(.closed)
        wakeWriter(.closed)
    }

    private func wakeReader(_ outcome: Outcome) {
        guard let continuation = reader else { return }
        reader = nil
        readDeadline = .never
        continuation.resume(returning: outcome)
    }

    private func wakeWriter(_ outcome: Outcome) {
        guard let continuation = writer else { return }
        writer = nil
        writeDeadline = .never
        continuation.resume(returning: outcome)
    }

    /// Waits until a read may succeed.
    ///
    /// Call only after a read would have blocked.
    package func readable(until deadline: MonotonicInstant) async -> Outcome {
        guard isOpen else { return .closed }
        return await suspended { continuation in
            reader = continuation
            readDeadline = deadline
            arm(deadline)
        }
    }

    /// Waits until a write may succeed.
    ///
    /// Call only after a write would have blocked.
    package func writable(until deadline: MonotonicInstant) async -> Outcome {
        guard isOpen else { return .closed }
        if !announcesRoom {
            announcesRoom = true
            reactor.watch(self, EPOLL_CTL_MOD)
        }
        return await suspended { continuation in
            writer = continuation
            writeDeadline = deadline
            arm(deadline)
        }
    }

    /// Waits until a read may succeed; without a deadline for as long as it takes.
    package func readable(until deadline: ContinuousClock.Instant? = nil) async -> Outcome {
        await readable(until: deadline.map { reactor.instant($0) } ?? .never)
    }

    /// Waits until a write may succeed; without a deadline for as long as it takes.
    package func writable(until deadline: ContinuousClock.Instant? = nil) async -> Outcome {
        await writable(until: deadline.map { reactor.instant($0) } ?? .never)
    }

    /// Suspends the task until the continuation is resumed, which its own reactor does.
    ///
    /// `withUnsafeContinuation` would make sure before and after the wait that the task is where it belongs, under a
    /// lock each time. It is: the reactor that resumes it is the one that it prefers.
    @inline(__always)
    private func suspended(
        _ body: (UnsafeContinuation<Outcome, Never>) -> Void
    ) async -> Outcome {
        await _unsafeInheritExecutor_withUnsafeContinuation(body)
    }

    /// Ends a pending wait to read with `closed` and leaves the descriptor open.
    package func interruptReader() { wakeReader(.closed) }

    private func arm(_ deadline: MonotonicInstant) {
        if let timer, timer.at <= deadline { return }
        guard deadline != .never else { return }
        if let timer { reactor.cancel(timer.id) }
        timer = (reactor.schedule(at: deadline) { self.expire() }, deadline)
    }

    private func expire() {
        guard let at = timer?.at else { return }
        timer = nil
        // A timer never runs before its instant, so what was due at it is due now.
        let now = max(reactor.time, at)
        if readDeadline <= now { wakeReader(.timedOut) }
        if writeDeadline <= now { wakeWriter(.timedOut) }
        arm(min(readDeadline, writeDeadline))
    }
}
