import Foundation
import Reactor
import TLS
import Testing
import Testkit

@testable import DataPlane
@testable import HTTP

@Suite
struct TLSProxyTests {
    /// A certificate for `localhost` made for this run only.
    static func makePair() throws -> (pair: CertificateAndKey, file: String) {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("portico-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let cert = folder.appendingPathComponent("cert.pem")
        let key = folder.appendingPathComponent("key.pem")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", key.path, "-out", cert.path,
        ]
        process.standardError = FileHandle.nullDevice
        try process.start()
        process.waitUntilExit()
        let pair = CertificateAndKey(
            certificateChainPEM: Array(try Data(contentsOf: cert)),
            keyPEM: Array(try Data(contentsOf: key))
        )
        return (pair, cert.path)
    }

    @Test
    func aTLSOriginIsVerifiedAndReused() throws {
        let (pair, file) = try Self.makePair()
        let context = try TLSContext.server(
            certificates: CertificateStore { _ in pair },
            options: TLSServerOptions()
        )
        let origin = try Server(
            Answering { exchange in
                let name = exchange.viewer.serverName ?? "-"
                return Response(status: 200, text: "\(name) \(exchange.viewer.port)")
            },
            tls: context
        )
        var options = TLSClientOptions()
        options.authorityFiles = [file]
        let target = UpstreamTarget(
            host: "127.0.0.1",
            port: origin.port,
            isTLS: true,
            serverName: "localhost"
        )
        let front = try Server(
            ProxyHandler(to: target),
            client: try TLSContext.client(options: options)
        )
        let wire = try Wire(port: front.port)
        wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(wire.read(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
        let first = wire.read(until: "localhost ")
        #expect(first == "localhost ")
    }

    @Test
    func anUntrustedOriginGives502() throws {
        let (pair, _) = try Self.makePair()
        let context = try TLSContext.server(
            certificates: CertificateStore { _ in pair },
            options: TLSServerOptions()
        )
        let origin = try Server(
            Answering { _ in Response(status: 200, text: "never") },
            tls: context
        )
        let target = UpstreamTarget(
            host: "127.0.0.1",
            port: origin.port,
            isTLS: true,
            serverName: "localhost"
        )
        let front = try Server(ProxyHandler(to: target))
        let wire = try Wire(port: front.port)
        wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(wire.readText().hasPrefix("HTTP/1.1 502 "))
    }

    @Test("what arrives between two reads is found, also when the session serves the first alone")
    func arrivalsBetweenReads() async throws {
        let (pair, file) = try Self.makePair()
        let server = try TLSContext.server(
            certificates: CertificateStore { _ in pair },
            options: TLSServerOptions()
        )
        var options = TLSClientOptions()
        options.authorityFiles = [file]
        let client = try TLSContext.client(options: options)
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let (near, far) = (ends[0], ends[1])
        let reactor = Reactor()
        reactor.start()
        defer { reactor.stop() }
        let (written, wrote) = AsyncStream<Void>.makeStream()
        let mayGoOn = DispatchSemaphore(value: 0)
        defer { mayGoOn.signal() }
        Thread.detachNewThread {
            guard let wire = try? Wire(accepted: far, tls: server) else { return wrote.finish() }
            wire.send("one")
            wire.send("two")
            wrote.yield()
            mayGoOn.wait()
            wire.send("three")
            wrote.yield()
            mayGoOn.wait()
        }
        let pieces = Task(executorPreference: reactor) { () -> [String] in
            let session = try TLSSession(
                connecting: client,
                descriptor: near,
                serverName: "localhost",
                verifies: true
            )
            guard case .done = session.handshake() else { return [] }
            _ = fcntl(near, F_SETFL, O_NONBLOCK)
            let connection = Connection(reactor.register(near), tls: session)
            defer { connection.close() }
            var steps = written.makeAsyncIterator()
            func piece() async -> String {
                let piece = await connection.readPiece(
                    limit: 100,
                    until: connection.deadline(.seconds(20))
                )
                return String(decoding: piece.bytes, as: UTF8.self)
            }
            await steps.next()
            let first = await piece()
            mayGoOn.signal()
            await steps.next()
            // The announcement of the third piece finds nobody who waits for it.
            await withUnsafeContinuation { continuation in
                reactor.schedule(at: reactor.time + .milliseconds(5)) { continuation.resume() }
            }
            return [first, await piece(), await piece()]
        }
        #expect(try await pieces.value == ["one", "two", "three"])
    }
}
