package import Reactor

/// What one reactor owns for the exchanges it serves. Confined to that reactor.
package final class ReactorContext {
    package let reactor: Reactor
    package let upstream: UpstreamPool

    /// Makes the context of one reactor.
    package init(reactor: Reactor, upstream: UpstreamPool) {
        self.reactor = reactor
        self.upstream = upstream
    }
}
