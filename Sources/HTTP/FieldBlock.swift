import Glibc

/// The memory of one list of fields in one piece: the bytes grow from its start, the entries from its end.
///
/// Shared by copies of a list until one of them changes, as the standard library's arrays are.
final class FieldBlock: ManagedBuffer<FieldBlock.Extent, Headers.Entry> {
    // SAFETY: entries and bytes are written through `Headers` only, which does so after it has made sure
    // that it is the block's one owner; `used` and `count` never leave the capacity.

    /// How much of the memory is in use.
    struct Extent {
        /// All memory, in entries.
        let capacity: Int32
        /// Entries in use.
        var count: Int32 = 0
        /// Bytes in use.
        var used = 0
    }

    /// The memory that a list begins with; with the block's own words just what an allocator hands out fast.
    ///
    /// Unit: entries.
    private static let usual = 62

    private static let stride = MemoryLayout<Headers.Entry>.stride

    /// Makes an empty block for so many fields and bytes.
    @inline(__always)
    static func make(fields: Int, bytes: Int, atLeast least: Int = usual) -> FieldBlock {
        let capacity = max(least, fields + (bytes + stride - 1) / stride)
        let made = FieldBlock.create(minimumCapacity: capacity) { _ in
            Extent(capacity: Int32(truncatingIfNeeded: capacity))
        }
        return unsafeDowncast(made, to: FieldBlock.self)
    }

    /// Makes a block with what this one holds and room for more.
    @inline(never)
    func grown(fields: Int, bytes: Int) -> FieldBlock {
        let larger = Self.make(fields: count + fields, bytes: used + bytes)
        copy(to: larger)
        return larger
    }

    /// Makes a block with what this one holds and no room beyond it.
    func compacted() -> FieldBlock {
        let smaller = Self.make(fields: count, bytes: used, atLeast: 1)
        copy(to: smaller)
        return smaller
    }

    private func copy(to other: FieldBlock) {
        memcpy(other.bytes, bytesStart, used)
        memcpy(other.end - count, end - count, count * Self.stride)
        other.extent.pointee.count = extent.pointee.count
        other.extent.pointee.used = used
    }

    /// Not by way of `header`, each access to which is checked for exclusivity at run time.
    @inline(__always)
    private var extent: UnsafeMutablePointer<Extent> { withUnsafeMutablePointerToHeader { $0 } }

    @inline(__always)
    var count: Int { Int(extent.pointee.count) }
    @inline(__always)
    var used: Int { extent.pointee.used }

    /// The bytes that are neither fields' text nor entries.
    @inline(__always)
    var free: Int {
        (Int(extent.pointee.capacity) - count) * Self.stride - used
    }

    /// The start of the bytes.
    @inline(__always)
    var bytes: UnsafeMutablePointer<UInt8> {
        withUnsafeMutablePointerToElements {
            UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt8.self)
        }
    }

    private var bytesStart: UnsafePointer<UInt8> { UnsafePointer(bytes) }

    /// The end of the memory, below which the entries lie, the first at the top.
    @inline(__always)
    private var end: UnsafeMutablePointer<Headers.Entry> {
        let capacity = Int(extent.pointee.capacity)
        return withUnsafeMutablePointerToElements { $0 + capacity }
    }

    /// The field at an index below `count`.
    @inline(__always)
    subscript(index: Int) -> Headers.Entry {
        get { (end - 1 - index).pointee }
        set { (end - 1 - index).pointee = newValue }
    }

    /// The entries as they lie, for a look through them; valid while the block lives unchanged.
    @inline(__always)
    var list: List { List(end: UnsafePointer(end), count: count) }

    /// The entries of a block, which somebody else keeps alive.
    struct List {
        /// The end of the memory below which they lie; nil when there are none.
        let end: UnsafePointer<Headers.Entry>?
        let count: Int

        /// The field at an index below `count`.
        @inline(__always)
        subscript(index: Int) -> Headers.Entry {
            (end.unsafelyUnwrapped - 1 - index).pointee
        }
    }

    /// Adds an entry; there must be room.
    @inline(__always)
    func append(_ entry: Headers.Entry) {
        (end - 1 - count).initialize(to: entry)
        extent.pointee.count &+= 1
    }

    /// Adds bytes; there must be room.
    @inline(__always)
    func append(_ start: UnsafePointer<UInt8>, _ count: Int) {
        memcpy(bytes + used, start, count)
        extent.pointee.used &+= count
    }

    /// Adds a field as it goes on the wire; there must be room.
    @inline(__always)
    func append(
        _ known: FieldName,
        spelled name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>,
        isClean: Bool
    ) {
        withUnsafeMutablePointers { extent, entries in
            let nameStart = extent.pointee.used
            let start = UnsafeMutableRawPointer(entries) + nameStart
            if let from = name.baseAddress { memcpy(start, from, name.count) }
            let separator = UInt16(littleEndian: 0x203a)
            start.storeBytes(of: separator, toByteOffset: name.count, as: UInt16.self)
            let valueStart = start + name.count + 2
            if let from = value.baseAddress { memcpy(valueStart, from, value.count) }
            let lineEnd = UInt16(littleEndian: 0x0a0d)
            valueStart.storeBytes(of: lineEnd, toByteOffset: value.count, as: UInt16.self)
            extent.pointee.used = nameStart &+ name.count &+ value.count &+ 4
            extent.pointee.count &+= 1
            let place = Int(extent.pointee.capacity &- extent.pointee.count)
            (entries + place).initialize(
                to: Headers.Entry(
                    known,
                    nameStart: nameStart,
                    nameLength: name.count,
                    valueStart: nameStart &+ name.count &+ 2,
                    valueLength: value.count,
                    isClean: isClean
                )
            )
        }
    }

    /// Takes the last entry out; its bytes stay.
    @inline(__always)
    func removeLast() -> Headers.Entry {
        let last = self[count - 1]
        extent.pointee.count &-= 1
        return last
    }

    /// Keeps the entries that pass; the bytes of the others stay, unused.
    @inline(__always)
    func keep(_ passes: (Headers.Entry) -> Bool) {
        var kept = 0
        let count = count
        for index in 0..<count {
            let entry = self[index]
            guard passes(entry) else { continue }
            if kept != index { self[kept] = entry }
            kept += 1
        }
        extent.pointee.count = Int32(truncatingIfNeeded: kept)
    }
}
