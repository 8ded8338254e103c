import Glibc
import Model

/// Little-endian numbers of zip records.
extension [UInt8] {
    fileprivate mutating func append16(_ value: Int) {
        append(UInt8(truncatingIfNeeded: value))
        append(UInt8(truncatingIfNeeded: value >> 8))
    }

    fileprivate mutating func append32(_ value: Int) {
        append16(value)
        append16(value >> 16)
    }

    fileprivate func number16(_ offset: Int) -> Int {
        Int(self[offset]) | Int(self[offset + 1]) << 8
    }

    fileprivate func number32(_ offset: Int) -> Int {
        number16(offset) | number16(offset + 2) << 16
    }
}

/// Signatures and sizes of the records (APPNOTE 4.3).
private enum ZipRecord {
    static let local = 0x0403_4B50
    static let central = 0x0201_4B50
    static let end = 0x0605_4B50
    static let localSize = 30
    static let centralSize = 46
    static let endSize = 22
    static let maximumComment = 65_535
}

/// Writes archives of stored entries.
struct ZipWriter {
    /// 1 January 1980, the first day that a zip can name.
    private static let date = 0x0021

    private var bytes: [UInt8] = []
    private var directory: [UInt8] = []
    private var count = 0

    mutating func add(name: String, mode: mode_t, content: [UInt8]) {
        let offset = bytes.count
        let checksum = Int(CRC32.of(content[...]))
        var common: [UInt8] = []
        common.append16(20)
        common.append16(0x0800)
        common.append16(0)
        common.append16(0)
        common.append16(Self.date)
        common.append32(checksum)
        common.append32(content.count)
        common.append32(content.count)
        common.append16(name.utf8.count)
        common.append16(0)

        bytes.append32(ZipRecord.local)
        bytes += common
        bytes += name.utf8
        bytes += content

        directory.append32(ZipRecord.central)
        directory.append16(3 << 8 | 20)
        directory += common
        directory.append16(0)
        directory.append16(0)
        directory.append16(0)
        directory.append32(Int(mode) << 16 | (mode & S_IFMT == S_IFDIR ? 0x10 : 0))
        directory.append32(offset)
        directory += name.utf8
        count += 1
    }

    consuming func finish() -> [UInt8] {
        let start = bytes.count
        bytes += directory
        bytes.append32(ZipRecord.end)
        bytes.append16(0)
        bytes.append16(0)
        bytes.append16(count)
        bytes.append16(count)
        bytes.append32(directory.count)
        bytes.append32(start)
        bytes.append16(0)
        return bytes
    }
}

/// Reads archives by their central directory.
struct ZipReader {
    /// One file, folder or link.
    struct Entry {
        var name: String
        var size: Int
        var isFolder: Bool
        var isLink: Bool
        var permissions: mode_t
        fileprivate var packedSize: Int
        fileprivate var method: Int
        fileprivate var checksum: UInt32
        fileprivate var offset: Int
    }

    private let bytes: [UInt8]
    private(set) var entries: [Entry] = []

    init(_ bytes: [UInt8]) throws {
        self.bytes = bytes
        let end = try Self.endRecord(bytes)
        let count = bytes.number16(end + 10)
        var position = bytes.number32(end + 16)
        guard count != 0xFFFF, position != 0xFFFF_FFFF else {
            throw RegistryError(.invalid, "zip64 archives are not supported")
        }
        var names: Set<String> = []
        for _ in 0..<count {
            guard position + ZipRecord.centralSize <= end,
                bytes.number32(position) == ZipRecord.central
            else { throw Self.damaged }
            let nameEnd = position + ZipRecord.centralSize + bytes.number16(position + 28)
            let next = nameEnd + bytes.number16(position + 30) + bytes.number16(position + 32)
            guard next <= end else { throw Self.damaged }
            let entry = try entry(at: position, nameEnd: nameEnd)
            guard names.insert(entry.name).inserted else {
                throw RegistryError(.invalid, "the archive holds '\(entry.name)' twice")
            }
            entries.append(entry)
            position = next
        }
    }

    /// The entry's bytes, with their checksum verified.
    func content(of entry: Entry) throws -> [UInt8] {
        let start = entry.offset
        guard start + ZipRecord.localSize <= bytes.count,
            bytes.number32(start) == ZipRecord.local
        else { throw Self.damaged }
        let data =
            start + ZipRecord.localSize + bytes.number16(start + 26) + bytes.number16(start + 28)
        guard data + entry.packedSize <= bytes.count else { throw Self.damaged }
        let packed = bytes[data..<data + entry.packedSize]
        let content: [UInt8]
        switch entry.method {
        case 0:
            guard entry.packedSize == entry.size else { throw Self.damaged }
            content = Array(packed)
        case 8:
            guard entry.size <= CodeArchive.maximumSize,
                let inflated = Inflate.bytes(packed, size: entry.size)
            else { throw RegistryError(.corrupt, "'\(entry.name)' does not inflate") }
            content = inflated
        default:
            throw RegistryError(
                .invalid,
                "'\(entry.name)' is packed by method \(entry.method), not deflate"
            )
        }
        guard CRC32.of(content[...]) == entry.checksum else {
            throw RegistryError(.corrupt, "'\(entry.name)' does not match its checksum")
        }
        return content
    }

    private func entry(at position: Int, nameEnd: Int) throws -> Entry {
        let nameStart = position + ZipRecord.centralSize
        let name = String(decoding: bytes[nameStart..<nameEnd], as: UTF8.self)
        guard bytes.number16(position + 8) & 1 == 0 else {
            throw RegistryError(.invalid, "'\(name)' is encrypted")
        }
        let isUnix = bytes[position + 5] == 3
        let mode = isUnix ? mode_t(bytes.number32(position + 38) >> 16) : 0
        let permissions = mode & 0o777
        return Entry(
            name: name,
            size: bytes.number32(position + 24),
            isFolder: name.endsWithSlash,
            isLink: mode & S_IFMT == S_IFLNK,
            permissions: permissions == 0 ? 0o644 : permissions,
            packedSize: bytes.number32(position + 20),
            method: bytes.number16(position + 10),
            checksum: UInt32(truncatingIfNeeded: bytes.number32(position + 16)),
            offset: bytes.number32(position + 42)
        )
    }

    private static let damaged = RegistryError(
        .corrupt,
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    )

    private static func endRecord(_ bytes: [UInt8]) throws -> Int {
        guard bytes.count >= ZipRecord.endSize else { throw damaged }
        let last = bytes.count - ZipRecord.endSize
        for start in stride(from: last, through: max(0, last - ZipRecord.maximumComment), by: -1)
        where bytes.number32(start) == ZipRecord.end { return start }
        throw damaged
    }
}
