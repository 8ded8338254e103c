/// Reads the members of a resolved map and reports those that nobody asked for.
final class Fields {
    let node: TemplateNode
    let path: String
    private let evaluator: Evaluator
    private var asked: Set<String> = []

    init(_ node: TemplateNode, _ path: String, _ evaluator: Evaluator) {
        self.node = node
        self.path = path
        self.evaluator = evaluator
        if !node.isMap { evaluator.error(node, path, "a map is wanted here") }
    }

    func has(_ key: String) -> Bool { node[key] != nil }

    func value(_ key: String) -> TemplateNode? {
        asked.insert(key)
        return node[key]
    }

    func string(_ key: String) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.text else {
            evaluator.error(value, "\(path).\(key)", "a string is wanted here")
            return nil
        }
        return text
    }

    func required(_ key: String) -> String? {
        if value(key) == nil { evaluator.error(node, path, "\(key) is required") }
        return string(key)
    }

    func int(_ key: String) -> Int? {
        guard let text = string(key), let value = node[key] else { return nil }
        guard let number = Int(text) else {
            evaluator.error(value, "\(path).\(key)", "'\(text)' is no whole number")
            return nil
        }
        return number
    }

    func bool(_ key: String) -> Bool? {
        guard let text = string(key), let value = node[key] else { return nil }
        switch text.lowercased() {
        case "true": return true
        case "false": return false
        default:
            evaluator.error(value, "\(path).\(key)", "'\(text)' is neither true nor false")
            return nil
        }
    }

    func list(_ key: String) -> [TemplateNode] {
        guard let value = value(key) else { return [] }
        guard let list = value.list else {
            evaluator.error(value, "\(path).\(key)", "a list is wanted here")
            return []
        }
        return list
    }

    func strings(_ key: String) -> [String] { list(key).compactMap(\.text) }

    func fields(_ key: String) -> Fields? {
        value(key).map { Fields($0, "\(path).\(key)", evaluator) }
    }

    func each(_ key: String) -> [Fields] {
        list(key).enumerated().map { Fields($1, "\(path).\(key)[\($0)]", evaluator) }
    }

    func map(_ key: String) -> [String: String] {
        guard let value = value(key) else { return [:] }
        var result: [String: String] = [:]
        for entry in value.entries { result[entry.key] = entry.value.text ?? "" }
        return result
    }

    func choice<T: RawRepresentable<String>>(_ key: String, _ type: T.Type) -> T? {
        guard let text = string(key), let value = node[key] else { return nil }
        if let result = T(rawValue: text) { return result }
        evaluator.error(value, "\(path).\(key)", "'\(text)' is not allowed here")
        return nil
    }

    func error(_ key: String, _ message: String) {
        evaluator.error(node[key] ?? node, node[key] == nil ? path : "\(path).\(key)", message)
    }

    /// Reports every member that was not asked for.
    func finish() {
        for entry in node.entries where !asked.contains(entry.key) {
            let message = "the property \(entry.key) is not supported and has no effect here"
            evaluator.report(.warning, entry.line, entry.column, "\(path).\(entry.key)", message)
        }
    }
}
