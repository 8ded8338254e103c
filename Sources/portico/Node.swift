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
    private let applications: ApplicationProcesses
    private let requests = RequestLog()
    private let names = LogicalNames()
    private let tails = LogTails()

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
        applications = ApplicationProcesses(reactor: reactors[0], log: log)
    }

    /// Serves until SIGINT or SIGTERM; a second one ends at once.
    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        OpenFiles.raiseLimit()
        let state = try StateFolder(configuration.state)
        defer { withExtendedLifetime(state) {} }
        let applications = applications
        let stop = Signals(onSecond: { applications.killAll() })
        for reactor in reactors { reactor.start() }
        do { try await serve(until: stop) } catch {
            await applications.stopAll()
            throw error
        }
        for reactor in reactors { reactor.stop() }
    }

    private func serve(until stop: Signals) async throws {
        let log = log
        let stack = try loadStack()
        let plan = stack.compile(state: configuration.state)
        report(plan.diagnostics[...])

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
        let follow: @Sendable (Snapshot) -> Void = { snapshot in
            invoker.retire(functionsOtherThan: snapshot.functions)
            invoker.reserve(snapshot.functionSettings.compactMapValues(\.reservedConcurrency))
        }
        replicas[0].onApply(follow)
        follow(replicas[0].box.current)
        let events = try makeEvents(invoker, replicas[0])
        invoker.attach(events)
        let deployer = Deployer(
            registry: registry,
            invoker: invoker,
            edges: configuration.edges,
            state: configuration.state,
            names: names
        )
        let outcome = try await deployer.deploy(plan, verifies: false)
        report(outcome.diagnostics.dropFirst(plan.diagnostics.count))
        for replica in replicas { await replica.waitUntil(revision: outcome.revision) }
        async let apps: Void = applications.reconcile(plan.starts, folder: stack.folder)

        let runtimes = Set(plan.functions.map(\.runtime)).sorted()
        Task {
            if let failure = await invoker.prewarm(runtimes: runtimes) {
                log.line("\(failure.type): \(failure.message)", level: .error)
            }
        }
        let listeners = try listen(registry: registry, replicas: replicas, invoker: invoker)
        await apps
        announce(listeners, snapshot: replicas[0].box.current)
        let watcher = Reloader(
            reactor: reactors[0],
            deployer: deployer,
            log: log,
            loadStack: loadStack,
            replicas: replicas,
            state: configuration.state,
            applications: applications
        )
        watcher.start(stack: stack, plan: plan)
        await events.start()

        await stop.wait()
        log.line("draining; a second signal ends at once")
        for listener in listeners.all { await listener.drain(within: .seconds(10)) }
        async let settled: Void = events.stop()
        await invoker.shutdown()
        await settled
        await applications.stopAll()
        log.flush()
    }

    /// The queue of asynchronous invocations, in a file of its own in the state folder.
    private func makeEvents(
        _ invoker: LocalInvoker,
        _ replica: EdgeReplica
    ) throws -> EventQueue {
        let box = replica.box
        let log = log
        return try EventQueue(
            path: configuration.state + "/events.sqlite",
            invoker: invoker,
            functions: EventQueue.Functions(
                resolve: { name, qualifier in
                    box.current.resolve(function: qualifier.map { "\(name):\($0)" } ?? name)
                },
                settings: { name, qualifier in
                    box.current.functionSettings[name]?.events[qualifier ?? "$LATEST"]
                },
                isStopped: { box.current.functionSettings[$0]?.reservedConcurrency == 0 },
                deliver: { _, _ in false }
            ),
            log: { log.line($0, level: .warning) }
        )
    }

    private func makeInvoker(_ replicas: [EdgeReplica]) -> LocalInvoker {
        let boxes = replicas.map(\.box)
        let tails = tails
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
            log: { line in
                log.function(line)
                if let id = line.requestID { tails.append(line.text, requestID: id) }
            }
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
            guard try start(https, at: address, httpsPort, "--https-port") else { continue }
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
            guard try start(http, at: address, httpPort, "--http-port") else { continue }
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
            httpsPort: httpsPort,
            logicalIDs: { names[$0] },
            tails: tails,
            health: { group, target in
                let health = doors.health(of: target, in: group)
                return TargetCondition(
                    state: health.state.rawValue,
                    reason: health.reason?.code,
                    description: health.reason?.text
                )
            },
            invalidate: { doors.invalidate(distribution: $0, paths: $1) }
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
            guard try start(api, at: address, apiPort, "--api-port", on: [reactors[0]]) else {
                continue
            }
            apiPort = api.port
            listeners.api.append(api)
        }
        return listeners
    }

    /// Binds a listener; false when an address that nobody asked for is not on this machine.
    ///
    /// - Throws: `CommandFailure` that names the flag to change.
    private func start(
        _ listener: DataPlane.Listener,
        at address: String,
        _ port: Int,
        _ flag: String,
        on reactors: [Reactor]? = nil
    ) throws -> Bool {
        guard let numeric = SocketAddress(numeric: address, port: port) else {
            throw CommandFailure("'\(address)' is no address: --bind takes one such as 127.0.0.1")
        }
        do {
            try Socket.probe(numeric)
            try listener.start(on: reactors ?? self.reactors)
            return true
        } catch {
            let isAbsent = error.number == EADDRNOTAVAIL || error.number == EAFNOSUPPORT
            if isAbsent, address == "::1" { return false }
            let reason = String(cString: strerror(error.number))
            if error.number == EADDRINUSE || error.number == EACCES {
                throw CommandFailure(
                    "port \(port) at \(address): \(reason); choose another with \(flag)"
                )
            }
            throw CommandFailure("\(address) port \(port): \(reason)")
        }
    }

    private func report(_ diagnostics: ArraySlice<Diagnostic>) {
        for diagnostic in diagnostics where diagnostic.severity != .error {
            let level: LogWriter.Level =
                switch diagnostic.severity {
                case .error, .warning: .warning
                case .note: .info
                }
            log.line(diagnostic.description, level: level)
        }
    }

    private func announce(_ listeners: Listeners, snapshot: Snapshot) {
        guard let https = listeners.https.first?.port, let http = listeners.http.first?.port,
            let api = listeners.api.first?.port
        else { return }
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
        for api in snapshot.restAPIs.values.sorted(by: { $0.id < $1.id }) {
            let stage = api.stages.first?.name ?? ""
            print(
                "REST API      https://\(api.id).execute-api.localhost:\(https)/\(stage)  (\(api.name))"
            )
        }
        for api in snapshot.webSocketAPIs.values.sorted(by: { $0.id < $1.id }) {
            let stage = api.stages.first?.name ?? ""
            print(
                "WebSocket API wss://\(api.id).execute-api.localhost:\(https)/\(stage)  (\(api.name))"
            )
        }
        for domain in snapshot.domains.keys.sorted() {
            print("custom domain https://\(domain):\(https)/")
        }
        for (id, placed) in snapshot.functionURLs.sorted(by: { $0.key < $1.key }) {
            print(
                "function URL  https://\(id).lambda-url.us-east-1.localhost:\(https)/  (\(placed.function))"
            )
        }
        if configuration.edges.count > 1 {
            for edge in configuration.edges {
                print("edge          https://\(edge).edge.localhost:\(https)/")
            }
        }
        print("CA            \(configuration.certificates)/ca.pem")
        print("https \(https)  http \(http)  api \(api)")
        print("ready")
        fflush(nil)
    }
}
