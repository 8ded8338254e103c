import Glibc
import HTTP
import JSON
import Model

/// One header field of a result, where it lies.
struct QuickField {
    let name: FieldName
    /// In lower case.
    let key: Range<Int>
    /// As it is to be sent.
    let spelling: Range<Int>
    let value: Range<Int>

    static func equal(
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ range: Range<Int>,
        _ text: StaticString
    ) -> Bool {
        text.withUTF8Buffer { wanted in
            guard wanted.count == range.count else { return false }
            for offset in wanted.indices where bytes[range.lowerBound + offset] != wanted[offset] {
                return false
            }
            return true
        }
    }
}

/// The header fields of a result that is plain.
enum QuickFields {
    /// Listed names that functions never see or set.
    private static let disallowed = Set(
        FieldName.allCases.filter { HeaderRules.isDisallowed($0.text.description.lowercased()) }
    )
    private static let disallowedNumbers: [Bool] = (0...UInt8.max).map { number in
        FieldName(rawValue: number).map { disallowed.contains($0) } ?? false
    }
    private static let readOnlyNumbers: [EdgeEvent: [Bool]] = Dictionary(
        uniqueKeysWithValues: EdgeEvent.allCases.map { event in
            let names = Set(HeaderRules.readOnly(event).map { FieldName.find($0) })
            return (
                event,
                (0...UInt8.max).map { FieldName(rawValue: $0).map(names.contains) ?? false }
            )
        }
    )

    /// Whether functions never see or set a field of a list.
    static func isDisallowed(_ headers: Headers, _ entry: Headers.Entry) -> Bool {
        if entry.name != .other { return disallowedNumbers[Int(entry.name.rawValue)] }
        let start = Int(entry.nameStart)
        return headers.withStoredBytes {
            isDisallowed($0, start..<start + Int(entry.nameLength))
        }
    }

    /// The same for a name that is not listed; all that are disallowed begin with an x.
    private static func isDisallowed(
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ name: Range<Int>
    ) -> Bool {
        guard let first = name.first, bytes[first] | 0x20 == UInt8(ascii: "x") else { return false }
        return HeaderRules.isDisallowed(String(decoding: bytes[name], as: UTF8.self).lowercased())
    }

    /// Reads the `headers` object; nil when it is not plain.
    static func read(
        _ walk: inout JSONWalk,
        _ bytes: UnsafeBufferPointer<UInt8>,
        most: Int
    ) -> [QuickField]? {
        guard walk.enterObject() else { return nil }
        var fields: [QuickField] = []
        fields.reserveCapacity(16)
        while true {
            let (step, key) = walk.nextKey()
            switch step {
            case .end: return fields
            case .unknown: return nil
            case .item: break
            }
            guard let name = plainName(bytes, key), walk.enterArray(),
                !fields.contains(where: { isSame($0, name, key, bytes) })
            else { return nil }
            let before = fields.count
            entries: while true {
                switch walk.nextElement() {
                case .end:
                    // No entry at all is rare, and then a second member of the name is not seen here.
                    guard fields.count > before else { return nil }
                    break entries
                case .unknown: return nil
                case .item: break
                }
                guard fields.count < most, let field = entry(&walk, bytes, name, key) else {
                    return nil
                }
                fields.append(field)
            }
        }
    }

    /// The number of a name in lower case; nil when it is none, or disallowed.
    static func plainName(
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ key: Range<Int>
    ) -> FieldName? {
        guard !key.isEmpty, let base = bytes.baseAddress else { return nil }
        let start = base + key.lowerBound
        for offset in 0..<key.count where start[offset] &- 65 < 26 { return nil }
        let name = FieldName.find(start, key.count)
        if name != .other { return disallowedNumbers[Int(name.rawValue)] ? nil : name }
        guard bytes[key].allSatisfy(HeaderRules.isTokenByte), !isDisallowed(bytes, key) else {
            return nil
        }
        return .other
    }

    private static func isSame(
        _ field: QuickField,
        _ name: FieldName,
        _ key: Range<Int>,
        _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard field.name == name, field.key.count == key.count else { return false }
        return name != .other
            || bytes[field.key].elementsEqual(bytes[key])
    }

    /// One `{ "key": …, "value": … }`.
    private static func entry(
        _ walk: inout JSONWalk,
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ name: FieldName,
        _ key: Range<Int>
    ) -> QuickField? {
        guard walk.enterObject() else { return nil }
        var (spelling, value): (Range<Int>?, Range<Int>?) = (nil, nil)
        while true {
            let (step, member) = walk.nextKey()
            switch step {
            case .unknown: return nil
            case .end:
                guard let spelling, let value, spells(spelling, key, bytes),
                    !bytes[value].contains(0x7F)
                else { return nil }
                return QuickField(name: name, key: key, spelling: spelling, value: value)
            case .item: break
            }
            if spelling == nil, QuickField.equal(bytes, member, "key") {
                spelling = walk.string()
                guard spelling != nil else { return nil }
            } else if value == nil, QuickField.equal(bytes, member, "value") {
                value = walk.string()
                guard value != nil else { return nil }
            } else {
                return nil
            }
        }
    }

    /// Whether a text is a name in some letter case.
    private static func spells(
        _ text: Range<Int>,
        _ name: Range<Int>,
        _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard text.count == name.count else { return false }
        for offset in 0..<text.count {
            let byte = bytes[text.lowerBound + offset]
            guard Headers.lowered(byte) == bytes[name.lowerBound + offset] else { return false }
        }
        return true
    }

    /// The new list of fields, as `HeaderRules.apply` makes it; nil when a rule may be broken.
    static func apply(
        _ fields: [QuickField],
        _ bytes: UnsafeBufferPointer<UInt8>,
        to old: Headers,
        event: EdgeEvent
    ) -> Headers? {
        let size = fields.reduce(0) { $0 + $1.spelling.count + $1.value.count }
        guard size <= EdgeLimits.head, old.count <= 64, let readOnly = readOnlyNumbers[event]
        else { return nil }
        var isUsed = [Bool](repeating: false, count: fields.count)
        var isWhole = true
        var cursor = 0
        for entry in old.entries where !isDisallowed(old, entry) {
            // Functions mostly leave the order as it was.
            var place: Int? = cursor
            if cursor >= fields.count || !isNamed(fields[cursor], old, entry, bytes) {
                place = fields.firstIndex { isNamed($0, old, entry, bytes) }
            }
            if let place {
                cursor = place + 1
                if !isUsed[place], isOnly(place, in: fields),
                    isUnchanged(fields[place], old, entry, bytes)
                {
                    isUsed[place] = true
                    continue
                }
            }
            guard !readOnly[Int(entry.name.rawValue)] else { return nil }
            isWhole = false
        }
        for (index, field) in fields.enumerated() where !isUsed[index] {
            if readOnly[Int(field.name.rawValue)] { return nil }
            if event == .viewerRequest, field.name == .other,
                QuickField.equal(bytes, field.key, "cloudfront-viewer-country")
            {
                return nil
            }
        }
        guard isWhole else { return rebuild(fields, bytes, old) }
        var result = old
        for (index, field) in fields.enumerated() where !isUsed[index] {
            // Another value of a name that stays belongs beside it.
            if old.entries.contains(where: { isNamed(field, old, $0, bytes) }) {
                return rebuild(fields, bytes, old)
            }
            append(field, bytes, to: &result)
        }
        return result
    }

    /// The list with each group of a name where the name stood first, new names at the end.
    private static func rebuild(
        _ fields: [QuickField],
        _ bytes: UnsafeBufferPointer<UInt8>,
        _ old: Headers
    ) -> Headers {
        var isDone = [Bool](repeating: false, count: fields.count)
        var result = Headers()
        result.reserve(fields: fields.count + 4, bytes: old.storedBytes + 256)
        for index in old.entries.indices {
            let entry = old.entries[index]
            if isDisallowed(old, entry) {
                result.append(from: old, at: index)
                continue
            }
            guard let first = fields.firstIndex(where: { isNamed($0, old, entry, bytes) }),
                !isDone[first]
            else { continue }
            let group =
                first..<(fields[first...].firstIndex { $0.key != fields[first].key }
                ?? fields.count)
            for place in group { isDone[place] = true }
            let places = old.entries.indices.filter {
                isNamed(fields[first], old, old.entries[$0], bytes)
            }
            let stays =
                group.count == places.count
                && zip(group, places).allSatisfy {
                    isUnchanged(fields[$0], old, old.entries[$1], bytes)
                }
            if stays {
                for place in places { result.append(from: old, at: place) }
            } else {
                for place in group { append(fields[place], bytes, to: &result) }
            }
        }
        for (index, field) in fields.enumerated() where !isDone[index] {
            append(field, bytes, to: &result)
        }
        return result
    }

    private static func append(
        _ field: QuickField,
        _ bytes: UnsafeBufferPointer<UInt8>,
        to headers: inout Headers
    ) {
        headers.append(
            String(decoding: bytes[field.spelling], as: UTF8.self),
            String(decoding: bytes[field.value], as: UTF8.self)
        )
    }

    /// Whether a field is the only one of its name.
    private static func isOnly(_ index: Int, in fields: [QuickField]) -> Bool {
        index + 1 == fields.count || fields[index + 1].key != fields[index].key
    }

    private static func isNamed(
        _ field: QuickField,
        _ old: Headers,
        _ entry: Headers.Entry,
        _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard field.name == entry.name, field.key.count == Int(entry.nameLength) else {
            return false
        }
        guard field.name == .other else { return true }
        return old.withStoredBytes { buffer in
            for offset in 0..<field.key.count {
                let byte = Headers.lowered(buffer[Int(entry.nameStart) + offset])
                if byte != bytes[field.key.lowerBound + offset] { return false }
            }
            return true
        }
    }

    /// Whether a field has the same spelling and value as an old one, byte for byte.
    private static func isUnchanged(
        _ field: QuickField,
        _ old: Headers,
        _ entry: Headers.Entry,
        _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard field.name == entry.name, field.spelling.count == Int(entry.nameLength),
            field.value.count == Int(entry.valueLength)
        else { return false }
        return old.withStoredBytes { buffer in
            guard let left = buffer.baseAddress, let right = bytes.baseAddress else { return false }
            return memcmp(
                left + Int(entry.nameStart),
                right + field.spelling.lowerBound,
                field.spelling.count
            ) == 0
                && memcmp(
                    left + Int(entry.valueStart),
                    right + field.value.lowerBound,
                    field.value.count
                ) == 0
        }
    }
}
