import Model

/// A published version never changes, and its number is never given again.
enum VersionLaw {
    /// Refuses changes that break the law at the state they are to be applied to.
    static func check(_ changes: [Change], at snapshot: Snapshot, _ counters: [String: Int]) throws
    {
        var counters = counters
        // What earlier changes of the same revision did; the inner nil means deleted.
        var touched: [String: FunctionVersion?] = [:]
        for change in changes {
            switch change {
            case .put(.function(let version)) where version.version != FunctionVersion.latest:
                let name = version.qualifiedName
                if let old = touched[name] ?? snapshot.functions[name] {
                    guard old == version else {
                        throw RegistryError(.invalid, "\(name) is published and cannot change")
                    }
                    break
                }
                guard version.version > counters[version.name] ?? 0 else {
                    throw RegistryError(
                        .invalid,
                        "\(name) was deleted; its number is not given again"
                    )
                }
                counters[version.name] = version.version
                touched[name] = .some(version)
            case .delete(let key) where key.hasPrefix("function/"):
                touched[String(key.dropFirst("function/".count))] = .some(nil)
            case .resetVersions(let function): counters[function] = nil
            case .put, .delete: break
            }
        }
    }

    /// Counts what changes did to the highest numbers.
    static func count(_ changes: [Change], _ counters: inout [String: Int]) {
        for change in changes {
            switch change {
            case .put(.function(let version)) where version.version != FunctionVersion.latest:
                counters[version.name] = max(counters[version.name] ?? 0, version.version)
            case .resetVersions(let function): counters[function] = nil
            case .put, .delete: break
            }
        }
    }
}
