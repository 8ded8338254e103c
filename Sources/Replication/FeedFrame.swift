package import HTTP

/// One record of the feed: four bytes of length (big-endian), one of kind, then the payload.
package enum FeedFrame: Sendable, Equatable {
    /// A part of a revision that goes on in the next frame.
    case fragment(Bytes)
    /// A revision, or its last part.
    case revision(Bytes)
    /// The primary is there, and this is its latest revision.
    case head(Int)
    /// What the state at a revision hashes to.
    case hash(revision: Int, digest: String)
    /// The next revision is no longer kept: a snapshot has to be taken.
    case snapshotRequired
    /// A fault that the edge carries out on itself.
    case fault(String)

    private var kind: UInt8 {
        switch self {
        case .fragment: 1
        case .revision: 2
        case .head: 3
        case .hash: 4
        case .snapshotRequired: 5
        case .fault: 6
        }
    }

    /// The frame as bytes.
    package func encoded() -> [UInt8] {
        switch self {
        case .fragment(let bytes), .revision(let bytes): Self.frame(kind, bytes)
        case .head(let revision): Self.frame(kind, Array(String(revision).utf8)[...])
        case .hash(let revision, let digest):
            Self.frame(kind, Array("\(revision) \(digest)".utf8)[...])
        case .snapshotRequired: Self.frame(kind, [])
        case .fault(let name): Self.frame(kind, Array(name.utf8)[...])
        }
    }

    /// The frames of one revision, given as it goes over the wire.
    static func frames(ofRevision encoded: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = encoded[...]
        while rest.count > FeedProtocol.maximumFrame {
            result += FeedFrame.fragment(rest.prefix(FeedProtocol.maximumFrame)).encoded()
            rest = rest.dropFirst(FeedProtocol.maximumFrame)
        }
        return result + FeedFrame.revision(rest).encoded()
    }

    private static func frame(_ kind: UInt8, _ payload: Bytes) -> [UInt8] {
        let count = UInt32(payload.count)
        let length = (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * UInt32($0))) }
        return length + [kind] + payload
    }
}

/// Takes frames out of a stream of bytes.
///
/// Pure; never holds more than one frame and what came with it.
package struct FeedFrameReader {
    private static let headSize = 5
    private var buffer: [UInt8] = []
    private var start = 0

    /// Makes a reader at the beginning of a stream.
    package init() {}

    /// Adds what has arrived.
    package mutating func append(_ bytes: Bytes) {
        if start > 0 {
            buffer.removeFirst(start)
            start = 0
        }
        buffer += bytes
    }

    /// The next whole frame, nil when more has to arrive.
    package mutating func next() throws(FeedError) -> FeedFrame? {
        let available = buffer.count - start
        guard available >= Self.headSize else { return nil }
        let length = buffer[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
        guard length <= FeedProtocol.maximumFrame else {
            throw FeedError(.malformed, "a frame of the feed claims \(length) bytes")
        }
        guard available >= Self.headSize + length else { return nil }
        let kind = buffer[start + 4]
        let payload = buffer[start + Self.headSize..<start + Self.headSize + length]
        start += Self.headSize + length
        return try Self.frame(kind, payload)
    }

    private static func frame(_ kind: UInt8, _ payload: Bytes) throws(FeedError) -> FeedFrame {
        switch kind {
        case 1: return .fragment(payload)
        case 2: return .revision(payload)
        default:
            if let text = String(validating: payload, as: UTF8.self), let frame = frame(kind, text)
            {
                return frame
            }
        }
        throw FeedError(.malformed, "the feed holds a frame of kind \(kind) that makes no sense")
    }

    /// A frame whose payload is text; nil when it makes no sense.
    private static func frame(_ kind: UInt8, _ text: String) -> FeedFrame? {
        switch kind {
        case 3: if let number = Int(text), number >= 0 { return .head(number) }
        case 4:
            let parts = text.split(separator: " ")
            if parts.count == 2, let number = Int(parts[0]), number >= 0 {
                return .hash(revision: number, digest: String(parts[1]))
            }
        case 5: if text.isEmpty { return .snapshotRequired }
        case 6: return .fault(text)
        default: break
        }
        return nil
    }
}
