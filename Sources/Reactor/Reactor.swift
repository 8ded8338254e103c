import CLinux
import Glibc
import Synchronization

/// One thread with one epoll set: a task executor for every task born on it.
///
/// Everything that is registered here is confined to this thread. Other threads reach it by `submit`.
package final class Reactor: TaskExecutor, @unchecked Sendable {
    // SAFETY: `jobs`, `slots` and `timers` are touched only by the reactor's own thread (checked by
    // `preconditionIsolated`); what others hand over passes through the `remote` mutex.
    package let index: Int
    private let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    private let wake = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    // Exclusivity of these is by confinement: one thread, and no access calls out while it lasts.
    @exclusivity(unchecked)
    private var slots: [Readiness?] = Array(repeating: nil, count: 4096)
    @exclusivity(unchecked)
    private var jobs: [UnownedJob] = []
    @exclusivity(unchecked)
    private var running: [UnownedJob] = []
    private let remote = Mutex<[UnownedJob]>([])
    private let stopping = Atomic<Bool>(false)
    /// The thread that runs the loop, 0 before it does; others ask for it, too.
    private let owner = Atomic<pthread_t>(0)
    @exclusivity(unchecked)
    private var timers: TimerWheel
    /// What a higher layer keeps once per reactor; touched on the reactor's thread only.
    package var local: AnyObject?
    /// The instant at which the current turn of the loop began.
    package var time: MonotonicInstant { turn }
    @exclusivity(unchecked)
    private var turn: MonotonicInstant
    /// The same moment on both clocks, to convert between them.
    private let epoch: (time: MonotonicInstant, instant: ContinuousClock.Instant)

    /// Makes a reactor; `run` or `start` brings it to life.
    package init(index: Int = 0) {
        self.index = index
        turn = .read()
        epoch = (turn, .now)
        timers = TimerWheel(start: turn)
        jobs.reserveCapacity(1024)
        running.reserveCapacity(1024)
        var event = epoll_event()
        event.events = EPOLLIN.rawValue
        event.data.fd = wake
        epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event)
    }

    deinit {
        Glibc.close(epoll)
        Glibc.close(wake)
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        if isCurrent {
            jobs.append(unowned)
            return
        }
        remote.withLock { $0.append(unowned) }
        signalWake()
    }

    /// Whether the caller is on this reactor's thread.
    package var isCurrent: Bool { owner.load(ordering: .relaxed) == pthread_self() }

    /// Traps when the caller is not on this reactor's thread.
    package func preconditionIsolated() {
        precondition(isCurrent, "reactor \(index) was entered from another thread")
    }

    /// Runs work on this reactor, from any thread.
    package func submit(_ work: sending @escaping () async -> Void) {
        Task(executorPreference: self) { await work() }
    }

    /// Starts the loop on a thread of its own.
    package func start() {
        let isStarted = SystemThread.start("reactor") { self.run() }
        precondition(isStarted, "the system has no thread for a reactor")
    }

    /// Asks the loop to end after the current turn.
    package func stop() {
        stopping.store(true, ordering: .releasing)
        signalWake()
    }

    /// Runs the loop on the calling thread until `stop`.
    ///
    /// What it watches and keeps stays as it is: the process may be ending meanwhile, and with it the libraries that would free it.
    package func run() {
        owner.store(pthread_self(), ordering: .relaxed)
        Precedence.shortenTurns(to: Precedence.turn)
        let capacity = 512
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: capacity)
        defer { events.deallocate() }
        let executor = asUnownedTaskExecutor()
        while !stopping.load(ordering: .acquiring) {
            while !jobs.isEmpty {
                swap(&jobs, &running)
                for position in running.indices {
                    running[position].runSynchronously(on: executor)
                }
                running.removeAll(keepingCapacity: true)
            }
            let wait = timers.count == 0 ? -1 : timers.millisecondsToNext(from: .read())
            let count = epoll_wait(epoll, events, Int32(capacity), wait)
            turn = .read()
            for position in 0..<max(0, Int(count)) {
                let descriptor = events[position].data.fd
                if descriptor == wake {
                    var value: UInt64 = 0
                    _ = Glibc.read(wake, &value, 8)
                    let handed = remote.withLock { queue in
                        defer { queue.removeAll() }
                        return queue
                    }
                    jobs += handed
                } else if Int(descriptor) < slots.count {
                    slots[Int(descriptor)]?.fire(events[position].events)
                }
            }
            for action in timers.takeDue(upTo: time) { action() }
        }
    }

    /// Watches a non-blocking descriptor, edge-triggered; the reactor owns it from now on.
    ///
    /// A socket of the Unix domain announces room each time its peer has read; with `announcesRoom` false
    /// that wakes nobody before a write has had to wait.
    package func register(_ descriptor: Int32, announcesRoom: Bool = true) -> Readiness {
        let readiness = Readiness(descriptor, reactor: self, announcesRoom: announcesRoom)
        let slot = Int(descriptor)
        if slot >= slots.count {
            slots.append(
                contentsOf: Array(repeating: nil, count: max(slots.count, slot + 1 - slots.count))
            )
        }
        slots[slot] = readiness
        watch(readiness, EPOLL_CTL_ADD)
        return readiness
    }

    /// Tells the system which events of a descriptor matter.
    func watch(_ readiness: Readiness, _ operation: Int32) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | EPOLLET.rawValue | EPOLLRDHUP.rawValue
        if readiness.announcesRoom { event.events |= EPOLLOUT.rawValue }
        event.data.fd = readiness.descriptor
        epoll_ctl(epoll, operation, readiness.descriptor, &event)
    }

    /// Stops watching a descriptor, closes it and wakes whoever waits for it.
    package func close(_ readiness: Readiness) {
        guard readiness.isOpen else { return }
        readiness.isWatched = false
        slots[Int(readiness.descriptor)] = nil
        // Closing alone is not enough where another process has the same socket.
        if readiness.isShared { epoll_ctl(epoll, EPOLL_CTL_DEL, readiness.descriptor, nil) }
        Glibc.close(readiness.descriptor)
        readiness.closed()
    }

    /// The time right now, not that of the loop's turn: for what measures a stage.
    package var preciseTime: MonotonicInstant { .read() }

    /// How long the calling thread, this reactor's, has been at work in all.
    package var processorTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// `time` on the standard library's clock.
    package var now: ContinuousClock.Instant { epoch.instant + (time - epoch.time) }

    /// An instant of the standard library's clock on this reactor's.
    func instant(_ instant: ContinuousClock.Instant) -> MonotonicInstant {
        epoch.time + (instant - epoch.instant)
    }

    /// Runs an action at an instant unless cancelled; granularity is that of the wheel.
    @discardableResult
    package func schedule(
        at deadline: MonotonicInstant,
        _ action: @escaping () -> Void
    ) -> TimerID {
        timers.add(at: deadline, action)
    }

    /// Runs an action at an instant unless cancelled; granularity is that of the wheel.
    @discardableResult
    package func schedule(
        at deadline: ContinuousClock.Instant,
        _ action: @escaping () -> Void
    ) -> TimerID {
        timers.add(at: instant(deadline), action)
    }

    /// Forgets a scheduled action.
    package func cancel(_ timer: TimerID) { timers.cancel(timer) }

    /// Suspends the task of this reactor for a while.
    package func sleep(for duration: Duration) async {
        await withUnsafeContinuation { continuation in
            schedule(at: .now + duration) { continuation.resume() }
        }
    }

    private func signalWake() {
        var one: UInt64 = 1
        _ = Glibc.write(wake, &one, 8)
    }
}

/// Carries a value of one reactor into a task of the same reactor.
///
/// The one audited way to do so: make and open it on the same reactor only.
package struct ReactorLocal<Value>: @unchecked Sendable {
    // SAFETY: opened only by tasks that prefer the reactor on which it was made.
    package let value: Value

    /// Wraps a value of the current reactor.
    package init(_ value: Value) { self.value = value }
}
