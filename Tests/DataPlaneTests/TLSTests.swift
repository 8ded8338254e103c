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
        try process.run()
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
}
