package import Reactor
package import TLS

/// What one reactor owns for the exchanges it serves.
///
/// Confined to that reactor.
package final class ReactorContext {
    package let reactor: Reactor
    package let upstream: UpstreamPool
    let clock = WallClock()
    /// What a handler remembers of the reactor's last request.
    package var memory: AnyObject? { remembered }
    @exclusivity(unchecked)
    private var remembered: AnyObject?
    /// The tasks of HTTP/2 streams.
    let crew: StreamCrew

    /// Keeps something of this request for the reactor's next one.
    package func remember(_ something: AnyObject) { remembered = something }

    // A member of a member counts a reference where it is asked directly, and none by way of these.

    /// The instant at which the reactor's turn began.
    @inline(__always)
    var time: MonotonicInstant { reactor.time }

    /// The instant right now.
    @inline(__always)
    package var preciseTime: MonotonicInstant { reactor.preciseTime }

    /// Brings the clock up to the reactor's turn.
    @inline(__always)
    func refreshClock() { clock.refresh(reactor.time) }

    /// Seconds since 1970 at an instant of the reactor.
    @inline(__always)
    func secondsSince1970(_ now: MonotonicInstant) -> Double { clock.secondsSince1970(now) }

    /// Makes the context of one reactor.
    package init(reactor: Reactor, upstream: UpstreamPool) {
        self.reactor = reactor
        self.upstream = upstream
        crew = StreamCrew(reactor: reactor)
    }

    /// The context of a reactor, made at first use and shared by all its listeners.
    ///
    /// Call it on the reactor's own thread.
    package static func make(reactor: Reactor, client: TLSContext? = nil) -> ReactorContext {
        reactor.preconditionIsolated()
        if let made = reactor.local as? ReactorContext {
            // A listener without origins of its own may have made it first.
            if let client { made.upstream.useClientContext(client) }
            return made
        }
        let pool = UpstreamPool(reactor: reactor, client: client)
        let context = ReactorContext(reactor: reactor, upstream: pool)
        reactor.local = context
        return context
    }
}
