import ControlPlane
import Crypto
import DataPlane
import Edge
import Executor
import Foundation
import HTTP
import Model
import Reactor
import Registry
import Replication
import Telemetry

/// A primary: AWS APIs, the feed and its archives; no viewer traffic.
final class RegistryRole: Sendable {
    /// What a primary is told beyond what every node is.
    struct Options: Sendable {
        var listenAddress: String
        var listenPort: Int
        /// The folder of the authority that edges trust; shared by all primaries of one store.
        var authority: String
        var store: String?
        /// The file of keys for variables of functions; nil for that of the state folder or the shared one.
        var variablesKey: String?
        var settings: FeedSettings
        /// How long a function stays replicated after its last association has gone from every edge.
        var replicaRemovalDelay: Duration
    }

    private let configuration: NodeConfiguration
    private let options: Options
    private let reactors: [Reactor]
    private let log: LogWriter

    /// Prepares a primary; `run` brings it up.
    init(_ configuration: NodeConfiguration, _ options: Options) {
        self.configuration = configuration
        self.options = options
        reactors = (0..<configuration.reactors).map { Reactor(index: $0) }
        log = LogWriter(asJSON: configuration.logsJSON)
    }

    /// Serves until SIGINT or SIGTERM; a second one ends at once.
    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        OpenFiles.raiseLimit()
        let state = try StateFolder(configuration.state)
        defer { withExtendedLifetime(state) {} }
        let stop = Signals()
        for reactor in reactors { reactor.start() }
        try await serve(until: stop)
        for reactor in reactors { reactor.stop() }
    }

    private func serve(until stop: Signals) async throws {
        let keys = try StoreOption.keys(
            file: options.variablesKey,
            store: options.store,
            state: configuration.state
        )
        let store = try StoreOption.open(options.store, state: configuration.state, keys: keys)
        let registry = PrimaryRegistry(store: store)
        // Before the first revision is read: its key may open them.
        let authority = try await SharedAuthority.open(
            folder: options.authority,
            registry: registry
        )
        StoreOption.share(keys, authority, file: options.variablesKey, store: options.store)
        let home = EdgeReplica(
            name: "us-east-1",
            directory: configuration.state + "/home",
            registry: registry,
            keys: keys
        )
        try await home.start()
        let tails = LogTails()
        let tracing = try TracingParts(configuration.tracing)
        tracing?.start(on: reactors[0], log: log)
        let parts = ExecutorParts(
            configuration: configuration,
            reactors: reactors,
            log: log,
            tails: tails,
            tracing: tracing
        )
        let invoker = parts.makeInvoker([home])
        parts.follow(home, with: invoker)
        let bus = parts.makeBus(invoker, home)
        let events = try parts.makeEvents(invoker, home, bus)
        invoker.attach(events)
        let sources = try parts.makeSources(invoker, home)
        let office = MembershipOffice(
            registry: registry,
            authority: authority,
            certificateLife: options.settings.certificateLife
        )
        let feed = await FeedPort(
            source: PrimarySource(registry: registry),
            office: office,
            settings: options.settings,
            address: options.listenAddress,
            port: options.listenPort,
            tls: try FeedPort.primaryContext(authority)
        )
        let exchange = ReportExchange(
            registry: registry,
            directory: feed.directory,
            primary: UUID().uuidString,
            silence: options.settings.silence
        )
        let exchanging = Task { await exchange.run() }
        let log = log
        let upkeep = Task {
            await Upkeep(of: registry) { log.line($0, level: .warning) }.run()
        }
        let binder = PortBinder(reactors: reactors)
        let isBound = try binder.start(
            feed.listener,
            at: options.listenAddress,
            options.listenPort,
            "--listen"
        )
        guard isBound else {
            throw CommandFailure("\(options.listenAddress) is not an address of this machine")
        }
        let gateway = makeGateway(registry, home, invoker, parts, feed, office, sources, bus)
        let api = try binder.startAPI(gateway, port: configuration.apiPort)
        await events.start()
        let leading = lead(
            registry,
            EventDuties(home, sources, bus, isLeading: options.store == nil)
        )
        print("feed \(feed.listener.port)  api \(api.first?.port ?? 0)")
        print("ready")
        fflush(nil)
        Task.detached(priority: .utility) { AWSGateway.readModels() }
        await stop.wait()
        log.line("draining; a second signal ends at once")
        for listener in api { await listener.drain(within: .seconds(10)) }
        exchanging.cancel()
        upkeep.cancel()
        leading?.cancel()
        await leading?.value
        await sources.stop()
        await bus.stop()
        await feed.stop()
        async let settled: Void = events.stop()
        await invoker.shutdown()
        await settled
        await home.stop()
        registry.close()
        log.flush()
    }

    /// Primaries of one store would each read every stream and fire every schedule: one of them does.
    private func lead(_ registry: PrimaryRegistry, _ duties: EventDuties) -> Task<Void, Never>? {
        guard options.store != nil else { return nil }
        let log = log
        let leadership = Leadership(
            of: registry,
            name: UUID().uuidString,
            duties: Leadership.Duties(
                begin: { left in
                    log.line("this primary polls event sources and fires schedules from now on")
                    await duties.begin(from: left)
                },
                state: { await duties.state() },
                end: {
                    log.line("another primary may poll event sources and fire schedules now")
                    await duties.end()
                }
            )
        )
        return Task { await leadership.run() }
    }

    private func makeGateway(
        _ registry: PrimaryRegistry,
        _ home: EdgeReplica,
        _ invoker: LocalInvoker,
        _ parts: ExecutorParts,
        _ feed: FeedPort,
        _ office: MembershipOffice,
        _ sources: EventSources,
        _ bus: EventBus
    ) -> any ExchangeHandler {
        let (directory, hub) = (feed.directory, feed.hub)
        let edges: @Sendable () -> [ReplicaStatus] = {
            directory.statuses(head: hub.head, published: { hub.published($0) })
        }
        let operations = Operations(
            edges: edges,
            revoke: { try await office.revoke(name: $0) },
            inject: { fault, name in directory.inject(fault, into: name) },
            playDead: { directory.playDead(for: $0) },
            revision: { hub.head }
        )
        let (functions, reactor) = (FunctionHost(), reactors[0])
        let applied = AppliedSignal()
        directory.onReport { applied.notify() }
        let gateway = AWSGateway(
            registry: registry,
            snapshot: { home.box.current },
            invoker: invoker,
            edges: edges,
            requests: RequestLog(),
            httpsPort: 443,
            logicalIDs: { _ in nil },
            tails: parts.tails,
            health: { _, _ in TargetCondition(state: "unavailable") },
            invalidate: { _, _ in await operations.awaitEverywhere() },
            testFunction: { await functions.outcome(of: $0, on: reactor) },
            replicaRemovalDelay: options.replicaRemovalDelay,
            sources: { sources.status },
            bus: bus,
            logs: parts.logs,
            costs: parts.costs,
            home: configuration.state,
            segments: { parts.tracing?.counts },
            keys: configuration.signingKeys,
            codeStorage: configuration.codeStorage,
            applied: applied,
            operate: { await operations.answer($0) }
        )
        return PlayingDead(gateway) { directory.isDown }
    }
}

/// Answers nothing but the node's own pages while its primary plays dead.
private struct PlayingDead: ExchangeHandler {
    private let gateway: AWSGateway
    private let isDown: @Sendable () -> Bool

    init(_ gateway: AWSGateway, isDown: @escaping @Sendable () -> Bool) {
        self.gateway = gateway
        self.isDown = isDown
    }

    func respond(to exchange: inout Exchange) async -> Response {
        if isDown(), !exchange.request.path.hasPrefix("/_portico/") {
            var response = Response(status: 503, text: "this primary plays dead\n")
            response.closesConnection = true
            return response
        }
        return await gateway.respond(to: &exchange)
    }
}
