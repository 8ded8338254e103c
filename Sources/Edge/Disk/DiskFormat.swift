import Crypto
import Glibc
import HTTP
import JSON

/// How an object of the disk tier lies in its file: a fixed header, what is known of the answer, a digest for
/// each chunk, the content.
struct DiskFormat: Sendable, Hashable {
    /// Unit: bytes.
    static let chunk = 256 << 10
    private static let magic = Array("PRTCDSK1".utf8)
    /// Unit: bytes.
    private static let headerSize = 64
    /// Unit: bytes.
    private static let digestSize = 32
    /// The longest description of an answer that is read.
    ///
    /// Unit: bytes.
    private static let maximumDescription = 1 << 20

    /// The room for the description of the answer.
    ///
    /// Unit: bytes.
    let room: Int
    /// Unit: bytes.
    let length: Int

    var chunkCount: Int { (length + Self.chunk - 1) / Self.chunk }
    private var tableOffset: Int { Self.headerSize + room }
    var contentOffset: Int { tableOffset + chunkCount * Self.digestSize }
    /// What the file takes.
    ///
    /// Unit: bytes.
    var fileSize: Int { contentOffset + length }

    /// The range of a chunk in the content.
    func range(ofChunk index: Int) -> Range<Int> {
        index * Self.chunk..<min(length, (index + 1) * Self.chunk)
    }

    // MARK: Writing

    /// Writes the header and the description; false when it does not fit or the disk refuses.
    func write(description: [UInt8], to descriptor: Int32) -> Bool {
        guard description.count <= room else { return false }
        var header = Self.magic
        Self.append(UInt64(room), to: &header)
        Self.append(UInt64(description.count), to: &header)
        Self.append(UInt64(length), to: &header)
        header += Digest.sha256(header + description)
        return Self.write(header + description, at: 0, to: descriptor)
    }

    /// Writes one chunk with its digest.
    func write(chunk index: Int, _ bytes: [UInt8], to descriptor: Int32) -> Bool {
        Self.write(
            Digest.sha256(bytes),
            at: tableOffset + index * Self.digestSize,
            to: descriptor
        ) && Self.write(bytes, at: contentOffset + index * Self.chunk, to: descriptor)
    }

    private static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
        }
    }

    private static func write(_ bytes: [UInt8], at offset: Int, to descriptor: Int32) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { all in
                pwrite(
                    descriptor,
                    all.baseAddress.map { $0 + done },
                    bytes.count - done,
                    off_t(offset + done)
                )
            }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }

    // MARK: Reading

    /// Reads a file's header and description; nil when they are not what was written.
    static func read(from descriptor: Int32) -> (format: DiskFormat, description: [UInt8])? {
        guard let header = read(headerSize, at: 0, from: descriptor),
            Array(header[..<8]) == magic
        else { return nil }
        func number(_ place: Int) -> Int {
            Int(
                truncatingIfNeeded: header[place..<place + 8].reduce(UInt64(0)) {
                    $0 << 8 | UInt64($1)
                }
            )
        }
        let (room, size, length) = (number(8), number(16), number(24))
        guard 0...maximumDescription ~= room, 0...room ~= size, 0...(1 << 40) ~= length,
            let description = read(size, at: headerSize, from: descriptor),
            Digest.sha256(Array(header[..<32]) + description) == Array(header[32...])
        else { return nil }
        return (DiskFormat(room: room, length: length), description)
    }

    /// Reads a chunk; nil when it is not what was written.
    func read(chunk index: Int, from descriptor: Int32) -> [UInt8]? {
        let range = range(ofChunk: index)
        let place = tableOffset + index * Self.digestSize
        guard let digest = Self.read(Self.digestSize, at: place, from: descriptor),
            let bytes = Self.read(
                range.count,
                at: contentOffset + range.lowerBound,
                from: descriptor
            ), Digest.sha256(bytes) == digest
        else { return nil }
        return bytes
    }

    private static func read(_ count: Int, at offset: Int, from descriptor: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes { all in
                pread(
                    descriptor,
                    all.baseAddress.map { $0 + done },
                    count - done,
                    off_t(offset + done)
                )
            }
            guard got > 0 else { return nil }
            done += got
        }
        return bytes
    }
}

/// What is known of a stored answer beside its content, as text.
enum DiskDescription {
    static func encode(_ key: String, _ entry: StoredResponse) -> [UInt8] {
        var fields: [JSONValue] = []
        for index in entry.head.headers.indices {
            let value = String(decoding: entry.head.headers.valueBytes(at: index), as: UTF8.self)
            fields.append([.string(entry.head.headers.name(at: index)), .string(value)])
        }
        let value: JSONValue = [
            "key": .string(key), "status": .integer(entry.head.status),
            "reason": .string(entry.head.reason), "headers": .array(fields),
            "storedAt": .integer(entry.storedAt), "expiresAt": .integer(entry.expiresAt),
            "servedStaleUntil": .integer(entry.servedStaleUntil),
            "initialAge": .integer(entry.initialAge),
            "originStatus": .integer(entry.originStatus),
            "tags": .array(entry.tags.map(JSONValue.string)),
        ]
        return value.encoded()
    }

    static func decode(
        _ bytes: [UInt8],
        _ object: DiskObject
    ) -> (key: String, entry: StoredResponse)? {
        guard let value = try? JSONValue.parse(bytes[...]), let key = value["key"]?.string,
            let status = value["status"]?.int, let fields = value["headers"]?.array,
            let storedAt = value["storedAt"]?.int, let expiresAt = value["expiresAt"]?.int
        else { return nil }
        var head = ResponseHead(status: status)
        head.reason = value["reason"]?.string ?? ""
        for field in fields {
            guard let name = field[0]?.string, let text = field[1]?.string else { return nil }
            head.headers.append(name, text)
        }
        let entry = StoredResponse(
            head: head,
            body: [],
            storedAt: storedAt,
            expiresAt: expiresAt,
            servedStaleUntil: value["servedStaleUntil"]?.int ?? 0,
            initialAge: value["initialAge"]?.int ?? 0,
            originStatus: value["originStatus"]?.int ?? status,
            tags: (value["tags"]?.array ?? []).compactMap(\.string),
            disk: object
        )
        return (key, entry)
    }
}
