import DataPlane
import Foundation
import JSON
import Model
import Reactor
import Synchronization
import Testing

@testable import Executor

/// Trace headers, sampling and segments.
@Suite("Tracing", .serialized, .timeLimit(.minutes(10)))
struct TracingTests {
    static let root = "1-6955b900-0123456789abcdef01234567"
    static let parent = "6226467e3f845502"

    // MARK: - Headers

    @Test("a header is read in any order, with spaces, and keeps what it does not know")
    func header() {
        let header = TraceHeader(
            " Sampled=1 ; Lineage=1:9581a8d4:0;Parent=\(Self.parent); Root=\(Self.root);Self=1-x"
        )
        #expect(header.root == Self.root)
        #expect(header.parent == Self.parent)
        #expect(header.decision == .sampled)
        #expect(
            header.text
                == "Root=\(Self.root);Parent=\(Self.parent);Sampled=1;Lineage=1:9581a8d4:0;Self=1-x"
        )
        #expect(TraceHeader("Sampled=?").decision == .requested)
    }

    @Test(
        "an invalid root or parent counts as none",
        arguments: [
            "", "Root=", "Root=1-2-3", "Root=2-6955b900-0123456789abcdef01234567",
            "Root=1-6955b90g-0123456789abcdef01234567;Parent=xyz", "Sampled", ";;=;",
        ]
    )
    func invalid(_ text: String) {
        let header = TraceHeader(text)
        #expect(header.root == nil && header.parent == nil && header.decision == nil)
    }

    @Test("a new root carries the second and 24 random digits")
    func newRoot() {
        let made = TraceHeader.makeRoot(second: 0x6955_b900)
        #expect(made.hasPrefix("1-6955b900-") && TraceHeader.isRoot(made))
        #expect(made != TraceHeader.makeRoot(second: 0x6955_b900))
        #expect(TraceHeader.isRoot(TraceHeader.makeRoot(second: 1)))
    }

    // MARK: - Sampling

    @Test("the first invocation of each second is kept, and one in twenty of the others")
    func sampling() {
        let draws = Mutex(0)
        let sampler = TraceSampler {
            draws.withLock { draw in
                draw += 1
                return Double(draw % 100) / 100
            }
        }
        var kept = 0
        for second in 0..<10 {
            for _ in 0..<100 where sampler.keeps("f", second: Int64(second)) { kept += 1 }
        }
        // 10 firsts, and of 990 draws those below 0.05: 0.00 to 0.04 of each hundred.
        #expect((10 + 45...10 + 50).contains(kept), "\(kept)")
        #expect(sampler.keeps("g", second: 0), "each function has seconds of its own")
    }

    // MARK: - The daemon's protocol

    @Test("a datagram is the format's line and a document")
    func datagram() throws {
        let document =
            #"{"trace_id":"\#(Self.root)","id":"\#(Self.parent)","start_time":1767225600.0,"#
            + #""end_time":1767225600.1,"name":"f"}"#
        let whole = TraceOutput.preamble + Array(document.utf8)
        #expect(whole.starts(with: Array(#"{"format": "json", "version": 1}"#.utf8) + [10]))
        let read = try #require(TraceDatagram.document(in: whole))
        #expect(String(decoding: read, as: UTF8.self) == document)
        #expect(
            TraceDatagram.document(
                in: Array((#"{"version":1,"format":"JSON"}"# + "\n" + document + "\n").utf8)
            ) != nil
        )
    }

    @Test(
        "a datagram with another head or no document is ignored",
        arguments: [
            "", "{}\n{}",
            #"{"format": "json", "version": 2}"# + "\n{\"id\":\"a\",\"trace_id\":\"b\"}",
            #"{"format": "xml", "version": 1}"# + "\n{\"id\":\"a\",\"trace_id\":\"b\"}",
            #"{"format": "json", "version": 1}"#, #"{"format": "json", "version": 1}"# + "\n[]",
            #"{"format": "json", "version": 1}"# + "\n{\"id\":\"a\"}", "x\n{}",
        ]
    )
    func badDatagram(_ text: String) {
        #expect(TraceDatagram.document(in: Array(text.utf8)) == nil)
    }

    // MARK: - Invocations

    private static let files = [
        "index.js": """
        exports.trace = async () => process.env._X_AMZN_TRACE_ID || '';
        exports.daemon = async () => [process.env.AWS_XRAY_DAEMON_ADDRESS, process.env.AWS_XRAY_CONTEXT_MISSING];
        exports.fails = async () => { throw new TypeError('no'); };
        """
    ]

    /// A bench whose segments go to a file; gives what the file holds after the calls.
    private func documents(
        _ calls: (Bench, String) async throws -> Void
    ) async throws -> [JSONValue] {
        let file = NSTemporaryDirectory() + "traces-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: file) }
        let output = TraceOutput(file: file)
        let tracer = Tracer(output: output, address: "127.0.0.1:4444")
        let bench = try Bench(files: Self.files) {
            $0.tracer = tracer
            $0.initLimit = .seconds(120)
        }
        try await calls(bench, file)
        await bench.invoker.shutdown()
        await output.flush()
        #expect(output.dropped == 0)
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        return try text.split(separator: "\n").map { try JSONValue.parse(String($0)) }
    }

    /// The header that a function of the bench answered with.
    private static func header(in answer: String) -> TraceHeader {
        TraceHeader(answer.split(separator: "\"").dropFirst().first.map(String.init) ?? "")
    }

    private func traced(_ bench: Bench, _ handler: String, _ isActive: Bool) -> FunctionVersion {
        // A worker may take long to boot beside all other tests.
        bench.version("index.\(handler)", timeout: 120) {
            $0.tracing = isActive
            $0.name += isActive ? "-on" : "-off"
        }
    }

    @Test("a sampled call gives the service's segment and the function's below it")
    func segments() async throws {
        let documents = try await documents { bench, _ in
            let version = traced(bench, "trace", false)
            let sent = "Root=\(Self.root);Parent=\(Self.parent);Sampled=1;Lineage=1:9581a8d4:0"
            let seen = await bench.call(version) { $0.traceID = sent }.text
            let header = Self.header(in: seen)
            #expect(header.root == Self.root && header.decision == .sampled)
            #expect(header.others == ["Lineage=1:9581a8d4:0"])
            #expect(header.parent != Self.parent, "the parent is the function's segment")
        }
        #expect(documents.count == 2)
        let service = try #require(documents.first { $0["origin"]?.string == "AWS::Lambda" })
        let run = try #require(documents.first { $0["origin"]?.string == "AWS::Lambda::Function" })
        for document in documents {
            #expect(document["trace_id"]?.string == Self.root)
            #expect(document["name"]?.string == "index-trace-off")
            #expect(document["id"]?.string?.count == 16)
            let start = try #require(document["start_time"]?.double)
            #expect(try #require(document["end_time"]?.double) >= start)
            #expect(document["fault"] == nil)
        }
        #expect(service["parent_id"]?.string == Self.parent)
        #expect(run["parent_id"] == service["id"])
        #expect(service["http"]?["response"]?["status"]?.int == 200)
        let names = run["subsegments"]?.array?.compactMap { $0["name"]?.string }
        #expect(names == ["Initialization", "Invocation", "Overhead"])
    }

    @Test("an unsampled call gives none, and the function still gets a whole header")
    func unsampled() async throws {
        let documents = try await documents { bench, _ in
            for (sent, isActive) in [
                ("Root=\(Self.root);Parent=\(Self.parent);Sampled=0", true), ("", false),
                ("Root=\(Self.root);Sampled=?", false),
            ] {
                let version = traced(bench, "trace", isActive)
                let seen = await bench.call(version) { $0.traceID = sent }.text
                let header = Self.header(in: seen)
                #expect(header.decision == .notSampled, "\(sent): \(seen)")
                #expect(header.root != nil && header.parent != nil)
                if sent.contains("Parent") { #expect(header.parent == Self.parent) }
                if sent.contains("Root") { #expect(header.root == Self.root) }
            }
        }
        #expect(documents.isEmpty)
    }

    @Test("active tracing keeps the first call, and says so in the log")
    func active() async throws {
        let documents = try await documents { bench, _ in
            _ = await bench.call(traced(bench, "trace", true))
            let report = try #require(bench.lines.texts.first { $0.hasPrefix("REPORT") })
            #expect(report.contains("\t\nXRAY TraceId: 1-"))
            #expect(report.hasSuffix("\tSampled: true\t"))
        }
        #expect(documents.count == 2)
        #expect(documents.allSatisfy { $0["trace_id"] == documents[0]["trace_id"] })
    }

    @Test("a failure is a fault with its cause")
    func failure() async throws {
        let documents = try await documents { bench, _ in
            _ = await bench.call(traced(bench, "fails", true))
        }
        let run = try #require(documents.first { $0["origin"]?.string == "AWS::Lambda::Function" })
        #expect(run["fault"]?.bool == true)
        let exception = run["cause"]?["exceptions"]?[0]
        #expect(exception?["type"]?.string == "TypeError")
        #expect(exception?["message"]?.string == "no")
        #expect(exception?["stack"]?.array?.isEmpty == false)
    }

    @Test("a throttled call is an error of the service with status 429, without a run")
    func throttle() async throws {
        let documents = try await documents { bench, _ in
            let version = traced(bench, "trace", true)
            bench.invoker.reserve([version.name: 0])
            guard case .throttled = await bench.call(version) else {
                Issue.record("it was not throttled")
                return
            }
        }
        #expect(documents.count == 1)
        #expect(documents[0]["throttle"]?.bool == true && documents[0]["error"]?.bool == true)
        #expect(documents[0]["http"]?["response"]?["status"]?.int == 429)
    }

    @Test("functions are told where their own segments go")
    func address() async throws {
        _ = try await documents { bench, _ in
            let text = await bench.call(traced(bench, "daemon", false)).text
            #expect(text == #"success ["127.0.0.1:4444","LOG_ERROR"]"#)
        }
    }

    @Test("a daemon gets each document in a datagram of its own")
    func daemon() async throws {
        let reactor = Reactor()
        reactor.start()
        let address = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
        let receiver = try DatagramSocket.bound(to: address)
        let (arrivals, arrival) = AsyncStream<[UInt8]>.makeStream()
        let task = Task(executorPreference: reactor) {
            await receiver.receive(on: reactor) { arrival.yield($0) }
        }
        let target = try #require(SocketAddress(numeric: "127.0.0.1", port: receiver.port))
        let output = TraceOutput(daemon: try DatagramSocket.connected(to: target))
        let document = Array(#"{"id":"a","trace_id":"b"}"#.utf8)
        output.send(document)
        let got = try #require(await arrivals.first { _ in true })
        #expect(got == TraceOutput.preamble + document)
        #expect(output.sent == 1 && output.dropped == 0)
        task.cancel()
        reactor.stop()
    }

    // Limits: Tracer.maximumDocument
    @Test("what finds no room is counted, and nothing waits for it")
    func dropped() async throws {
        let output = TraceOutput(file: "/nowhere/at/all")
        let tracer = Tracer(output: output, address: "")
        var json = JSONWriter()
        json.string(String(repeating: "x", count: Tracer.maximumDocument))
        tracer.send(json)
        #expect(output.dropped == 1 && output.sent == 0)
        output.send([1])
        await output.flush()
        #expect(output.dropped == 2)
    }

    @Test("a file that is full makes room for the next")
    func rotation() async throws {
        let file = NSTemporaryDirectory() + "traces-" + UUID().uuidString
        defer {
            for name in [file, file + ".1"] { try? FileManager.default.removeItem(atPath: name) }
        }
        let output = TraceOutput(file: file, maximumFile: 100)
        for _ in 0..<10 {
            output.send(Array(repeating: 65, count: 40))
            await output.flush()
        }
        for name in [file, file + ".1"] {
            let size = try #require(FileManager.default.contents(atPath: name)).count
            #expect(size > 0 && size <= 100)
        }
    }
}
