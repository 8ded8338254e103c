import CLinux
import Glibc

/// How a program stands behind others where processors are short.
///
/// One that yields never takes a processor from another by waking, and gives way at once to what wakes and does not
/// yield. With the privilege for it, its share of the processors is smaller, too.
package enum Precedence: Equatable, Sendable {
    /// The program has not shown yet that it works; one of some that start at the same time.
    ///
    /// Many together get less than one alone would get.
    case late(among: Int)
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

    /// Whether we may undo a smaller share of the processors.
    private static let hasPrivilege = geteuid() == 0

    /// Whether nobody has given us another policy, such as a real-time one, which we would take away.
    static let isUsual = sched_getscheduler(0) == SCHED_OTHER

    /// Our own share.
    private static let ownNiceness = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)

    /// The share of the processors, from 0 to 19 as nice(1) counts: each step takes a fifth of the share.
    package var niceness: Int32 {
        switch self {
        case .normal: 0
        case .late(let count): Int32(min(19, 4 + 5 * (max(1, count) - 1)))
        }
    }

    private var actualNiceness: Int32 {
        Self.hasPrivilege ? min(19, Self.ownNiceness + niceness) : Self.ownNiceness
    }

    /// What the system is told for a program that is to begin like this; nil where it begins as we are.
    var beginning: portico_scheduling? {
        self != .normal && Self.isUsual ? scheduling : nil
    }

    private var scheduling: portico_scheduling {
        self == .normal
            ? Self.usual
            : .init(policy: Self.batch, niceness: actualNiceness, stretch: Self.stretch)
    }

    private static let usual = portico_scheduling(
        policy: SCHED_OTHER,
        niceness: ownNiceness,
        stretch: .zero
    )

    /// Applies to each thread of a process that leads a group, and to the share of the whole group.
    func apply(to process: Int32) {
        guard Self.isUsual else { return }
        if Self.hasPrivilege { portico_renice(process, actualNiceness) }
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
