import Crypto
import Foundation

/// The tables of the shared store, and how those of older builds become them.
enum PostgreSQLSchema {
    /// Held while tables are made, so that primaries that start together take turns.
    static let lockKey = 8_102_447_713

    /// Each step brings the tables from the version before; they are never changed, only added to.
    static let steps = [revisions, edges, formats]

    private static let revisions = """
        CREATE TABLE portico.head (
            id integer PRIMARY KEY CHECK (id = 1), history text NOT NULL,
            revision bigint NOT NULL, floor bigint NOT NULL);
        CREATE TABLE portico.changes (
            revision bigint PRIMARY KEY, at timestamptz NOT NULL, token text NOT NULL UNIQUE,
            body bytea NOT NULL);
        CREATE TABLE portico.resources (key text PRIMARY KEY, value bytea NOT NULL);
        CREATE TABLE portico.counters (name text PRIMARY KEY, version bigint NOT NULL);
        CREATE TABLE portico.uses (
            key text NOT NULL, digest text NOT NULL, PRIMARY KEY (key, digest));
        CREATE INDEX uses_by_digest ON portico.uses (digest);
        CREATE TABLE portico.blob_bodies (id text PRIMARY KEY, at timestamptz NOT NULL);
        CREATE TABLE portico.blob_chunks (
            body text NOT NULL REFERENCES portico.blob_bodies ON DELETE CASCADE,
            position integer NOT NULL, digest bytea NOT NULL, bytes bytea NOT NULL,
            PRIMARY KEY (body, position));
        ALTER TABLE portico.blob_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;
        CREATE TABLE portico.blobs (
            digest text PRIMARY KEY, size bigint NOT NULL, chunk integer NOT NULL,
            body text NOT NULL REFERENCES portico.blob_bodies,
            released bigint, released_at timestamptz, pinned_until timestamptz NOT NULL);
        CREATE INDEX blobs_by_body ON portico.blobs (body);
        CREATE INDEX blobs_released ON portico.blobs (released) WHERE released IS NOT NULL;
        """

    private static let edges = """
        CREATE TABLE portico.edges (
            name text PRIMARY KEY, at timestamptz NOT NULL, report bytea NOT NULL);
        CREATE TABLE portico.private_values (
            key text PRIMARY KEY, version bigint NOT NULL, value bytea NOT NULL);
        """

    /// What is there before this step has the form of builds that did not number theirs.
    private static let formats = """
        ALTER TABLE portico.head ADD COLUMN format integer NOT NULL
            DEFAULT \(StateFormat.unnumbered);
        """

    /// Brings what older builds wrote to the form of this one, all of it or nothing.
    static func bringUpToDate(_ connection: PostgreSQLConnection) throws {
        let results = try connection.run([
            PostgreSQLStatement("BEGIN"),
            PostgreSQLStatement("SELECT format FROM portico.head FOR UPDATE"),
            PostgreSQLStatement("SELECT key, value FROM portico.resources"),
            PostgreSQLStatement("SELECT revision, body FROM portico.changes"),
        ])
        let format = results[1].count == 1 ? results[1].int(0, 0) ?? 0 : 0
        try StateFormat.check(format, "the store")
        var statements: [PostgreSQLStatement] = []
        if format < StateFormat.current {
            for row in 0..<results[2].count {
                let value = Data(results[2].bytes(row, 1) ?? [])
                statements.append(
                    PostgreSQLStatement(
                        "UPDATE portico.resources SET value = $2 WHERE key = $1",
                        .text(results[2].text(row, 0) ?? ""),
                        .bytes([UInt8](try StateFormat.upgrade(resource: value, from: format)))
                    )
                )
            }
            for row in 0..<results[3].count {
                let body = Data(results[3].bytes(row, 1) ?? [])
                statements.append(
                    PostgreSQLStatement(
                        "UPDATE portico.changes SET body = $2 WHERE revision = $1",
                        .int(results[3].int(row, 0) ?? 0),
                        .bytes([UInt8](try StateFormat.upgrade(changes: body, from: format)))
                    )
                )
            }
            statements.append(
                PostgreSQLStatement(
                    "UPDATE portico.head SET format = $1",
                    .int(StateFormat.current)
                )
            )
        }
        _ = try connection.run(statements + [PostgreSQLStatement("COMMIT")])
    }

    /// Brings the tables to the newest version, or to an older one in tests.
    static func migrate(_ connection: PostgreSQLConnection, upTo last: Int = steps.count) throws {
        let known = try connection.run([
            PostgreSQLStatement("BEGIN"),
            PostgreSQLStatement("SELECT pg_advisory_xact_lock($1)", .int(lockKey)),
            PostgreSQLStatement("SELECT to_regclass('portico.schema_version') IS NOT NULL"),
        ])
        var version = 0
        if known[2].bool(0, 0) == true {
            let sql = "SELECT max(version) FROM portico.schema_version"
            version = try connection.run([PostgreSQLStatement(sql)])[0].int(0, 0) ?? 0
        }
        guard version <= steps.count else {
            throw RegistryError(
                .storage,
                "the store's tables are of version \(version), made by a newer build; this one "
                    + "knows versions up to \(steps.count)"
            )
        }
        var statements: [PostgreSQLStatement] = []
        if version == 0 {
            statements.append(PostgreSQLStatement("CREATE SCHEMA IF NOT EXISTS portico"))
            statements.append(
                PostgreSQLStatement(
                    """
                    CREATE TABLE portico.schema_version (
                        version integer PRIMARY KEY, at timestamptz NOT NULL)
                    """
                )
            )
        }
        for step in version..<max(version, last) {
            statements += steps[step].split(separator: ";").map { PostgreSQLStatement(String($0)) }
                .filter { $0.sql.contains { !$0.isWhitespace } }
            statements.append(
                PostgreSQLStatement(
                    "INSERT INTO portico.schema_version VALUES ($1, clock_timestamp())",
                    .int(step + 1)
                )
            )
        }
        if version == 0 {
            statements.append(
                PostgreSQLStatement(
                    "INSERT INTO portico.head VALUES (1, $1, 0, 0)",
                    .text(Digest.hex(RandomBytes.make(16)))
                )
            )
        }
        statements.append(PostgreSQLStatement("COMMIT"))
        _ = try connection.run(statements)
    }
}
