import Foundation
import GRDB
import Synchronization
import Testing
import Testkit

@testable import Registry

/// The engines that every test of stores runs against.
enum Engine: String, CaseIterable, CustomTestStringConvertible {
    case sqlite = "SQLite"
    case postgreSQL = "PostgreSQL"

    var testDescription: String { rawValue }
}

/// One empty storage that may be opened more than once, as by several primaries.
final class StoreBench: Sendable {
    let engine: Engine
    let folder: TemporaryFolder
    /// The store's URL where there is a server.
    let url: String
    private let opened = Mutex<[any RegistryStore]>([])

    init(_ engine: Engine) throws {
        self.engine = engine
        folder = try TemporaryFolder()
        url = engine == .postgreSQL ? try PostgreSQLServer.shared().makeDatabase() : ""
    }

    /// Closes the stores; a test defers it, which also keeps the folder until then.
    func close() { for store in opened.withLock({ $0 }) { store.close() } }

    /// Another store on the same storage; it is closed with the bench.
    func open(
        pollDelay: Duration = .milliseconds(200),
        stallLimit: Duration = StoreLimits.stallLimit,
        keys: VariableKeys = VariableKeys()
    ) throws -> any RegistryStore {
        let store: any RegistryStore =
            switch engine {
            case .sqlite:
                try SQLiteStore(directory: folder.path, pollDelay: pollDelay, keys: keys)
            case .postgreSQL:
                try PostgreSQLStore(
                    url: url,
                    pollDelay: pollDelay,
                    stallLimit: stallLimit,
                    keys: keys
                )
            }
        opened.withLock { $0.append(store) }
        return store
    }

    /// Runs SQL in the storage's own dialect, behind the stores' backs.
    @discardableResult
    func sql(_ text: String) throws -> String {
        switch engine {
        case .sqlite:
            try SQLiteSchema.open(folder.path + "/registry.sqlite").write {
                try $0.execute(sql: text)
            }
            return ""
        case .postgreSQL:
            return try PostgreSQLServer.shared()
                .sql(text, in: PostgreSQLServer.database(of: url))
        }
    }

    /// Changes a byte in the middle of a kept blob.
    func damage(_ digest: String) throws {
        switch engine {
        case .sqlite:
            let path = folder.path + "/blobs/" + digest
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: URL(fileURLWithPath: path))
        case .postgreSQL:
            try sql(
                """
                UPDATE portico.blob_chunks AS c SET bytes = set_byte(bytes, octet_length(bytes) / 2,
                get_byte(bytes, octet_length(bytes) / 2) # 1) FROM portico.blobs AS b
                WHERE b.body = c.body AND b.digest = '\(digest)' AND c.position = (SELECT
                max(position) FROM portico.blob_chunks WHERE body = b.body)
                """
            )
        }
    }

    /// Makes everything that is kept look older, and ends the pins.
    func age(seconds: Int, _ stores: any RegistryStore...) throws {
        switch engine {
        case .sqlite:
            try sql(
                """
                UPDATE blobs SET released_at = released_at - \(seconds);
                UPDATE revisions SET at = at - \(seconds);
                UPDATE edges SET at = at - \(seconds);
                """
            )
            for store in stores { (store as? SQLiteStore)?.blobs.unpinAll() }
        case .postgreSQL:
            try sql(
                """
                UPDATE portico.blobs SET released_at = released_at - interval '\(seconds) s',
                pinned_until = pinned_until - interval '\(seconds) s';
                UPDATE portico.blob_bodies SET at = at - interval '\(seconds) s';
                UPDATE portico.changes SET at = at - interval '\(seconds) s';
                UPDATE portico.edges SET at = at - interval '\(seconds) s';
                """
            )
        }
    }
}

/// Bytes that do not repeat, the same for the same seed.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        withUnsafeBytes(of: state) { bytes.append(contentsOf: $0) }
    }
    bytes.removeLast(bytes.count - count)
    return bytes
}
