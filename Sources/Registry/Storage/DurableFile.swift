import Foundation
import Glibc
import Synchronization

/// Files that are whole or absent, also after a power cut.
package enum DurableFile {
    private static let serial = Atomic<Int>(0)

    /// Writes beside the file, syncs, renames and syncs the folder.
    package static func write(_ bytes: [UInt8], to path: String) throws {
        let number = serial.add(1, ordering: .relaxed).newValue
        let temporary = "\(path).\(getpid()).\(number).tmp"
        do {
            try writeNew(bytes, to: temporary, mode: 0o600, syncs: true)
            guard rename(temporary, path) == 0 else { throw failure(path) }
        } catch {
            unlink(temporary)
            throw error
        }
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(folder) }
    }

    /// Syncs a folder with everything in it.
    static func syncTree(_ folder: String) throws {
        let inside = FileManager.default.enumerator(atPath: folder)
        for case let name as String in inside ?? .init() { try sync(folder + "/" + name) }
        try sync(folder)
    }

    /// Syncs a file or folder; a link has nothing of its own to sync.
    static func sync(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            if errno == ELOOP { return }
            throw failure(path)
        }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(path) }
    }

    /// Writes a file that must not exist yet; never follows a link.
    static func writeNew(
        _ bytes: [UInt8],
        to path: String,
        mode: mode_t,
        syncs: Bool = false
    ) throws {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let descriptor = open(path, flags, mode)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        try bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = Glibc.write(
                    descriptor,
                    buffer.baseAddress?.advanced(by: written),
                    buffer.count - written
                )
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw failure(path) }
                written += count
            }
        }
        guard fchmod(descriptor, mode) == 0 else { throw failure(path) }
        if syncs { guard fsync(descriptor) == 0 else { throw failure(path) } }
    }

    static func failure(_ path: String) -> RegistryError {
        RegistryError(.storage, "\(path): \(String(cString: strerror(errno)))")
    }
}
