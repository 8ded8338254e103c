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
            trace: request.head.headers["x-amzn-trace-id"],
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
