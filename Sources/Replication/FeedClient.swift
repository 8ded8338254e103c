import Glibc
package import Reactor
package import Registry
import Synchronization

/// Keeps a replica up to date from primaries in other processes.
package final class FeedClient: Sendable {
    /// What an edge is told from outside.
    package struct Options: Sendable {
        package var primaries: [PrimaryAddress]
        package var settings = FeedSettings()
        /// Whether archives are kept for edges that follow this one.
        package var keepsArchives = false
        /// What edges behind this one have said.
        package var followers: @Sendable () -> [AppliedReport.Follower] = { [] }
        /// Told of every run of revisions that was applied, and with nil of a whole new state.
        package var applied: @Sendable ([Revision]?) -> Void = { _ in }
        package var log: @Sendable (String) -> Void = { _ in }
        /// Tests end the process at steps of applying.
        package var steps: @Sendable (ApplyStep) -> Void = { _ in }
        /// Seconds since 1970.
        package var now: @Sendable () -> Int = { time(nil) }
        /// What an injected `kill` does.
        package var end: @Sendable () -> Void = { kill(getpid(), SIGKILL) }

        /// Makes the usual options.
        package init(primaries: [PrimaryAddress]) { self.primaries = primaries }
    }

    let replica: EdgeReplica
    /// Where archives are on their way.
    package let depot: BlobDepot
    let options: Options
    private let reactor: Reactor
    private let identity: Mutex<EdgeIdentity>
    private let running = Mutex<(loop: ReactorLocal<FeedLoop>, tasks: [Task<Void, Never>])?>(nil)

    /// Makes a client of a reactor; the replica must be open.
    package init(
        replica: EdgeReplica,
        identity: EdgeIdentity,
        options: Options,
        reactor: Reactor
    ) throws {
        self.replica = replica
        self.options = options
        self.reactor = reactor
        self.identity = Mutex(identity)
        depot = try BlobDepot(folder: replica.directory + "/archives")
    }

    /// The certificate in use.
    package var currentIdentity: EdgeIdentity { identity.withLock { $0 } }

    func use(_ identity: EdgeIdentity) { self.identity.withLock { $0 = identity } }

    /// Begins to follow; `hasState` says whether the replica serves something already.
    package func start(hasState: Bool) async throws {
        let context = try currentIdentity.clientContext()
        let (reactor, client) = (reactor, self)
        try await onReactor(reactor) {
            let loop = FeedLoop(
                client: client,
                reactor: reactor,
                context: context,
                hasState: hasState
            )
            let local = ReactorLocal(loop)
            let tasks = [
                Task(executorPreference: reactor) { await local.value.run() },
                Task(executorPreference: reactor) { await local.value.report() },
            ]
            client.running.withLock { $0 = (local, tasks) }
        }
    }

    /// Stops following; what is applied keeps being served.
    package func stop() async {
        guard let (loop, tasks) = running.withLock({ $0 }) else { return }
        running.withLock { $0 = nil }
        for task in tasks { task.cancel() }
        reactor.submit { loop.value.stop() }
        for task in tasks { await task.value }
    }
}
