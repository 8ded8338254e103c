import GRDB
import HTTP

/// The events of a queue in a SQLite file of their own.
///
/// What is in here survives the end of the process. Use it on one thread at a time; it blocks.
final class EventStore: Sendable {
    private let database: DatabaseQueue

    /// Opens the file, which is made when it is missing.
    init(path: String) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = NORMAL")
        }
        database = try DatabaseQueue(path: path, configuration: configuration)
        try database.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS events (
                        id TEXT PRIMARY KEY, function TEXT NOT NULL, qualifier TEXT,
                        payload TEXT NOT NULL, client TEXT, trace TEXT, accepted INTEGER NOT NULL,
                        attempts INTEGER NOT NULL, deferrals INTEGER NOT NULL,
                        due INTEGER NOT NULL) WITHOUT ROWID
                    """
            )
        }
    }

    /// The ids of all events with the time at which each is due, in that order.
    func all() throws -> [(id: String, due: Int64)] {
        try database.read { database in
            try Row.fetchAll(database, sql: "SELECT id, due FROM events ORDER BY due").map {
                ($0["id"], $0["due"])
            }
        }
    }

    /// Keeps an event, or its new counters and time.
    func put(_ event: QueuedEvent, due: Int64) throws {
        try database.write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                arguments: [
                    event.id, event.function, event.qualifier,
                    String(decoding: event.payload, as: UTF8.self), event.clientContext,
                    event.traceID, event.acceptedAt, event.attempts, event.deferrals, due,
                ]
            )
        }
    }

    /// An event; nil when it is done.
    func event(_ id: String) throws -> QueuedEvent? {
        try database.read { database in
            guard
                let row = try Row.fetchOne(
                    database,
                    sql: "SELECT * FROM events WHERE id = ?",
                    arguments: [id]
                )
            else { return nil }
            let payload: String = row["payload"]
            var event = QueuedEvent(
                id: row["id"],
                function: row["function"],
                qualifier: row["qualifier"],
                payload: Array(payload.utf8)[...],
                acceptedAt: row["accepted"]
            )
            event.clientContext = row["client"]
            event.traceID = row["trace"]
            event.attempts = row["attempts"]
            event.deferrals = row["deferrals"]
            return event
        }
    }

    /// Forgets an event that is done.
    func remove(_ id: String) throws {
        try database.write { database in
            try database.execute(sql: "DELETE FROM events WHERE id = ?", arguments: [id])
        }
    }
}
