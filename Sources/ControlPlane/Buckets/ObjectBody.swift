import DataPlane
import Foundation
import HTTP

/// A part of a file as the content of an answer.
final class ObjectBody: BodySource {
    /// How much is read at once.
    ///
    /// Unit: bytes.
    private static let piece = 256 << 10

    private let handle: FileHandle
    private var left: Int

    /// Opens a file at a place; nil when that fails.
    init?(_ path: String, from start: Int, count: Int) {
        guard let handle = FileHandle(forReadingAtPath: path),
            (try? handle.seek(toOffset: UInt64(start))) != nil
        else { return nil }
        self.handle = handle
        left = count
    }

    deinit { try? handle.close() }

    var trailers: Headers { Headers() }
    var isReady: Bool { true }

    func read() async throws(Fault) -> Bytes? {
        guard left > 0 else { return nil }
        guard let piece = try? handle.read(upToCount: min(left, Self.piece)), !piece.isEmpty else {
            throw Fault(.incompleteBody, side: .origin)
        }
        left -= piece.count
        return [UInt8](piece)[...]
    }
}
