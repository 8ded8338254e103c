import HTTP
import JSON
import Model

/// The header fields that an event showed, by name, with where each lies in its text.
struct FunctionHeaderGroups {
    struct Group {
        /// The number of the name.
        let name: FieldName
        /// The name in lower case, without its quotes.
        let key: Range<Int>
        /// The object with the value or the values.
        let value: Range<Int>
    }

    /// What became of a group.
    enum Fate {
        case removed, kept
        /// Replaced by one value.
        case replaced(Range<Int>)
    }

    /// The most fields of a head that are worth remembering.
    private static let most = 128
    /// The mark of a field that functions do not see.
    private static let hidden = UInt8.max

    private(set) var groups: [Group] = []
    /// The group of each field of the head.
    private var groupOf: [UInt8] = []
    /// Whether all fields of the head are in the list above.
    private(set) var isWhole = true

    /// Writes the headers that functions see: neither cookies nor what is CloudFront's own.
    ///
    /// The host is as CloudFront knows it: in lower case, without a port.
    mutating func write(_ headers: Headers, host: String?, to writer: inout JSONWriter) {
        writer.beginObject()
        isWhole = headers.count <= Self.most
        groups.reserveCapacity(headers.count)
        groupOf = [UInt8](repeating: Self.hidden, count: headers.count)
        headers.withStoredBytes { bytes in
            for index in headers.indices where isFirst(headers, index, bytes) {
                groups.append(writeGroup(headers, from: index, host: host, bytes, to: &writer))
            }
        }
        writer.endObject()
    }

    /// Whether functions see a field, and none of its name stands before it.
    private func isFirst(
        _ headers: Headers,
        _ index: Int,
        _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        let entry = headers.entries[index]
        guard entry.name != .cookie, entry.name != .setCookie,
            !QuickFields.isDisallowed(headers, entry)
        else { return false }
        if isWhole { return groupOf[index] == Self.hidden }
        return !headers.entries[..<index].contains { $0.isSame(as: entry, bytes) }
    }

    /// Writes the fields of one name.
    private mutating func writeGroup(
        _ headers: Headers,
        from index: Int,
        host: String?,
        _ bytes: UnsafeBufferPointer<UInt8>,
        to writer: inout JSONWriter
    ) -> Group {
        let entry = headers.entries[index]
        let key = UnsafeBufferPointer(rebasing: bytes[entry.nameRange])
        let number = UInt8(truncatingIfNeeded: groups.count)
        writer.key(lowercasing: key)
        let start = writer.bytes.count
        groupOf[index] = number
        writer.beginObject()
        writer.key("value")
        Self.write(headers, at: index, host: host, bytes, to: &writer)
        var isAlone = true
        for other in (index + 1)..<max(index + 1, headers.count)
        where headers.entries[other].isSame(as: entry, bytes) {
            if isAlone {
                writer.key("multiValue")
                writer.beginArray()
                Self.writeObject(headers, at: index, host: host, bytes, to: &writer)
                isAlone = false
            }
            Self.writeObject(headers, at: other, host: host, bytes, to: &writer)
            groupOf[other] = number
        }
        if !isAlone { writer.endArray() }
        writer.endObject()
        return Group(
            name: entry.name,
            // Before the value stand the quote that ends the key and a colon.
            key: (start - 2 - key.count)..<(start - 2),
            value: start..<writer.bytes.count
        )
    }

    /// The list that results from what became of each group, before anything is added.
    func apply(
        _ fates: [Fate],
        _ result: UnsafeBufferPointer<UInt8>,
        to old: Headers
    ) -> Headers {
        var isDone = [Bool](repeating: false, count: fates.count)
        var headers = Headers()
        headers.reserve(fields: old.count + 4, bytes: old.storedBytes + 256)
        for index in old.indices {
            guard groupOf[index] != Self.hidden else {
                headers.append(from: old, at: index)
                continue
            }
            let group = Int(groupOf[index])
            switch fates[group] {
            case .removed: break
            case .kept: headers.append(from: old, at: index)
            case .replaced(let value):
                if isDone[group] { continue }
                isDone[group] = true
                let spelled = HeaderRules.capitalized(old.name(at: index))
                headers.append(spelled, String(decoding: result[value], as: UTF8.self))
            }
        }
        return headers
    }

    private static func writeObject(
        _ headers: Headers,
        at index: Int,
        host: String?,
        _ bytes: UnsafeBufferPointer<UInt8>,
        to writer: inout JSONWriter
    ) {
        writer.beginObject()
        writer.key("value")
        write(headers, at: index, host: host, bytes, to: &writer)
        writer.endObject()
    }

    private static func write(
        _ headers: Headers,
        at index: Int,
        host: String?,
        _ bytes: UnsafeBufferPointer<UInt8>,
        to writer: inout JSONWriter
    ) {
        let entry = headers.entries[index]
        if entry.name == .host, let host { return writer.string(host) }
        let start = Int(entry.valueStart)
        let value = UnsafeBufferPointer(rebasing: bytes[start..<start + Int(entry.valueLength)])
        if value.allSatisfy({ $0 < 0x80 }) {
            writer.string(value)
        } else {
            writer.string(headers.value(at: index))
        }
    }
}

extension Headers.Entry {
    fileprivate var nameRange: Range<Int> {
        Int(nameStart)..<Int(nameStart) + Int(nameLength)
    }

    /// Whether two fields of a list have the same name.
    func isSame(as other: Headers.Entry, _ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard name == other.name, nameLength == other.nameLength else { return false }
        guard name == .other else { return true }
        let (first, second) = (Int(nameStart), Int(other.nameStart))
        for offset in 0..<Int(nameLength)
        where Headers.lowered(bytes[first + offset]) != Headers.lowered(bytes[second + offset]) {
            return false
        }
        return true
    }
}
