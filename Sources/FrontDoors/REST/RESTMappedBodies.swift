import DataPlane
import HTTP
import Model

/// How bodies and responses of a REST API are mapped.
extension RESTDoor {
    /// The body for an integration, and what its template overrode.
    func mapBody(
        _ integration: RESTIntegration,
        _ request: RESTRequest
    ) throws(RESTStop) -> (body: Bytes, overrides: VelocityOverrides) {
        let type = request.head.headers["content-type"]
            .map { String($0.prefix { $0 != ";" }.trimmingASCIIWhitespace()).lowercased() }
        let templates = integration.templates
        let template =
            templates.first { $0.key.lowercased() == (type ?? "application/json") }?.value
            ?? templates["$default"]
        guard let template else {
            switch integration.passthrough {
            case .whenNoMatch: break
            case .whenNoTemplates:
                if !templates.isEmpty { throw RESTStop(.unsupportedMediaType) }
            case .never: throw RESTStop(.unsupportedMediaType)
            }
            return (try converted(request.body, integration.contentHandling), VelocityOverrides())
        }
        let result = try render(template, request, request.body)
        return (Array(result.text.utf8)[...], result.overrides)
    }

    private func render(
        _ template: String,
        _ request: RESTRequest,
        _ body: Bytes,
        _ overrides: VelocityOverrides = VelocityOverrides()
    ) throws(RESTStop) -> (text: String, overrides: VelocityOverrides) {
        do throws(VelocityError) {
            return try VelocityMapping(request: request, body: body, overrides: overrides)
                .render(template)
        } catch {
            throw RESTStop(.apiConfiguration)
        }
    }

    private func converted(
        _ body: Bytes,
        _ handling: RESTIntegration.ContentHandling?
    ) throws(RESTStop) -> Bytes {
        switch handling {
        case nil: return body
        case .toText?: return Array(Base64Text.encode(body).utf8)[...]
        case .toBinary?:
            guard let bytes = Base64Text.decode(String(decoding: body, as: UTF8.self)) else {
                throw RESTStop(.apiConfiguration)
            }
            return bytes[...]
        }
    }

    /// Chooses among the integration's responses and maps the one that is taken.
    func answer(
        _ integration: RESTIntegration,
        _ request: RESTRequest,
        _ head: ResponseHead,
        _ body: Bytes,
        subject: String,
        _ overrides: VelocityOverrides
    ) throws(RESTStop) -> Response {
        let chosen =
            integration.responses.first { response in
                guard let pattern = response.pattern, !pattern.isEmpty,
                    let regex = try? LinearRegex("^(?s:\(pattern))$")
                else { return false }
                return regex.isFound(in: subject)
            } ?? integration.responses.first { $0.pattern?.isEmpty ?? true }
        guard let chosen else { throw RESTStop(.apiConfiguration) }
        var overrides = overrides
        var content = try converted(body, chosen.contentHandling)
        var type = head.headers["content-type"] ?? "application/json"
        if let (wanted, template) = choose(chosen.templates, request) {
            let result = try render(template, request, content, overrides)
            content = Array(result.text.utf8)[...]
            overrides = result.overrides
            type = wanted
        }
        var headers: Headers = ["Content-Type": type]
        var variables = RESTVariables(request: request)
        variables.responseHead = head
        variables.responseBody = body
        for (key, source) in chosen.parameters.sorted(by: { $0.key < $1.key }) {
            let name = String(key.dropFirst("method.response.header.".count))
            guard let value = variables.value(source), Payloads.isValid(name, value) else {
                continue
            }
            headers.set(name, value)
        }
        for (name, value) in overrides.responseHeaders.sorted(by: { $0.key < $1.key })
        where Payloads.isValid(name, value) {
            headers.set(name, value)
        }
        return Response(
            head: ResponseHead(status: overrides.status ?? chosen.status, headers: headers),
            body: content.isEmpty ? .empty : .bytes(content)
        )
    }

    /// The template for the first media type of `Accept`, else that for JSON, else the first.
    private func choose(
        _ templates: [String: String],
        _ request: RESTRequest
    ) -> (type: String, template: String)? {
        guard !templates.isEmpty else { return nil }
        let accept = request.head.headers["accept"] ?? ""
        let wanted = String(accept.prefix { $0 != "," && $0 != ";" })
        for type in [wanted, "application/json"] {
            if let template = templates[type] { return (type, template) }
        }
        return templates.sorted { $0.key < $1.key }.first.map { ($0.key, $0.value) }
    }
}
