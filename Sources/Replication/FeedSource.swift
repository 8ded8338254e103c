package import Model
package import Registry

/// What a feed is made of: a primary's registry, or the replica of a relay.
package protocol FeedSource: Sendable {
    /// Revisions after the given one, then every new one; ends when the follower falls behind.
    func follow(after revision: Int) async throws -> AsyncStream<Revision>
    /// Revisions after the given one, oldest first; nil when the next one is no longer kept.
    func revisions(after revision: Int, limit: Int) async throws -> [Revision]?
    /// Everything that is current.
    func snapshot() async throws -> Snapshot
    /// The archive of a digest, nil when it is not kept.
    func blob(_ digest: String) async throws -> [UInt8]?
}

/// The registry of a primary as the source of its feed.
package actor PrimarySource: FeedSource {
    /// How many bytes of archives that edges ask for at about the same time are kept in memory.
    static let cachedBytes = 64 << 20

    private let registry: PrimaryRegistry
    private let executor = QueueExecutor(label: "portico.feed.source")
    private var cache: [(digest: String, bytes: [UInt8])] = []

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    /// Makes the source of a registry.
    package init(registry: PrimaryRegistry) { self.registry = registry }

    package func follow(after revision: Int) async throws -> AsyncStream<Revision> {
        await registry.feed(after: revision)
    }

    package func revisions(after revision: Int, limit: Int) async throws -> [Revision]? {
        let found = try registry.changes(after: revision, limit: limit)
        if let first = found.first { return first.number == revision + 1 ? found : nil }
        return try await registry.snapshot().revision > revision ? nil : []
    }

    package func snapshot() async throws -> Snapshot { try await registry.snapshot() }

    package func blob(_ digest: String) async throws -> [UInt8]? {
        if let known = cache.first(where: { $0.digest == digest }) { return known.bytes }
        guard let bytes = try registry.blob(digest) else { return nil }
        cache.append((digest, bytes))
        while cache.count > 1, cache.reduce(0, { $0 + $1.bytes.count }) > Self.cachedBytes {
            cache.removeFirst()
        }
        return bytes
    }
}
