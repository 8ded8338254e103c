import DataPlane
import HTTP
import JSON
import Model

/// The routes of the Extensions API, version 2020-01-01.
///
/// Confined to its reactor.
struct ExtensionRoutes {
    /// The largest body of a registration.
    ///
    /// Unit: bytes.
    private static let largestBody = 64 << 10

    let desk: ExtensionDesk
    let identity: FunctionIdentity

    /// Answers a call; nil when there is no such route.
    func respond(_ route: [String], _ exchange: Exchange) async -> Response? {
        let isPost = exchange.request.method == "POST"
        switch route {
        case ["register"]: return isPost ? await register(exchange) : nil
        case ["event", "next"]: return exchange.request.method == "GET" ? await next(exchange) : nil
        case ["init", "error"]: return isPost ? report(exchange, .initError) : nil
        case ["exit", "error"]: return isPost ? report(exchange, .exitError) : nil
        default: return nil
        }
    }

    // MARK: Registration

    private func register(_ exchange: Exchange) async -> Response {
        let headers = exchange.request.headers
        let name = headers["Lambda-Extension-Name"] ?? ""
        guard !name.isEmpty else {
            return Self.refused("Extension.InvalidExtensionName", "Empty extension name")
        }
        guard
            case .complete(let bytes, _) = await RuntimeBody.read(
                exchange.body,
                limit: Self.largestBody
            ), let document = try? JSONValue.parse(bytes), document.object != nil
        else { return Self.refused("InvalidRequestFormat", "The body is no JSON object") }
        var events: [ExtensionMember.Kind] = []
        for value in document["events"]?.array ?? [] {
            guard let text = value.string, let kind = ExtensionMember.Kind(rawValue: text) else {
                return Self.refused(
                    "Extension.InvalidEventType",
                    "\(name): \(value.text) is no event type"
                )
            }
            events.append(kind)
        }
        if !desk.isExternal(name), events.contains(.shutdown) {
            return Self.refused(
                "ShutdownEventNotSupportedForInternalExtension",
                "\(name): SHUTDOWN event is not supported for internal extensions"
            )
        }
        switch desk.register(name, for: events) {
        case .success(let member): return accepted(member, headers)
        case .failure(.closed):
            return Self.refused(
                "Extension.RegistrationClosed",
                "Extension registration closed already"
            )
        case .failure(.tooMany):
            return Self.refused(
                "Extension.TooManyExtensions",
                "Extension limit (\(ExtensionDesk.maximum)) reached"
            )
        case .failure(.wrongState(let state)): return Self.wrongOrder(name, state, .register)
        }
    }

    private func accepted(_ member: ExtensionMember, _ headers: Headers) -> Response {
        var json = JSONWriter(reserving: 160)
        json.beginObject()
        json.field("functionName", identity.name)
        json.field("functionVersion", identity.versionText)
        json.field("handler", identity.version.image?.command.first ?? identity.version.handler)
        let features = headers["Lambda-Extension-Accept-Feature"] ?? ""
        let wanted = features.split(separator: ",").map { $0.filter { $0 != " " } }
        if wanted.contains("accountId") { json.field("accountId", FunctionARN.account) }
        json.endObject()
        var response = RuntimeReplies.json(200, String(decoding: json.bytes, as: UTF8.self))
        response.head.headers.append("Lambda-Extension-Identifier", member.id)
        return response
    }

    // MARK: Events

    private func next(_ exchange: Exchange) async -> Response {
        let member: ExtensionMember
        switch Self.caller(exchange, desk) {
        case .refused(let response): return response
        case .member(let found): member = found
        }
        let before = member.state
        guard member.apply(.next) else { return Self.wrongOrder(member.name, before, .next) }
        guard let event = await desk.next(of: member) else { return RuntimeReplies.ended }
        var json = JSONWriter(reserving: 512)
        json.beginObject()
        switch event {
        case .invoke(let call):
            json.field("eventType", "INVOKE")
            json.field("deadlineMs", Int(call.deadlineMilliseconds))
            json.field("requestId", call.requestID)
            json.field("invokedFunctionArn", call.arn)
            json.key("tracing")
            json.beginObject()
            json.field("type", "X-Amzn-Trace-Id")
            json.field("value", call.traceID)
            json.endObject()
        case .shutdown(let reason, let deadline):
            json.field("eventType", "SHUTDOWN")
            json.field("shutdownReason", reason.rawValue)
            json.field("deadlineMs", Int(deadline))
        }
        json.endObject()
        var response = RuntimeReplies.json(200, String(decoding: json.bytes, as: UTF8.self))
        response.head.headers.append("Lambda-Extension-Event-Identifier", RequestIdentifier.make())
        return response
    }

    // MARK: Errors

    private func report(_ exchange: Exchange, _ event: ExtensionState.Event) -> Response {
        let member: ExtensionMember
        switch Self.caller(exchange, desk) {
        case .refused(let response): return response
        case .member(let found): member = found
        }
        guard let type = exchange.request.headers["Lambda-Extension-Function-Error-Type"] else {
            return Self.refused(
                "Extension.MissingHeader",
                "Lambda-Extension-Function-Error-Type not found"
            )
        }
        let before = member.state
        guard member.apply(event) else { return Self.wrongOrder(member.name, before, event) }
        desk.fail(
            event == .initError ? "Extension.InitError" : "Extension.ExitError",
            "\(member.name): \(type)"
        )
        return RuntimeReplies.accepted
    }

    /// Who calls, or why nobody may.
    enum Caller {
        case member(ExtensionMember)
        case refused(Response)
    }

    /// The extension that a request names.
    static func caller(_ exchange: Exchange, _ desk: ExtensionDesk) -> Caller {
        guard let id = exchange.request.headers["Lambda-Extension-Identifier"] else {
            return .refused(
                refused(
                    "Extension.MissingExtensionIdentifier",
                    "Missing Lambda-Extension-Identifier header"
                )
            )
        }
        let isUUID = id.split(separator: "-", omittingEmptySubsequences: false).map(\.utf8.count)
        guard isUUID == [8, 4, 4, 4, 12] else {
            return .refused(
                refused(
                    "Extension.InvalidExtensionIdentifier",
                    "Invalid Lambda-Extension-Identifier"
                )
            )
        }
        guard let member = desk.member(id: id.lowercased()) else {
            return .refused(
                refused("Extension.UnknownExtensionIdentifier", "Unknown extension \(id)")
            )
        }
        return .member(member)
    }

    static func refused(_ type: String, _ message: String) -> Response {
        RuntimeReplies.error(403, type, message)
    }

    private static func wrongOrder(
        _ name: String,
        _ state: ExtensionState,
        _ event: ExtensionState.Event
    ) -> Response {
        refused(
            "Extension.InvalidExtensionState",
            "State transition from \(state.rawValue) to \(event.target.rawValue) failed for extension "
                + "\(name). Error: State transition is not allowed"
        )
    }
}
