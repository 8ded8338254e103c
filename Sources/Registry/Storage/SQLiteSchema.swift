import Crypto
import Foundation
import GRDB

/// The tables of the embedded store, and how those of older builds become them.
enum SQLiteSchema {
    /// How long a writer waits for another one of the same file.
    static let busyTimeout = 5.0

    static func open(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.busyMode = .timeout(busyTimeout)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        guard try queue.read({ try !migrator.hasBeenSuperseded($0) }) else {
            throw RegistryError(
                .storage,
                "\(path) was written by a newer build; use that one, or another state folder"
            )
        }
        try migrator.migrate(queue)
        try queue.write { try bringUpToDate($0) }
        return queue
    }

    /// Brings what older builds wrote to the form of this one, all of it or nothing.
    private static func bringUpToDate(_ database: Database) throws {
        let known = try Int.fetchOne(database, sql: "SELECT format FROM head")
        let format = known ?? StateFormat.unnumbered
        try StateFormat.check(format, "the registry")
        guard format < StateFormat.current else { return }
        let resources = try Row.fetchCursor(database, sql: "SELECT key, value FROM resources")
        while let row = try resources.next() {
            let value = try StateFormat.upgrade(resource: row["value"], from: format)
            try database.execute(
                sql: "UPDATE resources SET value = ? WHERE key = ?",
                arguments: [value, row["key"] as String]
            )
        }
        let revisions = try Row.fetchCursor(
            database,
            sql: "SELECT revision, body FROM revisions ORDER BY revision"
        )
        while let row = try revisions.next() {
            let body = try StateFormat.upgrade(changes: row["body"], from: format)
            try database.execute(
                sql: "UPDATE revisions SET body = ? WHERE revision = ?",
                arguments: [body, row["revision"] as Int]
            )
        }
        try database.execute(
            sql: "UPDATE head SET format = ?",
            arguments: [StateFormat.current]
        )
    }

    static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1", migrate: makeFirstTables)
        migrator.registerMigration("2", migrate: keepWholeRevisions)
        migrator.registerMigration("3") { database in
            try database.execute(
                sql: """
                    ALTER TABLE head ADD COLUMN format INTEGER NOT NULL
                        DEFAULT \(StateFormat.unnumbered)
                    """
            )
        }
        return migrator
    }()

    private static func makeFirstTables(_ database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE head (
                    id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL);
                INSERT INTO head VALUES (1, 0);
                CREATE TABLE changes (
                    revision INTEGER NOT NULL, position INTEGER NOT NULL, value BLOB NOT NULL,
                    PRIMARY KEY (revision, position)) WITHOUT ROWID;
                CREATE TABLE resources (key TEXT PRIMARY KEY, value BLOB NOT NULL);
                CREATE TABLE counters (name TEXT PRIMARY KEY, version INTEGER NOT NULL);
                CREATE TABLE blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL);
                """
        )
    }

    /// One row for each revision, the floor, the uses of code, edges and private values.
    private static func keepWholeRevisions(_ database: Database) throws {
        try database.execute(
            sql: """
                ALTER TABLE head ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE head ADD COLUMN history TEXT NOT NULL DEFAULT '';
                CREATE TABLE revisions (
                    revision INTEGER PRIMARY KEY, at REAL NOT NULL, body BLOB NOT NULL);
                CREATE TABLE uses (
                    key TEXT NOT NULL, digest TEXT NOT NULL,
                    PRIMARY KEY (key, digest)) WITHOUT ROWID;
                CREATE INDEX uses_by_digest ON uses (digest);
                ALTER TABLE blobs ADD COLUMN chunk INTEGER NOT NULL DEFAULT 0;
                ALTER TABLE blobs ADD COLUMN checks BLOB;
                ALTER TABLE blobs ADD COLUMN released INTEGER;
                ALTER TABLE blobs ADD COLUMN released_at REAL;
                CREATE TABLE edges (name TEXT PRIMARY KEY, at REAL NOT NULL, report BLOB NOT NULL);
                CREATE TABLE private_values (
                    key TEXT PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL);
                """
        )
        let now = Date().timeIntervalSince1970
        try database.execute(
            sql: "UPDATE head SET history = ?",
            arguments: [Digest.hex(RandomBytes.make(16))]
        )
        try mergeChanges(database, at: now)
        let resources = try Row.fetchCursor(database, sql: "SELECT key, value FROM resources")
        while let row = try resources.next() {
            let key: String = row["key"]
            for digest in BlobReferences.digests(in: row["value"] as Data) {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO uses VALUES (?, ?)",
                    arguments: [key, digest]
                )
            }
        }
        try database.execute(
            sql: """
                UPDATE blobs SET released = (SELECT revision FROM head), released_at = ?
                WHERE digest NOT IN (SELECT digest FROM uses);
                """,
            arguments: [now]
        )
    }

    private static func mergeChanges(_ database: Database, at now: Double) throws {
        var number = 0
        var body: [UInt8] = []
        func flush() throws {
            guard number > 0 else { return }
            try database.execute(
                sql: "INSERT INTO revisions VALUES (?, ?, ?)",
                arguments: [number, now, Data(body + [UInt8(ascii: "]")])]
            )
        }
        let rows = try Row.fetchCursor(
            database,
            sql: "SELECT revision, value FROM changes ORDER BY revision, position"
        )
        while let row = try rows.next() {
            let next: Int = row["revision"]
            if next != number {
                try flush()
                body = [UInt8(ascii: "[")]
                number = next
            } else {
                body.append(UInt8(ascii: ","))
            }
            body += [UInt8](row["value"] as Data)
        }
        try flush()
        try database.execute(sql: "DROP TABLE changes")
    }
}
