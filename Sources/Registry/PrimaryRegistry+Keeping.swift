extension PrimaryRegistry {
    // MARK: Code

    /// Keeps a code archive, which must be readable, and returns its digest.
    ///
    /// Bytes that are kept already, and whole, are not written again; damaged ones are replaced.
    package nonisolated func addBlob(_ bytes: [UInt8]) async throws -> String {
        try await desk.run { [store] in
            try CodeArchive.check(bytes)
            let digest = CodeArchive.digest(bytes)
            if try store.pinBlob(digest) { return digest }
            let writer = try store.beginBlob()
            try writer.append(bytes[...])
            return try writer.finish(expecting: digest).digest
        }
    }

    /// All bytes kept under a digest, verified.
    ///
    /// - Important: Blocks; call from a queue of your own, never from a reactor.
    package nonisolated func blob(_ digest: String) throws -> [UInt8]? {
        guard let size = try store.blobSize(digest) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        while bytes.count < size {
            guard
                let more = try store.readBlob(
                    digest,
                    from: bytes.count,
                    count: StoreLimits.readBytesLimit
                ), !more.isEmpty
            else { return nil }
            bytes += more
        }
        return bytes
    }

    /// All bytes kept under a digest, verified, read where nothing else waits.
    package nonisolated func wholeBlob(_ digest: String) async throws -> [UInt8]? {
        try await desk.run { try self.blob(digest) }
    }

    /// How many bytes are kept under a digest; nil when there are none.
    package nonisolated func blobSize(_ digest: String) async throws -> Int? {
        try await desk.run { [store] in try store.blobSize(digest) }
    }

    /// A part of what is kept under a digest, verified: at most `count` bytes from `offset` on, and at most
    /// `StoreLimits.readBytesLimit`; fewer at the end, none behind it; nil when nothing is kept.
    package nonisolated func readBlob(
        _ digest: String,
        from offset: Int,
        count: Int
    ) async throws -> [UInt8]? {
        try await desk.run { [store] in try store.readBlob(digest, from: offset, count: count) }
    }

    // MARK: Housekeeping

    /// Forgets old changes and code that nobody needs any more; returns the floor and what was removed.
    ///
    /// `liveness` is how long ago an edge may have spoken for its revision to hold code back; an edge that
    /// was away for longer and needs what is gone takes a snapshot.
    package nonisolated func maintain(
        keeping retention: Retention = Retention(),
        grace: Duration = StoreLimits.pinLimit,
        liveness: Duration = StoreLimits.edgeLiveness
    ) async throws -> (floor: Int, sweep: BlobSweep) {
        try await desk.run { [store] in
            let floor = try store.compact(keeping: retention)
            let live = try store.edges().filter { $0.age < Double(liveness.components.seconds) }
            let acknowledged = live.map(\.revision).min() ?? .max
            return (floor, try store.collectBlobs(grace: grace, acknowledged: acknowledged))
        }
    }

    // MARK: Edges and private values

    /// Remembers what an edge says of itself, for all primaries.
    package nonisolated func report(_ edge: EdgeReport) async throws {
        try await desk.run { [store] in try store.report(edge) }
    }

    /// What every edge last said to any primary, by name.
    package nonisolated func edges() async throws -> [EdgeReport] {
        try await desk.run { [store] in try store.edges() }
    }

    /// Forgets an edge.
    package nonisolated func forgetEdge(_ name: String) async throws {
        try await desk.run { [store] in try store.forgetEdge(name) }
    }

    /// A value that only primaries see: it is in no snapshot and in no feed.
    package nonisolated func privateValue(_ key: String) async throws -> PrivateValue? {
        try await desk.run { [store] in try store.privateValue(key) }
    }

    /// All private values whose keys begin so, by key.
    package nonisolated func privateValues(
        under prefix: String
    ) async throws -> [String: PrivateValue] {
        try await desk.run { [store] in try store.privateValues(under: prefix) }
    }

    /// Sets (or with nil removes) a private value when its version still is the expected one, 0 for none;
    /// returns whether it did.
    package nonisolated func setPrivateValue(
        _ key: String,
        _ bytes: [UInt8]?,
        expecting version: Int
    ) async throws -> Bool {
        try await desk.run { [store] in
            try store.setPrivateValue(key, bytes, expecting: version)
        }
    }
}
