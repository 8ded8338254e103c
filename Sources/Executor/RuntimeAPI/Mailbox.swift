import Reactor

/// Holds one value for one reader that may already wait for it.
///
/// Confined to its reactor.
final class Mailbox<Value> {
    private let reactor: Reactor
    private var value: Value?
    private var reader: UnsafeContinuation<Void, Never>?

    init(reactor: Reactor) { self.reactor = reactor }

    /// Puts a value in unless one is there.
    func put(_ value: Value) {
        if self.value == nil { self.value = value }
        let waiting = reader
        reader = nil
        waiting?.resume()
    }

    /// Forgets a value that nobody took.
    func clear() { value = nil }

    /// Takes the value, waiting for it; nil when the time is up.
    func take(until deadline: MonotonicInstant) async -> Value? {
        if value == nil, reactor.preciseTime < deadline {
            let timer = reactor.schedule(at: deadline) { [self] in
                let waiting = reader
                reader = nil
                waiting?.resume()
            }
            await withUnsafeContinuation { reader = $0 }
            reactor.cancel(timer)
        }
        defer { value = nil }
        return value
    }
}
