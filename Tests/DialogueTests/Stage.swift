import Crypto
import DataPlane
import Executor
import Foundation
import FrontDoors
import Model
import Reactor
import Synchronization
import TLS
import Telemetry
import Testkit

/// A whole front door in this process: listeners, distribution, executor with real workers.
final class Stage {
    let reactor = Reactor()
    let https: DataPlane.Listener
    let http: DataPlane.Listener
    let client: TLSContext
    let log = LineLog()
    private let folder: String
    private let invoker: LocalInvoker
    private let runtimes: [String]

    init(
        _ snapshot: Snapshot,
        programs: [String: (file: String, text: String)],
        limits: ConnectionLimits
    ) async throws {
        let folder = NSTemporaryDirectory() + "dialogue-" + Digest.hex(RandomBytes.make(8))
        self.folder = folder
        for (name, program) in programs {
            let code = folder + "/code/" + name
            try FileManager.default.createDirectory(
                atPath: code,
                withIntermediateDirectories: true
            )
            try program.text.write(
                toFile: code + "/" + program.file,
                atomically: true,
                encoding: .utf8
            )
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let authority = try LocalAuthority(directory: folder) { _ in true }
        let store = CertificateStore { name in
            guard let leaf = try? authority.leaf(for: name ?? "localhost") else { return nil }
            return CertificateAndKey(certificateChainPEM: leaf.chainPEM, keyPEM: leaf.keyPEM)
        }
        var options = TLSClientOptions()
        options.authorityFiles = [authority.certificatePath]
        client = try TLSContext.client(options: options)
        let log = log
        runtimes = snapshot.functions.values.map(\.runtime)
        invoker = LocalInvoker(
            configuration: ExecutorConfiguration(workFolder: folder + "/workers"),
            reactors: [reactor],
            functions: { snapshot.functions[$0] },
            codeFolder: { folder + "/code/" + $0 },
            log: { log.append("\($0.function.prefix { $0 != ":" }): \($0.text)") }
        )
        let entrance = Entrance()
        let server = try TLSContext.server(certificates: store, options: TLSServerOptions())
        https = Self.listener(entrance, tls: server, limits)
        http = Self.listener(entrance, tls: nil, limits)
        reactor.start()
        try https.start(on: [reactor])
        try http.start(on: [reactor])
        entrance.doors.withLock {
            $0 = FrontDoors(
                edges: [
                    EdgeNode(name: "iad", box: SnapshotBox(snapshot), invoker: invoker)
                ],
                ports: DoorPorts(https: https.port, http: http.port),
                log: { log.append($0) }
            )
        }
        if let failure = await invoker.prewarm(runtimes: runtimes) { throw failure }
    }

    private static func listener(
        _ entrance: Entrance,
        tls: TLSContext?,
        _ limits: ConnectionLimits
    ) -> DataPlane.Listener {
        DataPlane.Listener(
            address: "127.0.0.1",
            port: 0,
            tls: tls,
            handler: entrance,
            limits: limits,
            sink: { _ in }
        )
    }

    /// Drops the idle connections to origins and counts what the door holds, once it is quiet.
    func counts(settlingAt level: ProcessCounts?) async -> ProcessCounts {
        let reactor = reactor
        // The place of a blank worker that was taken is filled later.
        _ = await invoker.prewarm(runtimes: runtimes)
        await withCheckedContinuation { continuation in
            reactor.submit {
                ReactorContext.make(reactor: reactor).upstream.closeIdle()
                continuation.resume()
            }
        }
        var last = ProcessCounts.withoutWires
        for _ in 0..<1000 where level.map({ $0 != last }) ?? true {
            poll(nil, 0, 10)
            let next = ProcessCounts.withoutWires
            if level == nil, next == last { break }
            last = next
        }
        return last
    }

    func close() async {
        await https.drain(within: .zero)
        await http.drain(within: .zero)
        await invoker.shutdown()
        reactor.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }
}

extension ProcessCounts {
    /// What the door holds: not the ends of the dialogue's clients and origins, and not what the
    /// concurrency runtime opens for its timers when it likes.
    static var withoutWires: ProcessCounts {
        var counts = ProcessCounts()
        counts.descriptors =
            ProcessCounts.targets().filter { !$0.contains("anon_inode:[timerfd") }
            .filter { !$0.contains("anon_inode:[event") }.count
            - Wire.living.load(ordering: .relaxed)
        return counts
    }
}

/// Passes requests to doors that are made after the listeners, as they must know the ports.
private final class Entrance: ExchangeHandler {
    let doors = Mutex<FrontDoors?>(nil)

    func respond(to exchange: inout Exchange) async -> Response {
        guard let doors = doors.withLock({ $0 }) else { return Response(status: 503, text: "") }
        return await doors.respond(to: &exchange)
    }
}

/// Log lines, and waiting for one.
final class LineLog: Sendable {
    private let lines = Mutex<[String]>([])

    func append(_ line: String) { lines.withLock { $0.append(line) } }

    /// The latest line that starts and contains as asked, nil when none comes within 20 seconds.
    func line(_ prefix: String, containing text: String) -> String? {
        for _ in 0..<2000 {
            let found = all.last { $0.hasPrefix(prefix) && $0.contains(text) }
            if let found { return found }
            poll(nil, 0, 10)
        }
        return nil
    }

    var all: [String] { lines.withLock { $0 } }
}
