import Crypto

/// Writes one blob as rows of bounded size; it gets its name once all of them are there.
final class PostgreSQLBlobWriter: BlobWriter {
    /// How many rows travel together.
    static let batchLimit = 4

    private let pool: PostgreSQLPool
    private let body = Digest.hex(RandomBytes.make(16))
    private var cutter = BlobCutter()
    private var batch: [PostgreSQLStatement] = []
    private var isOpen = true

    init(_ pool: PostgreSQLPool) { self.pool = pool }

    deinit { abandon() }

    func append(_ bytes: ArraySlice<UInt8>) throws {
        guard isOpen else { throw RegistryError(.storage, "the blob is finished") }
        try cutter.append(bytes) { try add($0, $1) }
    }

    private func add(_ position: Int, _ piece: [UInt8]) throws {
        batch.append(
            PostgreSQLStatement(
                """
                INSERT INTO portico.blob_chunks VALUES ($1, $2, $3, $4)
                ON CONFLICT (body, position) DO NOTHING
                """,
                .text(body),
                .int(position),
                .bytes(Digest.sha256(piece)),
                .bytes(piece)
            )
        )
        if batch.count >= Self.batchLimit { try send() }
    }

    /// Sends the rows that wait.
    ///
    /// They need no sync of their own: the last transaction syncs them all, and
    /// checks that they are all there.
    private func send() throws {
        let statements =
            [
                PostgreSQLStatement("BEGIN"),
                PostgreSQLStatement("SET LOCAL synchronous_commit = off"),
                PostgreSQLStatement(
                    """
                    INSERT INTO portico.blob_bodies VALUES ($1, clock_timestamp())
                    ON CONFLICT (id) DO UPDATE SET at = excluded.at
                    """,
                    .text(body)
                ),
            ] + batch + [PostgreSQLStatement("COMMIT")]
        try pool.perform { _ = try $0.run(statements) }
        batch = []
    }

    func finish(expecting digest: String?) throws -> KeptBlob {
        guard isOpen else { throw RegistryError(.storage, "the blob is finished") }
        let found = try cutter.finish { try add($0, $1) }
        defer { abandon() }
        guard found == digest ?? found else {
            throw RegistryError(.corrupt, "the code is not what its digest \(digest ?? "") says")
        }
        try send()
        let rows = try pool.run(
            PostgreSQLStatement(
                """
                INSERT INTO portico.blobs AS known
                SELECT $1, $2, $3, $4, 0, clock_timestamp(),
                    clock_timestamp() + make_interval(secs => $5)
                FROM portico.blob_chunks WHERE body = $4
                HAVING count(*) = $6 AND coalesce(sum(octet_length(bytes)), 0) = $2
                ON CONFLICT (digest) DO UPDATE SET size = excluded.size, chunk = excluded.chunk,
                    body = excluded.body, pinned_until = excluded.pinned_until
                RETURNING digest
                """,
                .text(found),
                .int(cutter.size),
                .int(cutter.checks.chunk),
                .text(body),
                .double(PostgreSQLStore.pinSeconds),
                .int(cutter.checks.digests.count / 32)
            )
        )
        guard rows[0].count == 1 else {
            throw RegistryError(.unreachable, "the server lost a part of the code; put it again")
        }
        isOpen = false
        return KeptBlob(digest: found, size: cutter.size)
    }

    /// What was written is collected once it is as old as the grace; here it is only forgotten.
    func abandon() {
        guard isOpen else { return }
        isOpen = false
        batch = []
    }
}
