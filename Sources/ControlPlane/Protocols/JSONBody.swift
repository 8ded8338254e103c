import JSON

/// Values of a service model in JSON, both ways.
struct JSONBody {
    let model: ServiceModel

    /// A JSON value under the model's names; unknown members and nulls are left out.
    func read(_ json: JSONValue, as shape: Shape, path: String) throws(APIError) -> JSONValue {
        switch (shape.kind, json) {
        case (.structure, .object(let object)):
            var result = JSONObject()
            for member in shape.members where member.location == nil {
                guard let value = object[member.wireName], !value.isNull else { continue }
                result[member.name] = try read(
                    value,
                    as: model.shape(member.shape),
                    path: path + "/" + member.wireName
                )
            }
            return .object(result)
        case (.list, .array(let elements)):
            guard let element = shape.element else { return json }
            var result: [JSONValue] = []
            for value in elements {
                result.append(try read(value, as: model.shape(element.shape), path: path))
            }
            return .array(result)
        case (.map, .object(let object)):
            guard let member = shape.value else { return json }
            var result = JSONObject()
            for (key, value) in object.members.map({ ($0.key, $0.value) }) where !value.isNull {
                result[key] = try read(
                    value,
                    as: model.shape(member.shape),
                    path: path + "/" + key
                )
            }
            return .object(result)
        case (.structure, _), (.list, _), (.map, _): throw wrong(shape, path)
        default: return try simple(json, shape, path)
        }
    }

    private func simple(
        _ json: JSONValue,
        _ shape: Shape,
        _ path: String
    ) throws(APIError) -> JSONValue {
        switch (shape.kind, json) {
        case (.boolean, .bool): return json
        case (.integer, _), (.long, _):
            guard let whole = json.int else { throw wrong(shape, path) }
            return .integer(whole)
        case (.float, .integer), (.float, .number), (.double, .integer), (.double, .number):
            return json
        case (.timestamp, .integer), (.timestamp, .number): return json
        case (.timestamp, .string(let text)):
            guard let seconds = Timestamp.parse(text) else { throw wrong(shape, path) }
            return Timestamp.json(seconds)
        case (.blob, .string(let text)): return .string(BlobText.compact(text))
        case (.string, .string), (.character, .string), (.string, .null), (_, .null): return json
        // AWS reads numbers and truth values where text is wanted.
        case (.string, .integer(let number)): return .string(String(number))
        case (.string, .number(let text)): return .string(text)
        case (.string, .bool(let value)): return .string(String(value))
        default: throw wrong(shape, path)
        }
    }

    private func wrong(_ shape: Shape, _ path: String) -> APIError {
        APIError(
            400,
            "SerializationException",
            "The value at \(path.isEmpty ? "/" : path) is no \(shape.kind.rawValue)"
        )
    }

    /// A value under the wire's names, without the members that travel elsewhere.
    func write(_ value: JSONValue, as shape: Shape, format: String? = nil) -> JSONValue {
        switch (shape.kind, value) {
        case (.structure, .object(let object)):
            var result = JSONObject()
            for member in shape.members where member.location == nil {
                guard let value = object[member.name], !value.isNull else { continue }
                result[member.wireName] = write(
                    value,
                    as: model.shape(member.shape),
                    format: member.timestampFormat
                )
            }
            return .object(result)
        case (.list, .array(let elements)):
            guard let element = shape.element.map({ model.shape($0.shape) }) else { return value }
            return .array(elements.map { write($0, as: element) })
        case (.map, .object(let object)):
            guard let member = shape.value.map({ model.shape($0.shape) }) else { return value }
            var result = JSONObject()
            for entry in object { result[entry.key] = write(entry.value, as: member) }
            return .object(result)
        case (.timestamp, _):
            guard let seconds = value.double, (format ?? shape.timestampFormat) == "iso8601" else {
                return value
            }
            return .string(Timestamp.iso8601(seconds, fraction: false))
        default: return value
        }
    }
}
