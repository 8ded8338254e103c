import Foundation
import Model

/// A resource as the template writes it.
struct ResourceEntry: Sendable {
    var logicalID: String
    var type: String
    var node: TemplateNode
    var line: Int
    var column: Int
    var properties: TemplateNode { node["Properties"] ?? node.with(.map([])) }
    var path: String { "Resources.\(logicalID)" }
}

/// Parameters, conditions and resources of one reading of a template, with what was found wrong.
final class Evaluator {
    let template: Template
    let ids: StableIDs
    /// Logical id of a function to its version number.
    let versions: [String: Int]
    private(set) var diagnostics: [Diagnostic] = []
    private(set) var resources: [String: ResourceEntry] = [:]
    private(set) var order: [String] = []
    private var parameters: [String: TemplateNode] = [:]
    private var conditions: [String: Bool] = [:]
    private var openConditions: [String] = []

    init(
        template: Template,
        stackName: String,
        parameters: [String: String],
        versions: [String: Int]
    ) {
        self.template = template
        self.versions = versions
        ids = StableIDs(stack: stackName)
        readParameters(parameters)
        readResources()
    }

    func report(
        _ severity: Diagnostic.Severity,
        _ line: Int,
        _ column: Int,
        _ path: String,
        _ message: String
    ) {
        let found = Diagnostic(
            severity: severity,
            file: template.path,
            line: line,
            column: column,
            path: path,
            message: message
        )
        if !diagnostics.contains(found) { diagnostics.append(found) }
    }

    func error(_ node: TemplateNode, _ path: String, _ message: String) {
        report(.error, node.line, node.column, path, message)
    }

    func warning(_ node: TemplateNode, _ path: String, _ message: String) {
        report(.warning, node.line, node.column, path, message)
    }

    // MARK: Parameters

    private func readParameters(_ given: [String: String]) {
        let section = template.root["Parameters"]
        for entry in section?.entries ?? [] {
            let path = "Parameters.\(entry.key)"
            guard let node = entry.value["Default"] ?? given[entry.key].map(entry.value.scalar)
            else {
                error(entry.value, path, "the parameter has no value and no Default")
                continue
            }
            let text = given[entry.key] ?? node.text ?? ""
            check(text, entry.value, path)
            let type = entry.value["Type"]?.text ?? "String"
            if type == "CommaDelimitedList" || type.hasPrefix("List<") {
                let parts = text.split(separator: ",", omittingEmptySubsequences: false)
                parameters[entry.key] = node.list(
                    parts.map { $0.trimmingCharacters(in: .whitespaces) }
                )
            } else {
                parameters[entry.key] = node.scalar(text)
            }
        }
        for name in given.keys.sorted() where section?[name] == nil {
            report(.error, 1, 1, "Parameters", "the template has no parameter named \(name)")
        }
    }

    private func check(_ text: String, _ node: TemplateNode, _ path: String) {
        let type = node["Type"]?.text
        if type == nil { error(node, path, "Type is required") }
        if type == "Number", Double(text) == nil { error(node, path, "'\(text)' is no number") }
        if let allowed = node["AllowedValues"]?.list, !allowed.contains(where: { $0.text == text })
        {
            let names = allowed.compactMap(\.text).joined(separator: ", ")
            error(node, path, "'\(text)' is not one of the AllowedValues: \(names)")
        }
        if let pattern = node["AllowedPattern"]?.text,
            text.range(of: "^(?:\(pattern))$", options: .regularExpression) == nil
        {
            error(node, path, "'\(text)' does not match the AllowedPattern \(pattern)")
        }
        checkBounds(text, node, path)
    }

    private func checkBounds(_ text: String, _ node: TemplateNode, _ path: String) {
        let count = text.count
        if let least = node["MinLength"]?.text.flatMap({ Int($0) }), count < least {
            error(node, path, "'\(text)' is shorter than MinLength \(least)")
        }
        if let most = node["MaxLength"]?.text.flatMap({ Int($0) }), count > most {
            error(node, path, "'\(text)' is longer than MaxLength \(most)")
        }
        guard let number = Double(text) else { return }
        if let least = node["MinValue"]?.text.flatMap({ Double($0) }), number < least {
            error(node, path, "\(text) is less than MinValue")
        }
        if let most = node["MaxValue"]?.text.flatMap({ Double($0) }), number > most {
            error(node, path, "\(text) is more than MaxValue")
        }
    }

    func parameter(_ name: String) -> TemplateNode? { parameters[name] }

    // MARK: Resources

    private func readResources() {
        for entry in template.root["Resources"]?.entries ?? [] {
            let path = "Resources.\(entry.key)"
            guard let type = entry.value["Type"]?.text else {
                report(.error, entry.line, entry.column, path, "Type is required")
                continue
            }
            if let condition = entry.value["Condition"] {
                guard let name = condition.text else {
                    error(condition, path + ".Condition", "Condition names a condition")
                    continue
                }
                if !self.condition(named: name, at: condition, path) { continue }
            }
            resources[entry.key] = ResourceEntry(
                logicalID: entry.key,
                type: type,
                node: entry.value,
                line: entry.line,
                column: entry.column
            )
            order.append(entry.key)
        }
    }

    // MARK: Conditions

    func condition(named name: String, at node: TemplateNode, _ path: String) -> Bool {
        if let known = conditions[name] { return known }
        guard let entry = template.root["Conditions"]?.entry(name) else {
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
        case "Condition": return condition(named: entry.value.text ?? "", at: node, path)
        case "Fn::Equals":
            guard arguments.count == 2 else { break }
            let sides = arguments.map { resolve($0, path).map(JSONText.write) ?? "" }
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
        error(node, path, "\(entry.key) has a wrong number of arguments")
        return false
    }
}
