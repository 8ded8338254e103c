import Crypto
import Foundation
import GRDB
import Glibc
import Synchronization

/// Blobs as files named by their SHA-256, with their checks in the database.
///
/// A file appears, is registered and is removed only inside a write transaction, so that a collection
/// never meets a blob that is being put again.
final class SQLiteBlobs: Sendable {
    let folder: String
    let queue: DatabaseQueue
    /// When each pin of this process ends, by a clock that nobody sets.
    private let pins = Mutex<[String: ContinuousClock.Instant]>([:])

    init(folder: String, queue: DatabaseQueue) {
        self.folder = folder
        self.queue = queue
    }

    func path(_ digest: String) -> String { folder + "/" + digest }

    // MARK: Pins

    func pin(_ digest: String) {
        let now = ContinuousClock.now
        pins.withLock { pins in
            if pins.count >= 1024 { pins = pins.filter { $0.value > now } }
            pins[digest] = now + StoreLimits.pinLimit
        }
    }

    func isPinned(_ digest: String) -> Bool {
        pins.withLock { $0[digest].map { $0 > ContinuousClock.now } ?? false }
    }

    /// For tests: the time of the pins is over.
    func unpinAll() { pins.withLock { $0 = [:] } }

    // MARK: Reading

    struct Kept {
        var size: Int
        var checks: BlobChecks
    }

    /// What is known of a blob; the checks of one that an older build kept are made now.
    func kept(_ digest: String) throws -> Kept? {
        guard BlobReferences.isDigest(digest) else { return nil }
        let row = try queue.read { database in
            try Row.fetchOne(
                database,
                sql: "SELECT size, chunk, checks FROM blobs WHERE digest = ?",
                arguments: [digest]
            )
        }
        guard let row else { return nil }
        if let checks = row["checks"] as Data? {
            return Kept(
                size: row["size"],
                checks: BlobChecks(chunk: row["chunk"], digests: [UInt8](checks))
            )
        }
        let kept = try measure(digest)
        try queue.write { database in
            try database.execute(
                sql: "UPDATE blobs SET size = ?, chunk = ?, checks = ? WHERE digest = ?",
                arguments: [kept.size, kept.checks.chunk, Data(kept.checks.digests), digest]
            )
        }
        return kept
    }

    private func measure(_ digest: String) throws -> Kept {
        let file = try BlobFile(path(digest))
        var cutter = BlobCutter()
        while true {
            let bytes = try file.read(
                at: cutter.size,
                count: StoreLimits.chunkBytesLimit
            )
            if bytes.isEmpty { break }
            try cutter.append(bytes[...]) { _, _ in }
        }
        guard try cutter.finish({ _, _ in }) == digest else { throw Self.damaged(digest) }
        return Kept(size: cutter.size, checks: cutter.checks)
    }

    func read(_ digest: String, from offset: Int, count: Int) throws -> [UInt8]? {
        guard let kept = try kept(digest) else { return nil }
        let start = min(max(0, offset), kept.size)
        let range =
            start..<min(
                kept.size,
                start + min(max(0, count), StoreLimits.readBytesLimit)
            )
        guard !range.isEmpty else { return [] }
        let file = try BlobFile(path(digest))
        var result: [UInt8] = []
        for piece in kept.checks.pieces(of: range) {
            let begin = piece * kept.checks.chunk
            let length = min(kept.checks.chunk, kept.size - begin)
            let bytes = try file.read(at: begin, count: length)
            guard bytes.count == length, kept.checks.isWhole(bytes[...], piece: piece) else {
                throw Self.damaged(digest)
            }
            result +=
                bytes[
                    max(0, range.lowerBound - begin)..<min(length, range.upperBound - begin)
                ]
        }
        return result
    }

    /// Whether all of a blob is as it was put; reads all of it.
    func isWhole(_ digest: String) throws -> Bool {
        do {
            guard let kept = try kept(digest) else { return false }
            var offset = 0
            while offset < kept.size {
                guard
                    let bytes = try read(
                        digest,
                        from: offset,
                        count: StoreLimits.readBytesLimit
                    ), !bytes.isEmpty
                else { return false }
                offset += bytes.count
            }
            return true
        } catch let error as RegistryError where error.kind == .corrupt || error.kind == .storage {
            return false
        }
    }

    static func damaged(_ digest: String) -> RegistryError {
        RegistryError(.corrupt, "the kept code \(digest) is damaged")
    }

    // MARK: Removing

    /// Removes files that no row names: what a killed writer left.
    func removeStrays(olderThan age: Double) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let limit = Date().addingTimeInterval(-age)
        try? queue.write { database in
            for name in names where BlobReferences.isDigest(name) || name.hasSuffix(".part") {
                let file = folder + "/" + name
                let attributes = try? FileManager.default.attributesOfItem(atPath: file)
                guard let changed = attributes?[.modificationDate] as? Date, changed < limit else {
                    continue
                }
                let isKept = try Bool.fetchOne(
                    database,
                    sql: "SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = ?)",
                    arguments: [name]
                )
                if isKept != true { try? FileManager.default.removeItem(atPath: file) }
            }
        }
    }
}

/// A file that is read at offsets.
struct BlobFile: ~Copyable {
    private let descriptor: Int32
    private let path: String

    init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            if errno == ENOENT {
                throw RegistryError(.corrupt, "the kept code \(path) is missing")
            }
            throw DurableFile.failure(path)
        }
    }

    deinit { Glibc.close(descriptor) }

    /// Makes what was renamed into a folder survive a power cut.
    static func syncFolder(_ folder: String) throws {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw DurableFile.failure(folder) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw DurableFile.failure(folder) }
    }

    /// So many bytes, fewer only at the file's end.
    func read(at offset: Int, count: Int) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                pread(
                    descriptor,
                    buffer.baseAddress?.advanced(by: filled),
                    count - filled,
                    off_t(offset + filled)
                )
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw DurableFile.failure(path) }
            if got == 0 { break }
            filled += got
        }
        bytes.removeLast(count - filled)
        return bytes
    }
}
