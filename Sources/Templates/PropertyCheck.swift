extension Evaluator {
    /// Checks resolved properties against the schema of their type.
    ///
    /// Wrong kinds, values out of range and missing members are errors, as CloudFormation refuses them;
    /// a name that is unknown here may be newer than this program, so it is only warned of.
    func check(
        _ node: TemplateNode,
        _ shape: PropertyShape,
        _ path: String,
        type: String
    ) {
        switch shape {
        case .any: break
        case .string(let allowed): checkString(node, allowed, path)
        case .boolean:
            guard let text = scalar(node, path) else { return }
            if !["true", "false"].contains(text.lowercased()) {
                error(node, path, "'\(text)' is neither true nor false")
            }
        case .number(let isWhole, let least, let most):
            checkNumber(node, isWhole, least, most, path)
        case .list(let element):
            guard let list = node.list else {
                // `a: x` for `a: [x]` is accepted by CloudFormation.
                if node.text == nil { error(node, path, "a list is wanted here") }
                return
            }
            for (index, item) in list.enumerated() {
                check(item, element, "\(path)[\(index)]", type: type)
            }
        case .map(let value):
            guard node.isMap else { return error(node, path, "a map is wanted here") }
            for entry in node.entries {
                check(entry.value, value, "\(path).\(entry.key)", type: type)
            }
        case .object(let members): checkObject(node, members, path, type)
        }
    }

    private func scalar(_ node: TemplateNode, _ path: String) -> String? {
        if node.text == nil, !node.isNull { error(node, path, "a string is wanted here") }
        return node.text
    }

    private func checkString(_ node: TemplateNode, _ allowed: [String], _ path: String) {
        guard let text = scalar(node, path) else { return }
        guard !allowed.isEmpty, !allowed.contains(text) else { return }
        error(node, path, "'\(text)' is not one of \(allowed.joined(separator: ", "))")
    }

    private func checkNumber(
        _ node: TemplateNode,
        _ isWhole: Bool,
        _ least: Double?,
        _ most: Double?,
        _ path: String
    ) {
        guard let text = scalar(node, path) else { return }
        guard let number = Double(text), !isWhole || Int(text) != nil else {
            return error(
                node,
                path,
                isWhole ? "'\(text)' is no whole number" : "'\(text)' is no number"
            )
        }
        func plain(_ value: Double) -> String {
            Int(exactly: value).map(String.init) ?? String(value)
        }
        if let least, number < least {
            error(node, path, "\(text) is less than \(plain(least))")
        }
        if let most, number > most {
            error(node, path, "\(text) is more than \(plain(most))")
        }
    }

    private func checkObject(
        _ node: TemplateNode,
        _ members: [PropertyShape.Member],
        _ path: String,
        _ type: String
    ) {
        guard node.isMap else { return error(node, path, "a map is wanted here") }
        for entry in node.entries {
            guard let member = members.first(where: { $0.name == entry.key }) else {
                let close = members.first { $0.name.lowercased() == entry.key.lowercased() }
                let hint = close.map { "; \($0.name) is one" } ?? ""
                report(
                    .warning,
                    entry.line,
                    entry.column,
                    "\(path).\(entry.key)",
                    "\(entry.key) is no property of \(type) here\(hint)"
                )
                continue
            }
            check(entry.value, member.shape, "\(path).\(entry.key)", type: type)
        }
        for member in members where member.isRequired && node[member.name] == nil {
            error(node, path, "\(member.name) is required")
        }
    }
}
