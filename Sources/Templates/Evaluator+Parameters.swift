import Foundation

extension Evaluator {
    private static let attributes: Set<String> = [
        "Type", "Default", "AllowedValues", "AllowedPattern", "MinLength", "MaxLength", "MinValue",
        "MaxValue", "ConstraintDescription", "NoEcho", "Description",
    ]
    /// The longest value of a parameter in bytes (CloudFormation: "Understand CloudFormation quotas").
    static let maximumParameterBytes = 4_096

    func parameter(_ name: String) -> TemplateNode? { parameters[name] }

    func readParameters(_ given: [String: String]) {
        let section = root["Parameters"]
        for entry in section?.entries ?? [] {
            let path = "Parameters.\(entry.key)"
            checkDeclaration(entry.value, path)
            let type = entry.value["Type"]?.text ?? "String"
            guard let node = given[entry.key].map(entry.value.scalar) ?? entry.value["Default"]
            else {
                error(entry.value, path, "the parameter has no value and no Default")
                continue
            }
            guard let text = node.text ?? (node.isNull ? "" : nil) else {
                error(node, path, "a parameter's value is a string")
                continue
            }
            if type.hasPrefix("AWS::SSM::Parameter::"), given[entry.key] == nil {
                warning(
                    entry.value,
                    path,
                    "there is no parameter store here: the name '\(text)' stands for the value; "
                        + "give one with --parameter \(entry.key)=…"
                )
            }
            parameters[entry.key] = value(text, type: type, at: node)
            check(text, type: type, entry.value, path)
        }
        for name in given.keys.sorted() where section?[name] == nil {
            report(.error, 1, 1, "Parameters", "the template has no parameter named \(name)")
        }
    }

    private static func isList(_ type: String) -> Bool {
        type == "CommaDelimitedList" || type.hasPrefix("List<")
            || type.hasPrefix("AWS::SSM::Parameter::Value<List<")
            || type == "AWS::SSM::Parameter::Value<CommaDelimitedList>"
    }

    private func value(_ text: String, type: String, at node: TemplateNode) -> TemplateNode {
        guard Self.isList(type) else { return node.scalar(text) }
        if text.isEmpty { return node.list([]) }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        return node.list(parts.map { $0.trimmingCharacters(in: .whitespaces) })
    }

    private func checkDeclaration(_ node: TemplateNode, _ path: String) {
        for entry in node.entries where !Self.attributes.contains(entry.key) {
            let message = "\(entry.key) is no attribute of a parameter"
            report(.error, entry.line, entry.column, "\(path).\(entry.key)", message)
        }
        guard let type = node["Type"]?.text else {
            return error(node, path, "Type is required")
        }
        let known = ["String", "Number", "List<Number>", "CommaDelimitedList"]
        if !known.contains(type), !type.hasPrefix("AWS::"), !type.hasPrefix("List<AWS::") {
            error(node["Type"] ?? node, path + ".Type", "'\(type)' is no type of a parameter")
        }
    }

    /// The value for a message; a parameter with NoEcho keeps its own.
    private func shown(_ text: String, _ node: TemplateNode) -> String {
        node["NoEcho"]?.text?.lowercased() == "true" ? "****" : text
    }

    private func check(_ text: String, type: String, _ node: TemplateNode, _ path: String) {
        let shown = shown(text, node)
        let reason = node["ConstraintDescription"]?.text.map { " (\($0))" } ?? ""
        func fail(_ message: String) { error(node, path, message + reason) }
        if text.utf8.count > Self.maximumParameterBytes {
            fail(
                "the value has \(text.utf8.count) bytes; \(Self.maximumParameterBytes) are allowed"
            )
        }
        let values =
            parameters[path.replacing("Parameters.", with: "")]?.list?
            .compactMap(\.text) ?? [text]
        if type == "Number" || type == "List<Number>" {
            for value in values where Double(value) == nil { fail("'\(shown)' is no number") }
        }
        if let allowed = node["AllowedValues"]?.list {
            let names = allowed.compactMap(\.text)
            for value in values where !names.contains(value) {
                fail(
                    "'\(shown)' is not one of the AllowedValues: \(names.joined(separator: ", "))"
                )
            }
        }
        if let pattern = node["AllowedPattern"]?.text {
            guard (try? NSRegularExpression(pattern: pattern)) != nil else {
                return error(
                    node,
                    path + ".AllowedPattern",
                    "'\(pattern)' is no regular expression"
                )
            }
            for value in values
            where value.range(of: "^(?:\(pattern))$", options: .regularExpression) == nil {
                fail("'\(shown)' does not match the AllowedPattern \(pattern)")
            }
        }
        checkBounds(text, shown, node, fail)
    }

    private func checkBounds(
        _ text: String,
        _ shown: String,
        _ node: TemplateNode,
        _ fail: (String) -> Void
    ) {
        let count = text.count
        if let least = node["MinLength"]?.text.flatMap({ Int($0) }), count < least {
            fail("'\(shown)' is shorter than MinLength \(least)")
        }
        if let most = node["MaxLength"]?.text.flatMap({ Int($0) }), count > most {
            fail("'\(shown)' is longer than MaxLength \(most)")
        }
        guard let number = Double(text) else { return }
        if let least = node["MinValue"]?.text.flatMap({ Double($0) }), number < least {
            fail("\(shown) is less than MinValue")
        }
        if let most = node["MaxValue"]?.text.flatMap({ Double($0) }), number > most {
            fail("\(shown) is more than MaxValue")
        }
    }
}
