import Foundation
import Yams

/// Why a template cannot be read.
package struct TemplateError: Error, Sendable, CustomStringConvertible {
    package var path: String
    package var line: Int
    package var column: Int
    package var message: String

    /// `template.yaml:12:5: error: …`.
    package var description: String { "\(path):\(line):\(column): error: \(message)" }
}

/// A read template: a tree of values that know their places.
package struct Template: Sendable {
    /// The longest template in bytes (CloudFormation: "Understand CloudFormation quotas").
    package static let maximumBytes = 1_048_576
    /// The most values of a template once its YAML aliases are followed.
    package static let maximumValues = 500_000

    package let path: String
    package let root: TemplateNode

    /// Reads a file; an absent file is an empty template.
    package static func load(path: String) throws(TemplateError) -> Template {
        guard FileManager.default.fileExists(atPath: path) else { return try parse("", path: path) }
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw TemplateError(path: path, line: 1, column: 1, message: "the file cannot be read")
        }
        guard let text = String(data: bytes, encoding: .utf8) else {
            throw TemplateError(path: path, line: 1, column: 1, message: "the file is not UTF-8")
        }
        return try parse(text, path: path)
    }

    /// Reads YAML or JSON; an empty text is an empty template.
    package static func parse(_ text: String, path: String) throws(TemplateError) -> Template {
        let empty = TemplateNode(content: .map([]), line: 1, column: 1)
        guard text.utf8.count <= maximumBytes else {
            let message = "the template has \(text.utf8.count) bytes; \(maximumBytes) are allowed"
            throw TemplateError(path: path, line: 1, column: 1, message: message)
        }
        let node: Node?
        do { node = try Yams.compose(yaml: text) } catch {
            throw syntaxError(error, path: path)
        }
        guard let node else { return Template(path: path, root: empty) }
        var reader = NodeReader(path: path)
        let root = try reader.read(node)
        if root.isNull { return Template(path: path, root: empty) }
        guard root.isMap else {
            throw TemplateError(
                path: path,
                line: root.line,
                column: root.column,
                message: "a template is a map of sections"
            )
        }
        return Template(path: path, root: root)
    }

    private static func syntaxError(_ error: any Error, path: String) -> TemplateError {
        var (line, column) = (1, 1)
        var message = "\(error)"
        if let error = error as? YamlError {
            switch error {
            case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
                .composer(_, let problem, let mark, _):
                (line, column) = (mark.line, mark.column)
                message = problem
            case .duplicatedKeysInMapping(let duplicates, let context):
                (line, column) = (context.mark.line, context.mark.column)
                message = "keys stand twice in one map: \(duplicates.joined(separator: ", "))"
            default: break
            }
        }
        return TemplateError(path: path, line: line, column: column, message: message)
    }
}

/// Where a node stands; the first line when the reader does not say.
private struct Place {
    var line = 1
    var column = 1

    init(_ mark: Mark?) {
        if let mark { (line, column) = (mark.line, mark.column) }
    }
}

/// Turns Yams' nodes into ours, short forms into long ones.
private struct NodeReader {
    let path: String
    private var count = 0
    static let maxDepth = 64

    init(path: String) { self.path = path }

    static let shortForms: Set<String> = [
        "Base64", "Cidr", "FindInMap", "GetAtt", "GetAZs", "ImportValue", "Join", "Length",
        "Select", "Split", "Sub", "ToJsonString", "Transform", "And", "Equals", "If", "Not", "Or",
    ]

    mutating func read(_ node: Node, depth: Int = 0) throws(TemplateError) -> TemplateNode {
        let mark = Place(node.mark)
        count += 1
        guard count <= Template.maximumValues else {
            throw fail(mark, "more than \(Template.maximumValues) values, aliases followed")
        }
        guard depth < Self.maxDepth else { throw fail(mark, "values are nested too deeply") }
        var result = TemplateNode(content: .null, line: mark.line, column: mark.column)
        switch node {
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain || scalar.style == .any
            let isNull = isPlain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            result.content = isNull ? .null : .scalar(scalar.string, isPlain: isPlain)
        case .sequence(let sequence):
            var elements: [TemplateNode] = []
            for element in sequence { elements.append(try read(element, depth: depth + 1)) }
            result.content = .list(elements)
        case .mapping(let mapping):
            result.content = .map(try entries(mapping, depth: depth))
        case .alias: throw fail(mark, "an alias that leads nowhere")
        }
        return try expand(result, tag: node.tag.description, mark: mark)
    }

    private mutating func entries(
        _ mapping: Node.Mapping,
        depth: Int
    ) throws(TemplateError) -> [TemplateNode.Entry] {
        var entries: [TemplateNode.Entry] = []
        for (key, value) in mapping {
            let mark = Place(key.mark)
            guard let name = key.scalar?.string else { throw fail(mark, "a key must be text") }
            if name == "<<" {
                throw fail(mark, "CloudFormation knows no merge key <<; write the members out")
            }
            let child = try read(value, depth: depth + 1)
            entries.append(.init(key: name, line: mark.line, column: mark.column, value: child))
        }
        return entries
    }

    private func expand(
        _ node: TemplateNode,
        tag: String,
        mark: Place
    ) throws(TemplateError) -> TemplateNode {
        guard tag.hasPrefix("!"), tag.count > 1 else { return node }
        let name = String(tag.dropFirst())
        if name == "Ref" || name == "Condition" { return wrap(node, name) }
        guard Self.shortForms.contains(name) else {
            throw fail(mark, "the tag !\(name) is not an intrinsic function")
        }
        return wrap(node, "Fn::" + name)
    }

    private func wrap(_ node: TemplateNode, _ key: String) -> TemplateNode {
        node.with(.map([.init(key: key, line: node.line, column: node.column, value: node)]))
    }

    private func fail(_ mark: Place, _ message: String) -> TemplateError {
        TemplateError(path: path, line: mark.line, column: mark.column, message: message)
    }
}
