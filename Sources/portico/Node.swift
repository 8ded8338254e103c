import ControlPlane
import Crypto
import DataPlane
import Edge
import Executor
import Foundation
import FrontDoors
import Model
import Reactor
import Registry
import TLS
import Telemetry
import Templates

/// Wires one process: registry, replicas, executor, doors and listeners.
///
/// Nothing else constructs the graph.
final class Node: Sendable {
    private let configuration: NodeConfiguration
    private let loadStack: @Sendable () throws -> Stack
    private let reactors: [Reactor]
    private let log: LogWriter
    private let applications = ApplicationProcesses()
    private let requests = RequestLog()
    private let names = LogicalNames()

    /// Prepares a node.
    ///
    /// `run` brings it up; `loadStack` is called again at each reload.
    init(
        _ configuration: NodeConfiguration,
        loadStack: @escaping @Sendable () throws -> Stack
    ) throws {
        self.configuration = configuration
        self.loadStack = loadStack
        reactors = (0..<configuration.reactors).map { Reactor(index: $0) }
        log = LogWriter(asJSON: configuration.logsJSON)
    }

    /// Serves until SIGINT or SIGTERM; a second one ends at once.
    func run() async throws {
        let log = log
        signal(SIGPIPE, SIG_IGN)
        let stop = Signals()
        try FileManager.default.createDirectory(
            atPath: configuration.state,
            withIntermediateDirectories: true
        )
        for reactor in reactors { reactor.start() }
        let stack = try loadStack()
        let plan = stack.compile()
        for diagnostic in plan.diagnostics { log.line(stack.text(of: diagnostic)) }

        let registry = PrimaryRegistry(
            store: try SQLiteStore(directory: configuration.state + "/registry")
        )
        let replicas = configuration.edges.map { name in
            EdgeReplica(
                name: name,
                directory: configuration.state + "/edges/" + name,
                registry: registry
            )
        }
        for replica in replicas { try await replica.start() }
        let invoker = makeInvoker(replicas)
        replicas[0].onApply { invoker.retire(functionsOtherThan: $0.functions) }
        let deployer = Deployer(
            registry: registry,
            invoker: invoker,
            state: configuration.state,
            names: names
        )
        let outcome = try await deployer.deploy(plan, verifies: false)
        report(outcome.diagnostics.dropFirst(plan.diagnostics.count), of: stack)
        for replica in replicas { await replica.waitUntil(revision: outcome.revision) }
        for start in plan.starts {
            try applications.start(
                start.name,
                command: start.command,
                port: start.port,
                folder: stack.folder
            )
        }

        let runtimes = Set(plan.functions.map(\.runtime)).sorted()
        Task {
            if let failure = await invoker.prewarm(runtimes: runtimes) {
                log.line("\(failure.type): \(failure.message)")
            }
        }
        let listeners = try listen(registry: registry, replicas: replicas, invoker: invoker)
        announce(listeners, snapshot: replicas[0].box.current)
        let watcher = Reloader(
            reactor: reactors[0],
            deployer: deployer,
            log: log,
            loadStack: loadStack,
            replicas: replicas
        )
        watcher.start(stack: stack, plan: plan)

        await stop.wait()
        log.line("draining; a second signal ends at once")
        for listener in listeners.all { await listener.drain(within: .seconds(10)) }
        await invoker.shutdown()
        applications.stopAll()
        for reactor in reactors { reactor.stop() }
    }

    private func makeInvoker(_ replicas: [EdgeReplica]) -> LocalInvoker {
        let boxes = replicas.map(\.box)
        let log = log
        let staging = Deployer.staging(state: configuration.state)
        return LocalInvoker(
            configuration: ExecutorConfiguration(
                workFolder: configuration.state + "/workers",
                liftsProcessBudget: configuration.liftsProcessBudget
            ),
            reactors: reactors,
            functions: { key in boxes.lazy.compactMap { $0.current.functions[key] }.first },
            codeFolder: { digest in
                if let applied = replicas.lazy.compactMap({ $0.codeFolder(digest) }).first {
                    return applied
                }
                let staged = staging + "/" + digest
                return FileManager.default.fileExists(atPath: staged) ? staged : nil
            },
            log: { log.function($0) }
        )
    }

    /// Every listener of the node.
    struct Listeners {
        var https: [DataPlane.Listener] = []
        var http: [DataPlane.Listener] = []
        var api: [DataPlane.Listener] = []

        var all: [DataPlane.Listener] { https + http + api }
    }

    private func listen(
        registry: PrimaryRegistry,
        replicas: [EdgeReplica],
        invoker: LocalInvoker
    ) throws -> Listeners {
        let entrance = Entrance()
        let authority = try LocalAuthority(directory: configuration.certificates) {
            entrance.serves($0)
        }
        let store = CertificateStore { name in
            guard let leaf = try? authority.leaf(for: name ?? "localhost") else { return nil }
            return CertificateAndKey(certificateChainPEM: leaf.chainPEM, keyPEM: leaf.keyPEM)
        }
        let tls = try TLSContext.server(certificates: store, options: TLSServerOptions())
        let requests = requests
        let record: @Sendable (AccessRecord) -> Void = { requests.append($0) }
        let client = try TLSContext.client(options: TLSClientOptions())
        var listeners = Listeners()
        var (httpsPort, httpPort) = (configuration.httpsPort, configuration.httpPort)
        for address in configuration.addresses {
            let https = DataPlane.Listener(
                address: address,
                port: httpsPort,
                tls: tls,
                handler: entrance,
                client: client,
                sink: record
            )
            try https.start(on: reactors)
            listeners.https.append(https)
            httpsPort = https.port
            let http = DataPlane.Listener(
                address: address,
                port: httpPort,
                tls: nil,
                handler: entrance,
                client: client,
                sink: record
            )
            try http.start(on: reactors)
            listeners.http.append(http)
            httpPort = http.port
        }
        let log = log
        let doors = FrontDoors(
            edges: replicas.map {
                EdgeNode(
                    name: $0.name,
                    box: $0.box,
                    invoker: invoker,
                    cacheBytes: NodeConfiguration.cacheBytes
                )
            },
            ports: DoorPorts(https: httpsPort, http: httpPort),
            log: { log.line($0) }
        )
        entrance.open(doors)
        let reactor = reactors[0]
        reactor.submit {
            doors.makeHealthChecker().start(
                on: ReactorContext.make(reactor: reactor, client: client)
            )
        }
        let names = names
        let gateway = AWSGateway(
            registry: registry,
            snapshot: { replicas[0].box.current },
            invoker: invoker,
            edges: { replicas.map { $0.status() } },
            requests: requests,
            logicalIDs: { names[$0] }
        )
        var apiPort = configuration.apiPort
        for address in ["127.0.0.1", "::1"] {
            let api = DataPlane.Listener(
                address: address,
                port: apiPort,
                tls: nil,
                handler: gateway,
                limits: ConnectionLimits(),
                sink: nil
            )
            try api.start(on: [reactors[0]])
            apiPort = api.port
            listeners.api.append(api)
        }
        return listeners
    }

    private func report(_ diagnostics: ArraySlice<Diagnostic>, of stack: Stack) {
        for diagnostic in diagnostics { log.line(stack.text(of: diagnostic)) }
    }

    private func announce(_ listeners: Listeners, snapshot: Snapshot) {
        let https = listeners.https[0].port
        for distribution in snapshot.distributions.values.sorted(by: { $0.id < $1.id }) {
            print(
                "distribution  https://\(distribution.id.lowercased()).cloudfront.localhost:\(https)/"
            )
            for alias in distribution.aliases { print("              https://\(alias):\(https)/") }
        }
        for balancer in snapshot.loadBalancers.values.sorted(by: { $0.name < $1.name }) {
            print("load balancer https://\(balancer.name).elb.localhost:\(https)/")
        }
        for api in snapshot.apis.values.sorted(by: { $0.id < $1.id }) {
            print("HTTP API      https://\(api.id).execute-api.localhost:\(https)/  (\(api.name))")
        }
        print("CA            \(configuration.certificates)/ca.pem")
        print("https \(https)  http \(listeners.http[0].port)  api \(listeners.api[0].port)")
        print("ready")
        fflush(nil)
    }
}
