import Reactor
import Synchronization
import Testing
import Testkit

@testable import DataPlane
@testable import HTTP

@Suite("HTTP/2 driver", .timeLimit(.minutes(15)))
struct H2DriverTests {
    private static let echo = Answering { exchange in
        var content: [UInt8] = []
        switch exchange.body {
        case .bytes(let bytes): content = Array(bytes)
        case .stream(let source, _):
            do throws(Fault) {
                while let piece = try await source.read() { content += piece }
            } catch {
                return Response(status: error.status, text: "fault")
            }
        case .empty, .upgrade: break
        }
        let line = exchange.request.method + " " + exchange.request.target + "\n"
        return Response(
            head: ResponseHead(status: 200, headers: ["X-Via": exchange.request.version.text]),
            body: .bytes((Array(line.utf8) + content)[...])
        )
    }

    @Test("a hundred streams are answered on one connection")
    func manyStreams() throws {
        let server = try Server(Self.echo)
        let wire = try H2Wire(port: server.port)
        let streams = try (0..<100).map { try wire.get("/\($0)") }
        for (number, stream) in streams.enumerated() {
            let answer = wire.answer(stream)
            #expect(answer.status == 200 && answer.content == "GET /\(number)\n")
            #expect(answer.headers["x-via"] == "2.0" && answer.headers["date"] != nil)
        }
    }

    @Test("an upload larger than every window arrives whole")
    func upload() throws {
        let server = try Server(
            Answering { exchange in
                guard case .stream(let source, let length) = exchange.body else {
                    return Response(status: 500, text: "no stream")
                }
                var count = 0
                do throws(Fault) {
                    while let piece = try await source.read() { count += piece.count }
                } catch {
                    count = -1
                }
                return Response(status: 200, text: "got \(count) of \(length ?? -1)")
            }
        )
        let wire = try H2Wire(port: server.port)
        let size = 5 << 20
        let stream = try wire.get("/", method: "POST", content: .open, length: size)
        wire.session.finish(stream, with: [UInt8](repeating: 7, count: size)[...])
        #expect(wire.answer(stream).content == "got \(size) of \(size)")
    }

    @Test("a proxied upload and download pass through an HTTP/1 origin")
    func proxied() throws {
        let origin = try Server(Self.echo)
        let front = try Server(ProxyHandler(to: origin.target))
        let wire = try H2Wire(port: front.port)
        let text = String(repeating: "0123456789", count: 30000)
        let streams = try (0..<4).map { number in
            try wire.get("/\(number)", method: "POST", content: .whole(Array(text.utf8)[...]))
        }
        for (number, stream) in streams.enumerated() {
            let answer = wire.answer(stream)
            #expect(answer.content == "POST /\(number)\n" + text)
        }
    }

    @Test(
        "HEAD, 204 and 304 carry no content",
        arguments: [("HEAD", 200), ("GET", 204), ("GET", 304)]
    )
    func noContent(method: String, status: Int) throws {
        let server = try Server(Answering { _ in Response(status: status, text: "seven!!") })
        let wire = try H2Wire(port: server.port)
        let answer = wire.answer(try wire.get("/", method: method))
        #expect(answer.status == status && answer.content.isEmpty)
        #expect(answer.headers["content-length"] == (status == 204 ? nil : "7"))
    }

    @Test("interim responses come before the final one")
    func interim() throws {
        let server = try Server(
            Answering { exchange in
                let hint = ResponseHead(status: 103, headers: ["Link": "</a>"])
                await exchange.sendInterim?(hint)
                return Response(status: 200, text: "ok")
            }
        )
        let wire = try H2Wire(port: server.port)
        let stream = try wire.get("/")
        #expect(wire.answer(stream).content == "ok")
        let statuses = wire.events.compactMap {
            if case .response(_, let head, _) = $0 { head.status } else { nil }
        }
        #expect(statuses == [103, 200])
    }

    @Test("100 Continue is sent when the content is read")
    func continues() throws {
        let server = try Server(Self.echo)
        let wire = try H2Wire(port: server.port)
        let fields: Headers = ["expect": "100-continue"]
        let stream = try wire.get("/", method: "PUT", fields: fields, content: .open)
        let isAsked = wire.wait {
            if case .response(_, let head, _) = $0 { head.status == 100 } else { false }
        }
        #expect(isAsked)
        wire.session.finish(stream, with: Array("xyz".utf8)[...])
        #expect(wire.answer(stream).content == "PUT /\nxyz")
    }

    @Test("trailers pass both ways")
    func trailers() throws {
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
        wire.session.offer(Array("body".utf8)[...], on: stream)
        wire.wait { if case .data = $0 { true } else { false } }
        wire.session.finish(stream, trailers: ["X-Sum": "4"])
        #expect(wire.answer(stream).content == "body")
        let trailers = wire.events.compactMap {
            if case .ended(_, let trailers) = $0 { trailers } else { nil }
        }
        #expect(trailers == [["x-sum": "4"]])
    }

    @Test("a viewer that resets its stream cancels the task that answers it")
    func cancels() async throws {
        let cancelled = Signal()
        let server = try Server(
            Answering { exchange in
                await withTaskCancellationHandler {
                    await exchange.sendInterim?(ResponseHead(status: 103))
                    await cancelled.wait()
                } onCancel: {
                    cancelled.fire()
                }
                return Response(status: 200, text: "late")
            }
        )
        let wire = try H2Wire(port: server.port)
        let stream = try wire.get("/")
        wire.wait { if case .response = $0 { true } else { false } }
        wire.session.reset(stream, .cancel)
        wire.flush()
        await cancelled.wait()
        #expect(wire.answer(try wire.get("/")).status == 0 || cancelled.hasFired)
    }

    @Test("a body that fails ends in a reset, not in a clean end")
    func failingBody() throws {
        let server = try Server(
            Answering { _ in
                Response(
                    head: ResponseHead(status: 200),
                    body: .stream(Pieces(["one"], fails: true), length: nil)
                )
            }
        )
        let wire = try H2Wire(port: server.port)
        #expect(wire.closeCode(try wire.get("/")) == .internalError)
    }

    @Test("an early answer ends the upload without an error")
    func earlyAnswer() throws {
        let server = try Server(Answering { _ in Response(status: 413, text: "no") })
        let wire = try H2Wire(port: server.port)
        let stream = try wire.get("/", method: "POST", content: .open)
        #expect(wire.answer(stream).status == 413)
        #expect(wire.closeCode(stream) == .noError)
        #expect(wire.answer(try wire.get("/")).status == 413)
    }

    @Test("without the setting, prior knowledge is refused as an unknown version")
    func noPriorKnowledge() throws {
        var limits = ConnectionLimits()
        limits.h2.allowsPriorKnowledge = false
        let server = try Server(Self.echo, limits: limits)
        let wire = try Wire(port: server.port)
        wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        #expect(wire.readText().hasPrefix("HTTP/1.1 505 "))
    }

    @Test("a WebSocket passes through to an HTTP/1 origin, and each side can end first")
    func webSocket() throws {
        let origin = try Server(
            Answering { exchange in
                let headers = exchange.request.headers
                guard headers["upgrade"] == "websocket", headers["sec-websocket-key"] != nil
                else { return Response(status: 400, text: "no upgrade") }
                return Response(
                    head: ResponseHead(
                        status: 101,
                        headers: [
                            "Upgrade": "websocket", "Connection": "Upgrade",
                            "Sec-WebSocket-Accept": "x", "Sec-WebSocket-Protocol": "chat",
                        ]
                    ),
                    body: .upgrade(Loop())
                )
            }
        )
        let front = try Server(ProxyHandler(to: origin.target))
        let wire = try H2Wire(port: front.port)
        wire.wait { if case .settled = $0 { true } else { false } }
        let stream = try wire.get("/chat", content: .open, isTunnel: true)
        wire.wait { if case .response = $0 { true } else { false } }
        wire.session.offer(Array("ping".utf8)[...], on: stream)
        wire.wait { _ in wire.content(stream) == "ping" }
        wire.session.finish(stream, with: Array("pong".utf8)[...])
        let answer = wire.answer(stream)
        #expect(answer.status == 200 && answer.content == "pingpong")
        #expect(answer.headers["sec-websocket-protocol"] == "chat")
        #expect(answer.headers["sec-websocket-accept"] == nil)
    }
}

/// Something that happens once, waited for from anywhere.
final class Signal: Sendable {
    private let state = Mutex<(fired: Bool, waiting: [CheckedContinuation<Void, Never>])>(
        (false, [])
    )

    var hasFired: Bool { state.withLock { $0.fired } }

    func fire() {
        let waiting = state.withLock { state in
            state.fired = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if !state.fired { state.waiting.append(continuation) }
                return state.fired
            }
            if isDone { continuation.resume() }
        }
    }
}
