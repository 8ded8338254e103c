package import Reactor
package import TLS

/// What one reactor owns for the exchanges it serves.
///
/// Confined to that reactor.
package final class ReactorContext {
    package let reactor: Reactor
    package let upstream: UpstreamPool
    let clock = WallClock()
    /// The tasks of HTTP/2 streams.
    let crew: StreamCrew

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
