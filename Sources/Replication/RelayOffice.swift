import DataPlane
import HTTP
package import Reactor

/// Passes enrolments and renewals on to the primaries above a relay.
package final class RelayOffice: EdgeOffice {
    private let client: FeedClient
    private let reactor: Reactor

    /// Makes an office that asks with the relay's own certificate.
    package init(client: FeedClient, reactor: Reactor) {
        self.client = client
        self.reactor = reactor
    }

    /// The authority of the primaries above.
    package func authorityPEM() async throws -> [UInt8] {
        try await ask("GET", "/_portico/authority", [], [:])
    }

    /// Passes an enrolment on.
    package func enrol(token: String, request: [UInt8]) async throws -> [UInt8] {
        try await ask("POST", "/_portico/enrol", request, ["X-Portico-Token": token])
    }

    /// Passes a renewal on, for the edge that asked.
    package func renew(name: String, request: [UInt8]) async throws -> [UInt8] {
        try await ask("POST", "/_portico/renew", request, ["X-Portico-Edge": name])
    }

    /// The answer of the first primary that can be reached.
    private func ask(
        _ method: String,
        _ path: String,
        _ body: [UInt8],
        _ headers: Headers
    ) async throws -> [UInt8] {
        let (client, reactor) = (client, reactor)
        return try await onReactor(reactor) {
            let pool = UpstreamPool(
                reactor: reactor,
                client: try client.currentIdentity.clientContext()
            )
            defer { pool.closeIdle() }
            var last = FeedError(.unreachable, "no primary is given")
            for primary in client.options.primaries {
                let caller = FeedCaller(
                    pool: pool,
                    target: primary.target(),
                    patience: Enrolment.patience
                )
                do {
                    return try await caller.content(
                        method,
                        path,
                        body: body,
                        headers: headers,
                        limit: 1 << 16
                    )
                } catch let error as FeedError {
                    last = error
                    guard error.kind == .unreachable else { throw error }
                }
            }
            throw last
        }
    }
}
