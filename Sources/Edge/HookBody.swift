import DataPlane
import HTTP
import Model

extension EdgePipeline {
    /// Reads the start of a body for an event and keeps all of it for the origin.
    func peek(
        _ body: inout Body,
        _ limit: Int,
        _ passage: Passage
    ) async throws(Stop) -> EventBody {
        switch body {
        case .empty, .upgrade: return EventBody(data: [], isTruncated: false)
        case .bytes(let bytes):
            return EventBody(data: bytes.prefix(limit), isTruncated: bytes.count > limit)
        case .stream(let source, let length):
            var held: [UInt8] = []
            do throws(Fault) {
                while held.count <= limit {
                    guard let piece = try await source.read() else {
                        body = .bytes(held[...])
                        return EventBody(data: held[...], isTruncated: false)
                    }
                    held += piece
                }
            } catch {
                var stop = Stop.refusal(.bodyUnreadable, requestID: passage.requestID)
                switch error.kind {
                case .bodyTooLarge, .idleTimeout: stop.head.status = error.status
                default: break
                }
                throw stop
            }
            body = .stream(PrefixedSource(held[...], then: source), length: length)
            return EventBody(data: held.prefix(limit), isTruncated: true)
        }
    }
}

/// Bytes that were read ahead, then the rest.
private final class PrefixedSource: BodySource {
    private var prefix: Bytes?
    private let rest: any BodySource
    var trailers: Headers { rest.trailers }

    init(_ prefix: Bytes, then rest: any BodySource) {
        self.prefix = prefix
        self.rest = rest
    }

    func read() async throws(Fault) -> Bytes? {
        if let piece = prefix {
            prefix = nil
            return piece
        }
        return try await rest.read()
    }
}
