import HTTP

/// What a stage changed, for people.
enum Changes {
    /// The most lines of one stage.
    private static let bound = 32

    static func between(_ old: RequestHead, _ new: RequestHead) -> [String] {
        var lines: [String] = []
        if old.path != new.path { lines.append("uri: \(old.path) -> \(new.path)") }
        if old.query != new.query {
            lines.append("querystring: \(old.query ?? "") -> \(new.query ?? "")")
        }
        return lines + between(old.headers, new.headers)
    }

    static func between(_ old: ResponseHead, _ new: ResponseHead) -> [String] {
        let lines = old.status == new.status ? [] : ["status: \(old.status) -> \(new.status)"]
        return lines + between(old.headers, new.headers)
    }

    private static func between(_ old: Headers, _ new: Headers) -> [String] {
        var lines: [String] = []
        var names: Set<String> = []
        for (name, _) in new where names.insert(name.lowercased()).inserted {
            let values = new.all(name)
            if old.all(name) != values {
                lines.append("header \(name.lowercased()): \(values.joined(separator: ", "))")
            }
        }
        for (name, _) in old where names.insert(name.lowercased()).inserted {
            lines.append("header \(name.lowercased()) removed")
        }
        return Array(lines.prefix(bound))
    }
}
