import Glibc
import Testing

@testable import Reactor

@Suite
struct SocketTests {
    /// Runs work on a reactor of its own and hands back its result.
    private func onReactor<Result: Sendable>(
        _ work: @escaping @Sendable (Reactor) async throws -> Result
    ) async throws -> Result {
        let reactor = Reactor()
        reactor.start()
        defer { reactor.stop() }
        return try await Task(executorPreference: reactor) { try await work(reactor) }.value
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func connectsAcceptsAndTransfers(host: String) async throws {
        try await onReactor { reactor in
            let address = try #require(SocketAddress(numeric: host, port: 0))
            let socket = try Socket.listen(at: address)
            let bound = socket.localAddress
            #expect(bound.host == host && bound.port > 0)
            let listener = reactor.register(socket.release())
            let client = reactor.register(try Socket.connect(to: bound).release())
            #expect(await client.writable(until: .now + .seconds(5)) == .ready)
            #expect(client.connectError() == nil)
            guard case .connection(let descriptor, let peer) = listener.accept() else {
                Issue.record("nothing to accept")
                return
            }
            #expect(peer.host == host)
            let server = reactor.register(descriptor)
            #expect(!server.hasPendingInput)
            "hello".utf8.withContiguousStorageIfAvailable { bytes in
                #expect(client.send(UnsafeRawBufferPointer(bytes)) == .bytes(5))
            }
            var room = [UInt8](repeating: 0, count: 16)
            if !server.hasPendingInput { _ = await server.readable(until: .now + .seconds(5)) }
            let got = room.withUnsafeMutableBytes { server.receive(into: $0) }
            #expect(got == .bytes(5))
            reactor.close(client)
            if !server.hasPendingInput { _ = await server.readable(until: .now + .seconds(5)) }
            #expect(room.withUnsafeMutableBytes { server.receive(into: $0) } == .end)
            reactor.close(server)
            reactor.close(listener)
        }
    }

    @Test(
        "This machine's own addresses are known",
        arguments: [
            ("127.0.0.1", true), ("127.8.9.1", true), ("128.0.0.1", false), ("::1", true),
            ("::2", false),
            ("::ffff:127.0.0.1", true), ("::ffff:10.0.0.1", false), ("fe80::1", false),
            ("1::1", false),
        ]
    )
    func loopback(host: String, isLoopback: Bool) throws {
        #expect(try #require(SocketAddress(numeric: host, port: 1)).isLoopback == isLoopback)
    }

    @Test
    func waitsEndAtTheirDeadlineEvenWithAnEarlierTimerLeftBehind() async throws {
        try await onReactor { reactor in
            let socket = try Socket.listen(
                at: try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
            )
            let listener = reactor.register(socket.release())
            let begin = ContinuousClock.now
            #expect(await listener.readable(until: begin + .milliseconds(30)) == .timedOut)
            #expect(ContinuousClock.now - begin >= .milliseconds(30))
            let again = ContinuousClock.now
            #expect(await listener.readable(until: again + .milliseconds(60)) == .timedOut)
            #expect(ContinuousClock.now - again >= .milliseconds(60))
            reactor.close(listener)
            #expect(await listener.readable() == .closed)
        }
    }

    @Test
    func aRefusedConnectionSaysSo() async throws {
        try await onReactor { reactor in
            let address = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
            let bound = try Socket.listen(at: address).localAddress
            let client = reactor.register(try Socket.connect(to: bound).release())
            _ = await client.writable(until: .now + .seconds(5))
            #expect(client.connectError()?.number == ECONNREFUSED)
            reactor.close(client)
        }
    }

    @Test
    func numericAddressesAndLocalhostNeedNoLookUp() async {
        #expect(NameResolver.immediate("127.0.0.1", port: 80)?.map(\.text) == ["127.0.0.1:80"])
        #expect(NameResolver.immediate("[::1]", port: 443)?.map(\.text) == ["[::1]:443"])
        #expect(NameResolver.immediate("a.LocalHost", port: 1)?.count == 2)
        #expect(NameResolver.immediate("example.com", port: 1) == nil)
        #expect(await NameResolver.shared.resolve("does-not-exist.invalid", port: 80).isEmpty)
    }
}
