import CLinux
import Glibc

/// Has the system decide anew, many times in each of its ticks, who goes on, while programs start on all processors.
///
/// Linux lets what wakes interrupt a program that yields only if it has not just used its share up; then it waits for the
/// next tick, up to 4 ms, however little it owes. A thread on each processor that wakes for a moment has the scheduler look
/// again. With the privilege for it that thread has a real-time policy; without, it may at times be among those that
/// wait. It costs four short turns per processor and millisecond, and only while as many programs start as there are
/// processors.
package final class Pulse: @unchecked Sendable {
    // SAFETY: `count` and `beats` are read and written with the lock held.

    /// The pulse of this process.
    package static let shared = Pulse()

    /// The time from one beat to the next.
    private static let period: Duration = .microseconds(250)

    /// How long a beat may go on, shorter than anything else.
    private static let turn: Duration = .microseconds(100)

    /// A machine with more processors than this has no pulse.
    package static let maximumProcessors = 256

    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let change = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    let processors: [Int]
    private var count = 0
    private var beats = 0
    private var hasThreads = false

    init() {
        pthread_mutex_init(lock, nil)
        pthread_cond_init(change, nil)
        processors = (0..<Self.maximumProcessors).filter {
            portico_may_use_processor(Int32($0)) != 0
        }
    }

    /// Notes that one more program starts.
    package func begin() {
        guard Precedence.isUsual, !processors.isEmpty else { return }
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        count += 1
        guard count == processors.count else { return }
        if !hasThreads {
            hasThreads = true
            // Without a thread there is no beat, and all goes by the ticks.
            for processor in processors { _ = startThread(on: processor) }
        }
        pthread_cond_broadcast(change)
    }

    /// Notes that a program that has been counted starts no longer.
    package func end() {
        guard Precedence.isUsual, !processors.isEmpty else { return }
        pthread_mutex_lock(lock)
        count -= 1
        pthread_mutex_unlock(lock)
    }

    /// Whether there is a beat now, and how many there have been.
    var state: (isBeating: Bool, beats: Int) {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        return (isNeeded, beats)
    }

    private var isNeeded: Bool { count >= processors.count }

    private func startThread(on processor: Int) -> Bool {
        SystemThread.start("pulse") { [self] in
            portico_stay_on_processor(Int32(processor))
            // A real-time policy is safe for what never does more than this loop.
            if portico_go_first() != 0 { Precedence.shortenTurns(to: Self.turn) }
            while true {
                pthread_mutex_lock(lock)
                while !isNeeded { pthread_cond_wait(change, lock) }
                beats += 1
                pthread_mutex_unlock(lock)
                var pause = timespec(tv_sec: 0, tv_nsec: Int(Self.period / .nanoseconds(1)))
                nanosleep(&pause, nil)
            }
        }
    }
}
