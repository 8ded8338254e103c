import DataPlane
import Glibc
import HTTP
import Reactor
import Synchronization

/// An object of the disk tier while it is written; letting go of it early removes what there is.
///
/// For the threads of the pool.
final class DiskFile: Sendable {
    let format: DiskFormat
    private let tier: DiskTier
    private let name: String
    private let path: String
    private let descriptor: Int32
    private let isFinished = Atomic(false)

    /// Makes room and a file; nil when there is none to be had.
    init?(tier: DiskTier, key: String, length: Int, description: Int) {
        // A later description, after the origin has confirmed the answer, may be somewhat longer.
        format = DiskFormat(room: description + 1_024, length: length)
        self.tier = tier
        name = DiskObject.prefix(for: key) + String(UInt64.random(in: 0...UInt64.max), radix: 36)
        path = tier.folder + "/" + name + ".part"
        guard length > 0, tier.reserve(name, format.fileSize) else { return nil }
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        var opened = open(path, flags, 0o600)
        if opened < 0, errno == ENOENT {
            Self.makeFolders(tier.folder)
            opened = open(path, flags, 0o600)
        }
        descriptor = opened
        guard opened >= 0 else {
            tier.release(name)
            isFinished.store(true, ordering: .relaxed)
            return nil
        }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        guard !isFinished.load(ordering: .relaxed), descriptor >= 0 else { return }
        tier.release(name)
        let path = path
        tier.pool.submit { unlink(path) }
    }

    private static func makeFolders(_ path: String) {
        var end = path.startIndex
        while let slash = path[end...].dropFirst().firstIndex(of: "/") {
            mkdir(String(path[..<slash]), 0o700)
            end = slash
        }
        mkdir(path, 0o700)
    }

    func write(_ index: Int, _ bytes: [UInt8]) -> Bool {
        format.write(chunk: index, bytes, to: descriptor)
    }

    /// Makes the file the object of an entry, whose content it is; nil when the disk refuses.
    func finish(_ key: String, _ entry: StoredResponse) -> StoredResponse? {
        guard format.write(description: DiskDescription.encode(key, entry), to: descriptor),
            rename(path, tier.path(of: name)) == 0
        else { return nil }
        isFinished.store(true, ordering: .relaxed)
        let object = DiskObject(name: name, format: format, tier: tier)
        guard tier.settle(object, isNew: true) else { return nil }
        return StoredResponse(entry, on: object)
    }
}

/// Passes a body on and writes it to the disk on the way; letting go of it early keeps nothing.
final class DiskTee: BodySource {
    private let source: any BodySource
    private let length: Int
    private let tier: DiskTier
    private let key: String
    private let entry: StoredResponse
    private var finish: ((StoredResponse) -> Void)?
    private var file: DiskFile?
    private var hasBegun = false
    private var chunk: [UInt8] = []
    private var index = 0
    private var count = 0
    var trailers: Headers { source.trailers }

    /// `entry` is the answer without its content; `finish` gets the entry when it is on the disk.
    init(
        _ source: any BodySource,
        length: Int,
        key: String,
        entry: StoredResponse,
        to tier: DiskTier,
        finish: @escaping (StoredResponse) -> Void
    ) {
        self.source = source
        self.length = length
        self.key = key
        self.entry = entry
        self.tier = tier
        self.finish = finish
    }

    var isReady: Bool { finish == nil && source.isReady }

    func read() async throws(Fault) -> Bytes? {
        do throws(Fault) {
            guard let piece = try await source.read() else {
                giveUp()
                return nil
            }
            if finish != nil { await keep(piece) }
            return piece
        } catch {
            giveUp()
            throw error
        }
    }

    /// Reads the rest for the disk alone.
    func drain() async {
        do throws(Fault) {
            while finish != nil, try await read() != nil {}
        } catch {
            giveUp()
        }
    }

    private func giveUp() {
        finish = nil
        file = nil
        chunk = []
    }

    private func keep(_ piece: Bytes) async {
        if !hasBegun {
            hasBegun = true
            let (tier, key, length, entry) = (tier, key, length, entry)
            file =
                await tier.pool.run {
                    DiskFile(
                        tier: tier,
                        key: key,
                        length: length,
                        description: DiskDescription.encode(key, entry).count
                    )
                } ?? nil
        }
        count += piece.count
        guard file != nil, count <= length else { return giveUp() }
        chunk += piece
        while chunk.count >= DiskFormat.chunk || count == length && !chunk.isEmpty {
            let bytes = Array(chunk.prefix(DiskFormat.chunk))
            chunk.removeFirst(bytes.count)
            guard await write(bytes) else { return giveUp() }
        }
        if count == length { await end() }
    }

    private func write(_ bytes: [UInt8]) async -> Bool {
        guard let file else { return false }
        let index = index
        self.index += 1
        return await tier.pool.run { file.write(index, bytes) } ?? false
    }

    private func end() async {
        guard let file, let finish else { return giveUp() }
        let (key, entry) = (key, entry)
        let made = await tier.pool.run { file.finish(key, entry) } ?? nil
        if let made { finish(made) }
        giveUp()
    }
}
