package import HTTP

/// What a listener grants its viewers.
package struct ConnectionLimits: Sendable {
    /// From accept to the end of a proxy's header; the specification asks for three seconds at least.
    package var proxyHeader: Duration = .seconds(5)
    /// From accept, or a proxy's header, to the end of the TLS handshake.
    package var handshake: Duration = .seconds(10)
    /// From a head's first byte to its last.
    package var head: Duration = .seconds(30)
    /// Between two requests on one connection.
    package var keepAlive: Duration = .seconds(60)
    /// How long a connection is silent before it gives the memory of its buffers back.
    package var quiet: Duration = .seconds(1)
    /// Between two reads of a request's body.
    package var bodyIdle: Duration = .seconds(30)
    /// How long a viewer may take nothing of what is sent.
    package var sendIdle: Duration = .seconds(30)
    /// Between two bytes in either direction after an upgrade.
    package var upgradeIdle: Duration = .seconds(600)
    /// How much of an unread request body is read away to keep the connection, in bytes.
    package var drainBytes = 256 << 10
    /// How long an unread request body is read away.
    package var drain: Duration = .seconds(2)
    /// How many connections one reactor holds for this listener; more are closed at once.
    package var maximumConnections = 65_536
    /// How many requests one connection carries before it is ended in good order.
    package var maximumRequests = 1_000_000
    /// The bounds of a request's head.
    package var heads = HeadLimits()
    /// What an HTTP/2 connection grants beyond these.
    package var h2 = H2Limits()

    /// Makes the usual limits.
    package init() {}
}
