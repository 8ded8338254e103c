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
    private static let turn: Duration = .microseconds(500)

    /// Whether we may undo a smaller share of the processors.
    private static let hasPrivilege = geteuid() == 0

    /// Whether nobody has given us another policy, such as a real-time one, which we would take away.
    private static let isUsual = sched_getscheduler(0) == SCHED_OTHER

    /// Our own share.
    private static let ownNiceness = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)

    /// The share of the processors, from 0 to 19 as nice(1) counts: each step takes a fifth of the share.
    package var niceness: Int32 {
        switch self {
        case .normal: 0
        case .late(let count): Int32(min(19, 4 + 5 * (max(1, count) - 1)))
        }
    }

    private var stretch: UInt64 {
        self == .normal ? 0 : UInt64(Self.stretch / .nanoseconds(1))
    }

    private var actualNiceness: Int32 {
        Self.hasPrivilege ? min(19, Self.ownNiceness + niceness) : Self.ownNiceness
    }

    /// Applies to each thread of a process that leads a group, and to the share of the whole group.
    func apply(to process: Int32) {
        guard Self.isUsual else { return }
        if Self.hasPrivilege { portico_renice(process, actualNiceness) }
        for thread in Self.threads(of: process) { apply(toThread: thread) }
    }

    private func apply(toThread thread: Int32) {
        _ = portico_schedule(thread, self == .normal ? 0 : 1, actualNiceness, stretch, 0)
    }

    /// Does something on the calling thread, which is no reactor's, that yields to others; what it starts does so, too.
    ///
    /// Its share stays: others may wait for this thread.
    package static func yielding<Value, Failure>(
        _ work: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        guard isUsual else { return try work() }
        _ = portico_schedule(0, 1, ownNiceness, UInt64(stretch / .nanoseconds(1)), 0)
        defer { _ = portico_schedule(0, 0, ownNiceness, 0, 0) }
        return try work()
    }

    /// Has the calling thread go on as soon as it wakes, for a short while at a time.
    static func shortenTurns() {
        guard isUsual else { return }
        _ = portico_schedule(0, 0, ownNiceness, UInt64(turn / .nanoseconds(1)), 1)
    }

    private static func threads(of process: Int32) -> [Int32] {
        guard let folder = opendir("/proc/\(process)/task") else { return [process] }
        defer { closedir(folder) }
        var found: [Int32] = []
        while let entry = readdir(folder) {
            let number = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { atoi($0) }
            }
            if number > 0 { found.append(number) }
        }
        return found
    }
}
