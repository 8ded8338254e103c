import Crypto
import Foundation
import Glibc
import Registry

/// Archives on their way into an edge: parts that survive a broken connection, whole ones once verified.
package actor BlobDepot {
    private let executor: QueueExecutor
    private let folder: String
    private var open: [String: Int32] = [:]
    /// What is received of an archive of which no part was here before.
    private var hashers: [String: SHA256Hasher] = [:]

    /// The queue of its own.
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    /// Makes a depot in a folder, which is made when it is missing.
    package init(folder: String) throws {
        self.folder = folder
        executor = QueueExecutor(label: "portico.depot")
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true
        )
    }

    deinit { for descriptor in open.values { close(descriptor) } }

    /// The whole archive of a digest, nil when it is not here.
    package nonisolated func read(_ digest: String) throws -> [UInt8]? {
        guard Self.isDigest(digest) else { return nil }
        return FileManager.default.contents(atPath: folder + "/" + digest).map { [UInt8]($0) }
    }

    /// A part of a whole archive, as `FeedProtocol.blobPart` cuts it.
    func part(_ digest: String, _ number: Int) throws -> [UInt8]? {
        guard Self.isDigest(digest),
            let file = FileHandle(forReadingAtPath: folder + "/" + digest)
        else { return nil }
        defer { try? file.close() }
        try file.seek(toOffset: UInt64(number * FeedProtocol.blobPart))
        return [UInt8](try file.read(upToCount: FeedProtocol.blobPart) ?? Data())
    }

    /// How many bytes a whole archive has, nil when it is not here.
    nonisolated func size(_ digest: String) -> Int? {
        guard Self.isDigest(digest) else { return nil }
        let facts = try? FileManager.default.attributesOfItem(atPath: folder + "/" + digest)
        return facts?[.size] as? Int
    }

    /// Whether the whole archive is here.
    nonisolated func holds(_ digest: String) -> Bool {
        Self.isDigest(digest) && FileManager.default.fileExists(atPath: folder + "/" + digest)
    }

    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.allSatisfy(\.isHexDigit)
    }

    /// How many bytes of an archive are here already.
    func begin(_ digest: String) throws -> Int {
        guard Self.isDigest(digest) else {
            throw FeedError(.malformed, "'\(digest)' is not a digest")
        }
        end(digest)
        let path = folder + "/" + digest + ".part"
        let flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC
        let descriptor = Glibc.open(path, flags, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path) }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        open[digest] = descriptor
        hashers[digest] = size == 0 ? SHA256Hasher() : nil
        return size
    }

    /// Throws away what is here of an archive.
    func restart(_ digest: String) throws {
        guard let descriptor = open[digest] else { return }
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw Self.failure(digest)
        }
        hashers[digest] = SHA256Hasher()
    }

    /// Adds bytes to the part.
    func append(_ digest: String, _ bytes: ArraySlice<UInt8>) throws {
        guard let descriptor = open[digest] else { return }
        bytes.withUnsafeBytes { hashers[digest]?.update($0) }
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure(folder + "/" + digest) }
            rest = rest.dropFirst(count)
        }
    }

    /// Verifies the part and makes it the whole archive; a damaged one is thrown away.
    func finish(_ digest: String) throws {
        let received = hashers[digest]
        end(digest)
        let path = folder + "/" + digest
        let hasher = try received ?? Self.hash(of: path + ".part")
        guard Digest.hex(hasher.finalize()) == digest else {
            unlink(path + ".part")
            throw FeedError(.malformed, "the archive \(digest) arrived damaged")
        }
        guard rename(path + ".part", path) == 0 else { throw Self.failure(path) }
    }

    /// The hash of a file, not yet finished.
    private static func hash(of path: String) throws -> SHA256Hasher {
        let hasher = SHA256Hasher()
        guard let file = FileHandle(forReadingAtPath: path) else { throw failure(path) }
        defer { try? file.close() }
        while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty {
            piece.withUnsafeBytes { hasher.update($0) }
        }
        return hasher
    }

    /// Closes a part for now.
    func end(_ digest: String) {
        if let descriptor = open.removeValue(forKey: digest) { close(descriptor) }
        hashers[digest] = nil
    }

    /// Keeps an archive that came another way.
    package func keep(_ digest: String, _ bytes: [UInt8]) throws {
        _ = try begin(digest)
        try restart(digest)
        try append(digest, bytes[...])
        try finish(digest)
    }

    /// Removes every archive and part that is not named.
    func clean(keeping digests: Set<String>) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where !digests.contains(String(name.prefix(64))) {
            unlink(folder + "/" + name)
        }
    }

    private static func failure(_ path: String) -> FeedError {
        FeedError(.storage, "\(path): \(String(cString: strerror(errno)))")
    }
}
