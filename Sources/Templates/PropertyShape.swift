/// What a property may hold, as CloudFormation's resource schemas say.
indirect enum PropertyShape: Sendable, Equatable {
    case string(allowed: [String])
    case number(isWhole: Bool, least: Double?, most: Double?)
    case boolean
    /// JSON, or one of several forms: not checked here.
    case any
    case list(PropertyShape)
    case map(PropertyShape)
    case object([Member])

    /// A member of an object.
    struct Member: Sendable, Equatable {
        var name: String
        var isRequired: Bool
        var shape: PropertyShape
    }

    /// The properties of a resource type; nil for a type that has no table.
    static func properties(of type: String) -> PropertyShape? {
        PropertyTables.texts[type].flatMap { PropertyShapeReader.read($0) }
    }

    /// The member of an object; nil when there is none or this is no object.
    func member(_ name: String) -> Member? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }
    }

    /// The shape of a list's elements.
    var element: PropertyShape? {
        guard case .list(let element) = self else { return nil }
        return element
    }
}

/// Reads the notation of `PropertyTables`.
///
/// `s`, `i`, `n`, `b` and `j` are string, integer, number, boolean and JSON, `(a|b)` and `(1..9)` what
/// is allowed, `[…]` a list, `<…>` a map, `{Name*:…,…}` an object with a required member.
struct PropertyShapeReader {
    private var rest: Substring.UTF8View

    /// The shape that a text describes; nil when it is malformed.
    static func read(_ text: String) -> PropertyShape? {
        var reader = PropertyShapeReader(rest: text[...].utf8)
        guard let shape = reader.shape(), reader.rest.isEmpty else { return nil }
        return shape
    }

    private mutating func take(_ character: Character) -> Bool {
        guard rest.first == character.asciiValue else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func text(until ends: String) -> String {
        let end = rest.firstIndex { ends.utf8.contains($0) } ?? rest.endIndex
        defer { rest = rest[end...] }
        return String(decoding: rest[..<end], as: UTF8.self)
    }

    private mutating func shape() -> PropertyShape? {
        guard let first = rest.first else { return nil }
        rest.removeFirst()
        switch first {
        case UInt8(ascii: "s"):
            let list = bounds()?.split(separator: "|").map(String.init)
            return .string(allowed: list ?? [])
        case UInt8(ascii: "i"), UInt8(ascii: "n"):
            let ends = bounds()?.split(separator: "..", omittingEmptySubsequences: false)
            return .number(
                isWhole: first == UInt8(ascii: "i"),
                least: ends?.first.flatMap { Double($0) },
                most: ends?.last.flatMap { Double($0) }
            )
        case UInt8(ascii: "b"): return .boolean
        case UInt8(ascii: "j"): return .any
        case UInt8(ascii: "["):
            guard let element = shape(), take("]") else { return nil }
            return .list(element)
        case UInt8(ascii: "<"):
            guard let value = shape(), take(">") else { return nil }
            return .map(value)
        case UInt8(ascii: "{"): return object()
        default: return nil
        }
    }

    private mutating func bounds() -> String? {
        guard take("(") else { return nil }
        let bounds = text(until: ")")
        return take(")") ? bounds : nil
    }

    private mutating func object() -> PropertyShape? {
        var members: [PropertyShape.Member] = []
        while !take("}") {
            let name = text(until: "*:")
            let isRequired = take("*")
            guard !name.isEmpty, take(":"), let shape = shape() else { return nil }
            members.append(.init(name: name, isRequired: isRequired, shape: shape))
            _ = take(",")
        }
        return .object(members)
    }
}
