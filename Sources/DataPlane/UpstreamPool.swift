package import HTTP
package import Reactor

/// Where a request goes: host, port and how to talk.
package struct UpstreamTarget: Sendable, Hashable {
    package var host: String
    package var port: Int
    package var isTLS: Bool
    /// The name for SNI and certificate verification; nil means `host`.
    package var serverName: String?
    /// Whether the certificate is checked against the trusted roots.
    package var verifies: Bool

    /// Makes a target.
    package init(
        host: String, port: Int, isTLS: Bool, serverName: String? = nil, verifies: Bool = true
    ) {
        self.host = host
        self.port = port
        self.isTLS = isTLS
        self.serverName = serverName
        self.verifies = verifies
    }
}

/// The time limits of one request to an origin.
package struct UpstreamLimits: Sendable {
    package var connect: Duration = .seconds(10)
    /// First byte, and between two reads.
    package var response: Duration = .seconds(30)
    package var keepAlive: Duration = .seconds(5)
    /// How often a connection is tried.
    package var attempts = 3

    /// Makes CloudFront's defaults.
    package init() {}
}

/// The idle and busy connections of one reactor to its origins. Confined to that reactor.
package final class UpstreamPool {
    private let reactor: Reactor

    /// Makes an empty pool.
    package init(reactor: Reactor) { self.reactor = reactor }

    /// Sends a request and returns the final response head with its body to pull.
    ///
    /// Hop-by-hop fields must be gone from `request`; framing fields are written here from `body`.
    /// - Throws: a `Fault` of the origin's side.
    package func send(
        _ request: RequestHead, body: Body, to target: UpstreamTarget, limits: UpstreamLimits,
        interim: ((ResponseHead) async -> Void)? = nil
    ) async throws(Fault) -> Response {
        throw Fault(.misconfigured("no transport"), side: .edge)
    }
}
