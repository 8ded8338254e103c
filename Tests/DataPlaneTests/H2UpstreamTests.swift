import Reactor
import TLS
import Testing
import Testkit

@testable import DataPlane
@testable import HTTP

@Suite("HTTP/2 to origins", .timeLimit(.minutes(15)))
struct H2UpstreamTests {
    /// A proxy to a server, over HTTP/2 without TLS.
    private func front(
        to origin: Server,
        limits: UpstreamLimits = UpstreamLimits()
    ) throws -> Server {
        var target = origin.target
        target.version = .http2
        return try Server(ProxyHandler(to: target, limits: limits))
    }

    private static let echo = Answering { exchange in
        let version = exchange.request.version.text
        let port = exchange.viewer.port
        switch exchange.body {
        case .empty, .upgrade:
            return Response(status: 200, text: "\(exchange.request.target) \(version) \(port)")
        case .bytes(let bytes):
            return Response(head: ResponseHead(status: 200), body: .bytes(bytes))
        case .stream(let source, _):
            return Response(head: ResponseHead(status: 200), body: .stream(source, length: nil))
        }
    }

    @Test("requests of HTTP/1 viewers share one connection to the origin")
    func sharing() throws {
        let origin = try Server(Self.echo)
        let front = try front(to: origin)
        let answers = try (0..<8).map { number in
            let wire = try Wire(port: front.port)
            wire.send("GET /\(number)?q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            return wire.readText()
        }
        var ports: Set<Substring> = []
        for (number, text) in answers.enumerated() {
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(text.contains("/\(number)?q 2.0 "))
            ports.insert(text.suffix(while: { $0 != " " }))
        }
        #expect(ports.count == 1)
    }

    @Test("uploads and trailers pass through HTTP/2 on both sides while both directions are open")
    func bothWays() throws {
        let origin = try Server(Self.echo)
        let front = try front(to: origin)
        let wire = try H2Wire(port: front.port)
        let stream = try wire.get("/", method: "POST", content: .open)
        wire.session.offer(Array("first".utf8)[...], on: stream)
        // The answer's first piece comes before the request has ended.
        #expect(wire.wait { _ in wire.content(stream) == "first" })
        wire.session.finish(stream, with: Array("last".utf8)[...], trailers: ["grpc-status": "0"])
        #expect(wire.answer(stream).content == "firstlast")
        let trailers = wire.events.compactMap {
            if case .ended(_, let trailers) = $0 { trailers } else { nil }
        }
        #expect(trailers == [["grpc-status": "0"]])
    }

    @Test("a download of ten megabytes passes through in pieces")
    func download() throws {
        let size = 10 << 20
        let origin = try Server(
            Answering { _ in
                Response(
                    head: ResponseHead(status: 200),
                    body: .bytes([UInt8](repeating: 0x61, count: size)[...])
                )
            }
        )
        let front = try front(to: origin)
        let wire = try H2Wire(port: front.port)
        let answer = wire.answer(try wire.get("/"))
        #expect(answer.content.utf8.count == size)
        #expect(answer.headers["content-length"] == "\(size)")
    }

    @Test("a silent origin gives 504, a refused one 502, and one that resets 502")
    func faults() throws {
        let (held, release) = AsyncStream.makeStream(of: Void.self)
        defer { release.finish() }
        let silent = try Server(
            Answering { _ in
                for await _ in held {}
                return Response(status: 200, text: "late")
            }
        )
        var limits = UpstreamLimits()
        limits.response = .milliseconds(40)
        let first = try front(to: silent, limits: limits)
        let wire = try H2Wire(port: first.port)
        #expect(wire.answer(try wire.get("/")).status == 504)
        var target = UpstreamTarget(host: "127.0.0.1", port: 1, isTLS: false)
        target.version = .http2
        let second = try Server(ProxyHandler(to: target))
        let other = try H2Wire(port: second.port)
        #expect(other.answer(try other.get("/")).status == 502)
        var stubborn = ConnectionLimits()
        stubborn.h2.allowsPriorKnowledge = false
        let old = try Server(Self.echo, limits: stubborn)
        let third = try front(to: old)
        let last = try H2Wire(port: third.port)
        #expect(last.answer(try last.get("/")).status == 502)
    }

    @Test("a viewer that gives up resets the origin's stream, and the connection goes on")
    func cancels() throws {
        let origin = try Server(
            Answering { exchange in
                if exchange.request.path == "/ok" { return Response(status: 200, text: "ok") }
                await exchange.sendInterim?(ResponseHead(status: 103))
                return Response(
                    head: ResponseHead(status: 200),
                    body: .stream(Endless(), length: nil)
                )
            }
        )
        let front = try front(to: origin)
        let wire = try H2Wire(port: front.port)
        let stream = try wire.get("/endless")
        wire.wait { if case .data = $0 { true } else { false } }
        wire.session.reset(stream, .cancel)
        #expect(wire.answer(try wire.get("/ok")).content == "ok")
    }

    @Test("an origin behind TLS is asked for HTTP/2 by ALPN")
    func overTLS() throws {
        let (pair, file) = try TLSProxyTests.makePair()
        let store = CertificateStore { _ in pair }
        let origin = try Server(
            Self.echo,
            tls: try TLSContext.server(certificates: store, options: TLSServerOptions())
        )
        let old = try Server(
            Self.echo,
            tls: try TLSContext.server(
                certificates: store,
                options: TLSServerOptions(applicationProtocols: ["http/1.1"])
            )
        )
        var options = TLSClientOptions()
        options.authorityFiles = [file]
        let client = try TLSContext.client(options: options)
        for (server, status) in [(origin, 200), (old, 502)] {
            var target = UpstreamTarget(
                host: "127.0.0.1",
                port: server.port,
                isTLS: true,
                serverName: "localhost"
            )
            target.version = .http2
            let front = try Server(ProxyHandler(to: target), client: client)
            let wire = try H2Wire(port: front.port)
            #expect(wire.answer(try wire.get("/")).status == status)
        }
    }

    @Test("an origin that drains is left, and the next request goes over a new connection")
    func draining() throws {
        var limits = ConnectionLimits()
        limits.maximumRequests = 5
        let origin = try Server(Self.echo, limits: limits)
        let front = try front(to: origin)
        let wire = try H2Wire(port: front.port)
        for number in 0..<40 {
            let answer = wire.answer(try wire.get("/\(number)"))
            #expect(answer.status == 200 && answer.content.hasPrefix("/\(number) 2.0"))
        }
    }
}

/// A body that never ends.
private final class Endless: BodySource {
    var trailers: Headers { Headers() }
    func read() async throws(Fault) -> Bytes? { [UInt8](repeating: 0x61, count: 1000)[...] }
}

extension String {
    /// The end of the text for which the test holds throughout.
    fileprivate func suffix(while test: (Character) -> Bool) -> Substring {
        self[(lastIndex { !test($0) }.map { index(after: $0) } ?? startIndex)...]
    }
}
