import Crypto
import DataPlane
import HTTP
package import Reactor
import TLS

/// How an edge gets its identity from a join token.
package enum Enrolment {
    /// The longest wait for each answer.
    static let patience = Duration.seconds(10)

    /// Enrols at the first primary that answers, and keeps the identity in a folder.
    ///
    /// - Throws: `FeedError` of the last primary tried.
    package static func join(
        _ token: JoinToken,
        at primaries: [PrimaryAddress],
        folder: String,
        on reactor: Reactor
    ) async throws -> EdgeIdentity {
        var last = FeedError(.unreachable, "no primary is given")
        for primary in primaries {
            do {
                return try await onReactor(reactor) {
                    try await join(token, at: primary, folder: folder, pool: reactor)
                }
            } catch let error as FeedError {
                last = error
            }
        }
        throw last
    }

    private static func join(
        _ token: JoinToken,
        at primary: PrimaryAddress,
        folder: String,
        pool reactor: Reactor
    ) async throws -> EdgeIdentity {
        // Nothing secret is said before the authority is known to be the one that the token pins. The
        // system's roots have no say here, and reading them takes longer than all the rest.
        var options = TLSClientOptions()
        options.trustsSystemRoots = false
        let unverified = FeedCaller(
            pool: UpstreamPool(
                reactor: reactor,
                client: try TLSContext.client(options: options)
            ),
            target: primary.target(verifies: false),
            patience: patience
        )
        defer { unverified.pool.closeIdle() }
        let pem = try await unverified.content("GET", "/_portico/authority", limit: 1 << 16)
        guard CertificateIdentity(pem: pem)?.fingerprint == token.authority else {
            throw FeedError(.refused, "\(primary) is not the primary that made the join token")
        }
        let made = try KeyWithRequest()
        let trusting = try temporaryContext(trusting: pem, folder: folder)
        let caller = FeedCaller(
            pool: UpstreamPool(reactor: reactor, client: trusting),
            target: primary.target(),
            patience: patience
        )
        defer { caller.pool.closeIdle() }
        let chain = try await caller.content(
            "POST",
            "/_portico/enrol",
            body: made.requestPEM,
            headers: ["X-Portico-Token": token.text],
            limit: 1 << 16
        )
        return try EdgeIdentity.save(
            chain: chain,
            keyPEM: made.keyPEM,
            authority: pem,
            nonce: token.nonce,
            folder: folder
        )
    }

    private static func temporaryContext(
        trusting pem: [UInt8],
        folder: String
    ) throws -> TLSContext {
        let path = try EdgeIdentity.keep(authority: pem, folder: folder)
        var options = TLSClientOptions()
        options.trustsSystemRoots = false
        options.authorityFiles = [path]
        return try TLSContext.client(options: options)
    }
}

/// Runs work on a reactor and brings back its value.
func onReactor<Value: Sendable>(
    _ reactor: Reactor,
    _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await Task(executorPreference: reactor) { try await work() }.value
}
