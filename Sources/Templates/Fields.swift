/// Reads the members of a resolved map and reports those that nobody asked for.
final class Fields {
    let node: TemplateNode
    let path: String
    private let evaluator: Evaluator
    /// The resource type and the place below its properties, for what is said of members.
    private let type: String
    private let place: [String]
    private var asked: Set<String> = []

    init(
        _ node: TemplateNode,
        _ path: String,
        _ evaluator: Evaluator,
        type: String = "",
        place: [String] = []
    ) {
        self.node = node
        self.path = path
        self.evaluator = evaluator
        self.type = type
        self.place = place
        if !node.isMap { evaluator.error(node, path, "a map is wanted here") }
    }

    func has(_ key: String) -> Bool { node[key] != nil }

    func value(_ key: String) -> TemplateNode? {
        asked.insert(key)
        return node[key]
    }

    func string(_ key: String) -> String? {
        guard let value = value(key) else { return nil }
        return text(value, "\(path).\(key)")
    }

    private func text(_ value: TemplateNode, _ path: String) -> String? {
        guard let text = value.text else {
            evaluator.error(value, path, "a string is wanted here")
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

    /// A whole number within bounds; outside of them it is reported and dropped.
    func int(_ key: String, in range: ClosedRange<Int>, _ unit: String) -> Int? {
        guard let number = int(key) else { return nil }
        guard range.contains(number) else {
            error(key, "\(range.lowerBound) to \(range.upperBound) \(unit) are allowed")
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

    /// The elements of a list; CloudFormation takes a single text for a list of one.
    func list(_ key: String) -> [TemplateNode] {
        guard let value = value(key) else { return [] }
        if let list = value.list { return list }
        if value.text != nil { return [value] }
        evaluator.error(value, "\(path).\(key)", "a list is wanted here")
        return []
    }

    func strings(_ key: String) -> [String] {
        list(key).enumerated().compactMap { text($1, "\(path).\(key)[\($0)]") }
    }

    func fields(_ key: String) -> Fields? {
        value(key).map {
            Fields($0, "\(path).\(key)", evaluator, type: type, place: place + [key])
        }
    }

    func each(_ key: String) -> [Fields] {
        list(key).enumerated().map {
            Fields($1, "\(path).\(key)[\($0)]", evaluator, type: type, place: place + [key])
        }
    }

    /// The members of a map that this program gives no names to.
    func members(_ key: String) -> [Fields] {
        guard let value = value(key) else { return [] }
        guard value.isMap else {
            evaluator.error(value, "\(path).\(key)", "a map is wanted here")
            return []
        }
        return value.entries.map {
            Fields(
                $0.value,
                "\(path).\(key).\($0.key)",
                evaluator,
                type: type,
                place: place + [key, $0.key]
            )
        }
    }

    func map(_ key: String) -> [String: String] {
        guard let value = value(key) else { return [:] }
        guard value.isMap else {
            evaluator.error(value, "\(path).\(key)", "a map is wanted here")
            return [:]
        }
        var result: [String: String] = [:]
        for entry in value.entries {
            result[entry.key] = text(entry.value, "\(path).\(key).\(entry.key)")
        }
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

    func warning(_ key: String, _ message: String) {
        evaluator.warning(node[key] ?? node, node[key] == nil ? path : "\(path).\(key)", message)
    }

    func note(_ key: String, _ message: String) {
        let place = node[key] ?? node
        let path = node[key] == nil ? path : "\(path).\(key)"
        evaluator.report(.note, place.line, place.column, path, message)
    }

    /// Reports every member that was not asked for.
    func finish() {
        for entry in node.entries where !asked.contains(entry.key) {
            let path = "\(path).\(entry.key)"
            guard !evaluator.hasDiagnostic(at: path, line: entry.line) else { continue }
            let name = (place + [entry.key]).joined(separator: ".")
            if let meaning = InertProperties.meaning(of: entry.key, path: name, type: type) {
                let message = "\(entry.key) has no effect here: it is about \(meaning)"
                evaluator.report(.note, entry.line, entry.column, path, message)
            } else {
                let message = "the property \(entry.key) is not supported and has no effect here"
                evaluator.report(.warning, entry.line, entry.column, path, message)
            }
        }
    }
}
