import Foundation
import GRDB

extension SQLiteStore {
    // MARK: Blobs

    package func beginBlob() throws -> any BlobWriter { try SQLiteBlobWriter(blobs) }

    package func pinBlob(_ digest: String) throws -> Bool {
        blobs.pin(digest)
        return try blobs.isWhole(digest)
    }

    package func blobSize(_ digest: String) throws -> Int? { try blobs.kept(digest)?.size }

    package func readBlob(_ digest: String, from offset: Int, count: Int) throws -> [UInt8]? {
        try blobs.read(digest, from: offset, count: count)
    }

    // MARK: Housekeeping

    package func compact(keeping retention: Retention) throws -> Int {
        let oldest =
            Date().timeIntervalSince1970 - Double(retention.age.components.seconds)
            - Double(retention.age.components.attoseconds) / 1e18
        return try writing { database in
            let head = try Self.readHead(database)
            // The newest revision that neither rule keeps.
            let floor = try Int.fetchOne(
                database,
                sql: "SELECT max(revision) FROM revisions WHERE revision <= ? AND at < ?",
                arguments: [head.revision - retention.revisions, oldest]
            )
            guard let floor, floor > head.floor else { return head.floor }
            try database.execute(sql: "UPDATE head SET floor = ?", arguments: [floor])
            try database.execute(
                sql: "DELETE FROM revisions WHERE revision <= ?",
                arguments: [floor]
            )
            return floor
        }
    }

    package func collectBlobs(grace: Duration, acknowledged: Int) throws -> BlobSweep {
        let oldest = Date().timeIntervalSince1970 - Double(grace.components.seconds)
        var sweep = BlobSweep()
        while true {
            let removed = try writing { database -> BlobSweep in
                let floor = min(try Self.readHead(database).floor, acknowledged)
                let rows = try Row.fetchAll(
                    database,
                    sql: """
                        SELECT digest, size FROM blobs
                        WHERE released <= ? AND released_at <= ? ORDER BY released_at
                        """,
                    arguments: [floor, oldest]
                )
                return try remove(rows, database)
            }
            sweep.count += removed.count
            sweep.size += removed.size
            if removed.count < StoreLimits.sweepLimit { break }
        }
        blobs.removeStrays(olderThan: max(1, Double(grace.components.seconds)))
        return sweep
    }

    private func remove(_ rows: [Row], _ database: Database) throws -> BlobSweep {
        var sweep = BlobSweep()
        for row in rows where sweep.count < StoreLimits.sweepLimit {
            let digest: String = row["digest"]
            guard !blobs.isPinned(digest) else { continue }
            try database.execute(sql: "DELETE FROM blobs WHERE digest = ?", arguments: [digest])
            try? FileManager.default.removeItem(atPath: blobs.path(digest))
            sweep.count += 1
            sweep.size += row["size"]
        }
        return sweep
    }

    // MARK: Edges

    package func report(_ edge: EdgeReport) throws {
        let encoded = try JSONEncoder().encode(edge)
        try writing { database in
            try database.execute(
                sql: "INSERT OR REPLACE INTO edges VALUES (?, ?, ?)",
                arguments: [edge.name, Date().timeIntervalSince1970, encoded]
            )
        }
    }

    package func edges() throws -> [EdgeReport] {
        let rows = try reading {
            try Row.fetchAll($0, sql: "SELECT at, report FROM edges ORDER BY name")
        }
        let now = Date().timeIntervalSince1970
        return try rows.map { row in
            var report = try JSONDecoder().decode(EdgeReport.self, from: row["report"] as Data)
            report.age = max(0, now - row["at"])
            return report
        }
    }

    package func forgetEdge(_ name: String) throws {
        try writing {
            try $0.execute(sql: "DELETE FROM edges WHERE name = ?", arguments: [name])
        }
    }

    // MARK: Private values

    package func privateValue(_ key: String) throws -> PrivateValue? {
        let sql = "SELECT value, version FROM private_values WHERE key = ?"
        return try reading { try Row.fetchOne($0, sql: sql, arguments: [key]) }.map {
            PrivateValue(bytes: [UInt8]($0["value"] as Data), version: $0["version"])
        }
    }

    package func privateValues(under prefix: String) throws -> [String: PrivateValue] {
        let rows = try reading {
            try Row.fetchAll(
                $0,
                sql: "SELECT * FROM private_values WHERE substr(key, 1, ?) = ?",
                arguments: [prefix.unicodeScalars.count, prefix]
            )
        }
        return Dictionary(
            rows.map {
                (
                    $0["key"],
                    PrivateValue(bytes: [UInt8]($0["value"] as Data), version: $0["version"])
                )
            },
            uniquingKeysWith: { first, _ in first }
        )
    }

    package func setPrivateValue(
        _ key: String,
        _ bytes: [UInt8]?,
        expecting version: Int
    ) throws -> Bool {
        try StoredForm.checkPrivate(key, bytes)
        return try writing { database in
            let known = try Int.fetchOne(
                database,
                sql: "SELECT version FROM private_values WHERE key = ?",
                arguments: [key]
            )
            guard known ?? 0 == version else { return false }
            if let bytes {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO private_values VALUES (?, ?, ?)",
                    arguments: [key, version + 1, Data(bytes)]
                )
            } else {
                try database.execute(
                    sql: "DELETE FROM private_values WHERE key = ?",
                    arguments: [key]
                )
            }
            return true
        }
    }
}
