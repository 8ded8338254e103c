import DataPlane
import HTTP
import Model

/// How an HTTP API calls functions and asks web servers.
extension APIGatewayDoor {
    func integrate(
        _ exchange: inout Exchange,
        _ route: GatewayRoute,
        _ place: Place,
        _ request: inout GatewayRequest
    ) async -> Response {
        let isFunction: Bool
        switch route.integration {
        case .function: isFunction = true
        case .proxy: isFunction = false
        }
        if isFunction || ParameterMapping.readsBody(route.requestChanges) {
            do throws(Fault) {
                request.body = try await Payloads.collect(exchange.body, limit: Self.bodyLimit)
            } catch {
                return error.kind == .bodyTooLarge
                    ? GatewayResponses.tooLarge : GatewayResponses.message(400, "Bad Request")
            }
            exchange.body = request.body.isEmpty ? .empty : .bytes(request.body)
        }
        let variables = GatewayVariables(request: request, routePath: place.path)
        var response: Response
        switch route.integration {
        case .function(let reference, let format, let timeout):
            var changed = request
            ParameterMapping.apply(route.requestChanges, to: &changed.head, variables)
            response = await call(&exchange, changed, route, place, reference, format, timeout)
        case .proxy(let url, let method, let timeout):
            response = await proxy(&exchange, route, variables, url, method, timeout)
        }
        guard let changes = route.responseChanges[response.head.status] else { return response }
        return await change(response, by: changes, variables)
    }

    private func change(
        _ response: Response,
        by changes: [ParameterChange],
        _ variables: GatewayVariables
    ) async -> Response {
        var response = response
        var variables = variables
        variables.response = response.head
        if changes.contains(where: { $0.value.contains("response.body") }) {
            do throws(Fault) {
                let body = try await Payloads.collect(response.body, limit: Self.bodyLimit)
                variables.responseBody = body
                response.body = body.isEmpty ? .empty : .bytes(body)
            } catch {
                return GatewayResponses.internalError
            }
        }
        return ParameterMapping.apply(changes, to: &response.head, variables)
            ? response : GatewayResponses.internalError
    }

    private func call(
        _ exchange: inout Exchange,
        _ request: GatewayRequest,
        _ route: GatewayRoute,
        _ place: Place,
        _ reference: String,
        _ format: String,
        _ timeout: Int
    ) async -> Response {
        guard let function = snapshot.resolve(function: reference) else {
            return GatewayResponses.internalError
        }
        var request = request
        let headers = request.head.headers
        if headers.contains("content-length") || !request.body.isEmpty
            || ["POST", "PUT", "PATCH"].contains(request.head.method)
        {
            request.head.headers.set("Content-Length", String(request.body.count))
        }
        let event = GatewayEvents.encode(request, format: format)
        let result = await PermittedInvoker(snapshot: snapshot, base: invoker).invoke(
            Invocation(
                function: function,
                payload: event[...],
                requestID: QuickRandom.uuid(),
                edge: edge,
                limit: .milliseconds(timeout)
            ),
            as: .api(
                api.id,
                stage: place.stage.name,
                method: exchange.request.method,
                path: route.methodAndPath?.path ?? "$default"
            ),
            reference: reference,
            stage: "integration",
            trace: request.head.headers["x-amzn-trace-id"],
            &exchange
        )
        switch result {
        case .success(let payload):
            return GatewayResponses.decode(payload, format: format)
                ?? GatewayResponses.internalError
        case .functionError(.timeout, _):
            let own = (snapshot.functions[function]?.timeout ?? .max / 1000) * 1000
            return own < timeout ? GatewayResponses.internalError : GatewayResponses.unavailable
        case .throttled: return GatewayResponses.message(429, "Too Many Requests")
        case .functionError, .notFound: return GatewayResponses.internalError
        }
    }

    private func proxy(
        _ exchange: inout Exchange,
        _ route: GatewayRoute,
        _ variables: GatewayVariables,
        _ url: String,
        _ method: String,
        _ timeout: Int
    ) async -> Response {
        let request = variables.request
        var text = url
        for (name, value) in request.parameters {
            text = text.replacing("{\(name)}", with: PercentText.encodePath(value))
            text = text.replacing("{\(name)+}", with: PercentText.encodePath(value))
        }
        for (name, value) in request.stage.variables {
            text = text.replacing("${stageVariables.\(name)}", with: value)
        }
        guard let place = UpstreamURL(text) else { return GatewayResponses.internalError }
        var head = request.head
        let viewer = exchange.viewer
        head.headers.append(
            "Forwarded",
            "by=\(viewer.address);for=\(viewer.address);host=\(head.headers["host"] ?? "");"
                + "proto=\(viewer.isTLS ? "https" : "http")"
        )
        head.headers.append("Via", "HTTP/1.1 AmazonAPIGateway")
        head.headers.set("Host", place.authority)
        head.headers.remove("content-length")
        head.version = .http11
        if method != "ANY" { head.method = method }
        head.path = place.path(appending: route.key == "$default" ? variables.routePath : "")
        head.query = [place.query, head.query].compactMap { $0 }.joined(separator: "&")
        if head.query?.isEmpty ?? true { head.query = nil }
        ParameterMapping.apply(route.requestChanges, to: &head, variables)
        var limits = UpstreamLimits()
        limits.response = .milliseconds(timeout)
        limits.connect = .milliseconds(timeout)
        limits.attempts = 1
        let local = snapshot.originOverrides[place.host].flatMap { UpstreamURL($0) } ?? place
        do throws(Fault) {
            var response = try await exchange.context.upstream.send(
                head,
                body: exchange.body,
                to: local.target,
                limits: limits
            )
            HopByHop.strip(&response.head.headers)
            return response
        } catch {
            return error.side == .viewer
                ? GatewayResponses.message(400, "Bad Request") : GatewayResponses.unavailable
        }
    }
}
