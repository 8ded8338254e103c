import Reactor
import TLS
import Telemetry
import Testing
import Testkit

@testable import DataPlane
@testable import HTTP

@Suite("Connections of trusted proxies", .timeLimit(.minutes(15)))
struct ProxyProtocolTests {
    private static let whoIs = Answering { exchange in
        Response(status: 200, text: "\(exchange.viewer.address) \(exchange.viewer.port)")
    }
    private static let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let line = "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"
    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    private static func server(
        _ admission: Admission = Admission(),
        tls: TLSContext? = nil,
        limits: ConnectionLimits = ConnectionLimits()
    ) throws -> Server {
        let trust = ProxyTrust(sources: [try #require(AddressRange("127.0.0.1/32"))])
        return try Server(whoIs, tls: tls, limits: limits, admission: admission, proxies: trust)
    }

    private static func wire(_ server: Server, from source: String? = nil) throws -> Wire {
        let wire = try Wire(port: server.port, from: source)
        wire.setPatience(60)
        return wire
    }

    @Test("the viewer is whom the header names, and the bytes after it are the request")
    func line() throws {
        let server = try Self.server()
        let wire = try Self.wire(server)
        wire.send(Self.line + Self.request)
        #expect(try wire.readResponse().text == "192.0.2.1 56324")
        wire.send(Self.request)
        #expect(try wire.readResponse().text == "192.0.2.1 56324")
    }

    @Test("a header of version 2 may come byte by byte")
    func block() throws {
        let server = try Self.server()
        let wire = try Self.wire(server)
        let six: [UInt8] =
            [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [9]
            + [UInt8](repeating: 1, count: 16) + [0x12, 0x34, 0x01, 0xBB]
        let bytes = Self.signature + [0x21, 0x21, 0, 39] + six + [0xEE, 0, 0]
        for byte in bytes { wire.send([byte]) }
        wire.send(Self.request)
        #expect(try wire.readResponse().text == "2001:db8::9 4660")
    }

    @Test("a connection of the proxy itself keeps its own address")
    func local() throws {
        let server = try Self.server()
        for start in [Array("PROXY UNKNOWN\r\n".utf8), Self.signature + [0x20, 0, 0, 0]] {
            let wire = try Self.wire(server)
            wire.send(start)
            wire.send(Self.request)
            #expect(try wire.readResponse().text.hasPrefix("127.0.0.1 "))
        }
    }

    @Test("a trusted source without a header is closed without an answer")
    func missing() throws {
        let admission = Admission()
        let server = try Self.server(admission)
        for text in [Self.request, "PROXY TCP4 1.2.3.4\r\n", "\u{16}\u{3}\u{1}\0\0"] {
            let wire = try Self.wire(server)
            wire.send(text)
            #expect(wire.readAll().isEmpty)
        }
        let gone = try Self.wire(server)
        gone.send("PROXY TC")
        gone.finishSending()
        #expect(gone.readAll().isEmpty)
        #expect(eventually { admission.refusedProxyHeaders.value == 4 })
        #expect(eventually { admission.connections.value == 0 })
    }

    // Limits: ConnectionLimits.proxyHeader
    @Test("a header that does not come is not awaited for ever")
    func slow() throws {
        var limits = ConnectionLimits()
        limits.proxyHeader = .milliseconds(30)
        let server = try Self.server(limits: limits)
        let wire = try Self.wire(server)
        wire.send("PROXY TCP4 ")
        #expect(wire.readAll().isEmpty)
    }

    @Test("what others send is never read as a header")
    func untrusted() throws {
        let server = try Self.server()
        let honest = try Self.wire(server, from: "127.0.0.2")
        honest.send(Self.request)
        #expect(try honest.readResponse().text.hasPrefix("127.0.0.2 "))
        let liar = try Self.wire(server, from: "127.0.0.2")
        liar.send(Self.line + Self.request)
        #expect(try liar.readResponse().status == 400)
    }

    @Test("connections are counted by the viewer whom the proxy names")
    func counted() throws {
        var limits = AdmissionLimits()
        limits.maximumPerSource = 1
        let admission = Admission(limits: limits)
        let server = try Self.server(admission)
        let first = try Self.wire(server)
        first.send(Self.line + Self.request)
        #expect(try first.readResponse().status == 200)
        let again = try Self.wire(server)
        again.send(Self.line + Self.request)
        #expect(again.awaitEnd() != .silent)
        #expect(admission.refusedOfSource.value == 1)
        let other = try Self.wire(server)
        other.send(Self.line.replacing("192.0.2.1", with: "192.0.2.2") + Self.request)
        #expect(try other.readResponse().text == "192.0.2.2 56324")
        first.close()
        #expect(eventually { admission.connections.value == 1 })
        let later = try Self.wire(server)
        later.send(Self.line + Self.request)
        #expect(try later.readResponse().status == 200)
    }

    @Test("the header stands before the TLS handshake")
    func secured() throws {
        let (pair, file) = try TLSProxyTests.makePair()
        let context = try TLSContext.server(
            certificates: CertificateStore { _ in pair },
            options: TLSServerOptions()
        )
        let server = try Self.server(tls: context)
        var options = TLSClientOptions()
        options.authorityFiles = [file]
        let wire = try Self.wire(server)
        wire.send(Self.line)
        try wire.secure(with: try TLSContext.client(options: options))
        wire.send(Self.request)
        #expect(try wire.readResponse().text == "192.0.2.1 56324")
    }
}
