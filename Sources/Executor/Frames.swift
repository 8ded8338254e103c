import HTTP
import Reactor

/// What travels between the executor and a worker.
enum FrameType: UInt8 {
    case initialise = 1
    case invoke = 2
    case ready = 10
    case loaded = 11
    case loadFailed = 12
    case response = 13
    case failed = 14
    case log = 15
    case fatal = 16
    case streamStart = 17
    case streamData = 18
    case streamEnd = 19
}

/// What reading a frame gave.
enum FrameOutcome {
    case frame(FrameType, Bytes)
    /// A frame over the limit; its content was thrown away.
    ///
    /// Unit: bytes.
    case oversized(Int)
    case ended
    case timedOut
}

/// Length-prefixed frames on a socket.
///
/// Confined to its reactor.
final class FrameChannel {
    /// The largest frame taken into memory.
    ///
    /// Unit: bytes.
    static let maximumFrame = 8 << 20
    /// No worker sends a frame this large: what says so is no frame at all.
    ///
    /// Unit: bytes.
    static let absurdFrame = 1 << 30
    private static let headerSize = 5
    private let descriptor: Readiness
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 8)
    private var start = 0
    private var end = 0

    init(_ descriptor: Readiness) { self.descriptor = descriptor }

    deinit { buffer.deallocate() }

    /// Sends a frame whose payload is `head` followed by `tail`; false when the worker is gone or stuck.
    func send(
        _ type: FrameType,
        _ head: [UInt8],
        _ tail: Bytes = [],
        until deadline: ContinuousClock.Instant? = nil
    ) async -> Bool {
        var first: [UInt8] = []
        first.reserveCapacity(Self.headerSize + head.count)
        first.append(littleEndian: UInt32(head.count + tail.count))
        first.append(type.rawValue)
        first += head
        let size = first.count + tail.count
        return await descriptor.writeAll(first[...], tail, until: deadline) == .bytes(size)
    }

    /// The next frame.
    func next(until deadline: ContinuousClock.Instant?) async -> FrameOutcome {
        if let failure = await fill(Self.headerSize, deadline) { return failure }
        let size = Int(buffer.loadUnaligned(fromByteOffset: start, as: UInt32.self))
        let type = FrameType(rawValue: buffer[start + 4])
        start += Self.headerSize
        guard let type, size < Self.absurdFrame else { return .ended }
        if size > Self.maximumFrame { return await discard(size, deadline) }
        var content: [UInt8] = []
        content.reserveCapacity(size)
        while content.count < size {
            if start == end, let failure = await fill(1, deadline) { return failure }
            let count = min(end - start, size - content.count)
            content.append(contentsOf: buffer[start..<start + count])
            start += count
        }
        return .frame(type, content[...])
    }

    private func discard(
        _ size: Int,
        _ deadline: ContinuousClock.Instant?
    ) async -> FrameOutcome {
        var left = size
        var burst = 0
        while left > 0 {
            if start == end, let failure = await fill(1, deadline) { return failure }
            let count = min(end - start, left)
            start += count
            left -= count
            burst += count
            guard burst > Self.maximumFrame else { continue }
            burst = 0
            await descriptor.reactor.sleep(for: .milliseconds(1))
            if let deadline, ContinuousClock.now >= deadline { return .timedOut }
        }
        return .oversized(size)
    }

    private func fill(
        _ wanted: Int,
        _ deadline: ContinuousClock.Instant?
    ) async -> FrameOutcome? {
        while end - start < wanted {
            if start == end {
                start = 0
                end = 0
            } else if buffer.count - start < wanted {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
                end -= start
                start = 0
            }
            let free = UnsafeMutableRawBufferPointer(rebasing: buffer[end...])
            switch await descriptor.readSome(into: free, until: deadline) {
            case .bytes(let count): end += count
            case .ended: return .ended
            case .timedOut: return .timedOut
            }
        }
        return nil
    }
}

extension [UInt8] {
    mutating func append<Number: FixedWidthInteger>(littleEndian number: Number) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }
}

/// Reads the parts of a frame.
struct FrameReader {
    var left: Bytes

    mutating func number() -> Int? {
        guard left.count >= 4 else { return nil }
        defer { left = left.dropFirst(4) }
        return left.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    mutating func text() -> String? {
        guard let size = number(), left.count >= size else { return nil }
        defer { left = left.dropFirst(size) }
        return String(decoding: left.prefix(size), as: UTF8.self)
    }
}
