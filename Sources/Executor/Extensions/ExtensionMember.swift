/// One extension of an environment.
///
/// Confined to its reactor.
final class ExtensionMember {
    /// The events that an extension may subscribe to.
    enum Kind: String, CaseIterable { case invoke = "INVOKE", shutdown = "SHUTDOWN" }

    /// What an extension is told.
    enum Event {
        case invoke(EnvironmentCall)
        /// With the deadline in milliseconds since 1970.
        case shutdown(ShutdownReason, deadline: Int64)
    }

    let id = RequestIdentifier.make()
    let name: String
    /// Whether it is a process of its own, from `/opt/extensions`.
    let isExternal: Bool
    private(set) var state: ExtensionState
    private(set) var events: [Kind] = []
    /// What it has not asked for yet.
    private var pending: Event?
    private var parked: UnsafeContinuation<Void, Never>?
    /// Counts the calls for an event: only the latest is answered.
    private var turn = 0

    /// An external extension that was just started, or an internal one that registers.
    init(name: String, isExternal: Bool) {
        self.name = name
        self.isExternal = isExternal
        state = .started
    }

    /// Whether it has asked for an event and none is there.
    var isIdle: Bool { state == .ready && pending == nil }

    /// Its events in Lambda's words.
    var eventNames: [String] { events.map(\.rawValue) }

    /// Registers it; false when it has registered before.
    func register(for events: [Kind]) -> Bool {
        guard state.apply(.register) else { return false }
        self.events = Kind.allCases.filter(events.contains)
        return true
    }

    /// Moves on by a call of its own; false when that is out of order.
    func apply(_ event: ExtensionState.Event) -> Bool {
        guard state.apply(event) else { return false }
        if !state.isAlive { release() }
        return true
    }

    /// Hands an event over, now or when it asks.
    func give(_ event: Event) {
        guard state.isAlive else { return }
        pending = event
        release()
    }

    /// Waits for an event; nil when another call has taken its place or all is over.
    func take() async -> Event? {
        // A second call takes the place of one whose connection has gone.
        release()
        turn += 1
        let mine = turn
        if pending == nil { await withUnsafeContinuation { parked = $0 } }
        guard mine == turn, let event = pending, state.apply(.given) else { return nil }
        pending = nil
        return event
    }

    /// Ends the wait for an event.
    func release() {
        let waiting = parked
        parked = nil
        waiting?.resume()
    }
}

/// Why an environment ends, as extensions are told.
enum ShutdownReason: String { case spindown, timeout, failure }
