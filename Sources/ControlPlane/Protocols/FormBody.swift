import JSON

/// Reads the input of a query-protocol call from its form.
struct FormBody {
    let model: ServiceModel
    /// The form without `Action` and `Version`.
    let form: Query

    /// A value under a prefix, or nil when nothing stands there.
    func read(_ shape: Shape, at prefix: String) throws(APIError) -> JSONValue? {
        switch shape.kind {
        case .structure:
            var result = JSONObject()
            for member in shape.members {
                let name = prefix.isEmpty ? member.wireName : "\(prefix).\(member.wireName)"
                if let value = try read(model.shape(member.shape), at: name) {
                    result[member.name] = value
                }
            }
            let exists = prefix.isEmpty || !result.isEmpty || form[prefix] != nil
            return exists ? .object(result) : nil
        case .list: return try list(shape, at: prefix)
        case .map: return try map(shape, at: prefix)
        default:
            guard let text = form[prefix] else { return nil }
            let member = Member(name: prefix, ["shape": .string(shape.name)])
            guard let value = model.scalar(text, member) else {
                throw APIError(
                    400,
                    "MalformedInput",
                    "'\(text)' cannot be read as the \(shape.kind.rawValue) \(prefix)"
                )
            }
            return value
        }
    }

    private func list(_ shape: Shape, at prefix: String) throws(APIError) -> JSONValue? {
        guard let element = shape.element else { return nil }
        let base = shape.isFlattened ? prefix : "\(prefix).\(element.locationName ?? "member")"
        let numbers = indices(under: base)
        guard !numbers.isEmpty else { return form[prefix] == "" ? [] : nil }
        var result: [JSONValue] = []
        for number in numbers {
            if let value = try read(model.shape(element.shape), at: "\(base).\(number)") {
                result.append(value)
            }
        }
        return .array(result)
    }

    private func map(_ shape: Shape, at prefix: String) throws(APIError) -> JSONValue? {
        guard let target = shape.value else { return nil }
        let base = shape.isFlattened ? prefix : "\(prefix).entry"
        var result = JSONObject()
        for number in indices(under: base) {
            guard let key = form["\(base).\(number).\(shape.key?.wireName ?? "key")"] else {
                continue
            }
            let name = "\(base).\(number).\(target.wireName)"
            result[key] = try read(model.shape(target.shape), at: name)
        }
        return result.isEmpty ? nil : .object(result)
    }

    /// The numbers that stand after a prefix, ascending.
    private func indices(under base: String) -> [Int] {
        var found: Set<Int> = []
        for (name, _) in form.pairs where name.hasPrefix(base + ".") {
            let rest = name.dropFirst(base.count + 1)
            if let number = Int(rest.prefix { $0 != "." }) { found.insert(number) }
        }
        return found.sorted()
    }
}
