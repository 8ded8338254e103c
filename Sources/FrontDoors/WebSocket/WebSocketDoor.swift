import Crypto
package import DataPlane
import HTTP
import JSON
package import Model
import Reactor

/// An API Gateway WebSocket API: the handshake, and the `@connections` commands.
package struct WebSocketDoor: ExchangeHandler {
    let api: WebSocketAPI
    /// What messages are answered with, also after the handshake.
    let box: SnapshotBox
    let state: DoorState
    let invoker: any FunctionInvoker
    let edge: String?
    let log: @Sendable (String) -> Void

    /// Makes the door of one API.
    package init(
        api: WebSocketAPI,
        box: SnapshotBox,
        state: DoorState,
        invoker: any FunctionInvoker,
        edge: String? = nil,
        log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.api = api
        self.box = box
        self.state = state
        self.invoker = invoker
        self.edge = edge
        self.log = log
    }

    package func respond(to exchange: inout Exchange) async -> Response {
        let path = exchange.request.path
        let name = String(path.dropFirst().prefix { $0 != "/" })
        guard !api.disablesDefaultEndpoint else { return GatewayResponses.forbidden }
        let rest = String(path.dropFirst(name.utf8.count + 1))
        return await respond(&exchange, stage: name, path: rest)
    }

    /// Answers a request to a stage; the path is that behind the stage or the domain's mapping.
    func respond(_ exchange: inout Exchange, stage name: String, path: String) async -> Response {
        let parts = path.pathSegments().map(String.init)
        guard let stage = api.stages.first(where: { $0.name == name }) else {
            return GatewayResponses.forbidden
        }
        if parts.count == 2, parts[0] == "@connections" {
            return await command(&exchange, PercentText.decode(parts[1]), stage)
        }
        guard parts.isEmpty, HopByHop.isWebSocket(exchange.request.headers) else {
            return GatewayResponses.forbidden
        }
        return await connect(&exchange, stage)
    }

    // MARK: The handshake

    private func connect(_ exchange: inout Exchange, _ stage: GatewayStage) async -> Response {
        let head = exchange.request
        guard head.method == "GET", head.headers["sec-websocket-version"] == "13",
            let key = head.headers["sec-websocket-key"], Base64Text.decode(key)?.count == 16
        else { return GatewayResponses.message(400, "Bad Request") }
        let now = EventTime.now()
        var session = WebSocketSession(
            api: api.id,
            stage: stage,
            connectionID: QuickRandom.gatewayID(),
            connectedAt: now,
            sourceIP: exchange.viewer.address,
            userAgent: head.headers["user-agent"] ?? "",
            domainName: head.host
        )
        let seen = handshakeHead(exchange)
        let requestID = QuickRandom.gatewayID()
        let route = api.routes.first { $0.key == "$connect" }
        var answer: WebSocketCalls.Answer?
        if let route {
            if let refusal = await admit(&exchange, route, seen, &session, requestID) {
                return refusal
            }
            let context = WebSocketEvents.context(
                session,
                .connect,
                route: "$connect",
                requestID: requestID,
                time: now
            )
            let event = WebSocketEvents.connect(session, context, seen)
            let calls = calls(exchange.context)
            answer = await calls.run(
                route,
                session.stage,
                JSONValue.object(event).encoded(),
                message: [],
                trace: seen.headers["x-amzn-trace-id"]
            )
            guard let answer else {
                return Self.failure(502, "Internal server error", session, requestID)
            }
            guard (200...299).contains(answer.status) else {
                return Response(
                    head: ResponseHead(
                        status: answer.status,
                        headers: ["Content-Type": "application/json"]
                    ),
                    body: answer.body.isEmpty ? .empty : .bytes(answer.body)
                )
            }
        }
        return open(exchange, session, key, answer)
    }

    private func handshakeHead(_ exchange: Exchange) -> RequestHead {
        var head = exchange.request
        let viewer = exchange.viewer
        for name in ["connection", "upgrade"] { head.headers.remove(name) }
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
        return head
    }

    func calls(_ context: ReactorContext) -> WebSocketCalls {
        WebSocketCalls(
            api: box.current.webSocketAPIs[api.id] ?? api,
            snapshot: box.current,
            invoker: invoker,
            edge: edge,
            context: context
        )
    }

    private func open(
        _ exchange: Exchange,
        _ session: WebSocketSession,
        _ key: String,
        _ answer: WebSocketCalls.Answer?
    ) -> Response {
        let outbox = WebSocketOutbox()
        let entry = WebSocketConnections.Entry(
            api: api.id,
            stage: session.stage.name,
            outbox: outbox,
            connectedAt: session.connectedAt,
            lastActiveAt: session.connectedAt,
            sourceIP: session.sourceIP,
            userAgent: session.userAgent
        )
        guard state.sockets.add(session.connectionID, entry) else {
            return GatewayResponses.message(429, "Too Many Requests")
        }
        let accept = Digest.sha1(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        var head = ResponseHead(status: 101)
        head.headers.append("Connection", "Upgrade")
        head.headers.append("Upgrade", "websocket")
        head.headers.append("Sec-WebSocket-Accept", Base64Text.encode(accept[...]))
        if let name = answer?.headers["sec-websocket-protocol"] {
            head.headers.append("Sec-WebSocket-Protocol", name)
        }
        let stream = WebSocketStream(self, session, outbox, exchange.context)
        return Response(head: head, body: .upgrade(stream))
    }

    /// An answer in the form of the frames that tell of failures.
    static func failure(
        _ status: Int,
        _ message: String,
        _ session: WebSocketSession,
        _ requestID: String
    ) -> Response {
        Response(
            status: status,
            contentType: "application/json",
            text: errorText(message, session, requestID)
        )
    }

    static func errorText(
        _ message: String,
        _ session: WebSocketSession,
        _ requestID: String
    ) -> String {
        #"{"message": "\#(message)", "connectionId":"\#(session.connectionID)", "#
            + #""requestId":"\#(requestID)"}"#
    }

    // MARK: Commands

    /// `POST`, `GET` and `DELETE` of `@connections/<id>`.
    private func command(
        _ exchange: inout Exchange,
        _ id: String,
        _ stage: GatewayStage
    ) async -> Response {
        guard SignedRequest(exchange.request, service: "execute-api") != nil else {
            return Self.error(403, "ForbiddenException", "Missing Authentication Token")
        }
        let isRight = await SignedRequest.isVerified(
            &exchange,
            service: "execute-api",
            state,
            limit: WebSocketReader.messageLimit
        )
        guard isRight else { return Self.error(403, "ForbiddenException", "Forbidden") }
        guard let entry = state.sockets.find(id, api: api.id, stage: stage.name) else {
            return Self.error(410, "GoneException", nil)
        }
        switch exchange.request.method {
        case "POST":
            let body: Bytes
            do throws(Fault) {
                body = try await Payloads.collect(
                    exchange.body,
                    limit: WebSocketReader.messageLimit
                )
            } catch {
                return Self.error(413, "PayloadTooLargeException", "Message too long")
            }
            let isText = String(validating: body, as: UTF8.self) != nil
            let frame = isText ? WebSocketWriter.text(body) : WebSocketWriter.binary(body)
            guard entry.outbox.send(frame) else {
                return Self.error(429, "LimitExceededException", "Too Many Requests")
            }
            state.sockets.touch(id, at: EventTime.now())
            return Response(head: ResponseHead(status: 200))
        case "GET":
            let answer: JSONValue = [
                "connectedAt": .string(EventTime.iso(entry.connectedAt)),
                "identity": [
                    "sourceIp": .string(entry.sourceIP), "userAgent": .string(entry.userAgent),
                ],
                "lastActiveAt": .string(EventTime.iso(entry.lastActiveAt)),
            ]
            return Response(status: 200, contentType: "application/json", text: answer.text)
        case "DELETE":
            entry.outbox.send(
                WebSocketWriter.close(1000, "Connection Closed Normally"),
                closes: true
            )
            return Response(head: ResponseHead(status: 204))
        default: return Self.error(403, "ForbiddenException", "Missing Authentication Token")
        }
    }

    private static func error(_ status: Int, _ type: String, _ message: String?) -> Response {
        let text = message.map { JSONValue.string($0).text } ?? "null"
        var response = Response(
            status: status,
            contentType: "application/json",
            text: #"{"message":\#(text)}"#
        )
        response.head.headers.append("x-amzn-ErrorType", type)
        return response
    }
}
