import Glibc
import Reactor

/// Cuts the raw output of a process into lines.
///
/// Confined to its reactor.
final class ProcessOutput {
    /// The longest line kept in one piece.
    ///
    /// Unit: bytes. Source: CloudWatch Logs quotas, "Event size": 256 KB.
    static let longestLine = 256 << 10
    /// How much is read before others get their turn.
    ///
    /// Unit: bytes.
    static let burst = 256 << 10
    private static let pieceSize = 16 << 10

    private let pipe: Readiness
    private let write: (String) -> Void
    private var line: [UInt8] = []
    /// Whether V8 said that its heap was full.
    private(set) var sawHeapExhausted = false

    init(_ pipe: Readiness, write: @escaping (String) -> Void) {
        self.pipe = pipe
        self.write = write
    }

    /// Copies until the pipe is closed.
    func run() async {
        copying: while pipe.isOpen {
            switch drain(surely: false) {
            case .ended: break copying
            case .more: await pipe.reactor.sleep(for: .milliseconds(1))
            case .empty: guard await pipe.readable() == .ready else { break copying }
            }
        }
        flush()
    }

    /// What is left in the pipe after `drain`.
    enum Rest { case empty, more, ended }

    /// Takes what has arrived, up to a burst; with `surely` also what no event has announced yet.
    @discardableResult
    func drain(surely: Bool = true) -> Rest {
        guard pipe.isOpen else { return .ended }
        if !surely, pipe.isDrained { return .empty }
        return withUnsafeTemporaryAllocation(byteCount: Self.pieceSize, alignment: 8) { buffer in
            var taken = 0
            while taken < Self.burst {
                switch pipe.readNow(into: buffer) {
                case .bytes(let count):
                    append(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                    taken += count
                    if pipe.isDrained { return .empty }
                case .wouldBlock: return .empty
                case .end, .failed: return .ended
                }
            }
            return .more
        }
    }

    /// Writes a line that has no end yet.
    func flush() {
        guard !line.isEmpty else { return }
        emit()
    }

    private func append(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let room = rest.prefix(Self.longestLine - line.count)
            let end = room.firstIndex(of: 10)
            line.append(contentsOf: room[..<(end ?? room.endIndex)])
            rest = rest[(end.map { $0 + 1 } ?? room.endIndex)...]
            if end != nil || line.count >= Self.longestLine { emit() }
        }
    }

    private func emit() {
        let text = String(decoding: line, as: UTF8.self)
        if text.contains("JavaScript heap out of memory") { sawHeapExhausted = true }
        line.removeAll(keepingCapacity: true)
        write(text)
    }
}
