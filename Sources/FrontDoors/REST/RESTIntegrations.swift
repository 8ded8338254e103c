import DataPlane
import HTTP
import JSON
import Model

/// How a REST API calls functions, asks web servers and answers by itself.
extension RESTDoor {
    func integrate(
        _ exchange: inout Exchange,
        _ integration: RESTIntegration,
        _ request: RESTRequest
    ) async throws(RESTStop) -> Response {
        switch integration.kind {
        case .function(let reference, let isProxy):
            return isProxy
                ? try await callProxy(&exchange, reference, integration, request)
                : try await call(&exchange, reference, integration, request)
        case .http(let url, let isProxy):
            return try await send(&exchange, url, isProxy: isProxy, integration, request)
        case .mock: return try mock(integration, request)
        }
    }

    // MARK: Functions

    private func invoke(
        _ exchange: inout Exchange,
        _ reference: String,
        _ payload: [UInt8],
        _ integration: RESTIntegration,
        _ request: RESTRequest
    ) async throws(RESTStop) -> InvocationResult {
        var name = reference
        for (key, value) in request.stage.variables {
            name = name.replacing("${stageVariables.\(key)}", with: value)
        }
        guard let function = snapshot.resolve(function: name) else {
            throw RESTStop(.apiConfiguration)
        }
        let call = FunctionCall.api(
            api.id,
            stage: request.stage.name,
            method: request.head.method,
            path: request.resource?.path ?? "/"
        )
        guard snapshot.permits(call, toInvoke: name) else { throw RESTStop(.apiConfiguration) }
        let result = await PermittedInvoker(snapshot: snapshot, base: invoker).invoke(
            Invocation(
                function: function,
                payload: payload[...],
                requestID: QuickRandom.uuid(),
                edge: edge,
                limit: .milliseconds(integration.timeout)
            ),
            as: call,
            reference: name,
            stage: "integration",
            &exchange
        )
        if case .functionError(.timeout, _) = result {
            let own = (snapshot.functions[function]?.timeout ?? .max / 1000) * 1000
            throw RESTStop(own < integration.timeout ? .badGateway : .integrationTimeout)
        }
        return result
    }

    private func callProxy(
        _ exchange: inout Exchange,
        _ reference: String,
        _ integration: RESTIntegration,
        _ request: RESTRequest
    ) async throws(RESTStop) -> Response {
        let event = RESTEvents.encode(request)
        switch try await invoke(&exchange, reference, event, integration, request) {
        case .success(let payload):
            let isBinary = RESTRequest.isBinary(request.head.headers["accept"], api)
            guard var response = RESTProxyAnswer.decode(payload, decodesBinary: isBinary) else {
                throw RESTStop(.badGateway)
            }
            let trace = request.head.headers["x-amzn-trace-id"] ?? ""
            response.head.headers.set("X-Amzn-Trace-Id", trace)
            return response
        case .throttled: throw RESTStop(.throttled)
        case .functionError, .notFound: throw RESTStop(.badGateway)
        }
    }

    private func call(
        _ exchange: inout Exchange,
        _ reference: String,
        _ integration: RESTIntegration,
        _ request: RESTRequest
    ) async throws(RESTStop) -> Response {
        let mapped = try mapBody(integration, request)
        let body = mapped.body.isEmpty ? Array("{}".utf8) : Array(mapped.body)
        switch try await invoke(&exchange, reference, body, integration, request) {
        case .success(let payload):
            return try answer(
                integration,
                request,
                ResponseHead(status: 200),
                payload,
                subject: "",
                mapped.overrides
            )
        case .functionError(_, let payload):
            let error = try? JSONValue.parse(payload)
            return try answer(
                integration,
                request,
                ResponseHead(status: 200),
                payload,
                subject: error?["errorMessage"]?.string ?? "",
                mapped.overrides
            )
        case .throttled: throw RESTStop(.throttled)
        case .notFound: throw RESTStop(.apiConfiguration)
        }
    }

    // MARK: No backend

    private func mock(
        _ integration: RESTIntegration,
        _ request: RESTRequest
    ) throws(RESTStop) -> Response {
        let mapped = try mapBody(integration, request)
        guard let status = MockStatus.read(String(decoding: mapped.body, as: UTF8.self)) else {
            throw RESTStop(.apiConfiguration)
        }
        return try answer(
            integration,
            request,
            ResponseHead(status: status),
            [],
            subject: String(status),
            mapped.overrides
        )
    }

    // MARK: Mapping

    /// The body for an integration, and what its template overrode.
    private func mapBody(
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
    private func answer(
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

    // MARK: Web servers

    private func send(
        _ exchange: inout Exchange,
        _ url: String,
        isProxy: Bool,
        _ integration: RESTIntegration,
        _ request: RESTRequest
    ) async throws(RESTStop) -> Response {
        var body = request.body
        var overrides = VelocityOverrides()
        if !isProxy { (body, overrides) = try mapBody(integration, request) }
        let (head, target) = try outbound(url, isProxy: isProxy, integration, request, overrides)
        var limits = UpstreamLimits()
        limits.connect = .milliseconds(integration.timeout)
        limits.response = .milliseconds(integration.timeout)
        limits.attempts = 1
        var response: Response
        do throws(Fault) {
            response = try await exchange.context.upstream.send(
                head,
                body: body.isEmpty ? .empty : .bytes(body),
                to: target,
                limits: limits
            )
            if !isProxy {
                let bytes = try await Payloads.collect(response.body, limit: Self.bodyLimit)
                response.body = .bytes(bytes)
            }
        } catch {
            let isLate = error.kind == .responseTimeout || error.kind == .idleTimeout
            throw RESTStop(isLate ? .integrationTimeout : .integrationFailure)
        }
        HopByHop.strip(&response.head.headers)
        if isProxy {
            for name in ["content-encoding", "via"] { response.head.headers.remove(name) }
            RESTHeaders.remap(&response.head.headers, isProxy: true)
            return response
        }
        guard case .bytes(let bytes) = response.body else { throw RESTStop(.apiConfiguration) }
        RESTHeaders.remap(&response.head.headers, isProxy: false)
        return try answer(
            integration,
            request,
            response.head,
            bytes,
            subject: String(response.head.status),
            overrides
        )
    }

    /// The request to a web server with its mapped parameters.
    private func outbound(
        _ url: String,
        isProxy: Bool,
        _ integration: RESTIntegration,
        _ request: RESTRequest,
        _ overrides: VelocityOverrides
    ) throws(RESTStop) -> (RequestHead, UpstreamTarget) {
        let variables = RESTVariables(request: request)
        var paths = isProxy ? request.parameters : [:]
        var headers: [(String, String)] = []
        var query: [(String, String)] = []
        for (key, source) in integration.parameters.sorted(by: { $0.key < $1.key }) {
            let parts = key.split(separator: ".", maxSplits: 3).map(String.init)
            guard parts.count == 4, let value = variables.value(source) else { continue }
            switch parts[2] {
            case "path": paths[parts[3]] = value
            case "header": headers.append((parts[3], value))
            case "querystring": query.append((parts[3], value))
            default: break
            }
        }
        paths.merge(overrides.path) { $1 }
        headers += overrides.header.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        query += overrides.query.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        var text = url
        for (name, value) in paths {
            text = text.replacing("{\(name)}", with: value).replacing("{\(name)+}", with: value)
        }
        for (name, value) in request.stage.variables {
            text = text.replacing("${stageVariables.\(name)}", with: value)
        }
        guard let place = UpstreamURL(text) else { throw RESTStop(.apiConfiguration) }
        var head = isProxy ? request.head : RequestHead(method: request.head.method, path: "/")
        if isProxy {
            for name in ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-port"] {
                head.headers.remove(name)
            }
            RESTHeaders.strip(&head.headers, alsoDropping: ["via", "content-encoding"])
        } else {
            head.headers.append("Accept", "application/json")
            head.headers.append("User-Agent", "AmazonAPIGateway_\(api.id)")
            let type = request.head.headers["content-type"]
            if let type { head.headers.append("Content-Type", type) }
            head.headers.append("X-Amzn-Trace-Id", request.head.headers["x-amzn-trace-id"] ?? "")
        }
        head.headers.set("Host", place.authority)
        head.headers.set("X-Amzn-Apigateway-Api-Id", api.id)
        head.version = .http11
        if integration.method != "ANY" { head.method = integration.method }
        for (name, value) in headers {
            guard !Self.refused.contains(name.lowercased()), Payloads.isValid(name, value) else {
                throw RESTStop(.apiConfiguration)
            }
            head.headers.set(name, value)
        }
        head.path = place.path(appending: "")
        let added = query.map { "\(PercentCoding.encode($0.0))=\(PercentCoding.encode($0.1))" }
        let sent = isProxy ? [request.head.query].compactMap { $0 } : []
        let all = [place.query].compactMap { $0 } + sent + added
        head.query = all.isEmpty ? nil : all.joined(separator: "&")
        let local = snapshot.originOverrides[place.host].flatMap { UpstreamURL($0) } ?? place
        return (head, local.target)
    }

    /// Fields that a mapping must not set.
    private static let refused: Set<String> = [
        "content-length", "transfer-encoding", "x-amzn-trace-id", "x-amzn-apigateway-api-id",
    ]
}

/// The status that the rendered template of a mock integration asks for.
enum MockStatus {
    /// Reads lenient JSON such as `{statusCode: 200}`; nil when there is no whole number.
    static func read(_ text: String) -> Int? {
        if let value = try? JSONValue.parse(text) { return check(value["statusCode"]?.int) }
        guard let mark = text.firstRange(of: "statusCode") else { return nil }
        let rest = text[mark.upperBound...].drop { "\"': \t\r\n".contains($0) }
        return check(Int(rest.prefix { $0.isASCII && $0.isNumber }))
    }

    private static func check(_ status: Int?) -> Int? {
        status.flatMap { (100...599).contains($0) ? $0 : nil }
    }
}
