import DataPlane
import HTTP

/// The content of an archive from some byte on, read part by part as the edge takes it.
///
/// Confined to its reactor.
final class BlobBody: BodySource {
    private let digest: String
    private let size: Int
    private let source: any FeedSource
    private var position: Int

    let trailers = Headers()

    init(_ digest: String, from position: Int, size: Int, of source: any FeedSource) {
        self.digest = digest
        self.position = position
        self.size = size
        self.source = source
    }

    func read() async throws(Fault) -> Bytes? {
        guard position < size else { return nil }
        let (number, offset) = position.quotientAndRemainder(dividingBy: FeedProtocol.blobPart)
        let part: [UInt8]?
        do {
            part = try await source.blobPart(digest, number)
        } catch {
            throw Fault(.incompleteBody, side: .origin, detail: "\(error)")
        }
        guard let part, part.count > offset else {
            throw Fault(.incompleteBody, side: .origin, detail: "\(digest) ends early")
        }
        position += part.count - offset
        return part[offset...]
    }
}
