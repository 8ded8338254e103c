import Crypto
import Foundation
import Model

extension Evaluator {
    /// The value with every intrinsic function replaced; nil for AWS::NoValue and for failures.
    func resolve(_ node: TemplateNode, _ path: String) -> TemplateNode? {
        switch node.content {
        case .null, .scalar: return node
        case .list(let elements):
            return node.with(.list(elements.compactMap { resolve($0, path) }))
        case .map(let entries):
            if let call = node.intrinsic { return apply(call, node, path) }
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
        case "Fn::GetAZs":
            return node.list(["us-east-1a", "us-east-1b", "us-east-1c"])
        case "Fn::Length":
            guard let count = resolve(argument, path)?.list?.count else {
                return wrong(node, path, call.key, "a list")
            }
            return node.with(.scalar(String(count), isPlain: true))
        case "Fn::ToJsonString":
            return resolve(argument, path).map { node.scalar(JSONText.write($0)) }
        case "Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not":
            return node.with(.scalar(truth(node, path) ? "true" : "false", isPlain: true))
        default:
            error(node, path, "\(call.key) is not supported here")
            return nil
        }
    }

    private func wrong(
        _ node: TemplateNode,
        _ path: String,
        _ function: String,
        _ wanted: String
    ) -> TemplateNode? {
        error(node, path, "\(function) needs \(wanted)")
        return nil
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

    private func applyList(
        _ key: String,
        _ argument: TemplateNode,
        _ node: TemplateNode,
        _ path: String
    ) -> TemplateNode? {
        let parts = (argument.list ?? []).compactMap { resolve($0, path) }
        switch key {
        case "Fn::Join":
            guard parts.count == 2, let delimiter = parts[0].text, let items = parts[1].list
            else { return wrong(node, path, key, "a delimiter and a list") }
            return node.scalar(items.compactMap(\.text).joined(separator: delimiter))
        case "Fn::Split":
            guard parts.count == 2, let delimiter = parts[0].text, let text = parts[1].text,
                !delimiter.isEmpty
            else { return wrong(node, path, key, "a delimiter and a string") }
            return node.list(text.components(separatedBy: delimiter))
        case "Fn::Select":
            guard parts.count == 2, let index = parts[0].text.flatMap({ Int($0) }),
                let items = parts[1].list
            else { return wrong(node, path, key, "an index and a list") }
            guard items.indices.contains(index) else {
                error(node, path, "Fn::Select: index \(index) is outside a list of \(items.count)")
                return nil
            }
            return items[index]
        case "Fn::FindInMap": return findInMap(parts, node, path)
        default: return cidr(parts, node, path)
        }
    }

    private func findInMap(
        _ parts: [TemplateNode],
        _ node: TemplateNode,
        _ path: String
    ) -> TemplateNode? {
        let keys = parts.prefix(3).compactMap(\.text)
        guard keys.count == 3 else {
            return wrong(node, path, "Fn::FindInMap", "a map and two keys")
        }
        let map = template.root["Mappings"]?[keys[0]]
        if let value = map?[keys[1]]?[keys[2]] { return value }
        if parts.count == 4, let fallback = parts[3]["DefaultValue"] { return fallback }
        error(node, path, "Fn::FindInMap: there is no \(keys.joined(separator: "."))")
        return nil
    }

    private func cidr(
        _ parts: [TemplateNode],
        _ node: TemplateNode,
        _ path: String
    ) -> TemplateNode? {
        let block = parts.first?.text?.split(separator: "/").map(String.init) ?? []
        let bytes = block.first?.split(separator: ".").compactMap { UInt8($0) } ?? []
        guard bytes.count == 4, block.count == 2, let prefix = Int(block[1]), parts.count >= 2,
            let count = parts[1].text.flatMap({ Int($0) }), (1...256).contains(count),
            let bits = parts.count == 3 ? parts[2].text.flatMap({ Int($0) }) : 8,
            (0...32).contains(prefix), (0...32).contains(bits), 32 - bits >= prefix,
            count << bits <= 1 << (32 - prefix)
        else {
            return wrong(
                node,
                path,
                "Fn::Cidr",
                "an IPv4 block that holds count blocks of cidrBits"
            )
        }
        let start = bytes.reduce(0) { $0 << 8 | Int($1) } & ~((1 << (32 - prefix)) - 1)
        return node.list(
            (0..<count).map { index in
                let address = start + index << bits
                let octets = [24, 16, 8, 0].map { String(address >> $0 & 255) }
                return octets.joined(separator: ".") + "/\(32 - bits)"
            }
        )
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
        guard let text = argument.text ?? parts?.first?.text else {
            return wrong(node, path, "Fn::Sub", "a string, or a string and a map")
        }
        var result = ""
        for piece in SubText.pieces(text) {
            switch piece {
            case .literal(let literal): result += literal
            case .name(let name):
                if let own = parts?.dropFirst().first?[name] {
                    result += resolve(own, path)?.text ?? ""
                } else if let found = lookUp(name, node, path) {
                    result +=
                        found.text ?? found.list?.compactMap(\.text).joined(separator: ",") ?? ""
                }
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
