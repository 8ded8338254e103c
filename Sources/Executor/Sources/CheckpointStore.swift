import GRDB
import JSON
import Synchronization

/// Up to where each shard was worked on, in a SQLite file of its own.
///
/// It survives the end of the process. A write that fails means that records come once more.
package final class CheckpointStore: Sendable {
    private let database: DatabaseQueue
    private let known = Mutex<[String: String]>([:])
    /// The windows that were open, by mapping and shard: their beginnings and states.
    private let windows = Mutex<[String: (start: Int64, state: String)]>([:])

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
                        PRIMARY KEY (mapping, shard)) WITHOUT ROWID;
                    CREATE TABLE IF NOT EXISTS windows (
                        mapping TEXT NOT NULL, shard TEXT NOT NULL, start INTEGER NOT NULL,
                        state TEXT NOT NULL, PRIMARY KEY (mapping, shard)) WITHOUT ROWID
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
        let open = try database.read {
            try Row.fetchAll($0, sql: "SELECT mapping, shard, start, state FROM windows")
        }
        windows.withLock { windows in
            for row in open {
                let (mapping, shard): (String, String) = (row["mapping"], row["shard"])
                windows[mapping + "/" + shard] = (row["start"], row["state"])
            }
        }
    }

    /// The window of a shard that was open.
    func window(of mapping: String, shard: String, length: Int) -> TumblingWindow? {
        windows.withLock { $0[mapping + "/" + shard] }.map { start, state in
            let state = (try? JSONValue.parse(Array(state.utf8)[...])) ?? [:]
            return TumblingWindow(start: start, length: length, state: state)
        }
    }

    /// The last sequence number of a shard that was done.
    func sequence(of mapping: String, shard: String) -> String? {
        known.withLock { $0[mapping + "/" + shard] }
    }

    /// Keeps how far a shard is done, at once with what its open window has come to.
    func keep(
        _ sequence: String,
        of mapping: String,
        shard: String,
        window: TumblingWindow? = nil
    ) {
        let key = mapping + "/" + shard
        known.withLock { $0[key] = sequence }
        let state = window?.state.text ?? ""
        if let window { windows.withLock { $0[key] = (window.start, state) } }
        try? database.write { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?)",
                arguments: [mapping, shard, sequence]
            )
            guard let window else { return }
            try database.execute(
                sql: "INSERT OR REPLACE INTO windows VALUES (?, ?, ?, ?)",
                arguments: [mapping, shard, window.start, state]
            )
        }
    }

    /// Forgets a window that is over.
    func closeWindow(of mapping: String, shard: String) {
        guard windows.withLock({ $0.removeValue(forKey: mapping + "/" + shard) }) != nil else {
            return
        }
        try? database.write { database in
            try database.execute(
                sql: "DELETE FROM windows WHERE mapping = ? AND shard = ?",
                arguments: [mapping, shard]
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
        windows.withLock { windows in
            windows = windows.filter { !$0.key.hasPrefix(mapping + "/") }
        }
        try? database.write { database in
            for table in ["checkpoints", "windows"] {
                try database.execute(
                    sql: "DELETE FROM \(table) WHERE mapping = ?",
                    arguments: [mapping]
                )
            }
        }
    }
}
