import JSON

/// Values of a service model in XML, both ways.
struct XMLBody {
    let model: ServiceModel

    /// An element under the model's names; unknown elements are left out.
    func read(_ node: XMLNode, as shape: Shape) throws(XMLNode.Malformed) -> JSONValue {
        switch shape.kind {
        case .structure:
            var result = JSONObject()
            for member in shape.members where member.location == nil {
                let target = model.shape(member.shape)
                if target.kind == .list, member.isFlattened || target.isFlattened {
                    let found = node.all(target.element?.locationName ?? member.wireName)
                    if !found.isEmpty { result[member.name] = try list(found, target) }
                } else if let child = node.child(member.wireName) {
                    result[member.name] = try read(child, as: target)
                }
            }
            return .object(result)
        case .list: return try list(node.children, shape)
        case .map:
            var result = JSONObject()
            for entry in node.children {
                guard let key = entry.child(shape.key?.wireName ?? "key"),
                    let value = entry.child(shape.value?.wireName ?? "value"),
                    let target = shape.value
                else { throw .init() }
                result[key.text] = try read(value, as: model.shape(target.shape))
            }
            return .object(result)
        default:
            guard node.children.isEmpty else { throw .init() }
            let isText = shape.kind == .string || shape.kind == .character
            let text = isText ? node.text : Self.trimmed(node.text)
            let member = Member(name: node.name, ["shape": .string(shape.name)])
            guard let value = model.scalar(text, member) else { throw .init() }
            return value
        }
    }

    private func list(_ nodes: [XMLNode], _ shape: Shape) throws(XMLNode.Malformed) -> JSONValue {
        guard let element = shape.element else { return [] }
        var result: [JSONValue] = []
        for node in nodes { result.append(try read(node, as: model.shape(element.shape))) }
        return .array(result)
    }

    private static func trimmed(_ text: String) -> String {
        var part = text[...]
        while part.first?.isWhitespace == true { part.removeFirst() }
        while part.last?.isWhitespace == true { part.removeLast() }
        return String(part)
    }

    /// Writes a value as an element of this name.
    func write(
        _ value: JSONValue,
        as shape: Shape,
        named name: String,
        namespace: String? = nil,
        to writer: inout XMLWriter
    ) {
        switch (shape.kind, value) {
        case (.structure, .object(let object)):
            writer.open(name, namespace: namespace)
            members(object, of: shape, to: &writer)
            writer.close(name)
        case (.list, .array(let elements)):
            writer.open(name)
            items(elements, of: shape, named: shape.element?.locationName ?? "member", to: &writer)
            writer.close(name)
        case (.map, .object(let object)):
            writer.open(name)
            for entry in object {
                writer.open("entry")
                writer.element(shape.key?.wireName ?? "key", entry.key)
                if let target = shape.value {
                    let shape = model.shape(target.shape)
                    write(entry.value, as: shape, named: target.wireName, to: &writer)
                }
                writer.close("entry")
            }
            writer.close(name)
        default: writer.element(name, Self.text(value, shape))
        }
    }

    /// Writes the members of a structure without an element around them.
    func members(_ object: JSONObject, of shape: Shape, to writer: inout XMLWriter) {
        for member in shape.members where member.location == nil {
            guard let value = object[member.name], !value.isNull else { continue }
            let target = model.shape(member.shape)
            if target.kind == .list, member.isFlattened || target.isFlattened {
                let name = target.element?.locationName ?? member.wireName
                items(value.array ?? [], of: target, named: name, to: &writer)
            } else {
                write(value, as: target, named: member.wireName, to: &writer)
            }
        }
    }

    private func items(
        _ elements: [JSONValue],
        of shape: Shape,
        named name: String,
        to writer: inout XMLWriter
    ) {
        guard let element = shape.element.map({ model.shape($0.shape) }) else { return }
        for value in elements { write(value, as: element, named: name, to: &writer) }
    }

    private static func text(_ value: JSONValue, _ shape: Shape) -> String {
        if shape.kind == .timestamp, let seconds = value.double {
            return Timestamp.iso8601(seconds)
        }
        return value.string ?? value.text
    }
}
