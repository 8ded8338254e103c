import Glibc

/// Files that are whole or absent.
enum SafeFile {
    /// The largest file read; a chain with its key is a few KiB.
    static let maximumSize = 1 << 20

    /// The content, or nil when there is no such file.
    static func read(_ path: String) throws(AuthorityError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .system("\(path) is not readable")
        }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while content.count <= maximumSize {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system("\(path) is not readable") }
            if count == 0 { return content }
            content += buffer[..<count]
        }
        throw AuthorityError(.storage, "\(path) is too large to be a certificate")
    }

    /// Writes beside the file, then renames: a reader sees the old content or the new.
    static func write(
        _ content: [UInt8],
        to path: String,
        mode: mode_t
    ) throws(AuthorityError) {
        let temporary = "\(path).\(Digest.hex(RandomBytes.make(6))).tmp"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw .system("\(path) is not writable") }
        var written = 0
        while written < content.count {
            let count = content.withUnsafeBytes { bytes in
                Glibc.write(
                    descriptor,
                    bytes.baseAddress?.advanced(by: written),
                    bytes.count - written
                )
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            written += count
        }
        let isWhole =
            written == content.count && fchmod(descriptor, mode) == 0 && fsync(descriptor) == 0
        let isClosed = close(descriptor) == 0
        guard isWhole, isClosed, rename(temporary, path) == 0 else {
            let error = AuthorityError.system("\(path) could not be written")
            unlink(temporary)
            throw error
        }
    }

    /// Makes a folder and those above it.
    static func makeDirectory(_ path: String, mode: mode_t) throws(AuthorityError) {
        if mkdir(path, mode) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw .system("the folder \(path) could not be made")
        }
        try makeDirectory(String(path[..<slash]), mode: 0o755)
        guard mkdir(path, mode) == 0 || errno == EEXIST else {
            throw .system("the folder \(path) could not be made")
        }
    }

    /// The names in a folder, sorted; none when it can't be read.
    static func list(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// When a file was last written, in seconds since 1970.
    static func modified(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mtim.tv_sec : 0
    }
}

/// An advisory lock between processes, held until the value goes.
final class FileLock {
    private let descriptor: Int32

    init(_ path: String) throws(AuthorityError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system("\(path) is not writable") }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                let error = AuthorityError.system("\(path) could not be locked")
                close(descriptor)
                throw error
            }
        }
    }

    /// Releases the lock.
    func release() { close(descriptor) }
}
