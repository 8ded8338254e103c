package import DataPlane
import HTTP
import JSON
package import Model

/// An API Gateway HTTP API: routes, authorizers, function and HTTP integrations.
package struct APIGatewayDoor: ExchangeHandler {
    /// The largest body of a request.
    ///
    /// Unit: bytes. Source: AWS page "Quotas for configuring and running an HTTP API".
    package static let bodyLimit = 10 << 20
    /// The request line and all fields together.
    ///
    /// Unit: bytes. Source: as `bodyLimit`.
    package static let headLimit = 10_240

    let api: HTTPAPI
    let snapshot: Snapshot
    let state: DoorState
    let invoker: any FunctionInvoker
    let edge: String?
    private let matcher: RouteMatcher
    private let clock: @Sendable () -> Int
    private let log: @Sendable (String) -> Void

    /// Makes the door of one API as of a snapshot.
    package init(
        api: HTTPAPI,
        snapshot: Snapshot,
        state: DoorState,
        invoker: any FunctionInvoker,
        edge: String? = nil,
        log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.init(
            api: api,
            snapshot: snapshot,
            state: state,
            invoker: invoker,
            edge: edge,
            log: log,
            clock: EventTime.now
        )
    }

    init(
        api: HTTPAPI,
        snapshot: Snapshot,
        state: DoorState = DoorState(),
        invoker: any FunctionInvoker,
        edge: String? = nil,
        log: @escaping @Sendable (String) -> Void = { _ in },
        clock: @escaping @Sendable () -> Int
    ) {
        self.api = api
        self.snapshot = snapshot
        self.state = state
        self.invoker = invoker
        self.edge = edge
        self.log = log
        self.clock = clock
        matcher = RouteMatcher(api.routes)
    }

    /// A stage and the path in it.
    struct Place {
        var stage: GatewayStage
        /// Without the stage.
        var path: String
    }

    /// Answers a request to the API's own host name.
    package func respond(to exchange: inout Exchange) async -> Response {
        let requestID = QuickRandom.gatewayID()
        guard !api.disablesDefaultEndpoint, let place = place(of: exchange.request.path) else {
            var response = GatewayResponses.notFound
            response.head.headers.set("Apigw-Requestid", requestID)
            return response
        }
        return await respond(&exchange, at: place, requestID)
    }

    /// Answers a request that a custom domain leads to a stage; the path is that behind the mapping.
    func respond(_ exchange: inout Exchange, stage name: String, path: String) async -> Response {
        guard let stage = api.stages.first(where: { $0.name == name }) else {
            return GatewayResponses.notFound
        }
        exchange.request.path = name == "$default" ? path : "/" + name + path
        let place = Place(stage: stage, path: path)
        return await respond(&exchange, at: place, QuickRandom.gatewayID())
    }

    /// The stage that the first segment names, else `$default` with the whole path.
    private func place(of path: String) -> Place? {
        let first = path.dropFirst().prefix { $0 != "/" }
        if let stage = api.stages.first(where: { $0.name == first && $0.name != "$default" }) {
            let rest = path.dropFirst(first.utf8.count + 1)
            return Place(stage: stage, path: rest.isEmpty ? "/" : String(rest))
        }
        return api.stages.first { $0.name == "$default" }.map { Place(stage: $0, path: path) }
    }

    private func respond(
        _ exchange: inout Exchange,
        at place: Place,
        _ requestID: String
    ) async -> Response {
        let started = ContinuousClock.now
        let origin = exchange.request.headers["origin"]
        var request = GatewayRequest(
            head: exchange.request,
            body: [],
            sourceIP: exchange.viewer.address,
            apiID: api.id,
            stage: place.stage,
            routeKey: "-",
            parameters: [:],
            requestID: requestID,
            time: clock()
        )
        var response: Response
        if let cors = api.cors, GatewayCORS.isPreflight(exchange.request) {
            response = GatewayCORS.preflight(exchange.request, cors)
        } else {
            response = await route(&exchange, place, &request)
            if let cors = api.cors {
                GatewayCORS.apply(cors, to: &response.head.headers, origin: origin)
            }
        }
        response.head.headers.set("Apigw-Requestid", requestID)
        if let format = place.stage.logFormat {
            noteAccess(&response, format, request, place, started)
        }
        return response
    }

    private func route(
        _ exchange: inout Exchange,
        _ place: Place,
        _ request: inout GatewayRequest
    ) async -> Response {
        let head = exchange.request
        let size = head.method.utf8.count + head.target.utf8.count + head.headers.byteCount
        guard size + 4 * head.headers.count <= Self.headLimit else {
            return GatewayResponses.message(431, "Request Header Fields Too Large")
        }
        guard let match = matcher.match(method: head.method, path: place.path) else {
            return GatewayResponses.notFound
        }
        request.routeKey = match.route.key
        request.parameters = match.parameters
        request.head = forwarded(exchange)
        guard isWithinLimit(match.route.key, place.stage) else {
            return GatewayResponses.message(429, "Too Many Requests")
        }
        var format = "2.0"
        if case .function(_, let wanted, _) = match.route.integration { format = wanted }
        let authorization = GatewayAuthorization(
            api: api,
            snapshot: snapshot,
            state: state,
            invoker: invoker,
            edge: edge
        )
        let outcome = await authorization.decide(
            match.route.authorization,
            GatewayVariables(request: request, routePath: place.path),
            format: format,
            &exchange
        )
        switch outcome {
        case .refused(let response): return response
        case .allowed(let block): request.authorizer = block
        }
        return await integrate(&exchange, match.route, place, &request)
    }

    private func isWithinLimit(_ key: String, _ stage: GatewayStage) -> Bool {
        guard let limit = stage.routeLimits[key] ?? stage.limit else { return true }
        return state.throttles.take("\(api.id)\n\(stage.name)\n\(key)", limit)
    }

    /// The head as integrations see it.
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

    private func noteAccess(
        _ response: inout Response,
        _ format: String,
        _ request: GatewayRequest,
        _ place: Place,
        _ started: ContinuousClock.Instant
    ) {
        var variables = GatewayVariables(request: request, routePath: place.path)
        let latency = String(Int((ContinuousClock.now - started) / .milliseconds(1)))
        variables.extra["status"] = String(response.head.status)
        variables.extra["responseLatency"] = latency
        variables.extra["integrationLatency"] = latency
        variables.extra["integration.latency"] = latency
        variables.extra["integrationStatus"] = String(response.head.status)
        variables.extra["integration.integrationStatus"] = String(response.head.status)
        let log = log
        MeteredBody.wrap(&response.body) { count in
            var variables = variables
            variables.extra["responseLength"] = String(count)
            variables.extra["dataProcessed"] = String(count + variables.request.body.count)
            log(variables.logLine(format))
        }
    }
}
