import DataPlane

/// Where a primary or a relay takes connections of edges.
package struct PrimaryAddress: Sendable, Hashable, CustomStringConvertible {
    package let host: String
    package let port: Int

    /// Makes an address.
    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `https://host:port`; nil for anything else.
    package init?(url: String) {
        guard url.hasPrefix("https://") else { return nil }
        var rest = url.dropFirst("https://".count)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        guard let colon = rest.lastIndex(of: ":"),
            let port = Int(rest[rest.index(after: colon)...]),
            (1...65535).contains(port), colon > rest.startIndex, !rest.contains("/")
        else { return nil }
        host = String(rest[..<colon])
        self.port = port
    }

    package var description: String { "https://\(host):\(port)" }

    /// The target of a connection; unverified only to fetch what a token pins.
    func target(verifies: Bool = true) -> UpstreamTarget {
        UpstreamTarget(
            host: host,
            port: port,
            isTLS: true,
            serverName: FeedProtocol.serviceName,
            verifies: verifies
        )
    }
}
