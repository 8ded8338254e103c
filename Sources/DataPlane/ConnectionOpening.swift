package import Reactor
package import TLS

/// A viewer's connection at the end of its TLS handshake.
package struct ConnectionOpening {
    /// With what the handshake brought out.
    package let viewer: Viewer
    package let reactor: Reactor
    /// How long the handshake took.
    ///
    /// Unit: microseconds.
    package let duration: Int
    /// Why the handshake failed; nil when it did not.
    package let failure: TLSError?

    /// Makes an opening.
    package init(viewer: Viewer, reactor: Reactor, duration: Int, failure: TLSError? = nil) {
        self.viewer = viewer
        self.reactor = reactor
        self.duration = duration
        self.failure = failure
    }
}

/// What becomes of a connection.
package enum ConnectionVerdict: Sendable, Equatable {
    /// It may send requests, under this name in logs if it has one.
    case admitted(id: String?)
    /// It is closed.
    case refused
}
