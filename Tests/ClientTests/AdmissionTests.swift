import Foundation
import TLS
import Testing
import Testkit

/// A whole node under more load than it may carry.
@Suite("Admission of a running node", .serialized, .timeLimit(.minutes(15)))
struct NodeAdmissionTests {
    private static let function = """
        exports.handler = async (event) => {
            const request = event.Records[0].cf.request;
            if (request.uri === '/who') {
                return { status: '200', body: request.clientIp };
            }
            return request;
        };
        """

    /// A node with one function in front of an origin that answers every request.
    private final class Scene {
        let origin: ScriptedOrigin
        let node: RunningNode
        let client: TLSContext

        init(_ flags: [String] = [], answers: Int = 0, files: String = "-Sn 1024") throws {
            origin = try ScriptedOrigin()
            let folder = FileManager.default.temporaryDirectory
                .appendingPathComponent("admission-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let file = folder.appendingPathComponent("edge.js")
            try NodeAdmissionTests.function.write(to: file, atomically: true, encoding: .utf8)
            node = try RunningNode(
                ["try", file.path, "--to", "http://127.0.0.1:\(origin.port)", "--reactors", "1"]
                    + flags,
                files: files
            )
            var options = TLSClientOptions()
            options.authorityFiles = [node.authority]
            client = try TLSContext.client(options: options)
            guard answers > 0 else { return }
            let close = [("Connection", "close")]
            origin.run(
                (0..<answers).flatMap { number -> [(label: String, step: OriginStep)] in
                    [
                        ("c\(number)", .expect(MessagePattern("GET", "/o\(number)"))),
                        ("c\(number)", .answer(status: 200, body: [], fields: close)),
                        ("c\(number)", .close),
                    ]
                }
            )
        }

        /// A connection over TLS that has not sent anything.
        func wire(_ start: String = "") throws -> Wire {
            let wire = try Wire(port: try #require(node.ports["https"]))
            wire.setPatience(60)
            wire.send(start)
            try wire.secure(with: client)
            return wire
        }

        func ask(_ wire: Wire, _ path: String) throws -> WireMessage {
            wire.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return try wire.readResponse()
        }

        /// A number of the page of metrics.
        func metric(_ name: String) -> Int? {
            guard let page = try? node.api("/_portico/metrics") else { return nil }
            let line = page.body.split(separator: "\n").first { $0.hasPrefix("portico_\(name) ") }
            return line?.split(separator: " ").last.flatMap { Int($0) }
        }

        func eventually(_ condition: () -> Bool) -> Bool {
            for _ in 0..<600 {
                if condition() { return true }
                poll(nil, 0, 100)
            }
            return condition()
        }
    }

    // Limits: AdmissionLimits.descriptorReserve, AdmissionLimits.exhaustionPause
    @Test("a node whose descriptors run out serves those it has, and all again once some are free")
    func descriptors() throws {
        let scene = try Scene(answers: 2, files: "-n 256")
        let early = try scene.wire()
        #expect(try scene.ask(early, "/who").text == "127.0.0.1")
        let port = try #require(scene.node.ports["http"])
        var crowd = (0..<240).compactMap { _ in try? Wire(port: port) }
        #expect(crowd.count == 240, "the system lets them wait")
        #expect(scene.eventually { (scene.metric("descriptor_exhaustions_total") ?? 0) > 0 })
        // The one that was there is served, with a connection to the origin, too.
        #expect(try scene.ask(early, "/o0").status == 200)
        #expect(try scene.ask(early, "/who").status == 200)
        let held = scene.metric("connections") ?? 0
        #expect(held > 20 && held < 256, "\(held)")
        crowd.removeAll()
        let late = try scene.wire()
        #expect(try scene.ask(late, "/o1").status == 200)
        #expect(scene.eventually { scene.metric("connections_accepted_total") == 242 })
        #expect(scene.eventually { (scene.metric("connections") ?? 9) <= 2 })
        #expect(scene.origin.finish() == [])
    }

    @Test("a node over its memory budget turns requests away and says so")
    func memory() throws {
        let scene = try Scene(["--memory-limit", "1"])
        #expect(scene.eventually { scene.metric("shedding") == 1 })
        let answer = try scene.ask(try scene.wire(), "/who")
        #expect(answer.status == 503 && answer["retry-after"] == "1")
        #expect(scene.metric("requests_shed_total") == 1)
        #expect(scene.metric("memory_budget_bytes") == 1 << 20)
        #expect((scene.metric("resident_bytes") ?? 0) > 1 << 20)
        let health = try scene.node.api("/_portico/health")
        #expect(health.body.contains("\"isShedding\":true"), "\(health.body)")
    }

    @Test("a viewer over the limits of connections is closed, and counted")
    func connections() throws {
        let scene = try Scene(["--max-connections-per-source", "2"])
        let (first, second) = (try scene.wire(), try scene.wire())
        #expect(try scene.ask(first, "/who").status == 200)
        #expect(try scene.ask(second, "/who").status == 200)
        let port = try #require(scene.node.ports["http"])
        #expect(try Wire(port: port).awaitEnd() != .silent)
        #expect(scene.metric("connections_refused_of_source_total") == 1)
        #expect(scene.metric("connections") == 2)
    }

    @Test("the address that a trusted proxy names reaches functions, origins, records and limits")
    func proxies() throws {
        let scene = try Scene([
            "--proxy-protocol", "127.0.0.0/8", "--proxy-protocol-on", "https",
            "--max-connections-per-source", "1", "--max-requests-per-connection", "2",
        ])
        let line = "PROXY TCP4 203.0.113.9 198.51.100.7 56324 443\r\n"
        let wire = try scene.wire(line)
        #expect(try scene.ask(wire, "/who").text == "203.0.113.9")
        let second = try Wire(port: try #require(scene.node.ports["https"]))
        second.send(line)
        #expect(second.awaitEnd() != .silent)
        let named = [("X-Forwarded-For", "203.0.113.9")]
        scene.origin.run([
            ("c", .expect(MessagePattern("GET", "/o", fields: named))),
            ("c", .answer(status: 200, body: [], fields: [("Connection", "close")])),
            ("c", .close),
        ])
        let last = try scene.ask(wire, "/o")
        #expect(last.status == 200 && last["connection"] == "close")
        #expect(scene.origin.finish() == [])
        let records = try scene.node.api("/_portico/requests")
        #expect(records.body.contains("\"clientIP\":\"203.0.113.9\""), "\(records.body)")
        #expect(scene.metric("connections_refused_of_source_total") == 1)
        // Over plain HTTP none is expected.
        let plain = try Wire(port: try #require(scene.node.ports["http"]))
        plain.send("GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n")
        #expect([200, 301].contains(try plain.readResponse().status))
    }
}
