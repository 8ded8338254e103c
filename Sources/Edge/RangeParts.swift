import DataPlane
import HTTP

/// Several ranges in one body: what stands before each, and what ends them (RFC 9110 §14.6).
struct RangeParts {
    let ranges: [Range<Int>]
    /// What stands before the bytes of each range.
    let heads: [[UInt8]]
    let tail: [UInt8]
    let contentType: String

    init(_ ranges: [Range<Int>], of size: Int, type: String?) {
        let boundary = RequestID.hexadecimal()
        self.ranges = ranges
        heads = ranges.enumerated().map { index, range in
            var head = index == 0 ? "" : "\r\n"
            head += "--\(boundary)\r\n"
            if let type { head += "Content-Type: \(type)\r\n" }
            head += "Content-Range: \(ContentRange(range, of: size).text)\r\n\r\n"
            return Array(head.utf8)
        }
        tail = Array("\r\n--\(boundary)--\r\n".utf8)
        contentType = "multipart/byteranges; boundary=\(boundary)"
    }

    /// Unit: bytes of the whole body.
    var length: Int {
        zip(heads, ranges).reduce(tail.count) { $0 + $1.0.count + $1.1.count }
    }
}

/// Reads several ranges of an object on a disk, one after the other.
final class DiskParts: BodySource {
    private let disk: DiskReader
    private let parts: RangeParts
    /// The range that comes next, or is being read.
    private var index = 0
    private var isInside = false
    let trailers = Headers()

    init(_ disk: DiskReader, _ parts: RangeParts) {
        self.disk = disk
        self.parts = parts
    }

    var isReady: Bool { !isInside }

    func read() async throws(Fault) -> Bytes? {
        if isInside {
            if let piece = try await disk.read() { return piece }
            isInside = false
            index += 1
        }
        if index < parts.ranges.count {
            disk.select(parts.ranges[index])
            isInside = true
            return parts.heads[index][...]
        }
        guard index == parts.ranges.count else { return nil }
        index += 1
        return parts.tail[...]
    }
}
