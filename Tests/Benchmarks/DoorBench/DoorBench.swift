import DataPlane
import Crypto
import Executor
import FrontDoors
import Glibc
import JSON
import Model
import Reactor
import Synchronization
import TLS

/// One distribution on one reactor and one thread, without registry, executor or control plane: what a
/// profiler or an instruction counter can run.
///
/// usage: DoorBench PORT ORIGIN-PORT CERTIFICATE.pem KEY.pem [cached | hook FOLDER | function EVENT FILE]
///
/// With `hook`, `index.handler` of the folder runs at viewer-request, in the real executor; its log lines are
/// put into words and thrown away. With `function`, the file is a CloudFront Function at a viewer's event, over
/// cached answers.
@main
struct DoorBench {
    private static let distributionID = "EBENCH"

    static func main() throws {
        let words = CommandLine.arguments
        guard words.count >= 5, let port = Int(words[1]), let origin = Int(words[2]) else {
            print(
                "usage: DoorBench PORT ORIGIN-PORT CERTIFICATE.pem KEY.pem "
                    + "[cached | hook FOLDER | function EVENT FILE]"
            )
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
        let reactor = Reactor()
        let folder = words.count > 6 && words[5] == "hook" ? words[6] : nil
        var state = snapshot(
            origin: origin,
            isCached: words.count > 5 && ["cached", "function"].contains(words[5]),
            isHooked: folder != nil
        )
        if words.count > 7, words[5] == "function" {
            addFunction(at: words[6], from: words[7], to: &state)
        }
        let doors = FrontDoors(
            edges: [
                EdgeNode(
                    name: "iad",
                    box: SnapshotBox(state),
                    invoker: folder.map { invoker(over: $0, state, reactor) } ?? NoFunctions()
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
        try listener.start(on: [reactor])
        reactor.run()
    }

    private static func invoker(
        over folder: String,
        _ state: Snapshot,
        _ reactor: Reactor
    ) -> any FunctionInvoker {
        var line: [UInt8] = []
        line.reserveCapacity(1 << 20)
        let waiting = Mutex(line)
        return LocalInvoker(
            configuration: ExecutorConfiguration(workFolder: folder + "/workers"),
            reactors: [reactor],
            functions: { state.functions[$0] },
            codeFolder: { _ in folder },
            log: { line in
                waiting.withLock { bytes in
                    line.append(to: &bytes)
                    if bytes.count > 1 << 19 { bytes.removeAll(keepingCapacity: true) }
                }
            }
        )
    }

    private static func snapshot(origin port: Int, isCached: Bool, isHooked: Bool) -> Snapshot {
        var origin = Origin(id: "app", domainName: "app.example.com")
        origin.keepaliveTimeout = 60
        var behavior = CacheBehavior(
            pathPattern: "*",
            targetOriginID: "app",
            cachePolicy: isCached ? .cachingOptimized : .cachingDisabled
        )
        var snapshot = Snapshot()
        if isHooked {
            let version = FunctionVersion(
                name: "hook",
                version: 1,
                runtime: "nodejs20.x",
                handler: "index.handler",
                codeDigest: "code",
                timeout: 5
            )
            snapshot.functions[version.qualifiedName] = version
            behavior.functions = [
                EdgeFunctionAssociation(event: .viewerRequest, function: "hook", version: 1)
            ]
        }
        snapshot.distributions[distributionID] = Distribution(
            id: distributionID,
            origins: [origin],
            behaviors: [behavior]
        )
        snapshot.originOverrides["app.example.com"] = "http://127.0.0.1:\(port)"
        return snapshot
    }

    /// Publishes a CloudFront Function and associates it with the only behaviour.
    private static func addFunction(at event: String, from file: String, to state: inout Snapshot) {
        let record: JSONValue = [
            "Name": "bench",
            "Live": [
                "Code": .string(Base64.encode(contents(of: file))),
                "Config": ["Runtime": "cloudfront-js-2.0"],
            ],
        ]
        state.records["cloudfront/function/bench"] = record.text
        let association = ViewerFunctionAssociation(
            event: event == "viewer-response" ? .viewerResponse : .viewerRequest,
            arn: "arn:aws:cloudfront::123456789012:function/bench"
        )
        state.distributions[distributionID]?.behaviors[0].viewerFunctions = [association]
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
