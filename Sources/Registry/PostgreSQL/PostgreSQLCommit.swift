/// The statements that make one revision, the last of which is `COMMIT`: they go to the server together.
enum PostgreSQLCommit {
    static func statements(
        _ prepared: StoredForm.Prepared,
        as revision: Int,
        token: String,
        channel: String
    ) -> [PostgreSQLStatement] {
        var statements = [
            PostgreSQLStatement("UPDATE portico.head SET revision = $1", .int(revision)),
            PostgreSQLStatement(
                "INSERT INTO portico.changes VALUES ($1, clock_timestamp(), $2, $3)",
                .int(revision),
                .text(token),
                .bytes(prepared.body)
            ),
        ]
        statements += prepared.counters.flatMap(count)
        statements += prepared.resources.map(put)
        statements += uses(prepared.resources, revision)
        statements.append(
            PostgreSQLStatement(
                "SELECT pg_notify($1, $2)",
                .text(channel),
                .text(String(revision))
            )
        )
        statements.append(PostgreSQLStatement("COMMIT"))
        return statements
    }

    private static func count(_ change: StoredForm.CounterChange) -> [PostgreSQLStatement] {
        var statements: [PostgreSQLStatement] = []
        if change.resets {
            statements.append(
                PostgreSQLStatement(
                    "DELETE FROM portico.counters WHERE name = $1",
                    .text(change.function)
                )
            )
        }
        if change.highest > 0 {
            statements.append(
                PostgreSQLStatement(
                    """
                    INSERT INTO portico.counters AS known VALUES ($1, $2) ON CONFLICT (name)
                    DO UPDATE SET version = greatest(known.version, excluded.version)
                    """,
                    .text(change.function),
                    .int(change.highest)
                )
            )
        }
        return statements
    }

    private static func put(_ resource: (key: String, value: [UInt8]?)) -> PostgreSQLStatement {
        guard let value = resource.value else {
            return PostgreSQLStatement(
                "DELETE FROM portico.resources WHERE key = $1",
                .text(resource.key)
            )
        }
        return PostgreSQLStatement(
            """
            INSERT INTO portico.resources VALUES ($1, $2)
            ON CONFLICT (key) DO UPDATE SET value = excluded.value
            """,
            .text(resource.key),
            .bytes(value)
        )
    }

    /// Which code the resources name now.
    ///
    /// Code that nothing names any more is released at this revision.
    private static func uses(
        _ resources: [(key: String, value: [UInt8]?)],
        _ revision: Int
    ) -> [PostgreSQLStatement] {
        var keys: [String] = []
        var digests: [String] = []
        for (key, value) in resources {
            for digest in value.map({ BlobReferences.digests(in: $0) }) ?? [] {
                keys.append(key)
                digests.append(digest)
            }
        }
        let touched = PostgreSQLStatement.Value.texts(resources.map(\.key))
        var statements = [
            PostgreSQLStatement(
                """
                UPDATE portico.blobs SET released = $1, released_at = clock_timestamp()
                WHERE digest IN (SELECT digest FROM portico.uses WHERE key = ANY($2))
                """,
                .int(revision),
                touched
            ),
            PostgreSQLStatement("DELETE FROM portico.uses WHERE key = ANY($1)", touched),
        ]
        if !keys.isEmpty {
            statements.append(
                PostgreSQLStatement(
                    "INSERT INTO portico.uses SELECT * FROM unnest($1::text[], $2::text[])",
                    .texts(keys),
                    .texts(digests)
                )
            )
        }
        statements.append(
            PostgreSQLStatement(
                """
                UPDATE portico.blobs AS kept SET released = NULL, released_at = NULL
                WHERE (released = $1 OR (released IS NOT NULL AND digest = ANY($2)))
                AND EXISTS (SELECT FROM portico.uses WHERE uses.digest = kept.digest)
                """,
                .int(revision),
                .texts(Set(digests).sorted())
            )
        )
        return statements
    }
}
