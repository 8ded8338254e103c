import Foundation
import TLS
import Testing
import Testkit

/// A whole node with one function in front of an origin, and everything that can go wrong around it.
@Suite("Faults around a running node", .serialized, .timeLimit(.minutes(15)))
struct FaultTests {
    private static let program = """
        exports.handler = async (event) => {
            const request = event.Records[0].cf.request;
            if (request.uri === '/pid') return { status: '200', body: String(process.pid) };
            if (request.uri === '/never') {
                require('fs').writeFileSync(request.querystring, 'began');
                return new Promise(() => setInterval(() => {}, 1000));
            }
            return request;
        };
        """

    /// The node, its origin, and what it holds when it is quiet.
    private final class Scene {
        let origin: ScriptedOrigin
        let node: RunningNode
        let client: TLSContext
        let level: ProcessCounts
        let pid: Int32

        init(files: String = "-Sn 1024") throws {
            origin = try ScriptedOrigin()
            let folder = FileManager.default.temporaryDirectory
                .appendingPathComponent("faults-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let file = folder.appendingPathComponent("edge.js")
            try FaultTests.program.write(to: file, atomically: true, encoding: .utf8)
            node = try RunningNode(
                ["try", file.path, "--to", "http://127.0.0.1:\(origin.port)", "--reactors", "1"],
                files: files
            )
            var options = TLSClientOptions()
            options.authorityFiles = [node.authority]
            client = try TLSContext.client(options: options)
            pid = node.process.processIdentifier
            origin.run([
                ("warm", .expect(MessagePattern("GET", "/warm"))),
                ("warm", .answer(status: 200, body: [], fields: [("Connection", "close")])),
                ("warm", .close),
                ("next", .expect(MessagePattern("GET", "/next"))),
                ("next", .answer(status: 200, body: [], fields: [("Connection", "close")])),
                ("next", .close),
            ])
            let warm = try Wire(port: try #require(node.ports["https"]), tls: client)
            warm.send("GET /warm HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            try #require(try warm.readResponse().status == 200)
            warm.close()
            level = Self.quiet(pid)
        }

        /// The counts when nothing changes any more: the environment of the function and two blank
        /// workers are there, connections are gone.
        private static func quiet(_ pid: Int32) -> ProcessCounts {
            var last = ProcessCounts(of: pid)
            var unchanged = 0
            for _ in 0..<600 where unchanged < 10 {
                poll(nil, 0, 50)
                let next = ProcessCounts(of: pid)
                unchanged = next == last && next.children == 3 ? unchanged + 1 : 0
                last = next
            }
            return last
        }

        func ask(_ path: String) throws -> WireMessage {
            let wire = try Wire(port: try #require(node.ports["https"]), tls: client)
            wire.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return try wire.readResponse()
        }

        /// The next request works, and nothing is left over.
        func checkRecovery() throws {
            let next = try ask("/next")
            #expect(next.status == 200, "\(next.fields) \(next.text)")
            #expect(origin.finish() == [])
            let counts = ProcessCounts.settled(at: level, of: pid)
            #expect(counts == level, "\(ProcessCounts.targets(of: pid))")
        }
    }

    @Test("malformed requests by the dozen are refused and closed, over TLS and without")
    func malformed() throws {
        let scene = try Scene()
        let https = try #require(scene.node.ports["https"])
        let http = try #require(scene.node.ports["http"])
        for row in MalformedRequest.all {
            for port in [https, http] {
                let wire = try Wire(port: port, tls: port == https ? scene.client : nil)
                wire.send(row.bytes)
                if row.status == nil { wire.finishSending() }
                let answer = try? wire.readResponse()
                #expect(answer?.status == row.status, "\(row.what)")
                #expect(answer == nil || answer?["connection"] == "close", "\(row.what)")
                #expect(wire.awaitEnd() != .silent, "\(row.what)")
            }
        }
        try scene.checkRecovery()
        #expect(scene.origin.requests == 2)
    }

    @Test("garbage instead of a TLS greeting is closed")
    func noHandshake() throws {
        let scene = try Scene()
        for text in [
            "GET / HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}", "\0",
            String(repeating: "x", count: 70000),
        ] {
            let wire = try Wire(port: try #require(scene.node.ports["https"]))
            wire.send(text)
            wire.finishSending()
            #expect(wire.awaitEnd() != .silent)
        }
        try scene.checkRecovery()
    }

    @Test("a worker killed in mid-request gives 503, and its place is filled again")
    func killedWorker() throws {
        let scene = try Scene()
        let pid = try #require(Int32(try scene.ask("/pid").text))
        let wire = try Wire(port: try #require(scene.node.ports["https"]), tls: scene.client)
        let mark = scene.node.folder.appendingPathComponent("began").path
        wire.send("GET /never?\(mark) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in 0..<1000 where !FileManager.default.fileExists(atPath: mark) { poll(nil, 0, 10) }
        #expect(ProcessCounts.children(of: scene.pid).contains(pid))
        kill(pid, SIGKILL)
        let answer = try wire.readResponse()
        #expect(answer.status == 503)
        #expect(answer["x-cache"] == "LambdaExecutionError from cloudfront")
        wire.close()
        try scene.checkRecovery()
    }

    @Test("a node takes as many descriptors as it may have")
    func descriptorLimit() throws {
        let scene = try Scene()
        let limits = try String(contentsOfFile: "/proc/\(scene.pid)/limits", encoding: .utf8)
        let line = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max open") })
        let words = line.split(separator: " ")
        #expect(words[3] == words[4], "\(line)")
        try scene.checkRecovery()
    }

    @Test("a node that is told to stop ends its workers with it")
    func stop() throws {
        let scene = try Scene()
        let workers = ProcessCounts.children(of: scene.pid)
        #expect(workers.count >= 3)
        scene.node.process.terminate()
        scene.node.process.waitUntilExit()
        #expect(scene.node.process.terminationStatus == 0)
        for worker in workers { #expect(kill(worker, 0) == -1, "worker \(worker) lives") }
        #expect(scene.origin.requests == 1)
    }
}
