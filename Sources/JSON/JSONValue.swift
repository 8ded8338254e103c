/// A JSON document or a part of one; objects keep the order of their keys.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    /// A number that is no 64-bit integer, as its literal text.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// Reads one document; anything but white space after it is an error.
    package static func parse(_ bytes: ArraySlice<UInt8>) throws(JSONError) -> JSONValue {
        try JSONReader.document(bytes)
    }

    /// Reads one document from text.
    package static func parse(_ text: String) throws(JSONError) -> JSONValue {
        try JSONReader.document(Array(text.utf8)[...])
    }

    /// The value of a key of an object, or nil.
    package subscript(key: String) -> JSONValue? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    /// The element at a position of an array, or nil.
    package subscript(index: Int) -> JSONValue? {
        if case .array(let elements) = self, elements.indices.contains(index) {
            elements[index]
        } else {
            nil
        }
    }

    /// The text when this is a string.
    package var string: String? { if case .string(let text) = self { text } else { nil } }
    /// The truth value when this is one.
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The elements when this is an array.
    package var array: [JSONValue]? { if case .array(let all) = self { all } else { nil } }
    /// The members when this is an object.
    package var object: JSONObject? { if case .object(let all) = self { all } else { nil } }
    /// Whether this is the literal null.
    package var isNull: Bool { self == .null }

    /// The number when this is a whole number, also one written as `3.0` or `3e2`.
    package var int: Int? {
        switch self {
        case .integer(let value): value
        case .number(let text): Double(text).flatMap { Int(exactly: $0) }
        default: nil
        }
    }

    /// The number when this is one.
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let text): Double(text)
        default: nil
        }
    }

    /// The compact encoding.
    package func encoded() -> [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }

    /// The compact encoding as text.
    package var text: String { String(decoding: encoded(), as: UTF8.self) }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// Makes a string.
    package init(stringLiteral value: String) { self = .string(value) }
    /// Makes an integer.
    package init(integerLiteral value: Int) { self = .integer(value) }
    /// Makes a truth value.
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    /// Makes an array.
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// Makes an object with its keys in the written order.
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (key, value) in elements { object[key] = value }
        self = .object(object)
    }
}

/// The members of an object in order; each key is there once.
package struct JSONObject: Sendable, Equatable {
    /// A key with its value.
    package struct Member: Sendable, Equatable {
        package var key: String
        package var value: JSONValue
    }

    /// Above this count a look-up goes through an index.
    private static let indexThreshold = 16

    package private(set) var members: [Member] = []
    private var index: [String: Int] = [:]

    /// Makes an object without members.
    package init() {}

    /// The keys in order.
    package var keys: [String] { members.map(\.key) }
    /// The number of members.
    package var count: Int { members.count }
    /// Whether there are no members.
    package var isEmpty: Bool { members.isEmpty }

    /// Reads a member, replaces it in place, adds it at the end, or removes it (nil).
    package subscript(key: String) -> JSONValue? {
        get { position(of: key).map { members[$0].value } }
        set {
            switch (position(of: key), newValue) {
            case (let place?, let value?): members[place].value = value
            case (let place?, nil):
                members.remove(at: place)
                rebuild()
            case (nil, let value?):
                members.append(Member(key: key, value: value))
                if members.count > Self.indexThreshold {
                    if index.isEmpty { rebuild() } else { index[key] = members.count - 1 }
                }
            case (nil, nil): break
            }
        }
    }

    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.members == right.members
    }

    private func position(of key: String) -> Int? {
        if index.isEmpty { return members.firstIndex { $0.key == key } }
        return index[key]
    }

    private mutating func rebuild() {
        index.removeAll()
        guard members.count > Self.indexThreshold else { return }
        for (place, member) in members.enumerated() { index[member.key] = place }
    }
}

extension JSONObject: Sequence {
    /// Walks the members in order.
    package func makeIterator() -> IndexingIterator<[Member]> { members.makeIterator() }
}
