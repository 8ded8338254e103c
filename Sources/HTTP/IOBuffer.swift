import Glibc

/// A growing byte queue: bytes are appended at its end and taken from its start.
///
/// What a burst made it grow to is given back with `releaseIfEmpty`; the block it began with stays, since to
/// take and give that one back with every message would cost more than it is worth. `release` gives back all.
package struct IOBuffer: ~Copyable {
    /// The memory that a buffer begins with and keeps.
    ///
    /// Unit: bytes.
    private static let block = 4096

    private var base: UnsafeMutableRawPointer?
    private var capacity = 0
    private var start = 0
    private var end = 0

    /// Makes an empty queue that holds no memory.
    package init() {}

    deinit { free(base) }

    package var count: Int { end - start }
    package var isEmpty: Bool { start == end }

    /// The queued bytes; valid until the next change.
    package var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base.map { UnsafeRawPointer($0) + start }, count: count)
    }

    /// Free room at the end, at least `minimum` bytes; valid until the next change.
    package mutating func room(_ minimum: Int) -> UnsafeMutableRawBufferPointer {
        if capacity - end < minimum { makeRoom(minimum) }
        return UnsafeMutableRawBufferPointer(start: base.map { $0 + end }, count: capacity - end)
    }

    /// Counts bytes written into `room` as queued.
    package mutating func commit(_ count: Int) { end += count }

    /// Drops bytes from the start.
    package mutating func consume(_ count: Int) {
        start += count
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Appends bytes.
    package mutating func append(_ source: UnsafeRawBufferPointer) {
        guard let from = source.baseAddress, source.count > 0 else { return }
        let target = room(source.count)
        if let to = target.baseAddress { memcpy(to, from, source.count) }
        end += source.count
    }

    /// Appends one byte.
    package mutating func append(byte: UInt8) {
        let target = room(1)
        target.storeBytes(of: byte, as: UInt8.self)
        end += 1
    }

    /// Appends a literal.
    package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends bytes.
    package mutating func append(_ bytes: Bytes) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Takes up to `limit` queued bytes out as a value.
    package mutating func take(_ limit: Int) -> Bytes {
        let count = min(limit, count)
        let start = bytes
        let taken = [UInt8](unsafeUninitializedCapacity: count) { room, used in
            if let to = room.baseAddress, let from = start.baseAddress { memcpy(to, from, count) }
            used = count
        }
        consume(count)
        return taken[...]
    }

    /// Takes queued bytes out into a block that is used again once nobody holds what it gave before.
    ///
    /// To make and drop an array for each message costs more than to copy a small one.
    package mutating func take(_ count: Int, reusing block: inout [UInt8]) -> Bytes {
        block.removeAll(keepingCapacity: true)
        block.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        consume(count)
        return block[...]
    }

    /// Gives all memory back when nothing is queued: for connections that have gone quiet.
    package mutating func release() {
        guard isEmpty, let base else { return }
        free(base)
        self.base = nil
        capacity = 0
    }

    /// Gives back what is more than one block when nothing is queued.
    package mutating func releaseIfEmpty() {
        if capacity > Self.block { release() }
    }

    private mutating func makeRoom(_ minimum: Int) {
        let live = count
        if let base, capacity - live >= minimum {
            memmove(base, base + start, live)
        } else {
            var size = max(capacity, Self.block)
            while size - live < minimum { size *= 2 }
            guard let larger = malloc(size) else { fatalError("out of memory") }
            if let base { memcpy(larger, base + start, live) }
            free(base)
            base = larger
            capacity = size
        }
        start = 0
        end = live
    }
}
