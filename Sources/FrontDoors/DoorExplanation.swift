package import HTTP
package import Model

/// What load balancers and APIs would do with a request, line by line, without sending anything.
package enum DoorExplanation {
    /// The rules of the listener that takes the request, with the condition that fails in those that lose.
    package static func lines(
        _ balancer: LoadBalancer,
        _ head: RequestHead,
        isTLS: Bool
    ) -> [String] {
        let wanted = isTLS ? 443 : 80
        let listeners = balancer.listeners
        let listener =
            listeners.first { $0.port == wanted } ?? listeners.first { $0.isTLS == isTLS }
            ?? listeners.first
        guard let listener else { return ["503: the load balancer has no listener"] }
        var lines = ["load balancer \(balancer.name), listener on port \(listener.port)", "rules"]
        var actions: [RuleAction]?
        for rule in listener.rules.sorted(by: { $0.priority < $1.priority }) {
            let failing = rule.conditions.first {
                !RuleEvaluation.holds($0, for: head, sourceIP: "127.0.0.1")
            }
            let word =
                if actions != nil {
                    "not reached"
                } else if let failing {
                    "fails \(failing)"
                } else {
                    "chosen"
                }
            lines.append("  priority \(rule.priority): \(word)")
            if actions == nil, failing == nil { actions = rule.actions }
        }
        lines.append("  default: \(actions == nil ? "chosen" : "not reached")")
        lines.append("actions")
        lines += (actions ?? listener.defaultActions).map { "  \($0)" }
        return lines
    }

    /// The routes of an HTTP API, with why those that match lose against the chosen one.
    package static func lines(_ api: HTTPAPI, _ head: RequestHead) -> [String] {
        var lines = ["HTTP API \(api.id)"]
        let first = head.path.pathSegments().first.map(String.init) ?? ""
        var path = head.path
        if api.stages.contains(where: { $0.name == first }) {
            path = String(path.dropFirst(first.count + 1))
            if path.isEmpty { path = "/" }
            lines.append("stage \(first), path \(path)")
        } else if !api.stages.contains(where: { $0.name == "$default" }) {
            let names = api.stages.map(\.name).joined(separator: ", ")
            return lines + ["404: the path begins with none of the stages \(names)"]
        }
        lines.append("routes")
        let match = RouteMatcher(api.routes).match(method: head.method, path: path)
        for route in api.routes {
            let alone = RouteMatcher([route]).match(method: head.method, path: path)
            let word =
                if route.key == match?.route.key {
                    "chosen"
                } else if alone != nil {
                    "matches, but is less specific"
                } else {
                    "does not match \(head.method) \(path)"
                }
            lines.append("  \(route.key): \(word)")
        }
        guard let match else { return lines + ["404: no route matches"] }
        return lines + ["integration", "  \(match.route.integration)"]
    }
}
