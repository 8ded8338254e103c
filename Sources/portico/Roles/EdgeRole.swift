import ControlPlane
import Crypto
import DataPlane
import Executor
import Foundation
import FrontDoors
import HTTP
import JSON
import Model
import Reactor
import Registry
import Replication
import Synchronization
import Telemetry

/// An edge of its own process: viewer traffic and functions from its own replica.
final class EdgeRole: Sendable {
    /// What an edge is told beyond what every node is.
    struct Options: Sendable {
        var name: String
        var primaries: [PrimaryAddress]
        var token: JoinToken?
        var settings: FeedSettings
        /// Where edges behind this one connect; nil when it is no relay.
        var relay: (address: String, port: Int)?
        var faultPoint: FaultPoint?
    }

    /// How long a start waits for the first state.
    static let patience = Duration.seconds(10)

    private let configuration: NodeConfiguration
    private let options: Options
    private let reactors: [Reactor]
    /// Where the feed is followed: away from viewers.
    private let control: Reactor
    private let log: LogWriter
    private let requests = RequestLog()

    /// Prepares an edge; `run` brings it up.
    init(_ configuration: NodeConfiguration, _ options: Options) {
        self.configuration = configuration
        self.options = options
        reactors = (0..<configuration.reactors).map { Reactor(index: $0) }
        control = Reactor(index: configuration.reactors)
        log = LogWriter(asJSON: configuration.logsJSON)
    }

    /// Serves until SIGINT or SIGTERM; a second one ends at once.
    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        OpenFiles.raiseLimit()
        let state = try StateFolder(configuration.state)
        defer { withExtendedLifetime(state) {} }
        let stop = Signals()
        for reactor in reactors + [control] { reactor.start() }
        try await serve(until: stop)
        for reactor in reactors + [control] { reactor.stop() }
    }

    private func serve(until stop: Signals) async throws {
        let point = options.faultPoint
        let replica = EdgeReplica(
            name: options.name,
            directory: configuration.state + "/replica",
            keys: try StoreOption.keys(state: configuration.state),
            steps: { point?.pass($0) }
        )
        let hasState = try await replica.open()
        let tracing = try TracingParts(configuration.tracing)
        tracing?.start(on: reactors[0], log: log)
        let parts = ExecutorParts(
            configuration: configuration,
            reactors: reactors,
            log: log,
            tails: LogTails(),
            tracing: tracing
        )
        let invoker = parts.makeInvoker([replica])
        try await ExecutorParts.check(invoker)
        parts.follow(replica, with: invoker)
        parts.prewarm(for: replica, with: invoker)
        let events = try parts.makeEvents(invoker, replica)
        invoker.attach(events)
        let binder = PortBinder(reactors: reactors)
        let viewers = try ViewerListeners.open(
            configuration,
            edges: [
                EdgeNode(
                    name: options.name,
                    box: replica.box,
                    invoker: invoker,
                    cacheBytes: NodeConfiguration.cacheBytes,
                    disk: configuration.diskCache?.tier(edge: options.name, log: log)
                )
            ],
            binder: binder,
            requests: requests,
            log: log
        )
        if let keys = configuration.signingKeys { viewers.doors.state.check(with: keys) }
        let follower = Follower(self, replica, viewers.doors, hasState: hasState)
        let pages = NodePages(
            snapshot: { replica.box.current },
            edges: { [follower.status()] + follower.behind() },
            requests: requests,
            load: { viewers.load() },
            segments: { tracing?.counts },
            logs: LogPage(
                store: parts.logs,
                snapshot: { replica.box.current },
                edges: { [replica.name] }
            ),
            costs: CostPage(ledger: parts.costs, snapshot: { replica.box.current })
        )
        let api = try binder.startAPI(pages, port: configuration.apiPort)
        try await follower.start(binder: binder)
        await events.start()
        let relay = follower.relayPort.map { "  feed \($0)" } ?? ""
        print(
            "https \(viewers.httpsPort)  http \(viewers.httpPort)  api \(api.first?.port ?? 0)"
                + relay
        )
        print("ready")
        fflush(nil)
        stop.onHangUp { [log] in
            do {
                try viewers.reloadCertificates()
                log.line("certificates are read anew")
            } catch {
                log.line("the old certificates stay: \(error)", level: .error)
            }
        }
        await stop.wait()
        log.line("draining; a second signal ends at once")
        viewers.doors.keepDisks()
        for listener in viewers.all + api { await listener.drain(within: .seconds(10)) }
        viewers.doors.flushAccessLogs()
        await follower.stop()
        async let settled: Void = events.stop()
        await invoker.shutdown()
        await settled
        log.flush()
    }

    // MARK: - Following

    /// What keeps the replica up to date, from enrolment on.
    final class Follower: Sendable {
        private let role: EdgeRole
        private let replica: EdgeReplica
        private let doors: FrontDoors
        private let hasState: Bool
        private let state = Mutex(State())

        private struct State {
            var client: FeedClient?
            var port: FeedPort?
            var joining: Task<Void, Never>?
        }

        init(_ role: EdgeRole, _ replica: EdgeReplica, _ doors: FrontDoors, hasState: Bool) {
            self.role = role
            self.replica = replica
            self.doors = doors
            self.hasState = hasState
        }

        /// Enrols if need be and begins to follow; an edge with a state does not wait for it.
        func start(binder: PortBinder) async throws {
            let folder = role.configuration.state + "/identity"
            let kept = EdgeIdentity(folder: folder)
            if let kept, role.options.token.map({ kept.isMade(by: $0) }) ?? true {
                try await follow(as: kept, binder: binder)
            } else if let token = role.options.token {
                do {
                    try await join(token, folder: folder, binder: binder)
                } catch let error as FeedError where error.kind == .unreachable && hasState {
                    role.log.line("\(error); serving the last good state", level: .warning)
                    keepJoining(token, folder: folder, binder: binder)
                }
            } else {
                throw CommandFailure(
                    "this edge has no certificate: make a token with `portico join-token --name "
                        + "\(role.options.name)` on the primary and give it with --token"
                )
            }
            let deadline = ContinuousClock.now + EdgeRole.patience
            while !hasState, replica.appliedRevision == 0, ContinuousClock.now < deadline,
                replica.status().error == nil || replica.status().lastContact == 0
            {
                try? await Task.sleep(for: .milliseconds(5))
            }
        }

        private func join(_ token: JoinToken, folder: String, binder: PortBinder) async throws {
            let identity = try await Enrolment.join(
                token,
                at: role.options.primaries,
                folder: folder,
                on: role.control
            )
            try await follow(as: identity, binder: binder)
        }

        private func keepJoining(_ token: JoinToken, folder: String, binder: PortBinder) {
            let task = Task { [self] in
                while !Task.isCancelled {
                    try? await Task.sleep(for: role.options.settings.longestRetry)
                    do {
                        return try await join(token, folder: folder, binder: binder)
                    } catch {
                        replica.note(error: "\(error)")
                    }
                }
            }
            state.withLock { $0.joining = task }
        }

        private func follow(as identity: EdgeIdentity, binder: PortBinder) async throws {
            let (log, doors) = (role.log, doors)
            var options = FeedClient.Options(primaries: role.options.primaries)
            options.settings = role.options.settings
            options.log = { log.line($0, level: .warning) }
            options.keepsArchives = role.options.relay != nil
            let point = role.options.faultPoint
            options.steps = { point?.pass($0) }
            options.followers = { [weak self] in self?.port?.directory.followers() ?? [] }
            let source = AtomicLazyReference<RelaySource>()
            options.applied = { revisions in
                Invalidation.carryOut(revisions, at: doors)
                source.load()?.note(revisions)
            }
            let client = try FeedClient(
                replica: replica,
                identity: identity,
                options: options,
                reactor: role.control
            )
            state.withLock { $0.client = client }
            if let relay = role.options.relay {
                let made = RelaySource(replica: replica, depot: client.depot)
                _ = source.storeIfNil(made)
                let port = await FeedPort(
                    source: made,
                    office: RelayOffice(client: client, reactor: role.control),
                    settings: role.options.settings,
                    address: relay.address,
                    port: relay.port,
                    tls: try identity.serverContext()
                )
                guard try binder.start(port.listener, at: relay.address, relay.port, "--listen")
                else { throw CommandFailure("\(relay.address) is not an address of this machine") }
                state.withLock { $0.port = port }
            }
            try await client.start(hasState: hasState)
        }

        private var port: FeedPort? { state.withLock { $0.port } }

        var relayPort: Int? { port?.listener.port }

        func status() -> ReplicaStatus {
            var status = replica.status()
            status.certificateExpires =
                state.withLock { $0.client }?.currentIdentity.certificate
                .notAfter
            return status
        }

        /// How the edges behind this one are.
        func behind() -> [ReplicaStatus] {
            guard let port else { return [] }
            return port.directory.statuses(head: port.hub.head) { port.hub.published($0) }
                .filter { $0.isLive }
        }

        func stop() async {
            let parts = state.withLock { ($0.client, $0.port, $0.joining) }
            parts.2?.cancel()
            await parts.1?.stop()
            await parts.0?.stop()
        }
    }
}
