import DataPlane
import HTTP

/// A body that tells when it ends, in whichever way, and how much of it went by.
///
/// Confined to its reactor.
final class MeteredBody: BodySource {
    private let source: any BodySource
    private var atEnd: ((Int) -> Void)?
    private var count = 0

    private init(_ source: any BodySource, atEnd: @escaping (Int) -> Void) {
        self.source = source
        self.atEnd = atEnd
    }

    deinit { atEnd?(count) }

    var trailers: Headers { source.trailers }
    var isReady: Bool { source.isReady }

    func read() async throws(Fault) -> Bytes? {
        do throws(Fault) {
            if let piece = try await source.read() {
                count += piece.count
                return piece
            }
        } catch {
            end()
            throw error
        }
        end()
        return nil
    }

    private func end() {
        let atEnd = atEnd
        self.atEnd = nil
        atEnd?(count)
    }

    /// Wraps a body that arrives over time; others end at once.
    static func wrap(_ body: inout Body, atEnd: @escaping (Int) -> Void) {
        switch body {
        case .empty: atEnd(0)
        case .bytes(let bytes): atEnd(bytes.count)
        case .stream(let source, let length):
            body = .stream(MeteredBody(source, atEnd: atEnd), length: length)
        case .upgrade(let stream):
            body = .upgrade(MeteredStream(stream, atEnd: atEnd))
        }
    }
}

/// An upgraded connection that tells when it ends and how much of it went to the viewer.
///
/// Confined to its reactor.
private final class MeteredStream: DuplexStream {
    private let stream: any DuplexStream
    private let atEnd: (Int) -> Void
    private var count = 0

    init(_ stream: any DuplexStream, atEnd: @escaping (Int) -> Void) {
        self.stream = stream
        self.atEnd = atEnd
    }

    deinit { atEnd(count) }

    func read() async throws(Fault) -> Bytes? {
        let piece = try await stream.read()
        count += piece?.count ?? 0
        return piece
    }

    func write(_ bytes: Bytes) async throws(Fault) { try await stream.write(bytes) }
    func finish() async { await stream.finish() }
    func close() { stream.close() }
}
