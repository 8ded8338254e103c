package import Model
package import Registry

/// What a feed is made of: a primary's registry, or the replica of a relay.
package protocol FeedSource: Sendable {
    /// Revisions after the given one, then every new one; ends when the follower falls behind.
    ///
    /// Nil when what comes after the given one is not known here (any more).
    func follow(after revision: Int) async throws -> AsyncStream<Revision>?
    /// Revisions after the given one, oldest first; nil when the next one is no longer kept.
    func revisions(after revision: Int, limit: Int) async throws -> [Revision]?
    /// Everything that is current.
    func snapshot() async throws -> Snapshot
    /// Whether what is current is this revision or a later one, by the latest word that can be had.
    func reaches(_ revision: Int) async throws -> Bool
    /// How many bytes the archive of a digest has, nil when it is not kept.
    func blobSize(_ digest: String) async throws -> Int?
    /// The part of an archive with this number, each of `FeedProtocol.blobPart` bytes but the last.
    func blobPart(_ digest: String, _ number: Int) async throws -> [UInt8]?
}

/// The registry of a primary as the source of its feed.
package actor PrimarySource: FeedSource {
    /// How many parts of archives that edges ask for at about the same time are kept in memory.
    static let cachedParts = 64

    private let registry: PrimaryRegistry
    private var parts: [(digest: String, number: Int, bytes: Task<[UInt8]?, any Error>)] = []
    private var sizes: [String: Int] = [:]

    /// Makes the source of a registry.
    package init(registry: PrimaryRegistry) { self.registry = registry }

    /// What the registry publishes.
    package func follow(after revision: Int) async throws -> AsyncStream<Revision>? {
        guard try await registry.snapshot().revision >= revision else { return nil }
        return await registry.feed(after: revision)
    }

    /// What the registry has published and not compacted away.
    package func revisions(after revision: Int, limit: Int) async throws -> [Revision]? {
        do {
            let found = try await registry.changes(after: revision, limit: limit)
            if let first = found.first { return first.number == revision + 1 ? found : nil }
            return try await registry.snapshot().revision > revision ? nil : []
        } catch let error as RegistryError where error.kind == .snapshotRequired {
            return nil
        }
    }

    /// Everything that is current.
    package func snapshot() async throws -> Snapshot { try await registry.snapshot() }

    /// Whether the registry is so far; asks the store before it says no.
    package func reaches(_ revision: Int) async throws -> Bool {
        if try await registry.snapshot().revision >= revision { return true }
        try await registry.catchUp()
        return try await registry.snapshot().revision >= revision
    }

    /// How many bytes the registry keeps under a digest.
    package func blobSize(_ digest: String) async throws -> Int? {
        if let known = sizes[digest] { return known }
        let size = try await registry.blobSize(digest)
        if sizes.count >= Self.cachedParts { sizes.removeAll() }
        sizes[digest] = size
        return size
    }

    /// A part of what is kept; edges that ask for the same one at the same time share one reading.
    package func blobPart(_ digest: String, _ number: Int) async throws -> [UInt8]? {
        if let known = parts.first(where: { $0.digest == digest && $0.number == number }) {
            return try await known.bytes.value
        }
        let registry = registry
        let reading = Task {
            try await registry.readBlob(
                digest,
                from: number * FeedProtocol.blobPart,
                count: FeedProtocol.blobPart
            )
        }
        if parts.count >= Self.cachedParts { parts.removeFirst() }
        parts.append((digest, number, reading))
        do {
            if let bytes = try await reading.value { return bytes }
        } catch {
            // Nobody should be told again of a failure that may have passed.
            parts.removeAll { $0.digest == digest && $0.number == number }
            throw error
        }
        parts.removeAll { $0.digest == digest && $0.number == number }
        return nil
    }
}
