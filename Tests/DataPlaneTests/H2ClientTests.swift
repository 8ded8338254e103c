import Foundation
import Reactor
import TLS
import Testing
import Testkit

@testable import DataPlane
@testable import HTTP

/// Clients that others wrote.
@Suite("HTTP/2 clients", .timeLimit(.minutes(15)))
struct H2ClientTests {
    private static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.start()
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

    /// A gRPC server and a client of the reference implementation; the client goes through a proxy.
    private static let grpc = """
        import grpc, sys
        from concurrent import futures
        plain = lambda bytes: bytes
        def count(requests, context):
            for request in requests:
                yield b"got " + request
            context.set_trailing_metadata((("x-sum", "done"),))
        def fail(request, context):
            context.abort(grpc.StatusCode.NOT_FOUND, "nothing here")
        handlers = grpc.method_handlers_generic_handler("t.T", {
            "Echo": grpc.unary_unary_rpc_method_handler(lambda r, c: r * 2, plain, plain),
            "Big": grpc.unary_stream_rpc_method_handler(
                lambda r, c: (b"x" * 100000 for _ in range(50)), plain, plain),
            "Chat": grpc.stream_stream_rpc_method_handler(count, plain, plain),
            "Fail": grpc.unary_unary_rpc_method_handler(fail, plain, plain),
        })
        if sys.argv[1] == "serve":
            server = grpc.server(futures.ThreadPoolExecutor(4))
            server.add_generic_rpc_handlers((handlers,))
            print(server.add_insecure_port("127.0.0.1:0"), flush=True)
            server.start()
            sys.stdin.read()
            server.stop(0)
        else:
            with grpc.insecure_channel("127.0.0.1:" + sys.argv[2]) as channel:
                print(channel.unary_unary("/t.T/Echo", plain, plain)(b"ab", timeout=20).decode())
                print(sum(map(len, channel.unary_stream("/t.T/Big", plain, plain)(b"", timeout=20))))
                chat = channel.stream_stream("/t.T/Chat", plain, plain)(
                    iter([b"1", b"2", b"3"]), timeout=20)
                print([message.decode() for message in chat], chat.trailing_metadata()[0].value)
                try:
                    channel.unary_unary("/t.T/Fail", plain, plain)(b"", timeout=20)
                except grpc.RpcError as error:
                    print(error.code().name, error.details())
        """

    @Test(
        "gRPC calls of all kinds pass through a proxy that speaks HTTP/2 on both sides",
        .enabled(if: (try? run("python3", ["-c", "import grpc; print(1)"])) == "1\n")
    )
    func grpcCalls() throws {
        let server = Process()
        server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        server.arguments = ["python3", "-c", Self.grpc, "serve"]
        let (input, output) = (Pipe(), Pipe())
        server.standardInput = input
        server.standardOutput = output
        try server.start()
        defer {
            try? input.fileHandleForWriting.close()
            server.waitUntilExit()
        }
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let port = try #require(Int(line.prefix { $0.isNumber }))
        var target = UpstreamTarget(host: "127.0.0.1", port: port, isTLS: false)
        target.version = .http2
        let front = try Server(ProxyHandler(to: target))
        let answers = try Self.run("python3", ["-c", Self.grpc, "call", "\(front.port)"])
        #expect(
            answers == """
                abab
                5000000
                ['got 1', 'got 2', 'got 3'] done
                NOT_FOUND nothing here

                """
        )
    }
}
