import HTTP
import JSON
import Model

/// What a template set in `$context.requestOverride` and `$context.responseOverride`.
struct VelocityOverrides: Sendable, Equatable {
    var header: [String: String] = [:]
    var query: [String: String] = [:]
    var path: [String: String] = [:]
    var status: Int?
    var responseHeaders: [String: String] = [:]
}

/// Renders the mapping templates of a REST API.
struct VelocityMapping {
    let request: RESTRequest
    /// What `$input` shows: the body of the request or of the integration's response.
    let body: Bytes
    /// What earlier templates of the same request overrode.
    let overrides: VelocityOverrides

    /// The text of a template and all that was overridden so far.
    func render(
        _ template: String
    ) throws(VelocityError) -> (text: String, overrides: VelocityOverrides) {
        let context = context()
        var stage = JSONObject()
        for (key, value) in request.stage.variables { stage[key] = .string(value) }
        let engine = VelocityEngine(
            [
                "input": .tool(.input), "util": .tool(.util), "context": .map(context),
                "stageVariables": VelocityValue(.object(stage)),
            ],
            tools: VelocityTools(
                body: body,
                path: request.parameters,
                query: request.decodedQuery,
                headers: request.head.headers
            )
        )
        let text = try engine.render(try VelocityParser.parse(template))
        return (text, try read(context))
    }

    private func context() -> VelocityMap {
        guard case .map(let map) = VelocityValue(RESTEvents.context(request)) else {
            return VelocityMap()
        }
        func texts(_ values: [String: String]) -> VelocityValue {
            let map = VelocityMap()
            for (key, value) in values { map.set(key, .string(value)) }
            return .map(map)
        }
        let outgoing = VelocityMap()
        outgoing.set("header", texts(overrides.header))
        outgoing.set("querystring", texts(overrides.query))
        outgoing.set("path", texts(overrides.path))
        map.set("requestOverride", .map(outgoing))
        let incoming = VelocityMap()
        incoming.set("header", texts(overrides.responseHeaders))
        if let status = overrides.status { incoming.set("status", .integer(status)) }
        map.set("responseOverride", .map(incoming))
        return map
    }

    private func read(_ context: VelocityMap) throws(VelocityError) -> VelocityOverrides {
        func texts(_ owner: String, _ name: String) -> [String: String] {
            guard case .map(let holder)? = context[owner], case .map(let map)? = holder[name] else {
                return [:]
            }
            return map.entries.reduce(into: [:]) { $0[$1.key] = $1.value.text }
        }
        var result = VelocityOverrides()
        result.header = texts("requestOverride", "header")
        result.query = texts("requestOverride", "querystring")
        result.path = texts("requestOverride", "path")
        result.responseHeaders = texts("responseOverride", "header")
        if case .map(let holder)? = context["responseOverride"], let value = holder["status"] {
            guard let status = Int(value.text), (100...599).contains(status) else {
                throw VelocityError("overrides the status with '\(value.text)'")
            }
            result.status = status
        }
        return result
    }
}
