import Reactor

/// Lets one task of a reactor wait for a ring or an instant, whichever comes first.
///
/// Confined to its reactor. A ring that nobody waits for ends the next wait at once.
final class Bell {
    private let reactor: Reactor
    private var waiter: UnsafeContinuation<Void, Never>?
    private var timer: TimerID?
    private var hasRung = false

    init(reactor: Reactor) { self.reactor = reactor }

    func ring() {
        guard let waiter else {
            hasRung = true
            return
        }
        self.waiter = nil
        if let timer { reactor.cancel(timer) }
        waiter.resume()
    }

    /// Forgets a ring that nobody has waited for.
    func silence() { hasRung = false }

    func wait(until deadline: MonotonicInstant) async {
        if hasRung {
            hasRung = false
            return
        }
        await withUnsafeContinuation { continuation in
            waiter = continuation
            timer = reactor.schedule(at: deadline) { [weak self] in
                self?.ring()
            }
        }
    }
}
