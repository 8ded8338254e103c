import Testing
import Testkit

@testable import DataPlane
@testable import HTTP

/// What an HTTP/2 connection does to those who misuse it or fall silent.
@Suite("HTTP/2 limits", .timeLimit(.minutes(15)))
struct H2AbuseTests {
    private static let hello = Answering { _ in Response(status: 200, text: "hello") }

    private static func limits(_ change: (inout ConnectionLimits) -> Void) -> ConnectionLimits {
        var limits = ConnectionLimits()
        change(&limits)
        return limits
    }

    /// Frames of which nobody needs many.
    enum Flood: CaseIterable {
        case settings, pings, emptyFrames, priorities, windowUpdates, unknownFrames
        case rapidResets, forcedResets

        func tighten(_ limits: inout H2Limits) {
            let budget = H2Budget(burst: 10, perSecond: 1)
            switch self {
            case .settings: limits.settings = budget
            case .pings: limits.pings = budget
            case .emptyFrames: limits.emptyFrames = budget
            case .priorities: limits.priorities = budget
            case .windowUpdates: limits.windowUpdates = budget
            case .unknownFrames: limits.unknownFrames = budget
            case .rapidResets, .forcedResets: limits.resets = budget
            }
        }

        func send(on wire: H2Wire, _ open: Int32) throws {
            switch self {
            case .settings: wire.frame(4)
            case .pings: wire.frame(6, [UInt8](repeating: 0, count: 8))
            case .emptyFrames: wire.frame(0, stream: open)
            case .priorities: wire.frame(2, stream: 99, [0, 0, 0, 0, 1])
            case .windowUpdates: wire.frame(8, [0, 0, 0, 1])
            case .unknownFrames: wire.frame(0xee, [1, 2])
            case .rapidResets:
                let stream = try wire.get("/")
                wire.flush()
                wire.session.reset(stream, .cancel)
                wire.flush()
            case .forcedResets:
                _ = try wire.get("no path")
                wire.flush()
            }
        }
    }

    @Test("a flood is ended with ENHANCE_YOUR_CALM", arguments: Flood.allCases)
    func floods(flood: Flood) throws {
        let server = try Server(
            Answering { exchange in
                guard case .stream(let source, _) = exchange.body else {
                    return Response(status: 200, text: "hello")
                }
                // The one stream that stays open.
                return Response(head: ResponseHead(status: 200), body: .stream(source, length: nil))
            },
            limits: Self.limits { flood.tighten(&$0.h2) }
        )
        let wire = try H2Wire(port: server.port)
        let open = try wire.get("/", method: "POST", content: .open)
        wire.wait { if case .response = $0 { true } else { false } }
        for _ in 0..<30 { try flood.send(on: wire, open) }
        // The viewer's own session must not stumble over answers to what it did not send.
        #expect(wire.rawGoaway() == .enhanceYourCalm)
    }

    @Test(
        "fields that HTTP/2 forbids make a request malformed",
        arguments: [
            ("connection", "close"), ("transfer-encoding", "chunked"), ("upgrade", "h2c"),
            ("keep-alive", "1"), ("te", "gzip"), ("X-Upper", "1"), ("x", "\u{1}"), ("x", " pad"),
            ("host", "other"), (":method", "GET"), (":odd", "1"), ("content-length", "x"),
        ]
    )
    func forbiddenFields(name: String, value: String) throws {
        let server = try Server(Self.hello)
        let wire = try H2Wire(port: server.port)
        let stream = try wire.get("/", method: "POST", content: .open)
        #expect(wire.answer(stream).status == 200)
        // GET, http, / and :authority a, then the field as a literal.
        var block: [UInt8] = [0x82, 0x86, 0x84, 0x01, 1, 0x61, 0x00, UInt8(name.utf8.count)]
        block += Array(name.utf8) + [UInt8(value.utf8.count)] + Array(value.utf8)
        wire.frame(1, flags: 5, stream: 3, block)
        #expect(wire.rawReset() == .protocolError)
    }

    @Test("a head in too many CONTINUATION frames ends the connection")
    func continuations() throws {
        let server = try Server(Self.hello)
        let wire = try H2Wire(port: server.port)
        #expect(wire.answer(try wire.get("/")).status == 200)
        // A literal field without indexing, in pieces.
        wire.frame(1, stream: 3, [0x82, 0x86, 0x84])
        for _ in 0..<20 { wire.frame(9, stream: 3, [0x00, 1, 0x78, 1, 0x79]) }
        #expect(wire.waitForClose())
    }

    @Test("a head that unpacks to megabytes is cut off and ends the connection")
    func headerBomb() throws {
        let server = try Server(Self.hello)
        let wire = try H2Wire(port: server.port)
        #expect(wire.answer(try wire.get("/")).status == 200)
        // One field of 3,900 bytes into the table, then a byte for each repetition.
        let value = [UInt8](repeating: 0x61, count: 3900)
        let literal: [UInt8] = [0x40, 1, 0x78, 0x7f, 0xbd, 0x1d] + value
        let block = [0x82, 0x86, 0x84] + literal + [UInt8](repeating: 0xbe, count: 8000)
        wire.frame(1, flags: 5, stream: 3, block)
        #expect(wire.goaway() == .enhanceYourCalm)
        #expect(wire.waitForClose())
    }

    @Test("a connection without requests is ended after the keep-alive time")
    func idle() throws {
        let limits = Self.limits { $0.keepAlive = .milliseconds(30) }
        let server = try Server(Self.hello, limits: limits)
        let wire = try H2Wire(port: server.port)
        #expect(wire.answer(try wire.get("/")).status == 200)
        #expect(wire.goaway() == .noError)
        #expect(wire.waitForClose())
    }

    @Test("a viewer that sends its preface but no SETTINGS is closed")
    func noSettings() throws {
        let limits = Self.limits { $0.h2.preface = .milliseconds(30) }
        let server = try Server(Self.hello, limits: limits)
        let wire = try H2Wire(port: server.port)
        wire.write(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8))
        let text = try Wire(port: server.port)
        text.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        #expect(!text.readAll().isEmpty)
    }

    @Test("a viewer that stops reading loses its stream, and others go on")
    func slowReader() throws {
        let limits = Self.limits { $0.sendIdle = .milliseconds(50) }
        let server = try Server(
            Answering { exchange in
                let size = exchange.request.path == "/big" ? 10 << 20 : 10
                return Response(
                    head: ResponseHead(status: 200),
                    body: .bytes([UInt8](repeating: 7, count: size)[...])
                )
            },
            limits: limits
        )
        let wire = try H2Wire(port: server.port)
        let slow = try wire.get("/big")
        wire.wait(consuming: false) { if case .closed(slow, _, _) = $0 { true } else { false } }
        #expect(wire.closeCode(slow) == .cancel)
        #expect(wire.content(slow).utf8.count == H2Limits().streamWindow)
        #expect(wire.answer(try wire.get("/")).status == 200)
    }

    @Test("a viewer that stops sending loses its stream")
    func slowSender() throws {
        let limits = Self.limits { $0.bodyIdle = .milliseconds(50) }
        let server = try Server(
            Answering { exchange in
                guard case .stream(let source, _) = exchange.body else {
                    return Response(status: 500, text: "no stream")
                }
                do throws(Fault) {
                    while try await source.read() != nil {}
                } catch {
                    return Response(status: error.status, text: "slow")
                }
                return Response(status: 200, text: "got it")
            },
            limits: limits
        )
        let wire = try H2Wire(port: server.port)
        let stream = try wire.get("/", method: "POST", content: .open)
        #expect(wire.closeCode(stream) == .cancel)
    }

    @Test("streams beyond the limit are refused")
    func streams() throws {
        let limits = Self.limits { $0.h2.maximumStreams = 3 }
        let server = try Server(
            Answering { exchange in
                guard case .stream(let source, _) = exchange.body else {
                    return Response(status: 500, text: "no stream")
                }
                return Response(head: ResponseHead(status: 200), body: .stream(source, length: nil))
            },
            limits: limits
        )
        let wire = try H2Wire(port: server.port)
        // Before the server's SETTINGS came, the viewer knows no limit.
        let streams = try (0..<5).map { _ in try wire.get("/", method: "POST", content: .open) }
        #expect(wire.closeCode(streams[3]) == .refusedStream)
        #expect(wire.closeCode(streams[4]) == .refusedStream)
        wire.session.finish(streams[0], with: Array("x".utf8)[...])
        #expect(wire.answer(streams[0]).content == "x")
    }

    @Test("a drain lets streams end, takes no new ones and closes")
    func drain() async throws {
        let server = try Server(
            Answering { exchange in
                guard case .stream(let source, _) = exchange.body else {
                    return Response(status: 500, text: "no stream")
                }
                return Response(head: ResponseHead(status: 200), body: .stream(source, length: nil))
            }
        )
        let wire = try H2Wire(port: server.port)
        let stream = try wire.get("/", method: "POST", content: .open)
        wire.wait { if case .response = $0 { true } else { false } }
        let listener = server.listener
        let drained = Task(executorPreference: server.reactor) {
            await listener.drain(within: .seconds(20))
        }
        #expect(wire.goaway() == .noError)
        wire.session.finish(stream, with: Array("last".utf8)[...])
        #expect(wire.answer(stream).content == "last")
        #expect(wire.waitForClose())
        await drained.value
    }

    @Test("a connection is drained after its maximum of requests")
    func requests() throws {
        let limits = Self.limits { $0.maximumRequests = 3 }
        let server = try Server(Self.hello, limits: limits)
        let wire = try H2Wire(port: server.port)
        for _ in 0..<3 { #expect(wire.answer(try wire.get("/")).status == 200) }
        #expect(wire.goaway() == .noError)
        #expect(wire.waitForClose())
    }
}
