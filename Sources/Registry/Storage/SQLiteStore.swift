import Foundation
import GRDB
package import Model
import Synchronization

/// The embedded store: one SQLite file for revisions, one file for each blob.
package final class SQLiteStore: RegistryStore {
    let queue: DatabaseQueue
    let blobs: SQLiteBlobs
    private let keys: VariableKeys
    private let broadcast = HeadBroadcast()
    private let poll: Task<Void, Never>
    private let isClosed = Atomic<Bool>(false)

    /// Opens the store in a folder, which is made when it is missing.
    ///
    /// `pollDelay` is how soon commits of another process are noticed; `keys` seal variables of functions.
    package init(
        directory folder: String,
        pollDelay: Duration = StoreLimits.pollDelay,
        keys: VariableKeys = VariableKeys()
    ) throws {
        self.keys = keys
        let blobFolder = folder + "/blobs"
        try FileManager.default.createDirectory(
            atPath: blobFolder,
            withIntermediateDirectories: true
        )
        queue = try SQLiteSchema.open(folder + "/registry.sqlite")
        blobs = SQLiteBlobs(folder: blobFolder, queue: queue)
        poll = Task.detached { [queue, broadcast] in
            while (try? await Task.sleep(for: pollDelay)) != nil {
                let head = try? await queue.read { try Self.readHead($0).revision }
                if let head { broadcast.announce(head) }
            }
        }
    }

    deinit { close() }

    package func close() {
        poll.cancel()
        broadcast.close()
        isClosed.store(true, ordering: .releasing)
    }

    // MARK: Revisions

    package func publish(after known: Int, _ body: ([Revision]) throws -> [Change]) throws -> Int {
        var isNew = false
        let number = try writing { database in
            let head = try Self.readHead(database)
            try StoredForm.checkMissing(known, head)
            let missing = try readChanges(database, after: known, upTo: head.revision)
            let changes = try body(missing)
            guard !changes.isEmpty else { return head.revision }
            isNew = true
            let prepared = try StoredForm.prepare(changes, keys)
            try Self.commit(prepared, as: head.revision + 1, database)
            return head.revision + 1
        }
        if isNew { broadcast.announce(number) }
        return number
    }

    private static func commit(
        _ prepared: StoredForm.Prepared,
        as revision: Int,
        _ database: Database
    ) throws {
        for (digest, name) in prepared.required {
            guard try Self.isKept(digest, database) else {
                throw RegistryError(.invalid, "\(name) names code \(digest), not kept here")
            }
        }
        let now = Date().timeIntervalSince1970
        try database.execute(sql: "UPDATE head SET revision = ?", arguments: [revision])
        try database.execute(
            sql: "INSERT INTO revisions VALUES (?, ?, ?)",
            arguments: [revision, now, Data(prepared.body)]
        )
        for change in prepared.counters { try count(change, database) }
        var released: Set<String> = []
        for (key, value) in prepared.resources {
            released.formUnion(try setUses(of: key, value, database))
            if let value {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO resources VALUES (?, ?)",
                    arguments: [key, Data(value)]
                )
            } else {
                try database.execute(sql: "DELETE FROM resources WHERE key = ?", arguments: [key])
            }
        }
        for digest in released {
            try database.execute(
                sql: """
                    UPDATE blobs SET released = ?, released_at = ? WHERE digest = ?
                    AND NOT EXISTS (SELECT 1 FROM uses WHERE uses.digest = blobs.digest)
                    """,
                arguments: [revision, now, digest]
            )
        }
    }

    /// Notes which code a resource names now; returns what it no longer names.
    private static func setUses(
        of key: String,
        _ value: [UInt8]?,
        _ database: Database
    ) throws -> Set<String> {
        let digests = Set(value.map { BlobReferences.digests(in: $0) } ?? [])
        let before = Set(
            try String.fetchAll(
                database,
                sql: "SELECT digest FROM uses WHERE key = ?",
                arguments: [key]
            )
        )
        for digest in before.subtracting(digests) {
            try database.execute(
                sql: "DELETE FROM uses WHERE key = ? AND digest = ?",
                arguments: [key, digest]
            )
        }
        for digest in digests.subtracting(before) {
            try database.execute(sql: "INSERT INTO uses VALUES (?, ?)", arguments: [key, digest])
            try database.execute(
                sql: "UPDATE blobs SET released = NULL, released_at = NULL WHERE digest = ?",
                arguments: [digest]
            )
        }
        return before.subtracting(digests)
    }

    private static func count(_ change: StoredForm.CounterChange, _ database: Database) throws {
        if change.resets {
            try database.execute(
                sql: "DELETE FROM counters WHERE name = ?",
                arguments: [change.function]
            )
        }
        guard change.highest > 0 else { return }
        try database.execute(
            sql: """
                INSERT INTO counters VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE SET version = max(version, excluded.version)
                """,
            arguments: [change.function, change.highest]
        )
    }

    private static func isKept(_ digest: String, _ database: Database) throws -> Bool {
        try Bool.fetchOne(
            database,
            sql: "SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = ?)",
            arguments: [digest]
        ) ?? false
    }

    package func head() throws -> StoreHead { try reading(Self.readHead) }

    package func changes(after: Int, limit: Int) throws -> [Revision] {
        try reading { database in
            let head = try Self.readHead(database)
            try StoredForm.checkFloor(after, head.floor)
            let last = min(head.revision, after + max(0, limit))
            return try readChanges(database, after: after, upTo: last)
        }
    }

    package func current() throws -> StoredState {
        let (head, values, counters) = try reading { database in
            (
                try Self.readHead(database),
                try Data.fetchAll(database, sql: "SELECT value FROM resources ORDER BY key"),
                try Row.fetchAll(database, sql: "SELECT name, version FROM counters")
            )
        }
        return try StoredForm.state(
            values,
            revision: head.revision,
            counters: Dictionary(
                counters.map { ($0["name"], $0["version"]) },
                uniquingKeysWith: max
            ),
            history: head.history,
            keys
        )
    }

    package func heads() -> AsyncStream<Int> { broadcast.watch() }

    static func readHead(_ database: Database) throws -> StoreHead {
        let sql = "SELECT history, revision, floor FROM head"
        guard let row = try Row.fetchOne(database, sql: sql) else {
            throw RegistryError(.corrupt, "the registry has lost its head revision")
        }
        return StoreHead(
            history: row["history"],
            revision: row["revision"],
            floor: row["floor"]
        )
    }

    /// Revisions of a range, until they are many bytes together.
    private func readChanges(
        _ database: Database,
        after: Int,
        upTo last: Int
    ) throws -> [Revision] {
        guard last > after else { return [] }
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT revision, body FROM revisions
                WHERE revision > ? AND revision <= ? ORDER BY revision
                """,
            arguments: [after, last]
        )
        var revisions: [Revision] = []
        var size = 0
        while let row = try rows.next() {
            let body: Data = row["body"]
            size += body.count
            if size > StoreLimits.changeBytesLimit, !revisions.isEmpty { break }
            let revision = try StoredForm.revision(row["revision"], body, keys)
            guard revision.number == after + revisions.count + 1 else { break }
            revisions.append(revision)
        }
        guard !revisions.isEmpty else {
            throw RegistryError(.corrupt, "the registry has lost revision \(after + 1)")
        }
        return revisions
    }

    // MARK: Access

    func reading<Value>(_ body: (Database) throws -> Value) throws -> Value {
        try checkOpen()
        do { return try queue.read(body) } catch let error as DatabaseError {
            throw Self.failure(error)
        }
    }

    func writing<Value>(_ body: (Database) throws -> Value) throws -> Value {
        try checkOpen()
        do { return try queue.write(body) } catch let error as DatabaseError {
            throw Self.failure(error)
        }
    }

    private func checkOpen() throws {
        guard !isClosed.load(ordering: .acquiring) else {
            throw RegistryError(.unreachable, "the store is closed")
        }
    }

    private static func failure(_ error: DatabaseError) -> RegistryError {
        RegistryError(.storage, "the registry's file: \(error.message ?? "\(error.resultCode)")")
    }
}
