import HTTP
import JSON
import Model

/// What mappings, gateway responses and access logs of a REST API can name.
struct RESTVariables {
    var request: RESTRequest
    var responseHead: ResponseHead?
    var responseBody: Bytes = []
    /// Further `$context` names.
    var extra: [String: String] = [:]

    /// The value of a mapping's source: `'static'`, `method.request.…`, `integration.response.…`,
    /// `context.…` or `stageVariables.…`; nil when it is missing.
    func value(_ source: String) -> String? {
        if source.hasPrefix("'"), source.hasSuffix("'"), source.utf8.count >= 2 {
            return String(source.dropFirst().dropLast())
        }
        func rest(_ prefix: String) -> String? {
            source.hasPrefix(prefix) ? String(source.dropFirst(prefix.count)) : nil
        }
        if let name = rest("context.") { return context(name) }
        if let name = rest("stageVariables.") { return request.stage.variables[name] }
        if let name = rest("method.request.header.") { return request.head.headers.all(name).last }
        if let name = rest("method.request.multivalueheader.") {
            let all = request.head.headers.all(name)
            return all.isEmpty ? nil : all.joined(separator: ",")
        }
        if let name = rest("method.request.querystring.") {
            return request.decodedQuery.first { $0.key == name }?.values.last
        }
        if let name = rest("method.request.multivaluequerystring.") {
            return request.decodedQuery.first { $0.key == name }?.values.joined(separator: ",")
        }
        if let name = rest("method.request.path.") { return request.parameters[name] }
        if source == "method.request.body" { return String(decoding: request.body, as: UTF8.self) }
        if let path = rest("method.request.body.") {
            return GatewayVariables.find(Self.bare(path), in: request.body)
        }
        if let name = rest("integration.response.header.") {
            return responseHead?.headers.all(name).last
        }
        if let name = rest("integration.response.multivalueheader.") {
            return responseHead?.headers.all(name).joined(separator: ",")
        }
        if source == "integration.response.body" {
            return String(decoding: responseBody, as: UTF8.self)
        }
        if let path = rest("integration.response.body.") {
            return GatewayVariables.find(Self.bare(path), in: responseBody)
        }
        return nil
    }

    /// A JSON path without its root.
    private static func bare(_ path: String) -> String {
        path.hasPrefix("$.") ? String(path.dropFirst(2)) : path
    }

    /// A variable of the request context.
    func context(_ name: String) -> String? {
        if let value = extra[name] { return value }
        if name == "identity.apiKey" { return request.key?.value }
        if name == "identity.apiKeyId" { return request.key?.id }
        var value: JSONValue? = RESTEvents.context(request)
        if name.hasPrefix("authorizer.claims.") {
            value = request.authorizer?["claims"]?[String(name.dropFirst(18))]
        } else {
            for key in name.split(separator: ".") { value = value?[String(key)] }
        }
        guard let value, !value.isNull else { return nil }
        return value.string ?? value.text
    }

    /// Text with `$context.x` and `$stageVariables.x` replaced, as in gateway responses and logs.
    func substitute(_ template: String, missing: String = "") -> String {
        var result = ""
        var rest = template[...]
        while let mark = rest.firstIndex(of: "$") {
            result += rest[..<mark]
            rest = rest[rest.index(after: mark)...]
            let isBraced = rest.hasPrefix("{")
            var name = rest.dropFirst(isBraced ? 1 : 0).prefix {
                $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0))
            }
            while name.hasSuffix(".") { name = name.dropLast() }
            let isKnown = ["context.", "stageVariables.", "method.request.", "input.params"]
                .contains { name.hasPrefix($0) }
            guard isKnown else {
                result += "$"
                continue
            }
            result += value(String(name)) ?? missing
            rest = rest[name.endIndex...]
            if isBraced, rest.hasPrefix("}") { rest = rest.dropFirst() }
        }
        return result + rest
    }

    /// An access log line, `-` for what is missing.
    func logLine(_ format: String) -> String { substitute(format, missing: "-") }
}
