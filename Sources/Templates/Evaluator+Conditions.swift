extension Evaluator {
    /// The value of a condition, which is worked out once.
    func condition(named name: String, at node: TemplateNode, _ path: String) -> Bool {
        if let known = conditions[name] { return known }
        guard let entry = root["Conditions"]?.entry(name) else {
            error(node, path, "there is no condition named \(name)")
            return false
        }
        guard !openConditions.contains(name) else {
            let chain = (openConditions + [name]).joined(separator: " -> ")
            error(node, path, "the conditions form a cycle: \(chain)")
            return false
        }
        openConditions.append(name)
        let value = truth(entry.value, "Conditions.\(name)")
        openConditions.removeLast()
        conditions[name] = value
        return value
    }

    /// The value of a condition expression.
    func truth(_ node: TemplateNode, _ path: String) -> Bool {
        guard node.entries.count == 1, let entry = node.entries.first else {
            error(
                node,
                path,
                "a condition is one of Fn::Equals, Fn::And, Fn::Or, Fn::Not, Condition"
            )
            return false
        }
        let arguments = entry.value.list ?? []
        switch entry.key {
        case "Condition":
            guard let name = entry.value.text else { break }
            return condition(named: name, at: node, path)
        case "Fn::Equals":
            guard arguments.count == 2 else { break }
            let sides = arguments.map { resolve($0, path).map(Self.comparable) ?? "" }
            return sides[0] == sides[1]
        case "Fn::And", "Fn::Or":
            guard (2...10).contains(arguments.count) else { break }
            let values = arguments.map { truth($0, path) }
            return entry.key == "Fn::And" ? !values.contains(false) : values.contains(true)
        case "Fn::Not":
            guard arguments.count == 1 else { break }
            return !truth(arguments[0], path)
        default:
            error(node, path, "\(entry.key) is not a condition function")
            return false
        }
        error(node, path, "\(entry.key) has a wrong number or kind of arguments")
        return false
    }

    /// Scalars compare as text, whether they were quoted or not.
    private static func comparable(_ node: TemplateNode) -> String {
        node.text.map { "text " + $0 } ?? JSONText.write(node)
    }
}
