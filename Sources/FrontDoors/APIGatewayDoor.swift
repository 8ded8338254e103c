package import DataPlane
import HTTP
package import Model

/// An API Gateway HTTP API: routes, function and HTTP integrations.
package struct APIGatewayDoor: ExchangeHandler {
    /// The largest body of a request.
    ///
    /// Unit: bytes.
    package static let bodyLimit = 10 << 20

    private let api: HTTPAPI
    private let snapshot: Snapshot
    private let matcher: RouteMatcher
    private let invoker: any FunctionInvoker
    private let edge: String?
    private let clock: @Sendable () -> Int

    /// Makes the door of one API as of a snapshot.
    package init(
        api: HTTPAPI,
        snapshot: Snapshot,
        invoker: any FunctionInvoker,
        edge: String? = nil
    ) {
        self.init(api: api, snapshot: snapshot, invoker: invoker, edge: edge, clock: EventTime.now)
    }

    init(
        api: HTTPAPI,
        snapshot: Snapshot,
        invoker: any FunctionInvoker,
        edge: String? = nil,
        clock: @escaping @Sendable () -> Int
    ) {
        self.api = api
        self.snapshot = snapshot
        self.invoker = invoker
        self.edge = edge
        self.clock = clock
        matcher = RouteMatcher(api.routes)
    }

    /// Answers a request by its most specific route.
    package func respond(to exchange: inout Exchange) async -> Response {
        let requestID = QuickRandom.gatewayID()
        let origin = exchange.request.headers["origin"]
        var response: Response
        if let cors = api.cors, GatewayCORS.isPreflight(exchange.request) {
            response = GatewayCORS.preflight(exchange.request, cors)
        } else {
            response = await route(&exchange, requestID)
            if let cors = api.cors {
                GatewayCORS.apply(cors, to: &response.head.headers, origin: origin)
            }
        }
        response.head.headers.set("Apigw-Requestid", requestID)
        return response
    }

    private func route(_ exchange: inout Exchange, _ requestID: String) async -> Response {
        guard let path = routePath(exchange.request.path),
            let match = matcher.match(method: exchange.request.method, path: path)
        else { return GatewayResponses.notFound }
        switch match.route.integration {
        case .function(let reference, let format, let timeout):
            return await call(&exchange, match, reference, format, timeout, requestID)
        case .proxy(let url, let method, let timeout):
            return await proxy(&exchange, match, url, method, timeout)
        }
    }

    /// The path without the stage; nil when the stage is not in it.
    private func routePath(_ path: String) -> String? {
        if api.stage == "$default" { return path }
        let prefix = "/" + api.stage
        if path == prefix { return "/" }
        return path.hasPrefix(prefix + "/") ? String(path.dropFirst(prefix.count)) : nil
    }

    private func forwarded(_ exchange: Exchange) -> RequestHead {
        var head = exchange.request
        let viewer = exchange.viewer
        let earlier = head.headers.all("x-forwarded-for") + [viewer.address]
        head.headers.set("X-Forwarded-For", earlier.joined(separator: ", "))
        head.headers.set("X-Forwarded-Proto", viewer.isTLS ? "https" : "http")
        head.headers.set("X-Forwarded-Port", String(viewer.localPort))
        head.headers.set(
            "X-Amzn-Trace-Id",
            ForwardedHead.trace(
                head.headers["x-amzn-trace-id"],
                identifier: ForwardedHead.newTraceID
            )
        )
        HopByHop.strip(&head.headers)
        return head
    }

    private func call(
        _ exchange: inout Exchange,
        _ match: RouteMatcher.Match,
        _ reference: String,
        _ format: String,
        _ timeout: Int,
        _ requestID: String
    ) async -> Response {
        guard let function = snapshot.resolve(function: reference) else {
            return GatewayResponses.internalError
        }
        var head = forwarded(exchange)
        let body: Bytes
        do throws(Fault) {
            body = try await Payloads.collect(exchange.body, limit: Self.bodyLimit)
        } catch {
            return error.kind == .bodyTooLarge
                ? GatewayResponses.tooLarge : GatewayResponses.message(400, "Bad Request")
        }
        if head.headers.contains("content-length") || !body.isEmpty || head.method == "POST" {
            head.headers.set("Content-Length", String(body.count))
        }
        let event = GatewayEvents.encode(
            GatewayRequest(
                head: head,
                body: body,
                sourceIP: exchange.viewer.address,
                api: api,
                match: match,
                requestID: requestID,
                time: clock()
            ),
            format: format
        )
        let path = match.route.key.split(separator: " ", maxSplits: 1).last.map(String.init)
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
                stage: api.stage,
                method: exchange.request.method,
                path: path ?? "$default"
            ),
            reference: reference,
            stage: "integration",
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
        _ match: RouteMatcher.Match,
        _ url: String,
        _ method: String,
        _ timeout: Int
    ) async -> Response {
        var text = url
        for (name, value) in match.parameters {
            text = text.replacing("{\(name)}", with: PercentText.encodePath(value))
            text = text.replacing("{\(name)+}", with: PercentText.encodePath(value))
        }
        for (name, value) in api.stageVariables {
            text = text.replacing("${stageVariables.\(name)}", with: value)
        }
        guard let place = UpstreamURL(text) else { return GatewayResponses.internalError }
        var head = forwarded(exchange)
        let host = head.headers["host"] ?? ""
        let viewer = exchange.viewer
        head.headers.append(
            "Forwarded",
            "by=\(viewer.address);for=\(viewer.address);host=\(host);"
                + "proto=\(viewer.isTLS ? "https" : "http")"
        )
        head.headers.append("Via", "HTTP/1.1 AmazonAPIGateway")
        head.headers.set("Host", place.authority)
        head.headers.remove("content-length")
        head.version = .http11
        if method != "ANY" { head.method = method }
        let isDefault = match.route.key == "$default"
        head.path = place.path(appending: isDefault ? head.path : "")
        head.query = [place.query, head.query].compactMap { $0 }.joined(separator: "&")
        if head.query?.isEmpty ?? true { head.query = nil }
        var limits = UpstreamLimits()
        limits.response = .milliseconds(timeout)
        limits.attempts = 1
        do throws(Fault) {
            var response = try await exchange.context.upstream.send(
                head,
                body: exchange.body,
                to: place.target,
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
