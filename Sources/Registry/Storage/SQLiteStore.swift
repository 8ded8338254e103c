import Crypto
import Foundation
import GRDB
package import Model

/// The embedded store: one SQLite file for revisions, one file per code archive.
package final class SQLiteStore: RegistryStore {
    private let queue: DatabaseQueue
    private let blobFolder: String

    /// Opens the store in a folder, which is made when it is missing.
    package init(directory folder: String) throws {
        blobFolder = folder + "/blobs"
        try FileManager.default.createDirectory(
            atPath: blobFolder,
            withIntermediateDirectories: true
        )
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        queue = try DatabaseQueue(path: folder + "/registry.sqlite", configuration: configuration)
        try Self.migrator.migrate(queue)
    }

    private static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
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
        return migrator
    }()

    /// Commits changes as the next revision, whole or not at all.
    package func publish(_ changes: [Change]) throws -> Int {
        guard !changes.isEmpty else { throw RegistryError(.invalid, "a revision needs a change") }
        let encoder = JSONEncoder()
        let encoded = try changes.map { ($0, try encoder.encode($0)) }
        return try queue.write { database in
            try database.execute(sql: "UPDATE head SET revision = revision + 1")
            let revision = try Self.head(database)
            for (position, (change, value)) in encoded.enumerated() {
                try database.execute(
                    sql: "INSERT INTO changes VALUES (?, ?, ?)",
                    arguments: [revision, position, value]
                )
                try Self.apply(change, database, encoder)
            }
            return revision
        }
    }

    private static func apply(
        _ change: Change,
        _ database: Database,
        _ encoder: JSONEncoder
    ) throws {
        switch change {
        case .put(let resource):
            if case .function(let version) = resource { try check(version, database) }
            try database.execute(
                sql: "INSERT OR REPLACE INTO resources VALUES (?, ?)",
                arguments: [resource.key, try encoder.encode(resource)]
            )
        case .delete(let key):
            try database.execute(sql: "DELETE FROM resources WHERE key = ?", arguments: [key])
        case .resetVersions(let function):
            try database.execute(
                sql: "DELETE FROM counters WHERE name = ?",
                arguments: [function]
            )
        }
    }

    /// Refuses a version whose code is not here, or that would change what was published before.
    private static func check(_ version: FunctionVersion, _ database: Database) throws {
        let known = try Bool.fetchOne(
            database,
            sql: "SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = ?)",
            arguments: [version.codeDigest]
        )
        guard known == true else {
            throw RegistryError(
                .invalid,
                "\(version.qualifiedName) names code \(version.codeDigest), not kept here"
            )
        }
        guard version.version != FunctionVersion.latest else { return }
        let old = try Data.fetchOne(
            database,
            sql: "SELECT value FROM resources WHERE key = ?",
            arguments: [Resource.function(version).key]
        )
        if let old {
            guard try JSONDecoder().decode(Resource.self, from: old) == .function(version) else {
                throw RegistryError(
                    .invalid,
                    "\(version.qualifiedName) is published and cannot change"
                )
            }
            return
        }
        let last =
            try Int.fetchOne(
                database,
                sql: "SELECT version FROM counters WHERE name = ?",
                arguments: [version.name]
            ) ?? 0
        guard version.version > last else {
            throw RegistryError(
                .invalid,
                "\(version.qualifiedName) was deleted; its number is not given again"
            )
        }
        try database.execute(
            sql: "INSERT OR REPLACE INTO counters VALUES (?, ?)",
            arguments: [version.name, version.version]
        )
    }

    private static func head(_ database: Database) throws -> Int {
        guard let revision = try Int.fetchOne(database, sql: "SELECT revision FROM head") else {
            throw RegistryError(.corrupt, "the registry has lost its head revision")
        }
        return revision
    }

    /// The number of the latest revision.
    package func head() throws -> Int { try queue.read(Self.head) }

    /// Revisions after the given one, oldest first.
    package func changes(after: Int, limit: Int) throws -> [Revision] {
        let rows = try queue.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT revision, value FROM changes
                    WHERE revision > ? AND revision <= ? ORDER BY revision, position
                    """,
                arguments: [after, after + max(0, limit)]
            )
        }
        let decoder = JSONDecoder()
        var revisions: [Revision] = []
        for row in rows {
            let number: Int = row["revision"]
            let change = try decoder.decode(Change.self, from: row["value"] as Data)
            if let last = revisions.last, last.number == number {
                revisions[revisions.count - 1] = Revision(
                    number: number,
                    changes: last.changes + [change]
                )
            } else {
                revisions.append(Revision(number: number, changes: [change]))
            }
        }
        return revisions
    }

    /// Everything that is current, as of one revision.
    package func snapshot() throws -> Snapshot {
        let (revision, values) = try queue.read { database in
            (
                try Self.head(database),
                try Data.fetchAll(database, sql: "SELECT value FROM resources ORDER BY key")
            )
        }
        let decoder = JSONDecoder()
        let puts = try values.map { Change.put(try decoder.decode(Resource.self, from: $0)) }
        return Snapshot().applying(puts, revision: revision)
    }

    /// The highest number ever given to a version of each function.
    package func versionCounters() throws -> [String: Int] {
        let rows = try queue.read {
            try Row.fetchAll($0, sql: "SELECT name, version FROM counters")
        }
        return Dictionary(uniqueKeysWithValues: rows.map { ($0["name"], $0["version"]) })
    }

    /// Keeps bytes under their SHA-256, durably.
    package func putBlob(digest: String, _ bytes: [UInt8]) throws {
        guard Digest.hex(Digest.sha256(bytes)) == digest else {
            throw RegistryError(.corrupt, "the code is not what its digest \(digest) says")
        }
        let path = blobFolder + "/" + digest
        if !FileManager.default.fileExists(atPath: path) { try DurableFile.write(bytes, to: path) }
        try queue.write { database in
            try database.execute(
                sql: "INSERT OR IGNORE INTO blobs VALUES (?, ?)",
                arguments: [digest, bytes.count]
            )
        }
    }

    /// The bytes kept under a SHA-256, verified, or nil.
    package func blob(_ digest: String) throws -> [UInt8]? {
        guard digest.utf8.count == 64, digest.allSatisfy(\.isHexDigit) else { return nil }
        guard let data = FileManager.default.contents(atPath: blobFolder + "/" + digest) else {
            return nil
        }
        let bytes = [UInt8](data)
        guard Digest.hex(Digest.sha256(bytes)) == digest else {
            throw RegistryError(.corrupt, "the kept code \(digest) is damaged")
        }
        return bytes
    }
}
