import Foundation
import GRDB
import Glibc

/// Writes one blob beside the others; it gets its name once it is whole and synced.
final class SQLiteBlobWriter: BlobWriter {
    private let blobs: SQLiteBlobs
    private let path: String
    private var descriptor: Int32
    private var cutter = BlobCutter()

    init(_ blobs: SQLiteBlobs) throws {
        self.blobs = blobs
        path = blobs.folder + "/" + UUID().uuidString + ".part"
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw DurableFile.failure(path) }
    }

    deinit { abandon() }

    func append(_ bytes: ArraySlice<UInt8>) throws {
        guard descriptor >= 0 else { throw RegistryError(.storage, "the blob is finished") }
        try cutter.append(bytes) { _, piece in try write(piece) }
    }

    func finish(expecting digest: String?) throws -> KeptBlob {
        guard descriptor >= 0 else { throw RegistryError(.storage, "the blob is finished") }
        let found = try cutter.finish { _, piece in try write(piece) }
        defer { abandon() }
        guard found == digest ?? found else {
            throw RegistryError(.corrupt, "the code is not what its digest \(digest ?? "") says")
        }
        guard fsync(descriptor) == 0 else { throw DurableFile.failure(path) }
        blobs.pin(found)
        try blobs.queue.write { database in
            guard rename(path, blobs.path(found)) == 0 else { throw DurableFile.failure(path) }
            try BlobFile.syncFolder(blobs.folder)
            try database.execute(
                sql: """
                    INSERT INTO blobs (digest, size, chunk, checks, released, released_at)
                    VALUES (?, ?, ?, ?, 0, ?)
                    ON CONFLICT (digest) DO UPDATE
                    SET size = excluded.size, chunk = excluded.chunk, checks = excluded.checks
                    """,
                arguments: [
                    found, cutter.size, cutter.checks.chunk, Data(cutter.checks.digests),
                    Date().timeIntervalSince1970,
                ]
            )
        }
        return KeptBlob(digest: found, size: cutter.size)
    }

    func abandon() {
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
        unlink(path)
    }

    private func write(_ piece: [UInt8]) throws {
        var written = 0
        while written < piece.count {
            let count = piece.withUnsafeBytes { buffer in
                Glibc.write(
                    descriptor,
                    buffer.baseAddress?.advanced(by: written),
                    buffer.count - written
                )
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw DurableFile.failure(path) }
            written += count
        }
    }
}
