import HTTP
import JSON
import Model

/// What the events of one connection have in common.
struct WebSocketSession: Sendable {
    var api: String
    var stage: GatewayStage
    var connectionID: String
    /// Unit: milliseconds since 1970.
    var connectedAt: Int
    var sourceIP: String
    var userAgent: String
    var domainName: String
    /// What the authorizer of `$connect` gave.
    var authorizer: JSONObject?
}

/// The JSON that functions of a WebSocket API receive.
enum WebSocketEvents {
    /// The kinds of events, as `eventType` has them.
    enum Kind: String {
        case connect = "CONNECT"
        case message = "MESSAGE"
        case disconnect = "DISCONNECT"
    }

    /// The request context; `time` is in milliseconds since 1970.
    static func context(
        _ session: WebSocketSession,
        _ kind: Kind,
        route: String,
        requestID: String,
        time: Int
    ) -> JSONObject {
        var context = JSONObject()
        context["routeKey"] = .string(route)
        if kind == .message { context["messageId"] = .string(QuickRandom.gatewayID()) }
        context["eventType"] = .string(kind.rawValue)
        context["extendedRequestId"] = .string(requestID)
        context["requestTime"] = .string(EventTime.commonLog(time))
        context["messageDirection"] = "IN"
        context["stage"] = .string(session.stage.name)
        context["connectedAt"] = .integer(session.connectedAt)
        context["requestTimeEpoch"] = .integer(time)
        context["identity"] = [
            "userAgent": .string(session.userAgent), "sourceIp": .string(session.sourceIP),
        ]
        if let authorizer = session.authorizer { context["authorizer"] = .object(authorizer) }
        context["requestId"] = .string(requestID)
        context["domainName"] = .string(session.domainName)
        context["connectionId"] = .string(session.connectionID)
        context["apiId"] = .string(session.api)
        return context
    }

    /// The event of a message.
    static func message(
        _ session: WebSocketSession,
        _ context: JSONObject,
        body: String,
        isBase64: Bool
    ) -> [UInt8] {
        var event = JSONObject()
        addVariables(session, to: &event)
        event["requestContext"] = .object(context)
        event["body"] = .string(body)
        event["isBase64Encoded"] = .bool(isBase64)
        return JSONValue.object(event).encoded()
    }

    /// The event of a handshake.
    static func connect(
        _ session: WebSocketSession,
        _ context: JSONObject,
        _ head: RequestHead
    ) -> JSONObject {
        var event = JSONObject()
        addFields(head, to: &event)
        addVariables(session, to: &event)
        event["requestContext"] = .object(context)
        event["isBase64Encoded"] = false
        return event
    }

    /// The event of an end.
    static func disconnect(
        _ session: WebSocketSession,
        _ context: JSONObject,
        code: Int,
        reason: String
    ) -> [UInt8] {
        var context = context
        context["disconnectStatusCode"] = .integer(code)
        context["disconnectReason"] = .string(reason)
        var event = JSONObject()
        let fields = [
            "Host": session.domainName, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": "",
        ]
        var single = JSONObject()
        var multi = JSONObject()
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            single[name] = .string(value)
            multi[name] = [.string(value)]
        }
        event["headers"] = .object(single)
        event["multiValueHeaders"] = .object(multi)
        addVariables(session, to: &event)
        event["requestContext"] = .object(context)
        event["isBase64Encoded"] = false
        return JSONValue.object(event).encoded()
    }

    private static func addVariables(_ session: WebSocketSession, to event: inout JSONObject) {
        guard !session.stage.variables.isEmpty else { return }
        var variables = JSONObject()
        for (key, value) in session.stage.variables.sorted(by: { $0.key < $1.key }) {
            variables[key] = .string(value)
        }
        event["stageVariables"] = .object(variables)
    }

    private static func addFields(_ head: RequestHead, to event: inout JSONObject) {
        let fields = QueryText.grouped(head.headers.map { ($0.name, $0.value) })
        let query = QueryText.grouped(
            QueryText.pairs(head.query).map {
                (
                    PercentText.decode($0.key, plusIsSpace: true),
                    PercentText.decode($0.value, plusIsSpace: true)
                )
            }
        )
        add(fields, "headers", "multiValueHeaders", to: &event)
        add(query, "queryStringParameters", "multiValueQueryStringParameters", to: &event)
    }

    private static func add(
        _ groups: [(key: String, values: [String])],
        _ single: String,
        _ multi: String,
        to event: inout JSONObject
    ) {
        guard !groups.isEmpty else { return }
        var last = JSONObject()
        var all = JSONObject()
        for (key, values) in groups {
            last[key] = .string(values.last ?? "")
            all[key] = .array(values.map(JSONValue.string))
        }
        event[single] = .object(last)
        event[multi] = .object(all)
    }
}

/// Finds the route that a message asks for.
enum RouteSelection {
    /// The value of an expression such as `$request.body.action` or `${request.body.a}/x`.
    ///
    /// What is missing is empty.
    static func evaluate(_ expression: String, _ body: JSONValue) -> String {
        var result = ""
        var rest = expression[...]
        while let next = rest.first {
            rest = rest.dropFirst()
            if next == "\\", let escaped = rest.first {
                result.append(escaped)
                rest = rest.dropFirst()
                continue
            }
            guard next == "$" else {
                result.append(next)
                continue
            }
            let isBraced = rest.hasPrefix("{")
            if isBraced { rest = rest.dropFirst() }
            let name = rest.prefix {
                $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0))
            }
            rest = rest[name.endIndex...]
            if isBraced, rest.hasPrefix("}") { rest = rest.dropFirst() }
            result += value(String(name), body)
        }
        return result
    }

    private static func value(_ name: String, _ body: JSONValue) -> String {
        guard name.hasPrefix("request.body") else { return "" }
        var found: JSONValue? = body
        for key in name.dropFirst(12).split(separator: ".") { found = found?[String(key)] }
        return found.map(text(of:)) ?? ""
    }

    /// A list shows as `[a, b]`.
    private static func text(of value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .array(let all): "[" + all.map(text(of:)).joined(separator: ", ") + "]"
        case .null: ""
        default: value.text
        }
    }
}
