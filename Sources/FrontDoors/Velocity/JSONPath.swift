import JSON

/// The paths of mapping templates: `$.a.b[0]['c d']`, with `[*]` and `..name` giving lists.
enum JSONPath {
    private enum Step {
        case key(String)
        case index(Int)
        case all
        case anywhere(String)
    }

    /// What a path leads to; nil when it leads nowhere or is malformed.
    static func find(_ path: String, in document: JSONValue) -> JSONValue? {
        guard let steps = steps(path) else { return nil }
        var found = [document]
        var isList = false
        for step in steps {
            switch step {
            case .key(let name): found = found.compactMap { $0[name] }
            case .index(let index):
                found = found.compactMap { value in
                    let count = value.array?.count ?? 0
                    return value[index < 0 ? count + index : index]
                }
            case .all:
                isList = true
                found = found.flatMap { value in
                    value.array ?? value.object?.members.map(\.value) ?? []
                }
            case .anywhere(let name):
                isList = true
                found = found.flatMap { descendants($0, name) }
            }
        }
        return isList ? .array(found) : found.first
    }

    private static func descendants(_ value: JSONValue, _ name: String) -> [JSONValue] {
        var result: [JSONValue] = []
        if let member = value[name] { result.append(member) }
        for inner in value.array ?? value.object?.members.map(\.value) ?? [] {
            result += descendants(inner, name)
        }
        return result
    }

    private static func steps(_ path: String) -> [Step]? {
        var rest = path[...]
        if rest.hasPrefix("$") { rest = rest.dropFirst() }
        var steps: [Step] = []
        func name() -> String {
            let name = rest.prefix { $0 != "." && $0 != "[" }
            rest = rest[name.endIndex...]
            return String(name)
        }
        if let first = rest.first, first != ".", first != "[" { steps.append(.key(name())) }
        while let next = rest.first {
            rest = rest.dropFirst()
            if next == "." {
                if rest.hasPrefix(".") {
                    rest = rest.dropFirst()
                    steps.append(.anywhere(name()))
                } else if rest.hasPrefix("*") {
                    rest = rest.dropFirst()
                    steps.append(.all)
                } else {
                    let key = name()
                    if key.isEmpty { return nil }
                    steps.append(.key(key))
                }
                continue
            }
            guard next == "[", let close = rest.firstIndex(of: "]") else { return nil }
            let inside = rest[..<close]
            rest = rest[rest.index(after: close)...]
            if inside == "*" {
                steps.append(.all)
            } else if let index = Int(inside) {
                steps.append(.index(index))
            } else if inside.count >= 2, let mark = inside.first, mark == "'" || mark == "\"",
                inside.last == mark
            {
                steps.append(.key(String(inside.dropFirst().dropLast())))
            } else {
                return nil
            }
        }
        return steps
    }
}
