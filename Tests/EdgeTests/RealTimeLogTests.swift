import Crypto
import DataPlane
import Foundation
import HTTP
import JSON
import Model
import Reactor
import Synchronization
import Telemetry
import Testing

@testable import Edge

/// Records of requests that are sent on at once.
@Suite("Real-time logs", .timeLimit(.minutes(5)))
struct RealTimeLogTests {
    /// A receiver of records; it answers with one status.
    private final class Receiver: ExchangeHandler {
        let bodies: AsyncStream<(head: RequestHead, body: [UInt8])>
        private let arrived: AsyncStream<(head: RequestHead, body: [UInt8])>.Continuation
        let status: Int

        init(status: Int = 200) {
            self.status = status
            (bodies, arrived) = AsyncStream.makeStream()
        }

        func respond(to exchange: inout Exchange) async -> Response {
            var bytes: [UInt8] = []
            switch exchange.body {
            case .bytes(let all): bytes = Array(all)
            case .stream(let source, _):
                while let piece = try? await source.read() { bytes += piece }
            default: break
            }
            arrived.yield((exchange.request, bytes))
            return Response(head: ResponseHead(status: status))
        }

        var first: (head: RequestHead, body: [UInt8])? {
            get async {
                var all = bodies.makeAsyncIterator()
                return await all.next()
            }
        }
    }

    private static func listener(_ receiver: Receiver) throws -> (DataPlane.Listener, Reactor) {
        let reactor = Reactor()
        reactor.start()
        let listener = DataPlane.Listener(
            address: "127.0.0.1",
            port: 0,
            tls: nil,
            handler: receiver
        )
        try listener.start(on: [reactor])
        return (listener, reactor)
    }

    private static func log(
        _ logs: RealTimeLogs,
        _ target: StreamTarget,
        fields: [String],
        rate: Int = 100,
        draw: @escaping @Sendable () -> Double = { 0 }
    ) -> RealTimeLog {
        RealTimeLog(
            logs: logs,
            fields: fields,
            rate: rate,
            destinations: [RealTimeLog.Destination(stream: "s", target: target)],
            draw: draw
        )
    }

    private static func bench(
        _ log: RealTimeLog,
        primary: PrimaryDistribution? = nil
    ) -> Bench {
        Bench(
            .sample { $0.originGroups = [] },
            realTimeLog: { _ in log },
            primary: primary,
            origin: { _ in
                (
                    ResponseHead(
                        status: 200,
                        headers: ["Cache-Control": "max-age=60", "Content-Type": "text/plain"]
                    ), "body"
                )
            }
        )
    }

    @Test("chosen fields come in the order of the reference, between tabs, with a line's end")
    func fields() async throws {
        let receiver = Receiver()
        let (listener, reactor) = try Self.listener(receiver)
        defer { reactor.stop() }
        let target = StreamTarget("http://127.0.0.1:\(listener.port)/in", in: "")
        let log = Self.log(
            RealTimeLogs(),
            target,
            fields: [
                "cmcd-session-id", "cs-uri-stem", "c-ip", "sc-status", "cs-headers-count",
                "r-host", "x-edge-result-type", "cs-user-agent", "cs-host", "c-ip-version",
                "cache-behavior-path-pattern", "asn", "cmcd-startup",
            ]
        )
        let bench = Self.bench(log)
        _ = await bench.get(
            "/a b",
            query: "CMCD=sid%3D%22x%22%2Csu",
            headers: ["User-Agent": "curl 1"]
        )
        let got = try #require(await receiver.first)
        #expect(got.head.method == "POST" && got.head.path == "/in")
        #expect(
            String(decoding: got.body, as: UTF8.self)
                == "198.51.100.7\t200\te1.cloudfront.net\t/a%20b\tIPv4\tcurl%201\tMiss\t*\t2\t-\tx\t"
                + "true\torigin.example\n"
        )
    }

    @Test("a record names the viewer's network and the primary distribution of a deployment")
    func networks() async throws {
        let receiver = Receiver()
        let (listener, reactor) = try Self.listener(receiver)
        defer { reactor.stop() }
        let target = StreamTarget("http://127.0.0.1:\(listener.port)/in", in: "")
        let names = [
            "primary-distribution-id", "primary-distribution-dns-name", "asn", "c-country",
        ]
        let primary = Distribution(id: "EPRIMARY", origins: [], behaviors: [])
        let bench = Self.bench(
            Self.log(RealTimeLogs(), target, fields: names),
            primary: PrimaryDistribution(primary)
        )
        _ = await bench.get(
            "/a",
            headers: ["X-Portico-Viewer": "country=DE; asn=64496"],
            address: "127.0.0.1"
        )
        let got = try #require(await receiver.first)
        #expect(
            String(decoding: got.body, as: UTF8.self)
                == "DE\tEPRIMARY\teprimary.cloudfront.net\t64496\n"
        )
    }

    @Test("a stream of Kinesis gets calls of PutRecords")
    func kinesis() async throws {
        let receiver = Receiver()
        let (listener, reactor) = try Self.listener(receiver)
        defer { reactor.stop() }
        let target = StreamTarget("kinesis+http://127.0.0.1:\(listener.port)", in: "")
        let bench = Self.bench(Self.log(RealTimeLogs(), target, fields: ["cs-method"]))
        _ = await bench.get("/a")
        let got = try #require(await receiver.first)
        #expect(got.head.headers["x-amz-target"] == "Kinesis_20131202.PutRecords")
        let call = try JSONValue.parse(got.body[...])
        #expect(call["StreamName"] == "s")
        let record = try #require(call["Records"]?[0]?["Data"]?.string)
        #expect(Base64.decode(record) == Array("GET\n".utf8))
        #expect(call["Records"]?[0]?["PartitionKey"]?.string?.isEmpty == false)
    }

    @Test("a share of the requests is written, and a failing receiver is told of and waited out")
    func sampling() async throws {
        let receiver = Receiver(status: 500)
        let (listener, reactor) = try Self.listener(receiver)
        defer { reactor.stop() }
        let (complaints, heard) = AsyncStream<String>.makeStream()
        let logs = RealTimeLogs { heard.yield($0) }
        let draws = Mutex<[Double]>([10, 4, 60, 5])
        let log = Self.log(
            logs,
            StreamTarget("http://127.0.0.1:\(listener.port)/", in: ""),
            fields: ["cs-uri-stem"],
            rate: 5
        ) { draws.withLock { $0.removeFirst() } }
        let bench = Self.bench(log)
        for path in ["/a", "/b", "/c", "/d"] { _ = await bench.get(path) }
        let got = try #require(await receiver.first)
        #expect(String(decoding: got.body, as: UTF8.self) == "/b\n")
        var all = complaints.makeAsyncIterator()
        #expect(await all.next() == "real-time log s: status 500")
        #expect(logs.counts(of: "s") == RealTimeLogs.Counts(sent: 0, dropped: 0, failed: 1))
    }

    @Test("a stream without a place of its own is a file, to which records are appended")
    func file() async throws {
        let folder =
            FileManager.default.temporaryDirectory.path + "/portico-rt-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let target = StreamTarget("s.log", in: folder + "/streams")
        #expect(target == .file(folder + "/streams/s.log"))
        let logs = RealTimeLogs()
        let bench = Self.bench(Self.log(logs, target, fields: ["sc-status"]))
        for _ in 0..<3 { _ = await bench.get("/a") }
        await logs.flush()
        let text = try String(contentsOfFile: folder + "/streams/s.log", encoding: .utf8)
        #expect(text == "200\n200\n200\n")
        #expect(logs.counts(of: "s").sent == 3)
    }

    @Test("what waits is bounded, what comes beyond is counted")
    func bounded() async throws {
        let logs = RealTimeLogs()
        let reactor = Reactor()
        let record = [UInt8](repeating: 0x41, count: RealTimeLogs.mostWaiting / 2)
        // The reactor does not run yet: nothing is taken out.
        for _ in 0..<4 {
            logs.append(record, to: "s", at: .file("/dev/null"), on: reactor)
        }
        #expect(logs.counts(of: "s").dropped == 2)
        reactor.start()
        await logs.flush()
        #expect(logs.counts(of: "s").sent == 2)
        reactor.stop()
    }
}
