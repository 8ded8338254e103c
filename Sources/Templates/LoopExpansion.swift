import Foundation

/// Carries out `Fn::ForEach::Name: [Identifier, Collection, {Key: Value}]`.
///
/// CloudFormation: "Fn::ForEach". Runs before anything else is read, so a collection may be a list or a
/// parameter's list, nothing that depends on resources.
struct LoopExpansion {
    /// The most entries that all loops of a template may make.
    static let maximumEntries = 10_000

    private let file: String
    private let parameters: TemplateNode?
    private let given: [String: String]
    private let isEnabled: Bool
    private var made = 0
    private(set) var diagnostics: [Diagnostic] = []

    init(template: Template, given: [String: String]) {
        file = template.path
        parameters = template.root["Parameters"]
        self.given = given
        let transform = template.root["Transform"]
        let names = (transform?.list ?? transform.map { [$0] } ?? []).compactMap(\.text)
        isEnabled = names.contains(Transforms.languageExtensions)
    }

    /// The tree with every loop replaced by what it makes.
    mutating func expand(_ node: TemplateNode) -> TemplateNode {
        switch node.content {
        case .null, .scalar: return node
        case .list(let elements): return node.with(.list(elements.map { expand($0) }))
        case .map(let entries):
            var result: [TemplateNode.Entry] = []
            for entry in entries {
                if entry.key.hasPrefix("Fn::ForEach") {
                    result += loop(entry)
                } else {
                    var copy = entry
                    copy.value = expand(entry.value)
                    result.append(copy)
                }
            }
            return node.with(.map(result))
        }
    }

    private mutating func loop(_ entry: TemplateNode.Entry) -> [TemplateNode.Entry] {
        guard isEnabled else {
            return fail(entry, "Fn::ForEach needs Transform: \(Transforms.languageExtensions)")
        }
        guard entry.key.hasPrefix("Fn::ForEach::"), let parts = entry.value.list, parts.count == 3,
            let name = parts[0].text, parts[2].isMap
        else { return fail(entry, "Fn::ForEach::Name needs an identifier, a collection and a map") }
        guard let values = collection(parts[1]) else {
            return fail(entry, "the collection of Fn::ForEach is a list of strings or a parameter")
        }
        var result: [TemplateNode.Entry] = []
        for value in values {
            for template in parts[2].entries {
                made += 1
                guard made <= Self.maximumEntries else {
                    return fail(entry, "the loops make more than \(Self.maximumEntries) entries")
                }
                var copy = template
                copy.key = Self.replace(template.key, name, value)
                copy.value = Self.substitute(template.value, name, value)
                if copy.key.hasPrefix("Fn::ForEach") {
                    result += loop(copy)
                } else {
                    copy.value = expand(copy.value)
                    result.append(copy)
                }
            }
        }
        return result
    }

    private func collection(_ node: TemplateNode) -> [String]? {
        if let list = node.list {
            var values: [String] = []
            for element in list {
                if let text = element.text {
                    values.append(text)
                } else if let more = collection(element) {
                    values += more
                } else {
                    return nil
                }
            }
            return values
        }
        guard let call = node.intrinsic, call.key == "Ref", let name = call.value.text,
            let declaration = parameters?[name],
            let text = given[name] ?? declaration["Default"]?.text
        else { return nil }
        if text.isEmpty { return [] }
        return text.split(separator: ",", omittingEmptySubsequences: false)
            .map { $0.trimmingCharacters(in: .whitespaces) }
    }

    private static func replace(_ text: String, _ name: String, _ value: String) -> String {
        let plain = value.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
        return text.replacing("${\(name)}", with: value).replacing("&{\(name)}", with: plain)
    }

    private static func substitute(
        _ node: TemplateNode,
        _ name: String,
        _ value: String
    ) -> TemplateNode {
        switch node.content {
        case .null: return node
        case .scalar(let text, let isPlain):
            return node.with(.scalar(replace(text, name, value), isPlain: isPlain))
        case .list(let elements):
            return node.with(.list(elements.map { substitute($0, name, value) }))
        case .map(let entries):
            if let call = node.intrinsic, call.key == "Ref", call.value.text == name {
                return node.scalar(value)
            }
            return node.with(
                .map(
                    entries.map { entry in
                        var copy = entry
                        copy.key = replace(entry.key, name, value)
                        copy.value = substitute(entry.value, name, value)
                        return copy
                    }
                )
            )
        }
    }

    private mutating func fail(
        _ entry: TemplateNode.Entry,
        _ message: String
    ) -> [TemplateNode.Entry] {
        diagnostics.append(
            Diagnostic(
                severity: .error,
                file: file,
                line: entry.line,
                column: entry.column,
                path: entry.key,
                message: message
            )
        )
        return []
    }
}
