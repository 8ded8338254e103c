import Model

/// Finds the resource of a REST API that a path means.
struct ResourceMatcher: Sendable {
    /// A resource with what its parameters hold, undecoded.
    struct Match: Sendable {
        var resource: RESTResource
        var parameters: [String: String] = [:]
    }

    private final class Node: Sendable {
        let literals: [String: Node]
        let parameter: (name: String, node: Node)?
        let greedy: (name: String, resource: RESTResource)?
        let resource: RESTResource?

        init(_ resources: [(parts: ArraySlice<String>, resource: RESTResource)]) {
            var here: RESTResource?
            var groups: [String: [(ArraySlice<String>, RESTResource)]] = [:]
            var greedy: (String, RESTResource)?
            for (parts, resource) in resources {
                guard let first = parts.first else {
                    here = resource
                    continue
                }
                if first.hasPrefix("{"), first.hasSuffix("+}") {
                    greedy = (String(first.dropFirst().dropLast(2)), resource)
                } else {
                    groups[first, default: []].append((parts.dropFirst(), resource))
                }
            }
            var literals: [String: Node] = [:]
            var parameter: (String, Node)?
            for (part, rest) in groups {
                let node = Node(rest.map { (parts: $0.0, resource: $0.1) })
                if part.hasPrefix("{"), part.hasSuffix("}") {
                    parameter = (String(part.dropFirst().dropLast()), node)
                } else {
                    literals[part] = node
                }
            }
            self.literals = literals
            self.parameter = parameter
            self.greedy = greedy
            resource = here
        }

        func match(_ parts: ArraySlice<String>) -> Match? {
            guard let first = parts.first else { return resource.map { Match(resource: $0) } }
            if let node = literals[first], let match = node.match(parts.dropFirst()) {
                return match
            }
            if !first.isEmpty, let parameter,
                var match = parameter.node.match(parts.dropFirst())
            {
                match.parameters[parameter.name] = first
                return match
            }
            guard let greedy else { return nil }
            return Match(
                resource: greedy.resource,
                parameters: [greedy.name: parts.joined(separator: "/")]
            )
        }
    }

    private let root: Node

    /// Prepares the resources.
    init(_ resources: [RESTResource]) {
        root = Node(
            resources.map { resource in
                let parts = resource.path.pathSegments().map(String.init)
                return (parts: parts[...], resource: resource)
            }
        )
    }

    /// The resource of an undecoded path; a trailing slash does not matter.
    func match(_ path: String) -> Match? {
        var parts = path.pathSegments(omittingEmpty: false).dropFirst().map(String.init)
        while parts.last?.isEmpty ?? false { parts.removeLast() }
        while parts.first?.isEmpty ?? false { parts.removeFirst() }
        return root.match(parts[...])
    }
}
