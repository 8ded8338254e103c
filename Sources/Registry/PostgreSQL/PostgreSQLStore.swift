import Crypto
import Foundation
package import Model
import Synchronization

/// The shared store: any number of primaries write and read one PostgreSQL at the same time.
///
/// A publisher's turn is the lock of the head's row. What it commits was decided while it held the lock, on
/// revisions that it read under it; a primary that stalls in its turn loses the session, and with it the lock
/// and everything it has not committed.
package final class PostgreSQLStore: RegistryStore {
    let pool: PostgreSQLPool
    private let broadcast = HeadBroadcast()
    private let listener: PostgreSQLListener
    private let keys: VariableKeys

    /// Connects, and makes or brings up to date the tables.
    ///
    /// `pollDelay` is how long a commit may stay unseen when its notice is lost; `stallLimit` how long a
    /// primary may hold its turn without doing anything; `patience` how long a call tries to reach a server;
    /// `keys` seal variables of functions, and are the same at each primary.
    package init(
        url: String,
        pollDelay: Duration = StoreLimits.pollDelay,
        stallLimit: Duration = StoreLimits.stallLimit,
        patience: Duration = StoreLimits.patience,
        keys: VariableKeys = VariableKeys()
    ) throws {
        self.keys = keys
        pool = try PostgreSQLPool(
            PostgreSQLURL(url),
            stallLimit: stallLimit,
            patience: patience
        )
        do {
            try pool.perform { connection in
                try PostgreSQLSchema.migrate(connection)
                try PostgreSQLSchema.bringUpToDate(connection)
            }
        } catch let error as RegistryError {
            throw RegistryError(error.kind, "\(error.description) [\(pool.url.description)]")
        }
        listener = PostgreSQLListener(pool, broadcast, pollDelay: pollDelay)
    }

    deinit { close() }

    package func close() {
        pool.close()
        broadcast.close()
    }

    // MARK: Publishing

    package func publish(after known: Int, _ body: ([Revision]) throws -> [Change]) throws -> Int {
        let token = Digest.hex(RandomBytes.make(16))
        var isAgain = false
        let outcome = try pool.perform { connection -> (number: Int, isNew: Bool) in
            defer { isAgain = true }
            let head = try takeTurn(connection)
            // After a lost connection the commit may have been made all the same.
            if isAgain, let done = try committed(token, connection) { return (done, true) }
            try StoredForm.checkMissing(known, head)
            let missing = try missing(after: known, upTo: head.revision, connection)
            let changes = try body(missing)
            guard !changes.isEmpty else {
                _ = try connection.run([PostgreSQLStatement("COMMIT")])
                return (head.revision, false)
            }
            let prepared = try StoredForm.prepare(changes, keys)
            try holdCode(prepared.required, connection)
            let statements = PostgreSQLCommit.statements(
                prepared,
                as: head.revision + 1,
                token: token,
                channel: Self.channel
            )
            let results = try connection.run(statements)
            guard results.last?.command == "COMMIT" else {
                throw PostgreSQLError(sqlState: "40001", description: "the commit was rolled back")
            }
            return (head.revision + 1, true)
        }
        if outcome.isNew { broadcast.announce(outcome.number) }
        return outcome.number
    }

    /// The channel of notices: one database has one store.
    static let channel = "portico"

    private func takeTurn(_ connection: PostgreSQLConnection) throws -> StoreHead {
        let results = try connection.run([
            PostgreSQLStatement("BEGIN"),
            PostgreSQLStatement(
                "SELECT history, revision, floor, format FROM portico.head FOR UPDATE"
            ),
        ])
        return try Self.head(results[1])
    }

    private func committed(
        _ token: String,
        _ connection: PostgreSQLConnection
    ) throws -> Int? {
        let sql = "SELECT revision FROM portico.changes WHERE token = $1"
        let rows = try connection.run([PostgreSQLStatement(sql, .text(token))])[0]
        guard rows.count > 0 else { return nil }
        _ = try connection.run([PostgreSQLStatement("COMMIT")])
        return rows.int(0, 0)
    }

    private func missing(
        after known: Int,
        upTo head: Int,
        _ connection: PostgreSQLConnection
    ) throws -> [Revision] {
        guard head > known else { return [] }
        let rows = try connection.run([Self.changes(after: known, upTo: head)])[0]
        let revisions = try revisions(rows, after: known)
        guard revisions.count == head - known else {
            throw RegistryError(.behind, "\(head - known) revisions must be read first")
        }
        return revisions
    }

    /// Locks the code that a revision needs against collection until the commit.
    private func holdCode(
        _ required: [(digest: String, name: String)],
        _ connection: PostgreSQLConnection
    ) throws {
        guard !required.isEmpty else { return }
        let rows = try connection.run([
            PostgreSQLStatement(
                "SELECT digest FROM portico.blobs WHERE digest = ANY($1) ORDER BY digest FOR KEY SHARE",
                .texts(Set(required.map(\.digest)).sorted())
            )
        ])[0]
        let kept = Set((0..<rows.count).compactMap { rows.text($0, 0) })
        for (digest, name) in required where !kept.contains(digest) {
            throw RegistryError(.invalid, "\(name) names code \(digest), not kept here")
        }
    }

    // MARK: Reading

    package func head() throws -> StoreHead {
        let sql = "SELECT history, revision, floor, format FROM portico.head"
        return try Self.head(try pool.run(PostgreSQLStatement(sql))[0])
    }

    static func head(_ rows: PostgreSQLRows) throws -> StoreHead {
        guard rows.count == 1, let history = rows.text(0, 0), let revision = rows.int(0, 1),
            let floor = rows.int(0, 2), let format = rows.int(0, 3)
        else { throw RegistryError(.corrupt, "the registry has lost its head revision") }
        // A primary of a newer build may have brought the store up to date meanwhile.
        try StateFormat.check(format, "the store")
        return StoreHead(history: history, revision: revision, floor: floor)
    }

    package func changes(after: Int, limit: Int) throws -> [Revision] {
        let results = try pool.run(
            PostgreSQLStatement("SELECT history, revision, floor, format FROM portico.head"),
            Self.changes(after: after, upTo: after + max(0, limit)),
            PostgreSQLStatement("SELECT floor FROM portico.head")
        )
        let head = try Self.head(results[0])
        // The floor may have risen between the two.
        try StoredForm.checkFloor(after, results[2].int(0, 0) ?? head.floor)
        let revisions = try revisions(results[1], after: after)
        if revisions.isEmpty, limit > 0, head.revision > after {
            throw RegistryError(.corrupt, "the registry has lost revision \(after + 1)")
        }
        return revisions
    }

    /// Revisions of a range, until they are many bytes together.
    private static func changes(after: Int, upTo last: Int) -> PostgreSQLStatement {
        PostgreSQLStatement(
            """
            SELECT revision, body FROM (
                SELECT revision, body, sum(octet_length(body)) OVER (ORDER BY revision) AS total
                FROM (SELECT revision, body FROM portico.changes
                    WHERE revision > $1 AND revision <= $2 ORDER BY revision) AS wanted
            ) AS summed WHERE total <= $3 OR revision = $1 + 1 ORDER BY revision
            """,
            .int(after),
            .int(last),
            .int(StoreLimits.changeBytesLimit)
        )
    }

    private func revisions(_ rows: PostgreSQLRows, after: Int) throws -> [Revision] {
        var revisions: [Revision] = []
        for row in 0..<rows.count {
            guard let number = rows.int(row, 0), let body = rows.bytes(row, 1),
                number == after + row + 1
            else { break }
            revisions.append(try StoredForm.revision(number, body, keys))
        }
        return revisions
    }

    package func current() throws -> StoredState {
        let results = try pool.run(
            PostgreSQLStatement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            PostgreSQLStatement("SELECT history, revision, floor, format FROM portico.head"),
            PostgreSQLStatement("SELECT value FROM portico.resources ORDER BY key"),
            PostgreSQLStatement("SELECT name, version FROM portico.counters"),
            PostgreSQLStatement("COMMIT")
        )
        let head = try Self.head(results[1])
        var counters: [String: Int] = [:]
        for row in 0..<results[3].count {
            guard let name = results[3].text(row, 0) else { continue }
            counters[name] = results[3].int(row, 1)
        }
        return try StoredForm.state(
            results[2].rows.compactMap { $0[0].map { Data($0) } },
            revision: head.revision,
            counters: counters,
            history: head.history,
            keys
        )
    }

    package func heads() -> AsyncStream<Int> {
        let stream = broadcast.watch()
        listener.start()
        return stream
    }
}
