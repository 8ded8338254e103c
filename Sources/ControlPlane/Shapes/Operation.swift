import JSON

/// One operation of a service model with its place in HTTP.
struct Operation: Sendable {
    /// A part of a URI template.
    enum Segment: Sendable, Equatable {
        case literal(String)
        case label(String)
        /// Takes the rest of the path, slashes included.
        case greedy(String)
    }

    let name: String
    let method: String
    let segments: [Segment]
    /// What the query must hold: names, with a value where the template gives one.
    let query: [(name: String, value: String?)]
    /// The status of success.
    let status: Int
    let input: String?
    /// The root element that a REST-XML request uses, when the model names one.
    let inputElement: String?
    let output: String?
    let resultWrapper: String?
    let errors: [String]

    init(name: String, _ json: JSONValue) {
        self.name = name
        let http = json["http"]
        method = http?[0]?.string ?? "POST"
        let uri = http?[1]?.string ?? "/"
        status = http?[2]?.int ?? 200
        let parts = uri.split(separator: "?", maxSplits: 1)
        segments = (parts.first ?? "").split(separator: "/").map(Self.segment)
        query = (parts.count > 1 ? parts[1] : "").split(separator: "&").map { field in
            let pair = field.split(separator: "=", maxSplits: 1).map(String.init)
            return (pair[0], pair.count > 1 ? pair[1] : nil)
        }
        input = json["input"]?["shape"]?.string
        inputElement = json["input"]?["locationName"]?.string
        output = json["output"]?["shape"]?.string
        resultWrapper = json["output"]?["resultWrapper"]?.string
        errors = (json["errors"]?.array ?? []).compactMap(\.string)
    }

    private static func segment(_ text: Substring) -> Segment {
        guard text.hasPrefix("{"), text.hasSuffix("}") else { return .literal(String(text)) }
        let name = text.dropFirst().dropLast()
        return name.hasSuffix("+") ? .greedy(String(name.dropLast())) : .label(String(name))
    }

    /// The labels' values, percent-decoded, when path and query fit; nil when they do not.
    ///
    /// The path is split before it is decoded, so that an encoded slash stays inside its segment.
    func labels(path: [Substring], query parameters: Query) -> [String: String]? {
        for field in query {
            guard let given = parameters[field.name] else { return nil }
            if let wanted = field.value, given != wanted { return nil }
        }
        var labels: [String: String] = [:]
        for (index, segment) in segments.enumerated() {
            guard index < path.count else { return nil }
            switch segment {
            case .literal(let text):
                if Query.decoded(path[index]) != text { return nil }
            case .label(let name): labels[name] = Query.decoded(path[index])
            case .greedy(let name):
                labels[name] = Query.decoded(
                    Substring(path[index...].joined(separator: "/"))
                )
                return labels
            }
        }
        return path.count == segments.count ? labels : nil
    }

    /// How exactly the template speaks: literal segments and wanted query fields count.
    var weight: Int {
        let literals = segments.count {
            if case .literal = $0 { true } else { false }
        }
        return literals * 10 + query.count * 100 - (segments.contains { isGreedy($0) } ? 5 : 0)
    }

    private func isGreedy(_ segment: Segment) -> Bool {
        if case .greedy = segment { true } else { false }
    }
}
