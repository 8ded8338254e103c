import Crypto
import DataPlane
import Glibc
import HTTP
import Reactor
import Synchronization

/// One whole object of the disk tier; letting go of it removes its file.
package final class DiskObject: Sendable {
    static let suffix = ".object"

    let name: String
    let format: DiskFormat
    private let tier: DiskTier
    private let isGone = Atomic(false)

    init(name: String, format: DiskFormat, tier: DiskTier) {
        self.name = name
        self.format = format
        self.tier = tier
    }

    deinit { leave() }

    /// What the names of all files of a key begin with.
    static func prefix(for key: String) -> String {
        Digest.hex(Digest.sha256(key).prefix(16)) + "-"
    }

    /// Unit: bytes.
    var length: Int { format.length }

    /// Gives the room back.
    func leave() {
        guard !isGone.exchange(true, ordering: .relaxed) else { return }
        tier.forget(name)
    }

    /// What was not as it had been written is dropped and counted.
    private func drop() {
        guard !isGone.exchange(true, ordering: .relaxed) else { return }
        tier.drop(tier.path(of: name), name)
    }

    /// Opens the object once its first chunk has been found whole; nil when it is gone.
    func open() async -> DiskReader? {
        guard !isGone.load(ordering: .relaxed) else { return nil }
        let path = tier.path(of: name)
        let format = format
        let opened = await tier.pool.run { () -> (file: OpenDescriptor, first: [UInt8])? in
            let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return nil }
            let file = OpenDescriptor(descriptor)
            guard let first = format.read(chunk: 0, from: descriptor) else { return nil }
            // The order in which objects were asked for survives a restart.
            futimens(descriptor, nil)
            return (file, first)
        }
        switch opened {
        case .some(.some(let opened)):
            tier.use(self)
            return DiskReader(self, opened.file, first: opened.first)
        case .some(.none):
            drop()
            return nil
        // The threads have too much to do: the origin is asked.
        case .none: return nil
        }
    }

    fileprivate func chunk(_ index: Int, of file: OpenDescriptor) async -> [UInt8]? {
        let format = format
        let bytes = await tier.pool.run { format.read(chunk: index, from: file.number) }
        if case .some(.none) = bytes { drop() }
        return bytes ?? nil
    }

    /// Describes the answer anew, after the origin has confirmed it; false when the room is too small.
    func describe(_ key: String, _ entry: StoredResponse) {
        let (path, format) = (tier.path(of: name), format)
        let description = DiskDescription.encode(key, entry)
        tier.pool.submit {
            let descriptor = Glibc.open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return }
            _ = format.write(description: description, to: descriptor)
            close(descriptor)
        }
    }
}

/// A descriptor that is closed with its last user.
final class OpenDescriptor: Sendable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }
}

/// Reads an object of the disk tier chunk by chunk, each checked before its first byte goes out.
final class DiskReader: BodySource {
    private let object: DiskObject
    private let file: OpenDescriptor
    private var first: [UInt8]?
    private var range: Range<Int>
    let trailers = Headers()

    init(_ object: DiskObject, _ file: OpenDescriptor, first: [UInt8]) {
        self.object = object
        self.file = file
        self.first = first
        range = 0..<object.length
    }

    /// Unit: bytes.
    var length: Int { range.count }
    var isReady: Bool { first != nil && range.lowerBound < DiskFormat.chunk }

    /// Reads only this range.
    func select(_ range: Range<Int>) { self.range = range }

    func read() async throws(Fault) -> Bytes? {
        guard !range.isEmpty else { return nil }
        let index = range.lowerBound / DiskFormat.chunk
        let bytes: [UInt8]
        if index == 0, let first {
            bytes = first
        } else {
            guard let read = await object.chunk(index, of: file) else {
                throw Fault(.incompleteBody, side: .edge, detail: "disk cache")
            }
            bytes = read
        }
        first = nil
        let start = range.lowerBound - index * DiskFormat.chunk
        let piece = bytes[start..<min(bytes.count, start + range.count)]
        range = range.lowerBound + piece.count..<range.upperBound
        return piece
    }
}
