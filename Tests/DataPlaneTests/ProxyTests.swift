import Reactor
import Testing
import Testkit

@testable import DataPlane
@testable import HTTP

@Suite
struct ProxyTests {
    private func proxy(
        to origin: Server,
        limits: UpstreamLimits = UpstreamLimits()
    ) throws -> Server {
        try Server(ProxyHandler(to: origin.target, limits: limits))
    }

    @Test
    func forwardsFieldsAndReusesTheConnection() throws {
        let origin = try Server(
            Answering { exchange in
                let names = ["x-forwarded-for", "x-forwarded-proto", "via", "te", "x-hop"]
                let values = names.map { exchange.request.headers[$0] ?? "-" }
                return Response(
                    status: 200,
                    text: values.joined(separator: "|")
                        + "|\(exchange.viewer.port)"
                )
            }
        )
        let front = try proxy(to: origin)
        let wire = try Wire(port: front.port)
        let request = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nX-Hop: 1\r\n"
        wire.send(request + "Connection: X-Hop\r\n\r\n")
        _ = wire.read(until: "\r\n\r\n")
        let first = wire.read(until: "|")
        #expect(first == "127.0.0.1|")
        let rest = wire.read(until: "|-|-|")
        #expect(rest == "http|1.1 portico|-|-|")
        let second = try Wire(port: front.port)
        second.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(second.readText().contains("127.0.0.1|http|1.1 portico|-|-|"))
    }

    @Test
    func a64MiBUploadPassesThrough() throws {
        let origin = try Server(
            Answering { exchange in
                var count = 0
                if case .stream(let source, _) = exchange.body {
                    do throws(Fault) {
                        while let piece = try await source.read() { count += piece.count }
                    } catch {
                        count = -1
                    }
                }
                return Response(status: 200, text: "got \(count)")
            }
        )
        let front = try proxy(to: origin)
        let wire = try Wire(port: front.port)
        let total = 64 << 20
        wire.send(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(total)\r\nConnection: close\r\n\r\n"
        )
        let piece = [UInt8](repeating: 7, count: 1 << 20)
        for _ in 0..<64 { wire.send(piece) }
        #expect(wire.readText().hasSuffix("got \(total)"))
    }

    @Test
    func anEarlyAnswerReachesTheViewer() throws {
        let origin = try Server(Answering { _ in Response(status: 413, text: "no") })
        let front = try proxy(to: origin)
        let wire = try Wire(port: front.port)
        wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nabc")
        #expect(wire.readText().hasPrefix("HTTP/1.1 413 "))
    }

    @Test
    func aRefusedOriginGives502AndAStalledOne504() throws {
        let refused = UpstreamTarget(host: "127.0.0.1", port: 1, isTLS: false)
        let first = try Server(ProxyHandler(to: refused))
        let wire = try Wire(port: first.port)
        wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(wire.readText().hasPrefix("HTTP/1.1 502 "))
        let (held, release) = AsyncStream.makeStream(of: Void.self)
        defer { release.finish() }
        let stalled = try Server(
            Answering { _ in
                for await _ in held {}
                return Response(status: 200, text: "late")
            }
        )
        var limits = UpstreamLimits()
        limits.response = .milliseconds(40)
        let second = try proxy(to: stalled, limits: limits)
        let other = try Wire(port: second.port)
        other.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(other.readText().hasPrefix("HTTP/1.1 504 "))
    }

    @Test
    func anOriginThatClosesIdleConnectionsIsAskedAgain() throws {
        var quick = ConnectionLimits()
        quick.keepAlive = .milliseconds(20)
        let origin = try Server(
            Answering { _ in Response(status: 200, text: "ok") },
            limits: quick
        )
        let front = try proxy(to: origin)
        for _ in 0..<20 {
            let wire = try Wire(port: front.port)
            wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(wire.readText().hasSuffix("ok"))
        }
    }

    @Test
    func anUpgradeCarriesBytesBothWays() throws {
        let origin = try Server(
            Answering { _ in
                Response(
                    head: ResponseHead(
                        status: 101,
                        headers: ["Upgrade": "echo", "Connection": "Upgrade"]
                    ),
                    body: .upgrade(Loop())
                )
            }
        )
        let front = try proxy(to: origin)
        let wire = try Wire(port: front.port)
        wire.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
        #expect(wire.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 101 "))
        wire.send("ping")
        #expect(wire.read(until: "ping") == "ping")
        wire.send("pong")
        #expect(wire.read(until: "pong") == "pong")
    }
}

/// A stream that gives back what is written to it.
final class Loop: DuplexStream {
    private var queue: [Bytes] = []
    private var waiting: UnsafeContinuation<Void, Never>?
    private var isOver = false

    func read() async throws(Fault) -> Bytes? {
        if queue.isEmpty, !isOver { await withUnsafeContinuation { waiting = $0 } }
        return queue.isEmpty ? nil : queue.removeFirst()
    }

    func write(_ bytes: Bytes) async throws(Fault) {
        queue.append(bytes)
        wake()
    }

    func finish() async { close() }

    func close() {
        isOver = true
        wake()
    }

    private func wake() {
        waiting?.resume()
        waiting = nil
    }
}
