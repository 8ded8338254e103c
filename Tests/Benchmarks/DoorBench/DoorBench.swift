import DataPlane
import FrontDoors
import Glibc
import Model
import Reactor
import TLS

/// One distribution on one reactor and one thread, without registry, executor or control plane: what a
/// profiler or an instruction counter can run.
///
/// usage: DoorBench PORT ORIGIN-PORT CERTIFICATE.pem KEY.pem [cached]
@main
struct DoorBench {
    private static let distributionID = "EBENCH"

    static func main() throws {
        let words = CommandLine.arguments
        guard words.count >= 5, let port = Int(words[1]), let origin = Int(words[2]) else {
            print("usage: DoorBench PORT ORIGIN-PORT CERTIFICATE.pem KEY.pem [cached]")
            exit(2)
        }
        signal(SIGPIPE, SIG_IGN)
        let pair = CertificateAndKey(
            certificateChainPEM: contents(of: words[3]),
            keyPEM: contents(of: words[4])
        )
        let tls = try TLSContext.server(
            certificates: CertificateStore { _ in pair },
            options: TLSServerOptions()
        )
        let doors = FrontDoors(
            edges: [
                EdgeNode(
                    name: "iad",
                    box: SnapshotBox(snapshot(origin: origin, isCached: words.count > 5)),
                    invoker: NoFunctions()
                )
            ],
            ports: DoorPorts(https: port, http: 80)
        )
        let listener = Listener(
            address: "127.0.0.1",
            port: port,
            tls: tls,
            handler: doors,
            sink: { _ in }
        )
        let reactor = Reactor()
        try listener.start(on: [reactor])
        reactor.run()
    }

    private static func snapshot(origin port: Int, isCached: Bool) -> Snapshot {
        var origin = Origin(id: "app", domainName: "app.example.com")
        origin.keepaliveTimeout = 60
        let behavior = CacheBehavior(
            pathPattern: "*",
            targetOriginID: "app",
            cachePolicy: isCached ? .cachingOptimized : .cachingDisabled
        )
        var snapshot = Snapshot()
        snapshot.distributions[distributionID] = Distribution(
            id: distributionID,
            origins: [origin],
            behaviors: [behavior]
        )
        snapshot.originOverrides["app.example.com"] = "http://127.0.0.1:\(port)"
        return snapshot
    }

    private static func contents(of path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes.prefix(count))
    }
}

/// An executor for distributions without functions.
private struct NoFunctions: FunctionInvoker {
    func invoke(_ invocation: Invocation) async -> InvocationResult {
        .notFound(invocation.function)
    }
}
