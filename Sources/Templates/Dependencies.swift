extension Evaluator {
    /// Whether some event makes SAM's own HTTP API.
    var hasImplicitAPI: Bool {
        resources.values.contains { resource in
            guard resource.type == "AWS::Serverless::Function" else { return false }
            return (resource.properties["Events"]?.entries ?? []).contains {
                $0.value["Type"]?.text == "HttpApi" && $0.value["Properties"]?["ApiId"] == nil
            }
        }
    }

    /// Reports cycles; false when there are any.
    func checkCycles() -> Bool {
        var done: Set<String> = []
        var chain: [String] = []
        var isClean = true
        func visit(_ name: String) {
            guard !done.contains(name), let resource = resources[name] else { return }
            if let start = chain.firstIndex(of: name) {
                let names = (chain[start...] + [name]).joined(separator: " -> ")
                report(
                    .error,
                    resource.line,
                    resource.column,
                    resource.path,
                    "the resources form a cycle: \(names)"
                )
                isClean = false
                return
            }
            chain.append(name)
            for next in dependencies(of: resource) { visit(next) }
            chain.removeLast()
            done.insert(name)
        }
        for name in order { visit(name) }
        return isClean
    }

    private func dependencies(of resource: ResourceEntry) -> [String] {
        var found: [String] = []
        if let depends = resource.node["DependsOn"] {
            for node in depends.list ?? [depends] {
                guard let name = node.text else { continue }
                if root["Resources"]?[name] == nil {
                    error(node, resource.path + ".DependsOn", "there is no resource named \(name)")
                }
                found.append(name)
            }
        }
        collect(resource.properties, into: &found)
        return found
    }

    private func collect(_ node: TemplateNode, into found: inout [String]) {
        for element in node.list ?? [] { collect(element, into: &found) }
        for entry in node.entries { collect(entry.value, into: &found) }
        guard let call = node.intrinsic else { return }
        func add(_ name: String) {
            found.append(String(name.split(separator: ".").first ?? ""))
        }
        switch call.key {
        case "Ref": call.value.text.map(add)
        case "Fn::GetAtt": (call.value.text ?? call.value.list?.first?.text).map(add)
        case "Fn::Sub":
            let own = call.value.list?.dropFirst().first
            let pieces = SubText.pieces(call.value.text ?? call.value.list?.first?.text ?? "")
            for case .name(let name) in pieces where own?[name] == nil { add(name) }
        default: break
        }
    }
}
