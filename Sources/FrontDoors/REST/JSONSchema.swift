import JSON
import Model

/// JSON Schema draft 4, as the models of REST APIs use it.
struct JSONSchema {
    /// How deep schemas may refer to each other.
    static let depthLimit = 64

    private let root: JSONValue
    private let models: [String: String]

    /// Prepares a schema; `models` holds the texts that references to other models mean.
    init(_ root: JSONValue, models: [String: String]) {
        self.root = root
        self.models = models
    }

    /// Whether a value satisfies the schema.
    func accepts(_ value: JSONValue) -> Bool { accepts(value, root, root, 0) }

    private func accepts(
        _ value: JSONValue,
        _ schema: JSONValue,
        _ document: JSONValue,
        _ depth: Int
    ) -> Bool {
        guard depth <= Self.depthLimit else { return false }
        if let reference = schema["$ref"]?.string {
            guard let (target, owner) = resolve(reference, document) else { return false }
            return accepts(value, target, owner, depth + 1)
        }
        func holds(_ part: JSONValue) -> Bool { accepts(value, part, document, depth + 1) }
        if let types = schema["type"] {
            let names = types.array?.compactMap(\.string) ?? [types.string ?? ""]
            guard names.contains(where: { Self.isType($0, value) }) else { return false }
        }
        if let allowed = schema["enum"]?.array,
            !allowed.contains(where: { Self.isEqual($0, value) })
        {
            return false
        }
        if let all = schema["allOf"]?.array, !all.allSatisfy(holds) { return false }
        if let any = schema["anyOf"]?.array, !any.contains(where: holds) { return false }
        if let one = schema["oneOf"]?.array, one.filter(holds).count != 1 { return false }
        if let not = schema["not"], holds(not) { return false }
        switch value {
        case .string(let text): return accepts(text: text, schema)
        case .integer, .number: return accepts(number: value.double ?? 0, schema)
        case .array(let elements): return accepts(elements, schema, document, depth)
        case .object(let object): return accepts(object, schema, document, depth)
        case .null, .bool: return true
        }
    }

    private func resolve(
        _ reference: String,
        _ document: JSONValue
    ) -> (schema: JSONValue, document: JSONValue)? {
        let parts = reference.split(
            separator: "#",
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        var owner = document
        if !parts[0].isEmpty {
            let name = parts[0].split(separator: "/").last.map(String.init) ?? ""
            guard let text = models[name], let other = try? JSONValue.parse(text) else {
                return nil
            }
            owner = other
        }
        var target = owner
        for key in (parts.count == 2 ? parts[1] : "").split(separator: "/") {
            let name = String(key).replacing("~1", with: "/").replacing("~0", with: "~")
            guard let next = target[name] ?? Int(name).flatMap({ target[$0] }) else { return nil }
            target = next
        }
        return (target, owner)
    }

    private static func isType(_ name: String, _ value: JSONValue) -> Bool {
        switch (name, value) {
        case ("string", .string), ("boolean", .bool), ("null", .null), ("array", .array),
            ("object", .object), ("number", .integer), ("number", .number), ("integer", .integer),
            ("any", _):
            true
        case ("integer", .number): value.int != nil
        default: false
        }
    }

    private static func isEqual(_ left: JSONValue, _ right: JSONValue) -> Bool {
        if left == right { return true }
        guard let first = left.double, let second = right.double else { return false }
        return first == second
    }

    private func accepts(text: String, _ schema: JSONValue) -> Bool {
        let count = text.unicodeScalars.count
        if let least = schema["minLength"]?.int, count < least { return false }
        if let most = schema["maxLength"]?.int, count > most { return false }
        if let pattern = schema["pattern"]?.string, let regex = try? LinearRegex(pattern) {
            return regex.isFound(in: text)
        }
        return true
    }

    private func accepts(number: Double, _ schema: JSONValue) -> Bool {
        if let least = schema["minimum"]?.double {
            let excludes = schema["exclusiveMinimum"]?.bool ?? false
            if excludes ? number <= least : number < least { return false }
        }
        if let most = schema["maximum"]?.double {
            let excludes = schema["exclusiveMaximum"]?.bool ?? false
            if excludes ? number >= most : number > most { return false }
        }
        if let step = schema["multipleOf"]?.double, step > 0 {
            let quotient = number / step
            return abs(quotient - quotient.rounded()) < 1e-9
        }
        return true
    }

    private func accepts(
        _ elements: [JSONValue],
        _ schema: JSONValue,
        _ document: JSONValue,
        _ depth: Int
    ) -> Bool {
        if let least = schema["minItems"]?.int, elements.count < least { return false }
        if let most = schema["maxItems"]?.int, elements.count > most { return false }
        if schema["uniqueItems"]?.bool ?? false {
            let isUnique = elements.indices.allSatisfy { index in
                !elements[..<index].contains { Self.isEqual($0, elements[index]) }
            }
            if !isUnique { return false }
        }
        guard let items = schema["items"] else { return true }
        if let tuple = items.array {
            for (index, element) in elements.enumerated() {
                if index < tuple.count {
                    if !accepts(element, tuple[index], document, depth + 1) { return false }
                } else if let more = schema["additionalItems"] {
                    if more == .bool(false) { return false }
                    if more.object != nil, !accepts(element, more, document, depth + 1) {
                        return false
                    }
                }
            }
            return true
        }
        return elements.allSatisfy { accepts($0, items, document, depth + 1) }
    }

    private func accepts(
        _ object: JSONObject,
        _ schema: JSONValue,
        _ document: JSONValue,
        _ depth: Int
    ) -> Bool {
        let required = schema["required"]?.array?.compactMap(\.string) ?? []
        guard required.allSatisfy({ object[$0] != nil }) else { return false }
        if let least = schema["minProperties"]?.int, object.count < least { return false }
        if let most = schema["maxProperties"]?.int, object.count > most { return false }
        for member in schema["dependencies"]?.object?.members ?? []
        where object[member.key] != nil {
            if let names = member.value.array?.compactMap(\.string) {
                guard names.allSatisfy({ object[$0] != nil }) else { return false }
            } else if !accepts(.object(object), member.value, document, depth + 1) {
                return false
            }
        }
        let patterns = (schema["patternProperties"]?.object?.members ?? []).compactMap { member in
            (try? LinearRegex(member.key)).map { ($0, member.value) }
        }
        for member in object {
            var isKnown = false
            if let rules = schema["properties"]?[member.key] {
                isKnown = true
                guard accepts(member.value, rules, document, depth + 1) else { return false }
            }
            for (regex, rules) in patterns where regex.isFound(in: member.key) {
                isKnown = true
                guard accepts(member.value, rules, document, depth + 1) else { return false }
            }
            guard !isKnown, let more = schema["additionalProperties"] else { continue }
            if more == .bool(false) { return false }
            if more.object != nil, !accepts(member.value, more, document, depth + 1) {
                return false
            }
        }
        return true
    }
}
