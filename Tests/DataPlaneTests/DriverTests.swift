import Testing
import Testkit

@testable import DataPlane
@testable import HTTP

@Suite
struct DriverTests {
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
        let head = exchange.request.method + " " + exchange.request.target + "\n"
        return Response(
            head: ResponseHead(status: 200),
            body: .bytes((Array(head.utf8) + content)[...])
        )
    }

    @Test
    func keepsTheConnectionAndAnswersPipelinedRequestsInOrder() throws {
        let server = try Server(Self.echo)
        let wire = try Wire(port: server.port)
        wire.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2?q HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(wire.read(until: "GET /1\n").hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(wire.read(until: "GET /2?q\n").contains("Date: "))
        wire.send("GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let last = wire.readText()
        #expect(last.hasSuffix("GET /3\n") && last.contains("Connection: close\r\n"))
    }

    @Test
    func readsChunkedBodiesAndKeepsWhatFollows() throws {
        let server = try Server(Self.echo)
        let wire = try Wire(port: server.port)
        wire.send("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        wire.send("3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nX-T: 1\r\n\r\n")
        wire.send("GET /n HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(wire.read(until: "abcdefg").contains("Content-Length: 15\r\n"))
        #expect(wire.readText().hasSuffix("GET /n\n"))
    }

    @Test
    func sends100ContinueWhenTheBodyIsRead() throws {
        let server = try Server(Self.echo)
        let wire = try Wire(port: server.port)
        wire.send("PUT /e HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        #expect(wire.read(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        wire.send("xyz")
        #expect(wire.read(until: "xyz").contains("PUT /e\n"))
    }

    @Test
    func headAnswersHaveNoBody() throws {
        let server = try Server(Self.echo)
        let wire = try Wire(port: server.port)
        wire.send("HEAD /h HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let text = wire.readText()
        #expect(text.contains("Content-Length: 8\r\n") && text.hasSuffix("\r\n\r\n"))
    }

    @Test
    func http10EndsAStreamWithTheConnection() throws {
        let server = try Server(
            Answering { _ in
                Response(
                    head: ResponseHead(status: 200),
                    body: .stream(Pieces(["one", "two"]), length: nil)
                )
            }
        )
        let old = try Wire(port: server.port)
        old.send("GET / HTTP/1.0\r\n\r\n")
        let text = old.readText()
        #expect(text.hasSuffix("\r\n\r\nonetwo") && !text.contains("chunked"))
        let new = try Wire(port: server.port)
        new.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(
            new.read(until: "0\r\n\r\n").hasSuffix("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
        )
    }

    @Test
    func aBodyThatFailsIsNeverEndedCleanly() throws {
        let server = try Server(
            Answering { _ in
                Response(
                    head: ResponseHead(status: 200),
                    body: .stream(Pieces(["one"], fails: true), length: nil)
                )
            }
        )
        let wire = try Wire(port: server.port)
        wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(!wire.readText().contains("0\r\n\r\n"))
    }

    @Test(arguments: [
        ("GARBAGE\r\n\r\n", 400), ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400
        ),
        ("GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", 400),
    ])
    func malformedRequestsAreRefusedAndTheConnectionCloses(text: String, status: Int) throws {
        let server = try Server(Self.echo)
        let wire = try Wire(port: server.port)
        wire.send(text)
        #expect(wire.readText().hasPrefix("HTTP/1.1 \(status) "))
    }

    // Limits: ConnectionLimits.head
    @Test
    func aSlowHeadEndsWith408() throws {
        var limits = ConnectionLimits()
        limits.head = .milliseconds(30)
        let server = try Server(Self.echo, limits: limits)
        let wire = try Wire(port: server.port)
        wire.send("GET / HT")
        #expect(wire.readText().hasPrefix("HTTP/1.1 408 "))
    }

    // Limits: ConnectionLimits.keepAlive
    @Test
    func anIdleConnectionIsClosedSilently() throws {
        var limits = ConnectionLimits()
        limits.keepAlive = .milliseconds(30)
        let server = try Server(Self.echo, limits: limits)
        #expect(try Wire(port: server.port).readAll().isEmpty)
    }

    // Limits: ConnectionLimits.quiet
    @Test(
        "A quiet connection serves on, also what comes in pieces or several at once"
    )
    func quietConnectionsServeOn() throws {
        var limits = ConnectionLimits()
        limits.quiet = .zero
        let server = try Server(Self.echo, limits: limits)
        let wire = try Wire(port: server.port)
        for number in 1...3 {
            wire.send("GET /\(number) HTTP/1.1\r\nHo")
            wire.send("st: a\r\n\r\n")
            #expect(wire.read(until: "GET /\(number)\n").hasPrefix("HTTP/1.1 200 "))
        }
        wire.send("GET /4 HTTP/1.1\r\nHost: a\r\n\r\nGET /5 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(wire.read(until: "GET /5\n").contains("GET /4\n"))
        wire.send("GARBAGE\r\n\r\n")
        #expect(wire.readText().hasPrefix("HTTP/1.1 400 "))
    }

    @Test("A connection that has gone quiet ends when it has been kept long enough")
    func quietConnectionsEnd() throws {
        var limits = ConnectionLimits()
        limits.quiet = .zero
        limits.keepAlive = .milliseconds(30)
        let server = try Server(Self.echo, limits: limits)
        let wire = try Wire(port: server.port)
        wire.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(wire.readText().hasSuffix("GET /1\n"))
    }

    @Test(arguments: [false, true])
    func drainClosesIdleConnectionsAndStopsAccepting(isQuiet: Bool) async throws {
        var limits = ConnectionLimits()
        if isQuiet { limits.quiet = .zero }
        let server = try Server(Self.echo, limits: limits)
        let wire = try Wire(port: server.port)
        wire.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(wire.read(until: "GET /1\n").contains("200"))
        await server.listener.drain(within: .seconds(5))
        #expect(wire.readAll().isEmpty)
        #expect(throws: (any Error).self) { try Wire(port: server.port) }
    }
}

/// A body in pieces that may fail after the last.
final class Pieces: BodySource {
    private var pieces: [String]
    private let fails: Bool
    var trailers: Headers { Headers() }

    init(_ pieces: [String], fails: Bool = false) {
        self.pieces = pieces
        self.fails = fails
    }

    func read() async throws(Fault) -> Bytes? {
        guard pieces.isEmpty else { return Array(pieces.removeFirst().utf8)[...] }
        if fails { throw Fault(.connectionReset, side: .origin) }
        return nil
    }
}
