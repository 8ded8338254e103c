import Testing

@testable import HTTP

/// Two sessions that talk in memory.
final class H2Pair {
    let server: H2Session
    let client: H2Session
    private(set) var serverEvents: [H2Event] = []
    private(set) var clientEvents: [H2Event] = []

    init(limits: H2Limits = H2Limits(), heads: HeadLimits = HeadLimits()) throws {
        server = try H2Session(.server, limits: limits, heads: heads)
        client = try H2Session(.client)
        try exchange()
        serverEvents = []
        clientEvents = []
    }

    /// Carries bytes both ways until nobody has more to say.
    func exchange() throws {
        while true {
            let up = try Self.carry(from: client, to: server)
            server.takeEvents { serverEvents.append($0) }
            let down = try Self.carry(from: server, to: client)
            client.takeEvents { clientEvents.append($0) }
            server.takeEvents { serverEvents.append($0) }
            if up + down == 0 { return }
        }
    }

    private static func carry(from: H2Session, to: H2Session) throws -> Int {
        var pipe = IOBuffer()
        from.send(into: &pipe, limit: 1 << 20)
        try to.receive(pipe.bytes)
        return pipe.count
    }

    func request(_ head: RequestHead, content: H2Content = .none) throws -> Int32 {
        try client.request(head, scheme: "https", length: nil, content: content)
    }

    var requests: [H2Request] {
        serverEvents.compactMap { if case .request(_, let request) = $0 { request } else { nil } }
    }

    var responses: [ResponseHead] {
        clientEvents.compactMap { if case .response(_, let head, _) = $0 { head } else { nil } }
    }

    /// The content that the client has got on a stream.
    func content(_ stream: Int32) -> String {
        var all: [UInt8] = []
        for case .data(stream, let bytes) in clientEvents { all += bytes }
        return String(decoding: all, as: UTF8.self)
    }

    func trailers(_ stream: Int32) -> Headers? {
        for case .ended(stream, let trailers) in clientEvents { return trailers }
        return nil
    }

    var refusals: [Int] {
        serverEvents.compactMap { if case .refused(_, let status) = $0 { status } else { nil } }
    }

    /// The codes with which the client's streams have closed.
    var closes: [H2ErrorCode] {
        clientEvents.compactMap { if case .closed(_, let code, _) = $0 { code } else { nil } }
    }
}

@Suite("HTTP/2 session")
struct H2SessionTests {
    private static func head(_ fields: Headers, path: String = "/") -> RequestHead {
        RequestHead(method: "GET", path: path, version: .http2, headers: fields)
    }

    @Test("pseudo-header fields become the request line and Host, which comes first")
    func pseudoFields() throws {
        let pair = try H2Pair()
        var head = Self.head(["Accept": "a", "Host": "Shop.example:81"], path: "/x%20y")
        head.query = "q=1"
        _ = try pair.request(head)
        try pair.exchange()
        let request = try #require(pair.requests.first)
        #expect(request.head.method == "GET")
        #expect(request.head.path == "/x%20y" && request.head.query == "q=1")
        #expect(request.head.host == "shop.example")
        #expect(request.head.headers.map(\.name) == ["host", "accept"])
        #expect(request.head.version.text == "2.0")
        #expect(request.ends && !request.isTunnel && request.contentLength == nil)
    }

    @Test("cookie crumbs become one field")
    func cookies() throws {
        let pair = try H2Pair()
        _ = try pair.request(
            Self.head(["host": "a", "cookie": "a=1", "x": "y", "cookie": "b=2; c=3"])
        )
        try pair.exchange()
        let request = try #require(pair.requests.first)
        #expect(request.head.headers.all("cookie") == ["a=1; b=2; c=3"])
    }

    @Test("hop-by-hop fields of a response are dropped and names are in lower case")
    func responseFields() throws {
        let pair = try H2Pair()
        let stream = try pair.request(Self.head(["host": "a"]))
        try pair.exchange()
        let head = ResponseHead(
            status: 200,
            headers: [
                "X-Case": "Kept", "Connection": "close", "Transfer-Encoding": "chunked",
                "Keep-Alive": "1", "Upgrade": "x", "Content-Length": "99", "X-Bad": "a\r\nb",
            ]
        )
        pair.server.respond(
            head,
            length: .known(2),
            date: Array("today".utf8),
            content: .whole(Array("ok".utf8)[...]),
            on: stream
        )
        try pair.exchange()
        let got = try #require(pair.responses.first)
        #expect(got.status == 200 && pair.content(stream) == "ok")
        let wanted: Headers = [
            "x-case": "Kept", "x-bad": "a  b", "content-length": "2", "date": "today",
        ]
        #expect(got.headers == wanted)
        #expect(pair.closes == [.noError])
    }

    @Test("pieces, interim responses and trailers arrive in order")
    func streaming() throws {
        let pair = try H2Pair()
        let stream = try pair.request(Self.head(["host": "a"]))
        try pair.exchange()
        pair.server.sendInterim(
            ResponseHead(status: 103, headers: ["Link": "</a>"]),
            on: stream
        )
        pair.server.respond(
            ResponseHead(status: 200),
            length: .unknown,
            date: [],
            content: .open,
            on: stream
        )
        try pair.exchange()
        pair.server.offer(Array("one".utf8)[...], on: stream)
        try pair.exchange()
        #expect(
            pair.serverEvents.contains { if case .drained(stream) = $0 { true } else { false } }
        )
        pair.server.finish(
            stream,
            with: Array("two".utf8)[...],
            trailers: ["Grpc-Status": "0", "Transfer-Encoding": "no"]
        )
        try pair.exchange()
        #expect(pair.responses.map(\.status) == [103, 200])
        #expect(pair.content(stream) == "onetwo")
        #expect(pair.trailers(stream) == ["grpc-status": "0"])
    }

    @Test("no more is sent than the window, and no window opens before the reader has consumed")
    func flowControl() throws {
        let pair = try H2Pair()
        let stream = try pair.request(Self.head(["host": "a"]), content: .open)
        try pair.exchange()
        let window = H2Limits().streamWindow
        pair.client.offer([UInt8](repeating: 1, count: window + 5)[...], on: stream)
        try pair.exchange()
        func received() -> Int {
            pair.serverEvents.reduce(0) { sum, event in
                if case .data(_, let bytes) = event { sum + bytes.count } else { sum }
            }
        }
        #expect(received() == window)
        #expect(pair.client.isBlocked(stream))
        pair.server.consume(window, of: stream)
        try pair.exchange()
        #expect(received() == window + 5)
    }

    @Test(
        "heads that HTTP/1 would refuse are answered the same way",
        arguments: [
            (["host": "a"], "/a#b", 400), (["host": "user@a"], "/", 400),
            (["host": "a"], "/" + String(repeating: "x", count: 9000), 414),
            (["host": "a", "x": String(repeating: "y", count: 50000)], "/", 494),
        ] as [(Headers, String, Int)]
    )
    func refusedHeads(fields: Headers, path: String, status: Int) throws {
        let pair = try H2Pair()
        _ = try pair.request(Self.head(fields, path: path))
        try pair.exchange()
        #expect(pair.requests.isEmpty)
        #expect(pair.refusals == [status])
    }

    @Test(
        "heads that are no HTTP are reset",
        arguments: [
            (["host": "a"], "http://b/"), (["host": "a b"], "/"),
            (["host": "a"], "x"),
        ] as [(Headers, String)]
    )
    func malformedHeads(fields: Headers, path: String) throws {
        let pair = try H2Pair()
        _ = try pair.request(Self.head(fields, path: path))
        try pair.exchange()
        #expect(pair.requests.isEmpty && pair.refusals.isEmpty)
        #expect(pair.closes == [.protocolError])
    }

    @Test("more fields than the limit are answered with 494")
    func tooManyFields() throws {
        let pair = try H2Pair()
        var fields: Headers = ["host": "a"]
        for number in 0..<300 { fields.append("x-\(number)", "1") }
        _ = try pair.request(Self.head(fields))
        try pair.exchange()
        #expect(pair.refusals == [494])
    }

    @Test("an early answer ends in a reset without error when the request goes on")
    func earlyAnswer() throws {
        let pair = try H2Pair()
        let stream = try pair.request(Self.head(["host": "a"]), content: .open)
        try pair.exchange()
        pair.server.respond(
            ResponseHead(status: 413),
            length: .known(0),
            date: [],
            content: .none,
            on: stream
        )
        try pair.exchange()
        #expect(pair.responses.map(\.status) == [413])
        #expect(pair.closes == [.noError])
    }

    @Test("an extended CONNECT is a WebSocket upgrade with a key of its own, and 101 becomes 200")
    func webSocket() throws {
        let pair = try H2Pair()
        #expect(pair.client.peerAllowsWebSocket)
        let stream = try pair.client.request(
            Self.head(["host": "a", "sec-websocket-version": "13"], path: "/chat"),
            scheme: "https",
            length: nil,
            content: .open,
            isTunnel: true
        )
        try pair.exchange()
        let request = try #require(pair.requests.first)
        #expect(request.isTunnel && request.head.method == "GET" && request.head.path == "/chat")
        #expect(request.head.headers["upgrade"] == "websocket")
        #expect(request.head.headers.hasToken("upgrade", in: "connection"))
        #expect(request.head.headers["sec-websocket-key"]?.count == 24)
        let answer = H2WebSocket.makeAnswer(
            ResponseHead(
                status: 101,
                headers: ["Upgrade": "websocket", "Sec-WebSocket-Accept": "x", "A": "b"]
            )
        )
        #expect(answer.status == 200 && answer.headers == ["A": "b"])
        #expect(stream == 1)
    }

    @Test("without the setting, extended CONNECT is malformed")
    func webSocketOff() throws {
        var limits = H2Limits()
        limits.allowsWebSocket = false
        let pair = try H2Pair(limits: limits)
        #expect(!pair.client.peerAllowsWebSocket)
        _ = try pair.client.request(
            Self.head(["host": "a"]),
            scheme: "https",
            length: nil,
            content: .open,
            isTunnel: true
        )
        try pair.exchange()
        #expect(pair.requests.isEmpty && pair.closes == [.protocolError])
    }

    @Test("streams beyond the limit are refused, to be tried again")
    func concurrency() throws {
        var limits = H2Limits()
        limits.maximumStreams = 2
        let pair = try H2Pair(limits: limits)
        for _ in 0..<2 { _ = try pair.request(Self.head(["host": "a"])) }
        #expect(!pair.client.takesRequests)
        try pair.exchange()
        #expect(pair.requests.count == 2)
    }

    @Test("shutting down lets open streams end and then finishes")
    func shutDown() throws {
        let pair = try H2Pair()
        let stream = try pair.request(Self.head(["host": "a"]))
        try pair.exchange()
        pair.server.announceShutdown()
        try pair.exchange()
        #expect(pair.serverEvents.contains { if case .ponged = $0 { true } else { false } })
        pair.server.shutDown()
        try pair.exchange()
        #expect(!pair.server.isFinished && !pair.client.takesRequests)
        pair.server.respond(
            ResponseHead(status: 200),
            length: .known(0),
            date: [],
            content: .none,
            on: stream
        )
        try pair.exchange()
        #expect(pair.server.isFinished && pair.client.isFinished)
    }
}

@Suite("HTTP/2 budgets")
struct H2MeterTests {
    @Test("a budget gives its burst at once and its rate in the long run")
    func rate() {
        var limits = H2Limits()
        limits.pings = H2Budget(burst: 10, perSecond: 2)
        var meter = H2Meter(limits)
        var ten = H2FrameCounts()
        ten.pings = 10
        var two = H2FrameCounts()
        two.pings = 2
        #expect(meter.charge(ten, after: 0) == nil)
        #expect(meter.charge(two, after: 1) == nil)
        #expect(meter.charge(two, after: 0).map(String.init(describing:)) == "pings")
    }

    @Test("window updates are earned by bytes sent")
    func windowUpdates() {
        var limits = H2Limits()
        limits.windowUpdates = H2Budget(burst: 1, perSecond: 0)
        var meter = H2Meter(limits)
        var counts = H2FrameCounts()
        counts.windowUpdates = 1
        counts.bytesSent = 1024
        for _ in 0..<100 { #expect(meter.charge(counts, after: 0) == nil) }
        counts.bytesSent = 0
        #expect(meter.charge(counts, after: 0).map(String.init(describing:)) == "windowUpdates")
    }
}
