import Foundation
import Synchronization
import TLS
import Testing
import Testkit

/// A new process takes the place of a running one.
@Suite("Takeover", .serialized, .timeLimit(.minutes(15)))
struct TakeoverTests {
    /// A web app that answers with its process id.
    private static let app = """
        import http.server, os, sys
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def do_GET(self):
                body = str(os.getpid()).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def log_message(self, *arguments):
                print("asked", flush=True)
        http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
        """

    /// A folder with a template whose distribution has the app as its origin.
    private final class Scene {
        let folder: URL

        init() throws {
            // A port that was free a moment ago.
            let port = try ScriptedOrigin().port
            folder = try CommandRun.folder([
                "app.py": TakeoverTests.app,
                "template.yaml": """
                Resources:
                  Site:
                    Type: AWS::CloudFront::Distribution
                    Properties:
                      DistributionConfig:
                        Enabled: true
                        Origins:
                          - Id: app
                            DomainName: app.test
                            CustomOriginConfig: {OriginProtocolPolicy: http-only}
                        DefaultCacheBehavior:
                          TargetOriginId: app
                          ViewerProtocolPolicy: allow-all
                          CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
                Metadata:
                  Portico:
                    Origins: {app.test: 'http://127.0.0.1:\(port)'}
                    Start: {app: {Command: python3 app.py, Port: \(port)}}
                """,
            ])
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        func node(sharing other: RunningNode? = nil) throws -> RunningNode {
            try RunningNode(["up", "--takeover"], in: folder, sharing: other)
        }
    }

    private static func client(_ node: RunningNode) throws -> TLSContext {
        var options = TLSClientOptions()
        options.authorityFiles = [node.authority]
        return try TLSContext.client(options: options)
    }

    private static func ask(_ wire: Wire) throws -> WireMessage {
        wire.setPatience(60)
        wire.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return try wire.readResponse()
    }

    private static func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<600 {
            if condition() { return true }
            poll(nil, 0, 100)
        }
        return condition()
    }

    /// Viewers that ask without a pause, keeping connections as long as the node does.
    private final class Crowd: Sendable {
        let answers = Atomic<Int>(0)
        let failures = Mutex<[String]>([])
        private let isOver = Atomic<Bool>(false)
        private let ended = Atomic<Int>(0)
        private let count: Int

        init(_ count: Int, https: Int, http: Int, _ client: TLSContext) {
            self.count = count
            for number in 0..<count {
                let isSecure = number % 2 == 0
                Thread.detachNewThread { [self] in
                    run(port: isSecure ? https : http, isSecure ? client : nil)
                    ended.add(1, ordering: .releasing)
                }
            }
        }

        private func run(port: Int, _ client: TLSContext?) {
            var wire: Wire?
            while !isOver.load(ordering: .relaxed) {
                do {
                    let open = try wire ?? Wire(port: port, tls: client)
                    let answer = try TakeoverTests.ask(open)
                    wire = answer["connection"] == "close" ? nil : open
                    if answer.status == 200 {
                        answers.add(1, ordering: .relaxed)
                    } else {
                        failures.withLock { $0.append("\(answer.status) \(answer.text)") }
                    }
                } catch {
                    wire = nil
                    failures.withLock { $0.append("\(error)") }
                }
            }
        }

        /// Ends the viewers; what went wrong.
        func stop() -> [String] {
            isOver.store(true, ordering: .relaxed)
            _ = TakeoverTests.eventually { ended.load(ordering: .acquiring) == count }
            return failures.withLock { $0 }
        }
    }

    @Test("another process takes ports, lock and web app over, and no request under load fails")
    func underLoad() throws {
        let scene = try Scene()
        let first = try scene.node()
        let (https, http) = (
            try #require(first.ports["https"]), try #require(first.ports["http"])
        )
        let client = try Self.client(first)
        let app = try Self.ask(try Wire(port: https, tls: client)).text
        let pid = try #require(Int32(app))
        let crowd = Crowd(4, https: https, http: http, client)
        #expect(Self.eventually { crowd.answers.load(ordering: .relaxed) > 100 })
        let second = try scene.node(sharing: first)
        #expect(second.ports == first.ports)
        first.process.waitUntilExit()
        #expect(first.process.terminationStatus == 0)
        let before = crowd.answers.load(ordering: .relaxed)
        #expect(Self.eventually { crowd.answers.load(ordering: .relaxed) > before + 100 })
        #expect(crowd.stop() == [])
        // The app is the same process, and the folder is locked by the new one.
        #expect(try Self.ask(try Wire(port: https, tls: client)).text == app)
        let third = try CommandRun(
            ["up", "--state", second.folder.appendingPathComponent("state").path],
            in: try CommandRun.folder()
        )
        #expect(third.finish().errors.contains("another portico has the state folder"))
        second.process.terminate()
        second.process.waitUntilExit()
        #expect(Self.eventually { kill(pid, 0) == -1 }, "the app ends with the node that has it")
    }

    @Test("a process that cannot start leaves everything as it was")
    func failedTakeover() throws {
        let scene = try Scene()
        let first = try scene.node()
        let https = try #require(first.ports["https"])
        let client = try Self.client(first)
        let wire = try Wire(port: https, tls: client)
        let app = try Self.ask(wire).text
        let state = first.folder.appendingPathComponent("state").path
        let broken = try CommandRun(
            ["up", "--takeover", "--state", state],
            in: try CommandRun.folder(["template.yaml": "Resources: [\n"])
        )
        #expect(broken.finish().status != 0)
        #expect(try Self.ask(wire).text == app)
        #expect(try Self.ask(try Wire(port: https, tls: client)).text == app)
        // And the next one, which can, finds it ready to hand over.
        let second = try scene.node(sharing: first)
        first.process.waitUntilExit()
        #expect(first.process.terminationStatus == 0)
        #expect(try Self.ask(try Wire(port: https, tls: client)).text == app)
        second.process.terminate()
        second.process.waitUntilExit()
    }

    @Test("certificates are read anew at SIGHUP, and open connections stay")
    func certificates() throws {
        let scene = try Scene()
        let node = try scene.node()
        let https = try #require(node.ports["https"])
        let wire = try Wire(port: https, tls: try Self.client(node))
        #expect(try Self.ask(wire).status == 200)
        let old = try Self.client(node)
        try FileManager.default.removeItem(
            at: node.folder.appendingPathComponent("state/certs")
        )
        kill(node.process.processIdentifier, SIGHUP)
        #expect(
            Self.eventually { FileManager.default.fileExists(atPath: node.authority) }
        )
        #expect(Self.eventually { (try? Wire(port: https, tls: old)) == nil })
        #expect(try Self.ask(try Wire(port: https, tls: try Self.client(node))).status == 200)
        #expect(try Self.ask(wire).status == 200)
    }

    @Test("a node whose terminal is closed ends")
    func terminal() throws {
        let folder = try CommandRun.folder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let script = """
            import os, pty, sys
            pid, terminal = pty.fork()
            if pid == 0:
                os.chdir(sys.argv[2])
                os.execv(sys.argv[1], [sys.argv[1], "up", "--bind", "127.0.0.1", "--https-port", "0",
                                       "--http-port", "0", "--api-port", "0"])
            seen = b""
            while b"ready" not in seen:
                seen += os.read(terminal, 4096)
            os.close(terminal)
            print("ended", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            """
        let built = [
            RunningNode.root.appendingPathComponent(".build/debug/portico"), RunningNode.binary,
        ].first { FileManager.default.isExecutableFile(atPath: $0.path) }
        let python = Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        python.arguments = ["python3", "-c", script, try #require(built).path, folder.path]
        let output = Pipe()
        python.standardOutput = output
        try python.start()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        #expect(String(decoding: text, as: UTF8.self) == "ended 0\n")
    }
}
