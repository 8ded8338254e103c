import Foundation
import Reactor
import TLS
import Testing

@testable import DataPlane
@testable import HTTP

/// Clients that others wrote.
@Suite("HTTP/2 clients", .timeLimit(.minutes(2)))
struct H2ClientTests {
    private static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }

    private static let handler = Answering { exchange in
        var count = 0
        switch exchange.body {
        case .bytes(let bytes): count = bytes.count
        case .stream(let source, _):
            do throws(Fault) {
                while let piece = try await source.read() { count += piece.count }
            } catch {
                return Response(status: error.status, text: "fault")
            }
        case .empty, .upgrade: break
        }
        let version = exchange.request.version.text
        return Response(status: 200, text: "\(exchange.request.method) \(version) \(count)")
    }

    private static func secureServer() throws -> Server {
        let (pair, _) = try TLSProxyTests.makePair()
        let context = try TLSContext.server(
            certificates: CertificateStore { _ in pair },
            options: TLSServerOptions()
        )
        return try Server(handler, tls: context)
    }

    @Test("curl speaks HTTP/2 over TLS by ALPN, and HTTP/1.1 when it asks for that")
    func curl() throws {
        let server = try Self.secureServer()
        let url = "https://localhost:\(server.port)/"
        let common = [
            "-sk", "--resolve", "localhost:\(server.port):127.0.0.1", "-w", " %{http_version}",
        ]
        #expect(try Self.run("curl", common + ["--http2", url]) == "GET 2.0 0 2")
        #expect(try Self.run("curl", common + ["--http1.1", url]) == "GET 1.1 0 1.1")
    }

    @Test("curl uploads a megabyte, over TLS and in cleartext by prior knowledge")
    func upload() throws {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("portico-\(UUID().uuidString)")
        try Data(repeating: 7, count: 1 << 20).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let secure = try Self.secureServer()
        let plain = try Server(Self.handler)
        let send = ["-sk", "--data-binary", "@\(file.path)"]
        let wanted = "POST 2.0 1048576"
        #expect(
            try Self.run("curl", send + ["--http2", "https://127.0.0.1:\(secure.port)/"]) == wanted
        )
        let known = send + ["--http2-prior-knowledge", "http://127.0.0.1:\(plain.port)/"]
        #expect(try Self.run("curl", known) == wanted)
    }

    @Test("h2load sends a thousand requests over a hundred streams and none fails")
    func load() throws {
        let server = try Self.secureServer()
        let text = try Self.run(
            "h2load",
            ["-n1000", "-c2", "-m100", "-t1", "https://127.0.0.1:\(server.port)/"]
        )
        #expect(text.contains("1000 succeeded, 0 failed, 0 errored"))
    }

    @Test("nghttp gets an answer with its headers")
    func nghttp() throws {
        let server = try Server(Self.handler)
        let text = try Self.run(
            "nghttp",
            ["-v", "http://127.0.0.1:\(server.port)/x"]
        )
        #expect(text.contains(":status: 200") && text.contains("GET 2.0 0"))
    }

    @Test(
        "Python's h2 client works",
        .enabled(if: (try? run("python3", ["-c", "import h2; print(1)"])) == "1\n")
    )
    func pythonH2() throws {
        let server = try Server(Self.handler)
        let script = """
            import socket, h2.connection, h2.config, h2.events
            link = socket.create_connection(("127.0.0.1", \(server.port)))
            conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
            conn.initiate_connection()
            fields = [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "a")]
            conn.send_headers(1, fields)
            conn.send_data(1, b"x" * 1000, end_stream=True)
            link.sendall(conn.data_to_send())
            body, over = b"", False
            while not over:
                for event in conn.receive_data(link.recv(65536)):
                    if isinstance(event, h2.events.DataReceived): body += event.data
                    if isinstance(event, h2.events.StreamEnded): over = True
                link.sendall(conn.data_to_send())
            print(body.decode())
            """
        #expect(try Self.run("python3", ["-c", script]) == "POST 2.0 1000\n")
    }
}
