import HTTP
import Model

/// Applies the parameter mapping of a route.
enum ParameterMapping {
    /// Whether a change looks into the request's body.
    static func readsBody(_ changes: [ParameterChange]) -> Bool {
        changes.contains { $0.value.contains("request.body") }
    }

    /// Changes a request on its way to an integration.
    static func apply(
        _ changes: [ParameterChange],
        to head: inout RequestHead,
        _ variables: GatewayVariables
    ) {
        for change in changes {
            let value = change.operation == .remove ? "" : variables.expand(change.value)
            switch change.place {
            case .header(let name): apply(change.operation, name, value, to: &head.headers)
            case .query(let name):
                var pairs = QueryText.pairs(head.query).map { "\($0.key)=\($0.value)" }
                if change.operation != .append {
                    pairs.removeAll { pair in
                        PercentText.decode(pair.prefix { $0 != "=" }, plusIsSpace: true) == name
                    }
                }
                if change.operation != .remove {
                    pairs.append("\(PercentCoding.encode(name))=\(PercentCoding.encode(value))")
                }
                head.query = pairs.isEmpty ? nil : pairs.joined(separator: "&")
            case .path:
                let path = value.beginsWithSlash ? value : "/" + value
                head.path = PercentText.encodePath(PercentText.decode(path))
            case .status: break
            }
        }
    }

    /// Changes a response on its way back; false when a changed status is none.
    static func apply(
        _ changes: [ParameterChange],
        to head: inout ResponseHead,
        _ variables: GatewayVariables
    ) -> Bool {
        for change in changes {
            let value = change.operation == .remove ? "" : variables.expand(change.value)
            switch change.place {
            case .header(let name): apply(change.operation, name, value, to: &head.headers)
            case .status:
                guard let status = Int(value), (200...599).contains(status) else { return false }
                head.status = status
                head.reason = ""
            case .query, .path: break
            }
        }
        return true
    }

    private static func apply(
        _ operation: ParameterChange.Operation,
        _ name: String,
        _ value: String,
        to headers: inout Headers
    ) {
        let isFine = Payloads.isValid(name, value)
        switch operation {
        case .append where isFine: headers.append(name, value)
        case .overwrite where isFine: headers.set(name, value)
        case .remove: headers.remove(name)
        case .append, .overwrite: break
        }
    }
}
