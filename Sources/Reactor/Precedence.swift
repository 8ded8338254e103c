import CLinux
import Glibc
import Synchronization

/// How a program stands behind others where processors are short.
///
/// One that yields never takes a processor from another by waking, and gives way at once to what wakes and does not
/// yield. Where that may be undone, its share of the processors is smaller, too, and one among many gets what others
/// leave.
package enum Precedence: Equatable, Sendable {
    /// The program has not shown yet that it works; one of some that start at the same time.
    ///
    /// Many together get less than one alone would get.
    case late(among: Int)
    /// It works, for somebody who should not be interrupted; its share is the usual one.
    case patient
    case normal

    /// For how long a program that yields goes on once it has a processor.
    ///
    /// Linux lets what wakes interrupt at once whose stretch is longer than its own (sched(7), `sched_runtime`); usual
    /// are 0.7 to 2.8 ms by the number of processors.
    private static let stretch: Duration = .milliseconds(3)

    /// The stretch of a reactor, shorter than what is usual.
    static let turn: Duration = .microseconds(500)

    /// How long what starts may stand far behind others: where these take all processors, it would never begin.
    package static let modesty: Duration = .seconds(3)

    /// Whether we may undo a smaller share of the processors: with a privilege (CAP_SYS_NICE) or by a limit (RLIMIT_NICE).
    ///
    /// A thread finds it out, as user namespaces and filters of system calls have a say in it, too.
    package static let isReversible: Bool = {
        let trial = Trial()
        _ = SystemThread.wait(for: "precedence") {
            var (least, own) = (
                portico_scheduling(policy: idle, niceness: last, stretch: stretch), usual
            )
            guard portico_schedule(0, &least) == 0 else { return }
            trial.hasReturned.store(portico_schedule(0, &own) == 0, ordering: .relaxed)
        }
        return trial.hasReturned.load(ordering: .relaxed)
    }()

    private final class Trial: Sendable {
        let hasReturned = Atomic(false)
    }

    /// Whether nobody has given us another policy, such as a real-time one, which we would take away.
    static let isUsual = sched_getscheduler(0) == SCHED_OTHER

    /// Our own share.
    private static let ownNiceness = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)

    /// The share of the processors, from 0 to 19 as nice(1) counts: each step takes a fifth of the share.
    package var niceness: Int32 {
        switch self {
        case .normal, .patient: 0
        case .late(let count): Int32(4 + 5 * (min(max(1, count), 4) - 1))
        }
    }

    private var actualNiceness: Int32 {
        Self.isReversible ? min(Self.last, Self.ownNiceness + niceness) : Self.ownNiceness
    }

    /// What the system is told for a program that is to begin like this; nil where it begins as we are.
    var beginning: portico_scheduling? {
        self != .normal && Self.isUsual ? scheduling : nil
    }

    private var scheduling: portico_scheduling {
        switch self {
        case .normal: Self.usual
        case .patient: .init(policy: Self.batch, niceness: Self.ownNiceness, stretch: .zero)
        case .late:
            .init(
                policy: niceness == Self.last && Self.isReversible ? Self.idle : Self.batch,
                niceness: actualNiceness,
                stretch: Self.stretch
            )
        }
    }

    /// The smallest share nice(1) knows.
    private static let last: Int32 = 19

    private static let usual = portico_scheduling(
        policy: SCHED_OTHER,
        niceness: ownNiceness,
        stretch: .zero
    )

    /// Applies to each thread of a process that leads a group, and to the share of the whole group.
    func apply(to process: Int32) {
        guard Self.isUsual else { return }
        if Self.isReversible { portico_renice(process, actualNiceness) }
        var wanted = scheduling
        NumberedEntries.forEach(in: "/proc/\(process)/task") { _ = portico_schedule($0, &wanted) }
    }

    /// Does something on the calling thread, which is no reactor's, that yields to others.
    ///
    /// Its share stays: others may wait for this thread.
    package static func yielding<Value, Failure>(
        _ work: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        guard isUsual else { return try work() }
        var (behind, usual) = (
            portico_scheduling(policy: batch, niceness: ownNiceness, stretch: stretch), usual
        )
        _ = portico_schedule(0, &behind)
        defer { _ = portico_schedule(0, &usual) }
        return try work()
    }

    /// Has the calling thread go on as soon as it wakes, for a short while at a time.
    static func shortenTurns(to turn: Duration) {
        guard isUsual else { return }
        var wanted = portico_scheduling(
            policy: SCHED_OTHER,
            niceness: ownNiceness,
            stretch: turn,
            flags: resetsOnFork
        )
        _ = portico_schedule(0, &wanted)
    }

    // sched.h has them for C programs with _GNU_SOURCE only.
    private static let batch: Int32 = 3
    private static let idle: Int32 = 5
    private static let resetsOnFork: UInt64 = 1
}

extension portico_scheduling {
    /// A policy with a stretch, of which zero is what is usual and which kernels before 6.12 do not look at.
    fileprivate init(policy: Int32, niceness: Int32, stretch: Duration, flags: UInt64 = 0) {
        self.init()
        size = UInt32(MemoryLayout<Self>.size)
        self.policy = UInt32(policy)
        self.flags = flags
        self.niceness = niceness
        slice = UInt64(stretch / .nanoseconds(1))
    }
}
