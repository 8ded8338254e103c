import Model

extension ResourceMapper {
    private static let sections: Set<String> = [
        "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings",
        "Conditions", "Resources", "Outputs", "Transform", "Globals",
    ]

    /// Reports sections that are unknown or need a macro that is not named.
    func checkSections() {
        let root = evaluator.root
        for entry in root.entries where !Self.sections.contains(entry.key) {
            let message =
                entry.key == "Rules"
                ? "the section Rules is not supported and has no effect here"
                : "there is no section \(entry.key) in a template"
            evaluator.report(.warning, entry.line, entry.column, entry.key, message)
        }
        guard !evaluator.transforms.contains(Transforms.serverless) else { return }
        let first = evaluator.order.lazy.compactMap { self.evaluator.resources[$0] }
            .first { $0.type.hasPrefix("AWS::Serverless::") }
        if let first {
            let place = first.node["Type"] ?? first.node
            evaluator.warning(
                place,
                first.path,
                "CloudFormation refuses \(first.type) without Transform: \(Transforms.serverless)"
            )
        }
    }

    /// Reports attributes of a resource, beside its properties, that have no effect.
    func checkAttributes(_ resource: ResourceEntry) {
        let known: Set = ["Type", "Properties", "Condition", "DependsOn"]
        let inert = [
            "DeletionPolicy": "what AWS keeps", "UpdateReplacePolicy": "what AWS keeps",
            "UpdatePolicy": "how AWS updates", "CreationPolicy": "how AWS creates",
        ]
        for entry in resource.node.entries where !known.contains(entry.key) {
            let path = "\(resource.path).\(entry.key)"
            if entry.key == "Metadata" {
                if let method = entry.value["BuildMethod"] {
                    evaluator.warning(
                        method,
                        path + ".BuildMethod",
                        "nothing is built here: the code's folder must hold what runs"
                    )
                }
            } else if let meaning = inert[entry.key] {
                let message = "\(entry.key) has no effect here: it is about \(meaning)"
                evaluator.report(.note, entry.line, entry.column, path, message)
            } else {
                let message = "there is no attribute \(entry.key) of a resource"
                evaluator.report(.warning, entry.line, entry.column, path, message)
            }
        }
    }

    /// Resolves the outputs whose condition holds.
    func readOutputs() {
        for entry in evaluator.root["Outputs"]?.entries ?? [] {
            let path = "Outputs.\(entry.key)"
            for member in entry.value.entries {
                switch member.key {
                case "Value", "Condition", "Description": break
                case "Export":
                    let message = "the export has no effect: no other stack is here"
                    evaluator.report(
                        .note,
                        member.line,
                        member.column,
                        path + ".Export",
                        message
                    )
                    if let name = member.value["Name"] {
                        _ = evaluator.resolve(name, path + ".Export.Name")
                    }
                default:
                    let message = "there is no attribute \(member.key) of an output"
                    evaluator.report(
                        .warning,
                        member.line,
                        member.column,
                        "\(path).\(member.key)",
                        message
                    )
                }
            }
            if let name = entry.value["Condition"]?.text,
                !evaluator.condition(named: name, at: entry.value, path)
            {
                continue
            }
            guard let node = entry.value["Value"] else {
                evaluator.error(entry.value, path, "Value is required")
                continue
            }
            let value = evaluator.resolve(node, path + ".Value")
            if let value, value.text == nil {
                evaluator.error(value, path + ".Value", "the value of an output is a string")
            }
            outputs[entry.key] = value?.text
        }
    }
}
