import DataPlane
import HTTP
import JSON
import Model
import Reactor
import Synchronization
import Testing

@testable import FrontDoors

/// A function that answers by the event's route key.
private final class RoutedInvoker: FunctionInvoker {
    private let answers: [String: String]
    private struct Contents {
        var seen: [JSONValue] = []
        var waiters: [(route: String, waiter: CheckedContinuation<JSONValue, Never>)] = []
    }

    private let contents = Mutex(Contents())

    init(_ answers: [String: String]) { self.answers = answers }

    func invoke(_ invocation: Invocation) async -> InvocationResult {
        guard let event = try? JSONValue.parse(invocation.payload) else {
            return .functionError(.handled, payload: [])
        }
        let route = event["requestContext"]?["routeKey"]?.string ?? ""
        let ready = contents.withLock { contents in
            contents.seen.append(event)
            let ready = contents.waiters.filter { $0.route == route }.map(\.waiter)
            contents.waiters.removeAll { $0.route == route }
            return ready
        }
        for waiter in ready { waiter.resume(returning: event) }
        guard let answer = answers[route] else { return .functionError(.handled, payload: []) }
        return .success(Array(answer.utf8)[...])
    }

    /// The next event of a route, or one that was seen already.
    func event(of route: String) async -> JSONValue {
        await withCheckedContinuation { continuation in
            let known = contents.withLock { contents -> JSONValue? in
                let known = contents.seen.first {
                    $0["requestContext"]?["routeKey"]?.string == route
                }
                if known == nil { contents.waiters.append((route, continuation)) }
                return known
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}

@Suite(.timeLimit(.minutes(15)))
struct WebSocketTests {
    private func api(_ keys: [String], answers: [String] = []) -> WebSocketAPI {
        var api = WebSocketAPI(id: "ws", name: "ws", routeSelection: "$request.body.action")
        api.stages = [GatewayStage(name: "prod")]
        api.routes = keys.map {
            WebSocketAPI.Route(key: $0, integration: .function("f:1", timeoutMilliseconds: 1000))
        }
        for key in answers {
            if let index = api.routes.firstIndex(where: { $0.key == key }) {
                api.routes[index].answers = true
            }
        }
        return api
    }

    private func door(
        _ api: WebSocketAPI,
        _ invoker: any FunctionInvoker,
        state: DoorState = DoorState()
    ) -> WebSocketDoor {
        var snapshot = functionSnapshot()
        snapshot.webSocketAPIs[api.id] = api
        return WebSocketDoor(api: api, box: SnapshotBox(snapshot), state: state, invoker: invoker)
    }

    private func handshake(_ path: String = "/prod", _ more: Headers = Headers()) -> RequestHead {
        var headers: Headers = [
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "User-Agent": "test",
        ]
        for (name, value) in more { headers.append(name, value) }
        return get(path, headers: headers)
    }

    /// A client's frame with the mask 0.
    static func frame(_ code: UInt8, _ text: String, isFinal: Bool = true) -> [UInt8] {
        let bytes = Array(text.utf8)
        var frame: [UInt8] = [(isFinal ? 0x80 : 0) | code]
        if bytes.count < 126 {
            frame.append(0x80 | UInt8(bytes.count))
        } else {
            frame += [0xFE, UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)]
        }
        return frame + [0, 0, 0, 0] + bytes
    }

    /// Opens a connection and runs a dialogue on its reactor.
    private func dialogue<Result: Sendable>(
        _ door: WebSocketDoor,
        _ head: RequestHead,
        _ body: @escaping @Sendable (any DuplexStream, ResponseHead) async throws(Fault) -> Result
    ) async -> Result? {
        let reactor = Reactor()
        reactor.start()
        defer { reactor.stop() }
        return await withCheckedContinuation { continuation in
            reactor.submit {
                var exchange = Exchange(
                    request: head,
                    body: .empty,
                    viewer: Viewer(
                        address: "203.0.113.7",
                        port: 1,
                        isTLS: true,
                        localPort: 8443
                    ),
                    context: ReactorContext.make(reactor: reactor)
                )
                let response = await door.respond(to: &exchange)
                guard case .upgrade(let stream) = response.body else {
                    return continuation.resume(returning: nil)
                }
                do throws(Fault) {
                    let result = try await body(stream, response.head)
                    stream.close()
                    continuation.resume(returning: result)
                } catch {
                    continuation.resume(returning: nil)
                }
            }
        }
    }

    private static func text(_ frame: Bytes?) -> String {
        guard let frame, frame.count >= 2 else { return "" }
        let bytes = Array(frame)
        let start = bytes[1] < 126 ? 2 : 4
        return String(decoding: bytes[start...], as: UTF8.self)
    }

    @Test("a message is routed, answered, and the end is told")
    func wholeLife() async throws {
        let invoker = RoutedInvoker([
            "$connect": #"{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"chat"}}"#,
            "join": #"{"statusCode":200,"body":"joined"}"#,
            "quiet": #"{"statusCode":200,"body":"x"}"#,
            "$disconnect": "{}",
        ])
        let api = api(["$connect", "$disconnect", "join", "quiet"], answers: ["join"])
        let head = handshake("/prod?name=me", ["Sec-WebSocket-Protocol": "chat"])
        let result = await dialogue(door(api, invoker), head) {
            stream,
            head throws(Fault) -> [String] in
            var lines = [head.headers["sec-websocket-accept"] ?? ""]
            lines.append(head.headers["sec-websocket-protocol"] ?? "")
            try await stream.write(Self.frame(1, #"{"action":"quiet"}"#)[...])
            try await stream.write(Self.frame(1, #"{"action":"#, isFinal: false)[...])
            try await stream.write(Self.frame(9, "p")[...])
            lines.append(Self.text(try await stream.read()))
            try await stream.write(Self.frame(0, #""join"}"#)[...])
            lines.append(Self.text(try await stream.read()))
            try await stream.write(Self.frame(1, #"{"action":"nowhere"}"#)[...])
            lines.append(Self.text(try await stream.read()))
            try await stream.write(Self.frame(8, "\u{3}\u{7f}")[...])
            lines.append("\((try await stream.read())?.first ?? 0)")
            lines.append("\((try await stream.read()) == nil)")
            return lines
        }
        let lines = try #require(result)
        #expect(lines[0] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" && lines[1] == "chat")
        #expect(lines[2] == "p" && lines[3] == "joined")
        #expect(lines[4].hasPrefix(#"{"message": "Forbidden", "connectionId":""#))
        #expect(lines[5] == "136" && lines[6] == "true")
        let connect = await invoker.event(of: "$connect")
        #expect(connect["queryStringParameters"] == ["name": "me"])
        #expect(connect["requestContext"]?["eventType"] == "CONNECT")
        #expect(connect["body"] == nil && connect["isBase64Encoded"] == false)
        let join = await invoker.event(of: "join")
        #expect(join["body"] == #"{"action":"join"}"# && join["headers"] == nil)
        #expect(join["requestContext"]?["eventType"] == "MESSAGE")
        #expect(join["requestContext"]?["messageId"]?.string != nil)
        #expect(
            join["requestContext"]?["connectionId"] == connect["requestContext"]?["connectionId"]
        )
        let end = await invoker.event(of: "$disconnect")
        #expect(end["requestContext"]?["disconnectStatusCode"] == 895)
    }

    @Test("a failing integration gives an error frame; what is no JSON goes to $default")
    func failures() async throws {
        let invoker = RoutedInvoker(["$connect": "{}"])
        let result = await dialogue(door(api(["$connect", "$default"]), invoker), handshake()) {
            stream,
            _ throws(Fault) -> [String] in
            try await stream.write(Self.frame(1, "plain")[...])
            var lines = [Self.text(try await stream.read())]
            try await stream.write(Self.frame(2, "binary")[...])
            let close = Array(try await stream.read() ?? [])
            lines.append("\(Int(close[2]) << 8 | Int(close[3]))")
            return lines
        }
        let lines = try #require(result)
        #expect(lines[0].hasPrefix(#"{"message": "Internal server error""#))
        #expect(lines[1] == "1003")
        #expect(await invoker.event(of: "$default")["body"] == "plain")
    }

    @Test("a handshake can be refused by the function, the stage or the key")
    func refusals() async {
        let refusing = RoutedInvoker(["$connect": #"{"statusCode":401,"body":"no"}"#])
        let refused = await ask(door(api(["$connect"]), refusing), handshake())
        #expect(refused.status == 401 && refused.text == "no")
        let failing = RoutedInvoker([:])
        #expect(await ask(door(api(["$connect"]), failing), handshake()).status == 502)
        #expect(await ask(door(api([]), failing), handshake("/none")).status == 403)
        #expect(await ask(door(api([]), failing), get("/prod")).status == 403)
        var guarded = api(["$connect"])
        guarded.routes[0].requiresKey = true
        #expect(await ask(door(guarded, refusing), handshake()).status == 403)
    }

    private static let signature: Headers = [
        "Authorization":
            "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/execute-api/aws4_request, "
            + "SignedHeaders=host, Signature=" + String(repeating: "a", count: 64)
    ]

    @Test("connections are written to, asked about and closed from outside")
    func commands() async throws {
        let state = DoorState()
        let door = door(api([]), RoutedInvoker([:]), state: state)
        let outbox = WebSocketOutbox()
        let entry = WebSocketConnections.Entry(
            api: "ws",
            stage: "prod",
            outbox: outbox,
            connectedAt: 1_705_751_697_419,
            lastActiveAt: 1_705_751_697_420,
            sourceIP: "1.2.3.4",
            userAgent: "ua"
        )
        #expect(state.sockets.add("R1k=", entry))
        func call(_ method: String, _ id: String = "R1k%3D", body: String = "") async -> Answer {
            let head = get("/prod/@connections/\(id)", method: method, headers: Self.signature)
            return await ask(door, head, body: body)
        }
        #expect(await ask(door, get("/prod/@connections/R1k%3D")).status == 403)
        #expect(await call("GET", "unknown").status == 410)
        let info = await call("GET")
        #expect(
            info.text == #"{"connectedAt":"2024-01-20T11:54:57.419Z","#
                + #""identity":{"sourceIp":"1.2.3.4","userAgent":"ua"},"#
                + #""lastActiveAt":"2024-01-20T11:54:57.420Z"}"#
        )
        #expect(await call("POST", body: "hi").status == 200)
        #expect(Self.text(await outbox.next()) == "hi")
        let large = String(repeating: "x", count: (128 << 10) + 1)
        #expect(await call("POST", body: large).status == 413)
        #expect(await call("DELETE").status == 204)
        #expect(await outbox.next()?.first == 0x88)
        #expect(await outbox.next() == nil)
        #expect(!outbox.send([1]))
    }

    @Test("behind a custom domain the stage is not in the path")
    func customDomain() async {
        var domain = GatewayDomain(name: "ws.example.com")
        domain.mappings = [.init(api: "ws", stage: "prod", key: "chat")]
        let refusing = RoutedInvoker(["$connect": #"{"statusCode":401}"#])
        let door = DomainDoor(
            domain: domain,
            apis: ["ws": .webSocket(door(api(["$connect"]), refusing))]
        )
        #expect(await ask(door, handshake("/chat")).status == 401)
        let head = get("/chat/@connections/none", headers: Self.signature)
        #expect(await ask(door, head).status == 410)
        #expect(await ask(door, handshake("/prod")).status == 404)
    }

    @Test(
        "the route is chosen by the expression",
        arguments: [
            ("$request.body.action", "join"),
            (
                "${request.body.service}/${request.body.action}",
                "chat/join"
            ), ("${request.body.action}-${request.body.nope}", "join-"),
            ("$request.body.list", "[item1, item2]"), ("\\$default", "$default"),
            ("$request.body.deep.n", "7"),
        ]
    )
    func selection(_ expression: String, _ key: String) throws {
        let body = try JSONValue.parse(
            #"{"action":"join","service":"chat","list":["item1","item2"],"deep":{"n":7}}"#
        )
        #expect(RouteSelection.evaluate(expression, body) == key)
    }

    @Test(
        "frames that break the rules end the connection with their code",
        arguments: [
            ([UInt8]([0x81, 0x01, 0x61]), 1002), ([0xC1, 0x80, 0, 0, 0, 0], 1002),
            ([0x83, 0x80, 0, 0, 0, 0], 1002), ([0x09, 0x80, 0, 0, 0, 0], 1002),
            ([0x80, 0x80, 0, 0, 0, 0], 1002), ([0x89, 0xFE, 0, 126], 1002),
            ([0x81, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0], 1009),
            ([0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], 1009),
            ([0x81, 0x81, 0, 0, 0, 0, 0xFF], 1007),
        ]
    )
    func malformedFrames(_ bytes: [UInt8], _ code: Int) {
        var reader = WebSocketReader()
        var events: [WebSocketReader.Event] = []
        for byte in bytes { events += reader.feed([byte]) }
        guard case .failure(code, _)? = events.last else {
            Issue.record("\(events)")
            return
        }
    }

    @Test("a message of many frames may have 128 KiB and no more")
    func largeMessages() {
        var reader = WebSocketReader()
        let piece = String(repeating: "x", count: 32 << 10)
        _ = reader.feed(Self.frame(1, piece, isFinal: false)[...])
        for _ in 0..<2 { _ = reader.feed(Self.frame(0, piece, isFinal: false)[...]) }
        let whole = reader.feed(Self.frame(0, piece)[...])
        #expect(whole == [.text(String(repeating: "x", count: 128 << 10))])
        _ = reader.feed(Self.frame(1, piece, isFinal: false)[...])
        for _ in 0..<3 { _ = reader.feed(Self.frame(0, piece, isFinal: false)[...]) }
        #expect(reader.feed(Self.frame(0, "x")[...]) == [.failure(1009, "the message is too big")])
    }
}
