import JSON

/// A value while a mapping template runs; lists and maps are shared as in Velocity.
enum VelocityValue {
    case null
    case string(String)
    case integer(Int)
    /// A number with a fraction or an exponent, as its literal text.
    case decimal(String)
    case bool(Bool)
    case list(VelocityList)
    case map(VelocityMap)
    /// `$input` and `$util`.
    case tool(Tool)

    enum Tool { case input, util }

    init(_ value: JSONValue) {
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .number(let text): self = .decimal(text)
        case .string(let text): self = .string(text)
        case .array(let all): self = .list(VelocityList(all.map(VelocityValue.init)))
        case .object(let object):
            let map = VelocityMap()
            for member in object { map.set(member.key, VelocityValue(member.value)) }
            self = .map(map)
        }
    }

    /// The value as JSON.
    var json: JSONValue {
        switch self {
        case .null, .tool: .null
        case .string(let text): .string(text)
        case .integer(let value): .integer(value)
        case .decimal(let text): .number(text)
        case .bool(let value): .bool(value)
        case .list(let list): .array(list.items.map(\.json))
        case .map(let map):
            .object(
                map.entries.reduce(into: JSONObject()) { $0[$1.key] = $1.value.json }
            )
        }
    }

    /// The text that is printed.
    var text: String {
        switch self {
        case .null: "null"
        case .string(let text): text
        case .integer(let value): String(value)
        case .decimal(let text): text
        case .bool(let value): String(value)
        case .list(let list): JSONValue.array(list.items.map(\.json)).text
        case .map(let map):
            "{" + map.entries.map { "\($0.key)=\($0.value.text)" }.joined(separator: ", ") + "}"
        case .tool: ""
        }
    }

    /// Whether an `#if` takes it for true: anything but false and null.
    var isTrue: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        default: true
        }
    }

    var isNull: Bool { if case .null = self { true } else { false } }

    /// The number; nil when this is none.
    var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .decimal(let text): Double(text)
        default: nil
        }
    }

    func equals(_ other: VelocityValue) -> Bool {
        if let left = number, let right = other.number { return left == right }
        return switch (self, other) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        default: text == other.text
        }
    }
}

/// A list that references share.
final class VelocityList {
    var items: [VelocityValue]

    init(_ items: [VelocityValue] = []) { self.items = items }
}

/// A map in the order of its keys that references share.
final class VelocityMap {
    private(set) var entries: [(key: String, value: VelocityValue)] = []

    subscript(key: String) -> VelocityValue? { entries.first { $0.key == key }?.value }

    func set(_ key: String, _ value: VelocityValue) {
        if let place = entries.firstIndex(where: { $0.key == key }) {
            entries[place].value = value
        } else {
            entries.append((key, value))
        }
    }

    @discardableResult
    func remove(_ key: String) -> VelocityValue? {
        guard let place = entries.firstIndex(where: { $0.key == key }) else { return nil }
        return entries.remove(at: place).value
    }
}

/// Why a mapping template cannot be rendered.
struct VelocityError: Error, Sendable {
    var message: String

    init(_ message: String) { self.message = message }
}
