import Crypto
import Foundation

/// Uploads in parts.
///
/// Source: Amazon S3, "Uploading and copying objects using multipart upload".
struct BucketUploads {
    /// The highest number of a part.
    static let maximumParts = 10_000
    /// The least size of a part but the last.
    ///
    /// Unit: bytes.
    static let minimumPart = 5 << 20
    /// How many uploads a bucket has at once.
    static let maximumUploads = 1000

    let bucket: BucketFolder

    private var root: String { bucket.notes + "/uploads" }
    private var files: FileManager { .default }

    /// One part.
    struct Part: Codable {
        var number: Int
        var tag: String
        var size: Int
        var modified: Int
    }

    private func folder(_ id: String) throws(BucketError) -> String {
        let path = root + "/" + id
        let isName = !id.isEmpty && id.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
        guard isName, files.fileExists(atPath: path + "/record.json") else { throw .noUpload }
        return path
    }

    /// Begins an upload of an object; gives its id.
    func begin(_ record: ObjectRecord) throws(BucketError) -> String {
        let running = (try? files.contentsOfDirectory(atPath: root))?.count ?? 0
        guard running < Self.maximumUploads else {
            throw BucketError(503, "SlowDown", "Too many uploads are open in this bucket.")
        }
        _ = try bucket.path(record.key)
        let id = Ledger.random(
            64,
            of: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        )
        let path = root + "/" + id
        do {
            try files.createDirectory(atPath: path, withIntermediateDirectories: true)
            let data = try JSONEncoder().encode(record)
            try data.write(to: URL(fileURLWithPath: path + "/record.json"))
        } catch {
            throw BucketError(500, "InternalError", "\(error)")
        }
        return id
    }

    /// What an upload will become.
    func record(_ id: String, key: String) throws(BucketError) -> ObjectRecord {
        let path = try folder(id) + "/record.json"
        guard let data = files.contents(atPath: path),
            let record = try? JSONDecoder().decode(ObjectRecord.self, from: data),
            record.key == key
        else { throw .noUpload }
        return record
    }

    /// Every upload with its id, by key.
    var all: [(id: String, record: ObjectRecord)] {
        let ids = (try? files.contentsOfDirectory(atPath: root)) ?? []
        return ids.compactMap { id in
            files.contents(atPath: "\(root)/\(id)/record.json")
                .flatMap { try? JSONDecoder().decode(ObjectRecord.self, from: $0) }
                .map { (id, $0) }
        }.sorted { ($0.record.key, $0.id) < ($1.record.key, $1.id) }
    }

    /// Keeps a part; gives its tag.
    func put(
        _ number: Int,
        of id: String,
        key: String,
        _ bytes: [UInt8]
    ) throws(BucketError) -> String {
        guard (1...Self.maximumParts).contains(number) else {
            throw .invalid(
                "Part number must be an integer between 1 and \(Self.maximumParts), inclusive"
            )
        }
        _ = try record(id, key: key)
        let part = Part(
            number: number,
            tag: Digest.hex(Digest.Algorithm.md5.digest(bytes)),
            size: bytes.count,
            modified: Int(Date().timeIntervalSince1970)
        )
        let place = try folder(id) + "/part-\(number)"
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: place), options: .atomic)
            try JSONEncoder().encode(part).write(to: URL(fileURLWithPath: place + ".json"))
        } catch {
            throw BucketError(500, "InternalError", "\(error)")
        }
        return part.tag
    }

    /// The parts of an upload by number.
    func parts(_ id: String) throws(BucketError) -> [Part] {
        let path = try folder(id)
        let names = (try? files.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { $0.hasPrefix("part-") && $0.hasSuffix(".json") }.compactMap {
            files.contents(atPath: path + "/" + $0)
                .flatMap { try? JSONDecoder().decode(Part.self, from: $0) }
        }.sorted { $0.number < $1.number }
    }

    /// Makes the object of the named parts.
    func complete(
        _ id: String,
        key: String,
        _ wanted: [(number: Int, tag: String)]
    ) throws(BucketError) -> ObjectRecord {
        var record = try record(id, key: key)
        let path = try folder(id)
        let known = Dictionary(
            try parts(id).map { ($0.number, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        guard !wanted.isEmpty else { throw .malformed }
        for (first, second) in zip(wanted, wanted.dropFirst()) where first.number >= second.number {
            throw BucketError(
                400,
                "InvalidPartOrder",
                "The list of parts was not in ascending order. Parts must be ordered by part number."
            )
        }
        var digests: [UInt8] = []
        for (index, part) in wanted.enumerated() {
            guard let own = known[part.number], own.tag == part.tag else {
                throw BucketError(
                    400,
                    "InvalidPart",
                    "One or more of the specified parts could not be found. The part may not have been "
                        + "uploaded, or the specified entity tag may not match the part's entity tag."
                )
            }
            if index < wanted.count - 1, own.size < Self.minimumPart {
                throw BucketError(
                    400,
                    "EntityTooSmall",
                    "Your proposed upload is smaller than the minimum allowed size"
                )
            }
            digests += Self.bytes(ofHex: own.tag)
            record.size = (index == 0 ? 0 : record.size) + own.size
        }
        record.tag = Digest.hex(Digest.Algorithm.md5.digest(digests)) + "-\(wanted.count)"
        record.modified = Int(Date().timeIntervalSince1970)
        let whole = path + "/whole"
        try join(wanted.map { "\(path)/part-\($0.number)" }, into: whole)
        let made = try bucket.put(record, from: whole)
        try? files.removeItem(atPath: path)
        return made
    }

    private func join(_ parts: [String], into whole: String) throws(BucketError) {
        files.createFile(atPath: whole, contents: nil)
        do {
            guard let output = FileHandle(forWritingAtPath: whole) else {
                throw CocoaError(.fileWriteUnknown)
            }
            defer { try? output.close() }
            for part in parts {
                let input = try FileHandle(forReadingFrom: URL(fileURLWithPath: part))
                defer { try? input.close() }
                while let piece = try input.read(upToCount: 1 << 20), !piece.isEmpty {
                    try output.write(contentsOf: piece)
                }
            }
        } catch {
            throw BucketError(500, "InternalError", "\(error)")
        }
    }

    private static func bytes(ofHex text: String) -> [UInt8] {
        let digits = Array(text)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(digits[$0...($0 + 1)]), radix: 16)
        }
    }

    /// Gives an upload up.
    func abort(_ id: String, key: String) throws(BucketError) {
        _ = try record(id, key: key)
        try? files.removeItem(atPath: try folder(id))
    }
}
