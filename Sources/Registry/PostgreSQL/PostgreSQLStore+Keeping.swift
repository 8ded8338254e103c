import Crypto
import Foundation

extension PostgreSQLStore {
    /// How long a put or a pin protects, as the server takes it.
    static let pinSeconds = Double(StoreLimits.pinLimit.components.seconds)

    // MARK: Blobs

    package func beginBlob() throws -> any BlobWriter { PostgreSQLBlobWriter(pool) }

    package func pinBlob(_ digest: String) throws -> Bool {
        let results = try pool.run(
            PostgreSQLStatement(
                """
                UPDATE portico.blobs SET pinned_until =
                    greatest(pinned_until, clock_timestamp() + make_interval(secs => $2))
                WHERE digest = $1
                """,
                .text(digest),
                .double(Self.pinSeconds)
            ),
            PostgreSQLStatement(
                """
                SELECT bool_and(sha256(chunks.bytes) = chunks.digest) IS NOT FALSE
                    AND coalesce(sum(octet_length(chunks.bytes)), 0) = min(blobs.size)
                FROM portico.blobs LEFT JOIN portico.blob_chunks AS chunks USING (body)
                WHERE blobs.digest = $1 GROUP BY blobs.digest
                """,
                .text(digest)
            )
        )
        return results[1].count == 1 && results[1].bool(0, 0) == true
    }

    package func blobSize(_ digest: String) throws -> Int? {
        guard BlobReferences.isDigest(digest) else { return nil }
        let sql = "SELECT size FROM portico.blobs WHERE digest = $1"
        let rows = try pool.run(PostgreSQLStatement(sql, .text(digest)))[0]
        return rows.count == 0 ? nil : rows.int(0, 0)
    }

    package func readBlob(_ digest: String, from offset: Int, count: Int) throws -> [UInt8]? {
        guard BlobReferences.isDigest(digest) else { return nil }
        let start = max(0, offset)
        let end = start + min(max(0, count), StoreLimits.readBytesLimit)
        let rows = try pool.run(
            PostgreSQLStatement(
                """
                SELECT blobs.size, blobs.chunk, chunks.position, chunks.digest, chunks.bytes
                FROM portico.blobs LEFT JOIN portico.blob_chunks AS chunks
                    ON chunks.body = blobs.body AND $2 < $3
                    AND position >= $2 / blobs.chunk AND position <= ($3 - 1) / blobs.chunk
                WHERE blobs.digest = $1 ORDER BY position
                """,
                .text(digest),
                .int(start),
                .int(end)
            )
        )[0]
        guard rows.count > 0, let size = rows.int(0, 0), let chunk = rows.int(0, 1) else {
            return nil
        }
        return try Self.join(rows, start..<max(start, min(end, size)), size, chunk, digest)
    }

    private static func join(
        _ rows: PostgreSQLRows,
        _ range: Range<Int>,
        _ size: Int,
        _ chunk: Int,
        _ digest: String
    ) throws -> [UInt8] {
        guard !range.isEmpty else { return [] }
        var result: [UInt8] = []
        result.reserveCapacity(range.count)
        let pieces = range.lowerBound / chunk...(range.upperBound - 1) / chunk
        for (row, piece) in pieces.enumerated() {
            let begin = piece * chunk
            guard row < rows.count, rows.int(row, 2) == piece, let bytes = rows.bytes(row, 4),
                bytes.count == min(chunk, size - begin),
                rows.bytes(row, 3) == Digest.sha256(bytes)
            else { throw RegistryError(.corrupt, "the kept code \(digest) is damaged") }
            result +=
                bytes[
                    max(0, range.lowerBound - begin)..<min(bytes.count, range.upperBound - begin)
                ]
        }
        return result
    }

    // MARK: Housekeeping

    package func compact(keeping retention: Retention) throws -> Int {
        let age = retention.age.components
        let results = try pool.run(
            PostgreSQLStatement(
                """
                UPDATE portico.head SET floor = greatest(floor, coalesce((
                    SELECT max(revision) FROM portico.changes
                    WHERE revision <= (SELECT revision FROM portico.head) - $1
                    AND at < clock_timestamp() - make_interval(secs => $2)), 0))
                RETURNING floor
                """,
                .int(retention.revisions),
                .double(Double(age.seconds) + Double(age.attoseconds) / 1e18)
            )
        )
        guard let floor = results[0].int(0, 0) else {
            throw RegistryError(.corrupt, "the registry has lost its head revision")
        }
        // After the floor, in small steps: no publisher waits for a long deletion.
        while true {
            let removed = try pool.run(
                PostgreSQLStatement(
                    """
                    DELETE FROM portico.changes WHERE revision IN (
                        SELECT revision FROM portico.changes WHERE revision <= $1
                        ORDER BY revision LIMIT 1000)
                    RETURNING 1
                    """,
                    .int(floor)
                )
            )
            if removed[0].count < 1000 { return floor }
        }
    }

    package func collectBlobs(grace: Duration, acknowledged: Int) throws -> BlobSweep {
        let seconds = Double(grace.components.seconds)
        var sweep = BlobSweep()
        while true {
            let removed = try pool.run(
                PostgreSQLStatement(
                    """
                    DELETE FROM portico.blobs WHERE digest IN (
                        SELECT digest FROM portico.blobs AS old
                        WHERE released <= least((SELECT floor FROM portico.head), $1)
                        AND released_at <= clock_timestamp() - make_interval(secs => $2)
                        AND pinned_until <= clock_timestamp()
                        AND NOT EXISTS (SELECT FROM portico.uses WHERE uses.digest = old.digest)
                        ORDER BY released_at LIMIT $3 FOR UPDATE SKIP LOCKED)
                    RETURNING size
                    """,
                    .int(acknowledged),
                    .double(seconds),
                    .int(StoreLimits.sweepLimit)
                )
            )[0]
            sweep.count += removed.count
            sweep.size += (0..<removed.count).reduce(0) { $0 + (removed.int($1, 0) ?? 0) }
            if removed.count < StoreLimits.sweepLimit { break }
        }
        try removeBodies(olderThan: seconds)
        return sweep
    }

    /// Removes the rows of blobs that are gone, were replaced or were never finished.
    private func removeBodies(olderThan seconds: Double) throws {
        while true {
            let removed = try pool.run(
                PostgreSQLStatement(
                    """
                    DELETE FROM portico.blob_bodies WHERE id IN (
                        SELECT id FROM portico.blob_bodies
                        WHERE at <= clock_timestamp() - make_interval(secs => $1)
                        AND NOT EXISTS (SELECT FROM portico.blobs WHERE body = id)
                        LIMIT $2 FOR UPDATE SKIP LOCKED)
                    RETURNING 1
                    """,
                    .double(seconds),
                    .int(StoreLimits.sweepLimit)
                )
            )
            if removed[0].count < StoreLimits.sweepLimit { return }
        }
    }

    // MARK: Edges

    package func report(_ edge: EdgeReport) throws {
        _ = try pool.run(
            PostgreSQLStatement(
                """
                INSERT INTO portico.edges VALUES ($1, clock_timestamp(), $2)
                ON CONFLICT (name) DO UPDATE SET at = excluded.at, report = excluded.report
                """,
                .text(edge.name),
                .bytes([UInt8](try JSONEncoder().encode(edge)))
            )
        )
    }

    package func edges() throws -> [EdgeReport] {
        let rows = try pool.run(
            PostgreSQLStatement(
                """
                SELECT report, extract(epoch FROM clock_timestamp() - at)::float8
                FROM portico.edges ORDER BY name
                """
            )
        )[0]
        return try (0..<rows.count).map { row in
            var report = try JSONDecoder().decode(
                EdgeReport.self,
                from: Data(rows.bytes(row, 0) ?? [])
            )
            report.age = max(0, rows.double(row, 1) ?? 0)
            return report
        }
    }

    package func forgetEdge(_ name: String) throws {
        _ = try pool.run(
            PostgreSQLStatement("DELETE FROM portico.edges WHERE name = $1", .text(name))
        )
    }

    // MARK: Private values

    package func privateValue(_ key: String) throws -> PrivateValue? {
        Self.privateValues(try pool.run(Self.select(key))[0])[key]
    }

    private static func select(_ key: String) -> PostgreSQLStatement {
        PostgreSQLStatement(
            "SELECT key, value, version FROM portico.private_values WHERE key = $1",
            .text(key)
        )
    }

    package func privateValues(under prefix: String) throws -> [String: PrivateValue] {
        let sql = """
            SELECT key, value, version FROM portico.private_values WHERE starts_with(key, $1)
            """
        return Self.privateValues(try pool.run(PostgreSQLStatement(sql, .text(prefix)))[0])
    }

    private static func privateValues(_ rows: PostgreSQLRows) -> [String: PrivateValue] {
        var values: [String: PrivateValue] = [:]
        for row in 0..<rows.count {
            guard let key = rows.text(row, 0), let bytes = rows.bytes(row, 1),
                let version = rows.int(row, 2)
            else { continue }
            values[key] = PrivateValue(bytes: bytes, version: version)
        }
        return values
    }

    package func setPrivateValue(
        _ key: String,
        _ bytes: [UInt8]?,
        expecting version: Int
    ) throws -> Bool {
        try StoredForm.checkPrivate(key, bytes)
        let statement: PostgreSQLStatement
        switch (bytes, version) {
        case (let bytes?, 0):
            statement = PostgreSQLStatement(
                """
                INSERT INTO portico.private_values VALUES ($1, 1, $2)
                ON CONFLICT (key) DO NOTHING RETURNING 1
                """,
                .text(key),
                .bytes(bytes)
            )
        case (let bytes?, _):
            statement = PostgreSQLStatement(
                """
                UPDATE portico.private_values SET value = $2, version = version + 1
                WHERE key = $1 AND version = $3 RETURNING 1
                """,
                .text(key),
                .bytes(bytes),
                .int(version)
            )
        case (nil, 0): return try privateValue(key) == nil
        case (nil, _):
            statement = PostgreSQLStatement(
                "DELETE FROM portico.private_values WHERE key = $1 AND version = $2 RETURNING 1",
                .text(key),
                .int(version)
            )
        }
        var isAgain = false
        let isDone = try pool.perform { connection -> Bool in
            defer { isAgain = true }
            if try connection.run([statement])[0].count == 1 { return true }
            guard isAgain else { return false }
            // The attempt before lost its connection: whether it was committed shows in what is there.
            let found = Self.privateValues(try connection.run([Self.select(key)])[0])[key]
            return found == bytes.map { PrivateValue(bytes: $0, version: version + 1) }
        }
        return isDone
    }
}
