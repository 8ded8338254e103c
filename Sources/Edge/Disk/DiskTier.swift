import Crypto
import Glibc
package import Reactor
import Synchronization

/// Large objects of one edge's cache on a disk: bounded in bytes, checked when they are read, still there after
/// a restart.
///
/// The cache's memory holds the head of each; whoever forgets it there removes the file. All that touches the
/// disk is done by the threads of a pool.
package final class DiskTier: Sendable {
    /// What counts.
    package struct Counts: Sendable, Hashable {
        package var objects = 0
        /// Unit: bytes.
        package var bytes = 0
        package var written = 0
        package var evicted = 0
        /// What was not as it had been written, and is gone.
        package var corrupted = 0
        /// What could not be written.
        package var failed = 0
    }

    private struct Place {
        var size: Int
        var use: Int
        /// False while it is being written.
        var isWhole = false
        weak var object: DiskObject?
    }

    private struct State {
        var places: [String: Place] = [:]
        var use = 0
        var counts = Counts()
        var isClosed = false
    }

    /// Unit: bytes.
    package let byteLimit: Int
    /// Smaller objects stay in memory.
    ///
    /// Unit: bytes.
    package let minimumObject: Int
    let folder: String
    let pool: BlockingPool
    private let log: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// The largest object that is kept.
    ///
    /// Unit: bytes.
    package var maximumObject: Int { byteLimit / 2 }
    package var counts: Counts { state.withLock(\.counts) }

    /// Makes a tier in a folder, which is made when it is first written to.
    package init(
        folder: String,
        byteLimit: Int,
        minimumObject: Int = 1 << 20,
        pool: BlockingPool = BlockingPool(),
        log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.folder = folder
        self.byteLimit = byteLimit
        self.minimumObject = minimumObject
        self.pool = pool
        self.log = log
    }

    // MARK: Start and end

    /// Brings what an earlier process left into a cache, on the pool; returns when that is done.
    package func load(into cache: CacheStore) async {
        _ = await pool.run { [self] in
            for (name, _) in found() {
                let path = folder + "/" + name
                guard name.hasSuffix(DiskObject.suffix) else {
                    // Half written when the process ended.
                    unlink(path)
                    continue
                }
                adopt(path, String(name.dropLast(DiskObject.suffix.count)), into: cache)
            }
        }
    }

    /// The files of the folder, the one that was asked for longest ago first.
    private func found() -> [(name: String, used: Int)] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var files: [(name: String, used: Int)] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            var status = stat()
            guard stat(folder + "/" + name, &status) == 0, status.st_mode & S_IFMT == S_IFREG
            else { continue }
            files.append(
                (name, Int(status.st_mtim.tv_sec) * 1_000_000_000 + status.st_mtim.tv_nsec)
            )
        }
        return files.sorted { $0.used < $1.used }
    }

    private func adopt(_ path: String, _ name: String, into cache: CacheStore) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        defer { Glibc.close(descriptor) }
        var status = stat()
        guard let (format, description) = DiskFormat.read(from: descriptor),
            fstat(descriptor, &status) == 0, Int(status.st_size) == format.fileSize
        else { return drop(path, name) }
        guard reserve(name, format.fileSize) else {
            unlink(path)
            return
        }
        let object = DiskObject(name: name, format: format, tier: self)
        guard let (key, entry) = DiskDescription.decode(description, object),
            name.hasPrefix(DiskObject.prefix(for: key))
        else { return drop(path, name) }
        if settle(object) { cache.put(key, entry) }
    }

    /// Forgets a file that is not as it was written.
    func drop(_ path: String, _ name: String) {
        unlink(path)
        state.withLock { state in
            state.counts.corrupted += 1
            Self.remove(name, &state)
        }
        log("disk cache: \(path) was not as it had been written, and is gone")
    }

    /// Leaves the files where they are for the next process.
    package func close() { state.withLock { $0.isClosed = true } }

    // MARK: Room

    /// Makes room for a file, by eviction of what was asked for longest ago; false when there is none.
    func reserve(_ name: String, _ size: Int) -> Bool {
        let evicted = state.withLock { state -> [DiskObject?]? in
            guard size <= byteLimit else { return nil }
            Self.remove(name, &state)
            var evicted: [DiskObject?] = []
            while state.counts.bytes + size > byteLimit {
                let candidates = state.places.filter(\.value.isWhole)
                guard let oldest = candidates.min(by: { $0.value.use < $1.value.use }) else {
                    return nil
                }
                evicted.append(oldest.value.object)
                Self.remove(oldest.key, &state)
                state.counts.evicted += 1
            }
            state.use += 1
            state.places[name] = Place(size: size, use: state.use)
            state.counts.bytes += size
            return evicted
        }
        for object in evicted ?? [] { object?.leave() }
        return evicted != nil
    }

    private static func remove(_ name: String, _ state: inout State) {
        guard let place = state.places.removeValue(forKey: name) else { return }
        state.counts.bytes -= place.size
        if place.isWhole { state.counts.objects -= 1 }
    }

    /// Takes over a file that is whole; false when its room was given to another meanwhile.
    func settle(_ object: DiskObject, isNew: Bool = false) -> Bool {
        state.withLock { state in
            guard state.places[object.name]?.isWhole == false else { return false }
            state.places[object.name]?.isWhole = true
            state.places[object.name]?.object = object
            state.counts.objects += 1
            if isNew { state.counts.written += 1 }
            return true
        }
    }

    /// Notes that an object was asked for.
    func use(_ object: DiskObject) {
        state.withLock { state in
            guard state.places[object.name] != nil else { return }
            state.use += 1
            state.places[object.name]?.use = state.use
        }
    }

    /// Gives the room of a file back that was not written.
    func release(_ name: String) {
        state.withLock { state in
            state.counts.failed += 1
            Self.remove(name, &state)
        }
    }

    /// Forgets an object, and its file unless the process ends.
    func forget(_ name: String) {
        let isOpen = state.withLock { state in
            guard !state.isClosed else { return false }
            Self.remove(name, &state)
            return true
        }
        guard isOpen else { return }
        let path = path(of: name)
        pool.submit { unlink(path) }
    }

    func path(of name: String) -> String { folder + "/" + name + DiskObject.suffix }

    /// Moves the content of an entry in memory to the disk, behind everybody's back.
    func move(_ key: String, _ entry: StoredResponse, in cache: CacheStore) {
        pool.submit { [self] in
            guard
                let file = DiskFile(
                    tier: self,
                    key: key,
                    length: entry.body.count,
                    description: DiskDescription.encode(key, entry).count
                )
            else { return }
            var isWhole = true
            for index in 0..<file.format.chunkCount where isWhole {
                let range = file.format.range(ofChunk: index)
                let first = entry.body.startIndex + range.lowerBound
                isWhole = file.write(index, Array(entry.body[first..<first + range.count]))
            }
            guard isWhole, let moved = file.finish(key, entry) else { return }
            cache.update(key) { $0 === entry ? moved : $0 }
        }
    }
}
