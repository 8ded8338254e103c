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
    let configuration: NodeConfiguration
    private let loadStack: @Sendable () throws -> Stack
    let reactors: [Reactor]
    let log: LogWriter
    let applications: ApplicationProcesses
    private let requests = RequestLog()
    let names = LogicalNames()
    let tails = LogTails()

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

    /// Serves until SIGINT or SIGTERM, or until another process has taken over; a second signal ends at once.
    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        OpenFiles.raiseLimit()
        for reactor in reactors { reactor.start() }
        let predecessor =
            configuration.takesOver
            ? try await Predecessor.find(state: configuration.state, on: reactors[0]) : nil
        let state =
            try predecessor.map { StateFolder(configuration.state, lock: $0.lock) }
            ?? StateFolder(configuration.state)
        let applications = applications
        let stop = Signals(onSecond: { applications.killAll() })
        do { try await serve(until: stop, in: state, after: predecessor) } catch {
            await applications.stopAll()
            throw error
        }
        for reactor in reactors { reactor.stop() }
        withExtendedLifetime(state) {}
    }

    private func serve(
        until stop: Signals,
        in state: StateFolder,
        after predecessor: Predecessor?
    ) async throws {
        let stack = try loadStack()
        let plan = stack.compile(state: configuration.state)
        report(plan.diagnostics[...])
        let core = try await NodeCore.make(self, after: predecessor)
        let outcome = try await core.deployer.deploy(plan, verifies: false)
        report(outcome.diagnostics.dropFirst(plan.diagnostics.count))
        warnOfFunctions(plan)
        for replica in core.replicas { await replica.waitUntil(revision: outcome.revision) }
        let given = predecessor?.handover.applications.map(\.start) ?? []
        let starts = plan.starts.filter { !given.contains($0) }
        async let apps: Void = applications.reconcile(starts, folder: stack.folder)
        prewarm(core.invoker, for: plan)
        let listeners = try listen(core, inherited: predecessor?.sockets ?? .none)
        await apps
        if let predecessor {
            try await predecessor.announceServing()
            await applications.adopt(predecessor)
            await applications.reconcile(plan.starts, folder: stack.folder)
        }
        let reloader = Reloader(
            reactor: reactors[0],
            deployer: core.deployer,
            log: log,
            loadStack: loadStack,
            replicas: core.replicas,
            state: configuration.state,
            applications: applications
        )
        reload(listeners, and: reloader, at: stop)
        announce(listeners, snapshot: core.replicas[0].box.current)
        Task.detached(priority: .utility) { AWSGateway.readModels() }
        reloader.start(stack: stack, plan: plan, looksAtOnce: predecessor != nil)
        await core.events.start()
        let upkeep = Task { [log] in
            await Upkeep(of: core.registry, keeping: .local) { log.line($0, level: .warning) }.run()
        }
        let (ends, ending) = AsyncStream<End>.makeStream()
        let desk = makeDesk(core, listeners, reloader, state) { ending.yield(.takenOver) }
        Task {
            await stop.wait()
            ending.yield(.told)
        }
        Task {
            await predecessor?.waitForEnd()
            if predecessor != nil { await core.events.takeUp() }
            core.follow()
            await desk.open()
        }
        let end = await ends.first { _ in true } ?? .told
        await desk.close(keepsName: end == .takenOver)
        upkeep.cancel()
        await drain(core, listeners, because: end)
    }
    /// Why a node ends.
    enum End { case told, takenOver }

    /// Every listener of the node.
    struct Listeners {
        var https: [DataPlane.Listener] = []
        var http: [DataPlane.Listener] = []
        var api: [DataPlane.Listener] = []
        var doors: FrontDoors
        var viewers: ViewerListeners

        var all: [DataPlane.Listener] { https + http + api }
    }

    private func listen(_ core: NodeCore, inherited: InheritedSockets) throws -> Listeners {
        let (registry, replicas, invoker) = (core.registry, core.replicas, core.invoker)
        let binder = PortBinder(reactors: reactors, inherited: inherited)
        let viewers = try ViewerListeners.open(
            configuration,
            edges: replicas.map {
                EdgeNode(
                    name: $0.name,
                    box: $0.box,
                    invoker: invoker,
                    cacheBytes: NodeConfiguration.cacheBytes,
                    disk: configuration.diskCache?.tier(edge: $0.name, log: log)
                )
            },
            binder: binder,
            requests: requests,
            log: log
        )
        let doors = viewers.doors
        if let keys = configuration.signingKeys { doors.state.check(with: keys) }
        let names = names
        let operations = Operations.ofOneProcess(replicas)
        let reactor = reactors[0]
        let applied = AppliedSignal()
        for replica in replicas { replica.onApply { _ in applied.notify() } }
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
            load: { viewers.load() },
            sources: { core.sources.status },
            snapshots: { core.invoker.snapshotStatus(of: $0) },
            bus: core.bus,
            logs: core.parts.logs,
            costs: core.parts.costs,
            home: configuration.state,
            segments: { core.parts.tracing?.counts },
            keys: configuration.signingKeys,
            codeStorage: configuration.codeStorage,
            refusesEqualReference: configuration.edge.refusesEqualReference,
            applied: applied,
            operate: { await operations.answer($0) }
        )
        let api = try binder.startAPI(gateway, port: configuration.apiPort)
        return Listeners(
            https: viewers.https,
            http: viewers.http,
            api: api,
            doors: doors,
            viewers: viewers
        )
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
}
