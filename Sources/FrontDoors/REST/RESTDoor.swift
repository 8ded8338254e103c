package import DataPlane
import HTTP
import JSON
package import Model

/// An API Gateway REST API: resources, authorizers, keys, validation, mapping, integrations.
package struct RESTDoor: ExchangeHandler {
    /// The largest body of a request.
    ///
    /// Unit: bytes. Source: AWS page "Quotas for configuring and running a REST API".
    package static let bodyLimit = 10 << 20

    let api: RESTAPI
    let snapshot: Snapshot
    let state: DoorState
    let invoker: any FunctionInvoker
    let edge: String?
    private let matcher: ResourceMatcher
    private let policy: ResourcePolicy?
    private let clock: @Sendable () -> Int
    private let log: @Sendable (String) -> Void

    /// Makes the door of one API as of a snapshot.
    package init(
        api: RESTAPI,
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
        api: RESTAPI,
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
        matcher = ResourceMatcher(api.resources)
        policy = api.policy.flatMap {
            ResourcePolicy(
                $0,
                apiARN: "arn:aws:execute-api:us-east-1:\(FunctionARN.account):\(api.id)"
            )
        }
    }

    /// Answers a request to the API's own host name, whose path starts with the stage.
    package func respond(to exchange: inout Exchange) async -> Response {
        let path = exchange.request.path
        let first = path.dropFirst().prefix { $0 != "/" }
        let rest = String(path.dropFirst(first.utf8.count + 1))
        guard !api.disablesDefaultEndpoint,
            let stage = api.stages.first(where: { $0.name == first })
        else {
            var response = Response(
                status: 403,
                contentType: "application/json",
                text: #"{"message":"Forbidden"}"#
            )
            response.head.headers.append("x-amzn-RequestId", QuickRandom.uuid())
            response.head.headers.append("x-amzn-ErrorType", "ForbiddenException")
            return response
        }
        return await respond(&exchange, stage, path: rest, shown: rest, contextPath: path)
    }

    /// Answers a request that a custom domain leads to a stage.
    ///
    /// `path` is that behind the mapping; the event shows it with the mapping's key.
    func respond(_ exchange: inout Exchange, stage name: String, path: String) async -> Response {
        guard let stage = api.stages.first(where: { $0.name == name }) else {
            return GatewayResponses.message(403, "Forbidden")
        }
        let shown = exchange.request.path
        return await respond(&exchange, stage, path: path, shown: shown, contextPath: shown)
    }

    private func respond(
        _ exchange: inout Exchange,
        _ stage: RESTStage,
        path: String,
        shown: String,
        contextPath: String
    ) async -> Response {
        let started = ContinuousClock.now
        var request = RESTRequest(
            head: forwarded(exchange),
            sourceIP: exchange.viewer.address,
            api: api,
            stage: stage,
            path: Self.singleSlash(shown.isEmpty ? "/" : shown),
            contextPath: contextPath,
            requestID: QuickRandom.uuid(),
            extendedID: QuickRandom.gatewayID(),
            time: clock()
        )
        var response: Response
        do throws(RESTStop) {
            response = try await run(&exchange, path.isEmpty ? "/" : path, &request)
        } catch {
            response = render(error, request)
        }
        response.head.headers.set("x-amzn-RequestId", request.requestID)
        response.head.headers.set("x-amz-apigw-id", request.extendedID)
        if let format = stage.logFormat { note(&response, format, request, started) }
        return response
    }

    /// Slashes at the start count as one.
    private static func singleSlash(_ path: String) -> String {
        path.hasPrefix("//") ? "/" + path.drop { $0 == "/" } : path
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
        RESTHeaders.strip(&head.headers)
        return head
    }

    // MARK: The way through

    private func run(
        _ exchange: inout Exchange,
        _ path: String,
        _ request: inout RESTRequest
    ) async throws(RESTStop) -> Response {
        if path == "/ping" || path == "/sping" {
            return Response(status: 200, text: "Healthy Connection")
        }
        guard let match = matcher.match(path),
            let method = match.resource.methods[request.head.method]
                ?? (Self.isKnown(request.head.method) ? match.resource.methods["ANY"] : nil)
        else { throw RESTStop(.missingToken) }
        request.resource = match.resource
        request.method = method
        request.parameters = match.parameters
        try checkPolicy(method, request, isTLS: exchange.viewer.isTLS)
        try await authorize(&exchange, method, &request)
        try checkKey(method, &request)
        try checkLimits(match.resource.path, request)
        do throws(Fault) {
            request.body = try await Payloads.collect(exchange.body, limit: Self.bodyLimit)
        } catch {
            throw RESTStop(error.kind == .bodyTooLarge ? .tooLarge : .badBody)
        }
        exchange.body = .empty
        try validate(method, request)
        return try await integrate(&exchange, method.integration, request)
    }

    private static func isKnown(_ method: String) -> Bool {
        ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"].contains(method)
    }

    /// A denial by the policy holds for everyone; without an authorizer the policy must allow.
    private func checkPolicy(
        _ method: RESTMethod,
        _ request: RESTRequest,
        isTLS: Bool
    ) throws(RESTStop) {
        guard let policy else { return }
        let caller = ResourcePolicy.Caller(
            address: request.sourceIP,
            userAgent: request.head.headers["user-agent"] ?? "",
            referer: request.head.headers["referer"] ?? "",
            isTLS: isTLS
        )
        let refusal =
            "User: anonymous is not authorized to perform: execute-api:Invoke on resource: "
            + request.methodARN
        switch policy.effect(on: request.methodARN, for: caller) {
        case .allow: return
        case .deny: throw RESTStop(.accessDenied, refusal + " with an explicit deny")
        case .none:
            if method.authorization == .none { throw RESTStop(.accessDenied, refusal) }
        }
    }

    /// Finds the plan that the request's key opens this stage with, and takes from its limits.
    private func checkKey(
        _ method: RESTMethod,
        _ request: inout RESTRequest
    ) throws(RESTStop) {
        guard method.requiresKey else { return }
        let value: String?
        switch api.keySource {
        case .header: value = request.head.headers["x-api-key"]
        case .authorizer: value = request.authorizer?["usageIdentifierKey"]?.string
        }
        guard let value else { throw RESTStop(.invalidKey) }
        let resource = request.resource?.path ?? "/"
        for plan in snapshot.usagePlans.values.sorted(by: { $0.id < $1.id }) {
            guard let key = plan.keys.first(where: { $0.value == value && $0.isEnabled }),
                let stage = plan.stages.first(where: {
                    $0.api == api.id && $0.stage == request.stage.name
                })
            else { continue }
            request.key = key
            let name = "\(plan.id)\n\(key.id)\n\(api.id)\n\(request.stage.name)"
            let place = "\(resource)/\(request.head.method)"
            if let limit = stage.limits[place],
                !state.throttles.take("\(name)\n\(place)", limit)
            {
                throw RESTStop(.throttled)
            }
            if let limit = plan.limit, !state.throttles.take(name, limit) {
                throw RESTStop(.throttled)
            }
            if let quota = plan.quota,
                !state.quotas.take("\(plan.id)\n\(key.id)", quota, at: request.time)
            {
                throw RESTStop(.quotaExceeded)
            }
            return
        }
        throw RESTStop(.invalidKey)
    }

    private func checkLimits(_ path: String, _ request: RESTRequest) throws(RESTStop) {
        let limits = request.stage.limits
        let place = "\(path)/\(request.head.method)"
        guard let limit = limits[place] ?? limits["\(path)/*"] ?? limits["*/*"] else { return }
        guard state.throttles.take("\(api.id)\n\(request.stage.name)\n\(place)", limit) else {
            throw RESTStop(.throttled)
        }
    }

    /// Checks parameters before the body; AWS page "Request validation for REST APIs".
    private func validate(_ method: RESTMethod, _ request: RESTRequest) throws(RESTStop) {
        guard let validator = method.validator.flatMap({ api.validators[$0] }) else { return }
        if validator.checksParameters {
            var missing: [String] = []
            for kind in ["header", "path", "querystring"] {
                let prefix = "method.request.\(kind)."
                let names = method.parameters.filter { $0.value && $0.key.hasPrefix(prefix) }
                    .map { String($0.key.dropFirst(prefix.count)) }.sorted()
                missing += names.filter { !has($0, kind, request) }
            }
            if !missing.isEmpty {
                let list = missing.joined(separator: ", ")
                throw RESTStop(.badParameters, "Missing required request parameters: [\(list)]")
            }
        }
        guard validator.checksBody else { return }
        let type = request.head.headers["content-type"].map {
            $0.prefix { $0 != ";" }.trimmingASCIIWhitespace().lowercased()
        }
        let name = method.models[type ?? "application/json"] ?? method.models["$default"]
        guard let name, let schema = api.models[name] else { return }
        let body = request.body.isEmpty ? Array("{}".utf8)[...] : request.body
        guard let value = try? JSONValue.parse(body), let rules = try? JSONValue.parse(schema),
            JSONSchema(rules, models: api.models).accepts(value)
        else { throw RESTStop(.badBody) }
    }

    private func has(_ name: String, _ kind: String, _ request: RESTRequest) -> Bool {
        switch kind {
        case "header": request.head.headers.all(name).contains { !$0.isEmpty }
        case "path": !(request.parameters[name] ?? "").isEmpty
        default:
            request.decodedQuery.contains { $0.key == name && $0.values.contains { !$0.isEmpty } }
        }
    }

    // MARK: Answers of the gateway

    /// The response to a failure as the API has it for the type, else for its class, else by default.
    func render(_ stop: RESTStop, _ request: RESTRequest) -> Response {
        let failure = stop.failure
        let message = stop.message ?? failure.message
        let group = failure.status >= 500 ? "DEFAULT_5XX" : "DEFAULT_4XX"
        let custom = api.gatewayResponses[failure.rawValue]
        let shared = api.gatewayResponses[group]
        let status = custom?.status ?? shared?.status ?? failure.status
        var variables = RESTVariables(request: request)
        variables.extra["error.message"] = message ?? ""
        variables.extra["error.messageString"] = message.map { JSONValue.string($0).text } ?? "null"
        variables.extra["error.responseType"] = failure.rawValue
        var type = "application/json"
        var text = failure.body(message)
        let templates = (custom ?? shared)?.templates ?? [:]
        if !templates.isEmpty {
            let wanted = request.head.headers["accept"]?.prefix { $0 != "," && $0 != ";" } ?? ""
            type = templates[String(wanted)] != nil ? String(wanted) : type
            if let template = templates[type]
                ?? templates.sorted(by: { $0.key < $1.key }).first?.value
            {
                text = variables.substitute(template)
            }
        }
        var response = Response(status: status, contentType: type, text: text)
        response.head.headers.append("x-amzn-ErrorType", failure.errorType)
        for (key, source) in ((custom ?? shared)?.parameters ?? [:]).sorted(by: { $0.key < $1.key })
        {
            let name = String(key.dropFirst("gatewayresponse.header.".count))
            guard let value = variables.value(source), Payloads.isValid(name, value) else {
                continue
            }
            response.head.headers.set(name, value)
        }
        return response
    }

    private func note(
        _ response: inout Response,
        _ format: String,
        _ request: RESTRequest,
        _ started: ContinuousClock.Instant
    ) {
        var variables = RESTVariables(request: request)
        variables.extra["status"] = String(response.head.status)
        let latency = Int((ContinuousClock.now - started) / .milliseconds(1))
        variables.extra["responseLatency"] = String(latency)
        let log = log
        MeteredBody.wrap(&response.body) { count in
            var variables = variables
            variables.extra["responseLength"] = String(count)
            log(variables.logLine(format))
        }
    }
}
