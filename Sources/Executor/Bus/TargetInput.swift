import JSON

/// What a target is given of an event.
///
/// Pure. Source: "Amazon EventBridge input transformation".
struct TargetInput: Sendable {
    private enum Kind: Sendable {
        case whole
        case constant(String)
        case path(String)
        case template(paths: [String: String], text: String)
    }

    private let kind: Kind

    /// Reads a target's members.
    init(_ target: JSONValue) {
        if let text = target["Input"]?.string {
            kind = .constant(text)
        } else if let path = target["InputPath"]?.string {
            kind = .path(path)
        } else if let transformer = target["InputTransformer"],
            let text = transformer["InputTemplate"]?.string
        {
            var paths: [String: String] = [:]
            for member in transformer["InputPathsMap"]?.object?.members ?? [] {
                paths[member.key] = member.value.string ?? "$"
            }
            kind = .template(paths: paths, text: text)
        } else {
            kind = .whole
        }
    }

    /// The text for the target, which is JSON unless a template says otherwise.
    func text(of event: JSONValue, rule: String, arn: String, time: String) -> String {
        switch kind {
        case .whole: return event.text
        case .constant(let text): return text
        case .path(let path): return Self.value(at: path, in: event)?.text ?? "null"
        case .template(let paths, let text):
            var values: [String: JSONValue] = [
                "aws.events.rule-arn": .string(arn), "aws.events.rule-name": .string(rule),
                "aws.events.event.ingestion-time": .string(time), "aws.events.event.json": event,
                "aws.events.event": event,
            ]
            for (name, path) in paths { values[name] = Self.value(at: path, in: event) ?? .null }
            return Self.fill(text, values)
        }
    }

    /// The value at a path such as `$.detail.items[0].name`.
    static func value(at path: String, in event: JSONValue) -> JSONValue? {
        guard path.hasPrefix("$") else { return nil }
        var value = event
        for part in path.dropFirst().split(separator: ".") {
            let pieces = part.split(separator: "[", omittingEmptySubsequences: false)
            if let name = pieces.first, !name.isEmpty {
                guard let next = value.object?[String(name)] else { return nil }
                value = next
            }
            for piece in pieces.dropFirst() {
                guard let index = Int(piece.dropLast()), piece.hasSuffix("]"),
                    let list = value.array, list.indices.contains(index)
                else { return nil }
                value = list[index]
            }
        }
        return value
    }

    /// Puts values in the place of `<name>`: inside of a string their text, elsewhere as JSON.
    private static func fill(_ template: String, _ values: [String: JSONValue]) -> String {
        var out = ""
        var isQuoted = false
        var rest = template[...]
        while let character = rest.first {
            if character == "<", let end = rest.firstIndex(of: ">"),
                let value = values[String(rest[rest.index(after: rest.startIndex)..<end])]
            {
                out += isQuoted ? inner(value) : value.isNull ? "" : value.text
                rest = rest[rest.index(after: end)...]
                continue
            }
            if character == "\\", let next = rest.dropFirst().first {
                out.append(character)
                out.append(next)
                rest = rest.dropFirst(2)
                continue
            }
            if character == "\"" { isQuoted.toggle() }
            out.append(character)
            rest = rest.dropFirst()
        }
        return out
    }

    /// A value inside of a string.
    private static func inner(_ value: JSONValue) -> String {
        if value.isNull { return "" }
        let text = value.string ?? value.text
        return String(JSONValue.string(text).text.dropFirst().dropLast())
    }
}
