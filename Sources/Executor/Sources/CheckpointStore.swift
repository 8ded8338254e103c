import GRDB
import Synchronization

/// Up to where each shard was worked on, in a SQLite file of its own.
///
/// It survives the end of the process. A write that fails means that records come once more.
package final class CheckpointStore: Sendable {
    private let database: DatabaseQueue
    private let known = Mutex<[String: String]>([:])

    /// Opens the file, which is made when it is missing.
    package init(path: String) throws {
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
                    CREATE TABLE IF NOT EXISTS checkpoints (
                        mapping TEXT NOT NULL, shard TEXT NOT NULL, sequence TEXT NOT NULL,
                        PRIMARY KEY (mapping, shard)) WITHOUT ROWID
                    """
            )
        }
        let rows = try database.read {
            try Row.fetchAll($0, sql: "SELECT mapping, shard, sequence FROM checkpoints")
        }
        known.withLock { known in
            for row in rows {
                let (mapping, shard): (String, String) = (row["mapping"], row["shard"])
                known[mapping + "/" + shard] = row["sequence"]
            }
        }
    }

    /// The last sequence number of a shard that was done.
    func sequence(of mapping: String, shard: String) -> String? {
        known.withLock { $0[mapping + "/" + shard] }
    }

    /// Keeps how far a shard is done.
    func keep(_ sequence: String, of mapping: String, shard: String) {
        known.withLock { $0[mapping + "/" + shard] = sequence }
        try? database.write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)",
                arguments: [mapping, shard, sequence]
            )
        }
    }

    /// How far every shard is done, by mapping and shard (`uuid/shard`).
    package var all: [String: String] { known.withLock { $0 } }

    /// Takes over how far another process had come.
    package func adopt(_ others: [String: String]) {
        for (key, sequence) in others {
            let parts = key.split(separator: "/", maxSplits: 1).map(String.init)
            if parts.count == 2 { keep(sequence, of: parts[0], shard: parts[1]) }
        }
    }

    /// Forgets a mapping that is gone.
    func forget(_ mapping: String) {
        known.withLock { known in
            known = known.filter { !$0.key.hasPrefix(mapping + "/") }
        }
        try? database.write { database in
            try database.execute(
                sql: "DELETE FROM checkpoints WHERE mapping = ?",
                arguments: [mapping]
            )
        }
    }
}
