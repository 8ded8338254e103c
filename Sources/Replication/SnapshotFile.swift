import Crypto
import Foundation
package import Model
package import Registry

/// A whole state with its code in one file, from which an edge can start while every primary is down.
///
/// A line with the format's name, then sections (eight bytes of length, big-endian, and the content): the
/// snapshot, then each archive as its digest and its bytes; at the end the SHA-256 of all before it.
package enum SnapshotFile {
    private static let title = "PORTICO SNAPSHOT 1\n"
    /// The most bytes that are read at once.
    private static let maximumPiece = 1 << 20

    /// Writes a snapshot; `blob` gives the archive of a digest, `keys` seal the variables of functions.
    ///
    /// - Throws: `FeedError` when an archive is missing or the file can't be written.
    package static func write(
        _ snapshot: Snapshot,
        to path: String,
        keys: VariableKeys = VariableKeys(),
        blob: (String) throws -> [UInt8]?
    ) throws {
        let temporary = path + ".tmp"
        guard
            FileManager.default.createFile(
                atPath: temporary,
                contents: nil,
                attributes: [.posixPermissions: 0o600]
            ), let file = FileHandle(forWritingAtPath: temporary)
        else { throw FeedError(.storage, "\(temporary) cannot be written") }
        defer { try? FileManager.default.removeItem(atPath: temporary) }
        let hasher = SHA256Hasher()
        func put(_ bytes: [UInt8]) throws {
            hasher.update(bytes)
            try file.write(contentsOf: Data(bytes))
        }
        func section(_ bytes: [UInt8]) throws {
            let count = UInt64(bytes.count)
            try put((0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * UInt64($0))) })
            try put(bytes)
        }
        try put(Array(title.utf8))
        try section(try snapshot.encoded(with: keys))
        for digest in snapshot.codeDigests.sorted() {
            guard let bytes = try blob(digest) else {
                throw FeedError(.storage, "the archive \(digest) is missing")
            }
            try section(Array(digest.utf8))
            try section(bytes)
        }
        try file.write(contentsOf: Data(hasher.finalize()))
        try file.synchronize()
        try file.close()
        guard rename(temporary, path) == 0 else {
            throw FeedError(.storage, "\(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Reads a file and gives each archive to `keep`.
    ///
    /// Nothing counts before the checksum was right. Variables that none of the `keys` opens stay sealed.
    ///
    /// - Throws: `FeedError` when the file is damaged or no snapshot.
    package static func read(
        _ path: String,
        keys: VariableKeys = VariableKeys(),
        keep: (_ digest: String, _ bytes: [UInt8]) async throws -> Void
    ) async throws -> Snapshot {
        try verify(path)
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw FeedError(.storage, "\(path) cannot be read")
        }
        defer { try? file.close() }
        let end = try file.seekToEnd() - 32
        try file.seek(toOffset: UInt64(title.utf8.count))
        func section() throws -> [UInt8] {
            let head = [UInt8](try file.read(upToCount: 8) ?? Data())
            let length = head.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let position = try file.offset()
            guard head.count == 8, length <= end, position + length <= end else {
                throw FeedError(.malformed, "\(path) is cut short")
            }
            return [UInt8](try file.read(upToCount: Int(length)) ?? Data())
        }
        let snapshot = keys.opened(try Snapshot(encoded: try section()))
        while try file.offset() < end {
            let digest = String(decoding: try section(), as: UTF8.self)
            try await keep(digest, try section())
        }
        return snapshot
    }

    private static func verify(_ path: String) throws {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw FeedError(.storage, "\(path) cannot be read")
        }
        defer { try? file.close() }
        let size = try file.seekToEnd()
        try file.seek(toOffset: 0)
        let start = Array(title.utf8)
        guard size >= UInt64(start.count + 32),
            [UInt8](try file.read(upToCount: start.count) ?? Data()) == start
        else { throw FeedError(.malformed, "\(path) is no snapshot of Portico") }
        let hasher = SHA256Hasher()
        hasher.update(start)
        var left = Int(size) - start.count - 32
        while left > 0, let piece = try file.read(upToCount: min(left, maximumPiece)),
            !piece.isEmpty
        {
            hasher.update([UInt8](piece))
            left -= piece.count
        }
        guard [UInt8](try file.read(upToCount: 32) ?? Data()) == hasher.finalize() else {
            throw FeedError(.malformed, "\(path) is damaged: its checksum is wrong")
        }
    }
}
