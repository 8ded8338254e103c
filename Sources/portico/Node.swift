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
        let parts = ExecutorParts(
            configuration: configuration,
            reactors: reactors,
            log: log,
            tails: tails
        )
        let invoker = parts.makeInvoker(replicas)
        parts.follow(replicas[0], with: invoker)
        let events = try parts.makeEvents(invoker, replicas[0])
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
        warnOfFunctions(plan)
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
        let upkeep = Task {
            await Upkeep(of: registry, keeping: .local) { log.line($0, level: .warning) }.run()
        }

        await stop.wait()
        upkeep.cancel()
        log.line("draining; a second signal ends at once")
        for listener in listeners.all { await listener.drain(within: .seconds(10)) }
        listeners.doors.flushAccessLogs()
        async let settled: Void = events.stop()
        await invoker.shutdown()
        await settled
        await applications.stopAll()
        log.flush()
    }

    /// Every listener of the node.
    struct Listeners {
        var https: [DataPlane.Listener] = []
        var http: [DataPlane.Listener] = []
        var api: [DataPlane.Listener] = []
        var doors: FrontDoors

        var all: [DataPlane.Listener] { https + http + api }
    }

    private func listen(
        registry: PrimaryRegistry,
        replicas: [EdgeReplica],
        invoker: LocalInvoker
    ) throws -> Listeners {
        let binder = PortBinder(reactors: reactors)
        let viewers = try ViewerListeners.open(
            configuration,
            edges: replicas.map {
                EdgeNode(
                    name: $0.name,
                    box: $0.box,
                    invoker: invoker,
                    cacheBytes: NodeConfiguration.cacheBytes
                )
            },
            binder: binder,
            requests: requests,
            log: log
        )
        let doors = viewers.doors
        let names = names
        let operations = Operations.ofOneProcess(replicas)
        let reactor = reactors[0]
        let gateway = AWSGateway(
            registry: registry,
            snapshot: { replicas[0].box.current },
            invoker: invoker,
            edges: { replicas.map { $0.status() } },
            requests: requests,
            httpsPort: viewers.httpsPort,
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
            invalidate: { doors.invalidate(distribution: $0, paths: $1) },
            testFunction: { await doors.functions.outcome(of: $0, on: reactor) },
            operate: { await operations.answer($0) }
        )
        let api = try binder.startAPI(gateway, port: configuration.apiPort)
        return Listeners(https: viewers.https, http: viewers.http, api: api, doors: doors)
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

    /// Says so when the template has CloudFront Functions and nothing here can run them.
    private func warnOfFunctions(_ plan: StackPlan) {
        let hasFunctions = plan.resources(versions: [:]).resources.contains {
            $0.key.hasPrefix("record/cloudfront/function/")
        }
        guard hasFunctions, !FunctionHost.isAvailable else { return }
        log.line(FunctionHost.advice + " (requests to them get 503)", level: .warning)
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
