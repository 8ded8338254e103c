import HTTP
import Reactor

/// What travels between the executor and a worker.
enum FrameType: UInt8 {
    case initialise = 1
    case invoke = 2
    case restore = 3
    case fork = 4
    case reap = 5
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
    case forked = 20
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
    // Exclusivity of these is by confinement: one thread, and no access calls out while it lasts.
    @exclusivity(unchecked)
    private var start = 0
    @exclusivity(unchecked)
    private var end = 0
    /// Whether the latest frame was all there was when an event announced it.
    @exclusivity(unchecked)
    private(set) var cameAlone = false

    init(_ descriptor: Readiness) { self.descriptor = descriptor }

    deinit { buffer.deallocate() }

    /// The beginning of a frame; its payload is appended, `send` writes the size.
    static func frame(_ type: FrameType, reserving capacity: Int) -> [UInt8] {
        var frame: [UInt8] = []
        frame.reserveCapacity(headerSize + capacity)
        frame.append(littleEndian: UInt32(0))
        frame.append(type.rawValue)
        return frame
    }

    /// Sends a frame whose payload goes on with `tail`; false when the worker is gone or stuck.
    func send(
        _ frame: consuming [UInt8],
        _ tail: Bytes = [],
        until deadline: MonotonicInstant
    ) async -> Bool {
        let size = frame.count + tail.count
        let payload = UInt32(size - Self.headerSize).littleEndian
        frame.withUnsafeMutableBytes { $0.storeBytes(of: payload, as: UInt32.self) }
        return await descriptor.writeAll(frame[...], tail, until: deadline) == .bytes(size)
    }

    /// Sends a frame together with descriptors; false when the worker is gone or stuck.
    func send(
        _ frame: consuming [UInt8],
        descriptors: [Int32],
        until deadline: MonotonicInstant
    ) async -> Bool {
        let payload = UInt32(frame.count - Self.headerSize).littleEndian
        frame.withUnsafeMutableBytes { $0.storeBytes(of: payload, as: UInt32.self) }
        return await descriptor.send(frame, descriptors: descriptors, until: deadline)
    }

    /// The next frame.
    func next(until deadline: MonotonicInstant) async -> FrameOutcome {
        let isFresh = start == end
        var reads = 0
        while end - start < Self.headerSize {
            reads += 1
            if let failure = await fill(deadline) { return failure }
        }
        let size = Int(buffer.loadUnaligned(fromByteOffset: start, as: UInt32.self))
        let type = FrameType(rawValue: buffer[start + 4])
        start += Self.headerSize
        guard let type, size < Self.absurdFrame else { return .ended }
        if size > Self.maximumFrame { return await discard(size, deadline) }
        if end - start >= size {
            let content = [UInt8](buffer[start..<start + size])
            start += size
            cameAlone = isFresh && reads == 1 && start == end && hasWaited
            return .frame(type, content[...])
        }
        cameAlone = false
        var content: [UInt8] = []
        content.reserveCapacity(size)
        while content.count < size {
            if start == end, let failure = await fill(deadline) { return failure }
            let count = min(end - start, size - content.count)
            content.append(contentsOf: buffer[start..<start + count])
            start += count
        }
        return .frame(type, content[...])
    }

    private func discard(_ size: Int, _ deadline: MonotonicInstant) async -> FrameOutcome {
        var left = size
        var burst = 0
        while left > 0 {
            if start == end, let failure = await fill(deadline) { return failure }
            let count = min(end - start, left)
            start += count
            left -= count
            burst += count
            guard burst > Self.maximumFrame else { continue }
            burst = 0
            await descriptor.reactor.sleep(for: .milliseconds(1))
            if descriptor.reactor.preciseTime >= deadline { return .timedOut }
        }
        return .oversized(size)
    }

    /// Whether the latest `fill` had to wait for an event.
    @exclusivity(unchecked)
    private var hasWaited = false

    /// Reads more; the buffer has room for it.
    private func fill(_ deadline: MonotonicInstant) async -> FrameOutcome? {
        if start == end {
            start = 0
            end = 0
        } else if start > 0 {
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[start..<end]))
            end -= start
            start = 0
        }
        hasWaited = false
        while true {
            let free = UnsafeMutableRawBufferPointer(rebasing: buffer[end...])
            switch descriptor.readAvailable(into: free) {
            case .bytes(let count):
                end += count
                return nil
            case .end, .failed: return .ended
            case .wouldBlock: break
            }
            hasWaited = true
            switch await descriptor.readable(until: deadline) {
            case .ready: continue
            case .timedOut: return .timedOut
            case .closed: return .ended
            }
        }
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
