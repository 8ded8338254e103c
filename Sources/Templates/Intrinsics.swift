import Crypto
import Foundation
import Model

extension Evaluator {
    /// The value with every intrinsic function replaced; nil for AWS::NoValue and for failures.
    func resolve(_ node: TemplateNode, _ path: String) -> TemplateNode? {
        switch node.content {
        case .null: return node
        case .scalar(let text, _):
            if text.contains("{{resolve:") {
                warning(node, path, "the dynamic reference '\(text)' is left as it is written")
            }
            return node
        case .list(let elements):
            return node.with(.list(elements.compactMap { resolve($0, path) }))
        case .map(let entries):
            if let call = node.intrinsic { return apply(call, node, path) }
            if let stray = entries.first(where: { $0.key.hasPrefix("Fn::") }) {
                report(
                    .error,
                    stray.line,
                    stray.column,
                    path,
                    "\(stray.key) must stand alone in its map"
                )
            }
            return node.with(
                .map(
                    entries.compactMap { entry in
                        guard let value = resolve(entry.value, "\(path).\(entry.key)") else {
                            return nil
                        }
                        var result = entry
                        result.value = value
                        return result
                    }
                )
            )
        }
    }

    private func apply(
        _ call: TemplateNode.Entry,
        _ node: TemplateNode,
        _ path: String
    ) -> TemplateNode? {
        let argument = call.value
        switch call.key {
        case "Ref":
            guard let name = argument.text else { return wrong(node, path, "Ref", "a name") }
            return ref(name, node, path)
        case "Fn::GetAtt": return getAtt(argument, node, path)
        case "Fn::Sub": return sub(argument, node, path)
        case "Fn::If": return choose(argument, node, path)
        case "Fn::Join", "Fn::Split", "Fn::Select", "Fn::FindInMap", "Fn::Cidr":
            return applyList(call.key, argument, node, path)
        case "Fn::Base64":
            guard let text = resolve(argument, path)?.text else {
                return wrong(node, path, call.key, "a string")
            }
            return node.scalar(Base64.encode(Array(text.utf8)))
        case "Fn::GetAZs": return zones(argument, node, path)
        case "Fn::Length":
            wantsExtensions(call.key, node, path)
            guard let count = resolve(argument, path)?.list?.count else {
                return wrong(node, path, call.key, "a list")
            }
            return node.with(.scalar(String(count), isPlain: true))
        case "Fn::ToJsonString":
            wantsExtensions(call.key, node, path)
            guard let value = resolve(argument, path), value.isMap || value.list != nil else {
                return wrong(node, path, call.key, "a map or a list")
            }
            return node.scalar(JSONText.write(value))
        case "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not":
            return node.with(.scalar(truth(node, path) ? "true" : "false", isPlain: true))
        case "Fn::ImportValue":
            error(
                node,
                path,
                "Fn::ImportValue: there is no other stack here to import from; use a parameter"
            )
            return nil
        case "Fn::Transform":
            error(node, path, "Fn::Transform: macros do not run here; write out what it makes")
            return nil
        default:
            error(node, path, "there is no intrinsic function \(call.key)")
            return nil
        }
    }

    func wrong(
        _ node: TemplateNode,
        _ path: String,
        _ function: String,
        _ wanted: String
    ) -> TemplateNode? {
        error(node, path, "\(function) needs \(wanted)")
        return nil
    }

    /// Warns of what CloudFormation refuses without its transform.
    func wantsExtensions(_ function: String, _ node: TemplateNode, _ path: String) {
        guard !transforms.contains(Transforms.languageExtensions) else { return }
        warning(
            node,
            path,
            "CloudFormation refuses \(function) without Transform: \(Transforms.languageExtensions)"
        )
    }

    private func choose(
        _ argument: TemplateNode,
        _ node: TemplateNode,
        _ path: String
    ) -> TemplateNode? {
        guard let parts = argument.list, parts.count == 3, let name = parts[0].text else {
            return wrong(node, path, "Fn::If", "a condition's name and two values")
        }
        return resolve(condition(named: name, at: node, path) ? parts[1] : parts[2], path)
    }

    private func zones(
        _ argument: TemplateNode,
        _ node: TemplateNode,
        _ path: String
    ) -> TemplateNode? {
        let given = argument.isNull ? "" : resolve(argument, path)?.text
        guard let given else { return wrong(node, path, "Fn::GetAZs", "a region's name") }
        let region = given.isEmpty ? "us-east-1" : given
        return node.list(["a", "b", "c"].map { region + $0 })
    }

    private func getAtt(
        _ argument: TemplateNode,
        _ node: TemplateNode,
        _ path: String
    ) -> TemplateNode? {
        var parts: [String] = []
        if let text = argument.text {
            parts = text.split(separator: ".", maxSplits: 1).map(String.init)
        } else {
            parts = (argument.list ?? []).compactMap { resolve($0, path)?.text }
        }
        guard parts.count == 2 else {
            return wrong(node, path, "Fn::GetAtt", "a resource and an attribute")
        }
        return attribute(parts[1], of: parts[0], node, path)
    }

    private func sub(
        _ argument: TemplateNode,
        _ node: TemplateNode,
        _ path: String
    ) -> TemplateNode? {
        let parts = argument.list
        guard let text = argument.text ?? parts?.first?.text,
            parts == nil || parts?.count == 1 || parts?.count == 2 && parts?[1].isMap == true
        else { return wrong(node, path, "Fn::Sub", "a string, or a string and a map") }
        var result = ""
        for piece in SubText.pieces(text) {
            switch piece {
            case .literal(let literal): result += literal
            case .name(let name):
                guard !name.isEmpty, name == name.trimmingCharacters(in: .whitespaces) else {
                    error(node, path, "Fn::Sub: '${\(name)}' holds no name, or spaces around it")
                    continue
                }
                let own = parts?.dropFirst().first?[name]
                let found = own.map { resolve($0, path) } ?? lookUp(name, node, path)
                guard let found else { continue }
                guard let text = found.text else {
                    error(node, path, "Fn::Sub: \(name) is not a string")
                    continue
                }
                result += text
            }
        }
        return node.scalar(result)
    }

    private func lookUp(_ name: String, _ node: TemplateNode, _ path: String) -> TemplateNode? {
        let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
        if parts.count == 2, parts[1] != "Version", parts[1] != "Alias" {
            return attribute(parts[1], of: parts[0], node, path)
        }
        return ref(name, node, path)
    }
}

/// Cuts the text of Fn::Sub.
enum SubText {
    enum Piece: Equatable {
        case literal(String)
        case name(String)
    }

    static func pieces(_ text: String) -> [Piece] {
        var result: [Piece] = []
        var rest = text[...]
        while let start = rest.range(of: "${"), let end = rest[start.upperBound...].range(of: "}") {
            result.append(.literal(String(rest[..<start.lowerBound])))
            let name = String(rest[start.upperBound..<end.lowerBound])
            result.append(
                name.hasPrefix("!") ? .literal("${\(name.dropFirst())}") : .name(name)
            )
            rest = rest[end.upperBound...]
        }
        result.append(.literal(String(rest)))
        return result
    }
}
