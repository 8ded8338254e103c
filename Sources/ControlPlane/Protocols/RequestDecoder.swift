import HTTP
import JSON

/// Reads the input of a call from a request, as the model binds it.
struct RequestDecoder {
    let model: ServiceModel
    let operation: Operation
    let head: RequestHead

    /// Reads a REST request.
    func rest(
        labels: [String: String],
        query: Query,
        body: [UInt8]
    ) throws(APIError) -> (input: JSONValue, payload: [UInt8]) {
        guard let name = operation.input else { return ([:], []) }
        let shape = model.shape(name)
        var input = JSONObject()
        for member in shape.members {
            switch member.location {
            case .uri:
                if let label = labels[member.wireName] {
                    input[member.name] = try scalar(label, member)
                }
            case .querystring: try read(member, from: query, into: &input)
            case .header:
                if let value = head.headers[member.wireName] {
                    input[member.name] = try scalar(value, member)
                }
            case .headers, .statusCode, nil: break
            }
        }
        if let payload = shape.payload.flatMap(shape.member) {
            let raw = try readPayload(payload, body: body, into: &input)
            return (.object(input), raw)
        }
        let inBody = shape.members.filter { $0.location == nil }
        if !inBody.isEmpty, !body.isEmpty {
            for (name, value) in try members(of: shape, body: body) { input[name] = value }
        }
        return (.object(input), [])
    }

    private func read(
        _ member: Member,
        from query: Query,
        into input: inout JSONObject
    ) throws(APIError) {
        let shape = model.shape(member.shape)
        switch shape.kind {
        case .list:
            let values = query.all(member.wireName)
            if !values.isEmpty { input[member.name] = .array(values.map(JSONValue.string)) }
        case .map:
            let named = Set(
                operation.input.map { model.shape($0).members.map(\.wireName) } ?? []
            )
            var rest = JSONObject()
            for (name, value) in query.pairs where !named.contains(name) {
                rest[name] = .string(value)
            }
            if !rest.isEmpty { input[member.name] = .object(rest) }
        default:
            if let value = query[member.wireName] {
                input[member.name] = try scalar(value, member)
            }
        }
    }

    private func readPayload(
        _ member: Member,
        body: [UInt8],
        into input: inout JSONObject
    ) throws(APIError) -> [UInt8] {
        let shape = model.shape(member.shape)
        switch shape.kind {
        case .structure:
            guard !body.isEmpty else { return [] }
            input[member.name] = try document(shape, body: body)
            return []
        case .string:
            if !body.isEmpty { input[member.name] = .string(String(decoding: body, as: UTF8.self)) }
            return []
        default: return body
        }
    }

    private func members(
        of shape: Shape,
        body: [UInt8]
    ) throws(APIError) -> [(String, JSONValue)] {
        (try document(shape, body: body).object?.members ?? []).map { ($0.key, $0.value) }
    }

    private func document(_ shape: Shape, body: [UInt8]) throws(APIError) -> JSONValue {
        if model.wire == .restXML {
            do throws(XMLNode.Malformed) {
                let root = try XMLNode.parse(body)
                return try XMLBody(model: model).read(root, as: shape)
            } catch {
                throw .malformedXML
            }
        }
        let json: JSONValue
        do throws(JSONError) { json = try JSONValue.parse(body[...]) } catch {
            throw .unreadableJSON("\(error)")
        }
        guard json.object != nil else {
            throw .unreadableJSON("an object is wanted")
        }
        return try JSONBody(model: model).read(json, as: shape, path: "")
    }

    /// A value that came as text in path, query or header.
    private func scalar(_ text: String, _ member: Member) throws(APIError) -> JSONValue {
        guard let value = model.scalar(text, member) else {
            throw APIError(
                400,
                "SerializationException",
                "'\(text)' cannot be read as the \(model.shape(member.shape).kind.rawValue) "
                    + "\(member.wireName)"
            )
        }
        return value
    }
}

extension ServiceModel {
    /// Text as the value of a simple shape, or nil when it is none.
    func scalar(_ text: String, _ member: Member) -> JSONValue? {
        switch shape(member.shape).kind {
        case .boolean:
            switch text.lowercased() {
            case "true": .bool(true)
            case "false": .bool(false)
            default: nil
            }
        case .integer, .long: Int(text).map(JSONValue.integer)
        case .float, .double: Double(text).map { _ in JSONValue.number(text) }
        case .timestamp: Timestamp.parse(text).map(Timestamp.json)
        case .blob: .string(BlobText.compact(text))
        default: .string(text)
        }
    }
}
