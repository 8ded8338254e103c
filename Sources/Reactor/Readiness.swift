import CLinux
import Glibc

/// Who waits for a descriptor. Confined to its reactor.
package final class Readiness {
    /// How a wait ended.
    package enum Outcome: Sendable { case ready, timedOut, closed }

    package let descriptor: Int32
    package unowned let reactor: Reactor
    /// False once the reactor has closed the descriptor.
    package internal(set) var isOpen = true
    private var reader: UnsafeContinuation<Outcome, Never>?
    private var writer: UnsafeContinuation<Outcome, Never>?
    private var readTimer: TimerID?
    private var writeTimer: TimerID?

    init(_ descriptor: Int32, reactor: Reactor) {
        self.descriptor = descriptor
        self.reactor = reactor
    }

    func fire(_ events: UInt32) {
        let trouble = EPOLLHUP.rawValue | EPOLLERR.rawValue
        if events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | trouble) != 0 { wakeReader(.ready) }
        if events & (EPOLLOUT.rawValue | trouble) != 0 { wakeWriter(.ready) }
    }

    func wakeAll() {
        wakeReader(.closed)
        wakeWriter(.closed)
    }

    private func wakeReader(_ outcome: Outcome) {
        guard let continuation = reader else { return }
        reader = nil
        if let timer = readTimer {
            readTimer = nil
            reactor.cancel(timer)
        }
        continuation.resume(returning: outcome)
    }

    private func wakeWriter(_ outcome: Outcome) {
        guard let continuation = writer else { return }
        writer = nil
        if let timer = writeTimer {
            writeTimer = nil
            reactor.cancel(timer)
        }
        continuation.resume(returning: outcome)
    }

    /// Waits until a read may succeed. Call only after a read would have blocked.
    package func readable(until deadline: ContinuousClock.Instant? = nil) async -> Outcome {
        guard isOpen else { return .closed }
        return await withUnsafeContinuation { continuation in
            reader = continuation
            if let deadline {
                readTimer = reactor.schedule(at: deadline) { [weak self] in
                    self?.readTimer = nil
                    self?.wakeReader(.timedOut)
                }
            }
        }
    }

    /// Waits until a write may succeed. Call only after a write would have blocked.
    package func writable(until deadline: ContinuousClock.Instant? = nil) async -> Outcome {
        guard isOpen else { return .closed }
        return await withUnsafeContinuation { continuation in
            writer = continuation
            if let deadline {
                writeTimer = reactor.schedule(at: deadline) { [weak self] in
                    self?.writeTimer = nil
                    self?.wakeWriter(.timedOut)
                }
            }
        }
    }
}
