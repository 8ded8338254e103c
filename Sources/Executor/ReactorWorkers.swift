import Model
import Reactor

/// Everything that the executor keeps on one reactor.
///
/// Confined to it.
final class ReactorWorkers {
    /// How many files a worker may have open.
    ///
    /// Source: Lambda quotas, "File descriptors".
    static let openFiles: UInt64 = 1024

    /// How starting an environment ended.
    enum Start {
        case ready(ExecutionEnvironment)
        /// With the environment that failed, unless there was none.
        case failed(LoadFailure, ExecutionEnvironment?)
        /// All processes that this reactor may have are at work.
        case full
    }

    let reactor: Reactor
    let position: Int
    let memory: MemoryWatch
    let configuration: ExecutorConfiguration
    let log: @Sendable (FunctionLogLine) -> Void
    private var pools: [PoolKey: FunctionPool] = [:]
    var living: [ObjectIdentifier: ExecutionEnvironment] = [:]
    /// Who may load a function now.
    private(set) lazy var gate = LoadingGate(reactor: reactor)
    /// How many programs are being started at this moment.
    var starting = 0
    /// How many environments boot or load or have their first invocation, as long as that may take them.
    var beginners = 0
    var crowding = Crowding()
    var whenStarted: [UnsafeContinuation<Void, Never>] = []
    private var reapTimer: TimerID?
    /// What the scripts that stand for `python3` or `node` in some installations run in the end.
    var interpreters: [String: String] = [:]
    /// Programs that did not boot a worker, such as the stand-ins for versions that are not installed.
    var unusable: Set<String> = []
    /// Programs that have become workers before.
    var proven: Set<String> = []
    /// Runtimes of which the log says already that another version runs them.
    var warned: Set<String> = []
    var isolation: ScratchIsolation?
    var hasTriedIsolation = false
    /// How much of the memory of groups the machine's own `/tmp` may be.
    ///
    /// Unit: bytes.
    private(set) lazy var sharedScratch =
        System.isInMemory("/tmp") ? configuration.scratchSize : 0
    /// The snapshots of which this reactor is the home.
    private(set) lazy var snapshots = Snapshots(workers: self)
    /// How the home of a snapshot is reached; nil once everything ends.
    var homes: SnapshotHomes?
    private(set) var isClosed = false

    var processCount: Int { living.count }

    lazy var blank = BlankWorkers(
        wanted: configuration.blankWorkers,
        reactor: reactor
    ) { [unowned self] in await bootBlank($0, isAwaited: $1) }

    init(
        reactor: Reactor,
        position: Int,
        configuration: ExecutorConfiguration,
        log: @escaping @Sendable (FunctionLogLine) -> Void
    ) {
        self.reactor = reactor
        self.position = position
        self.configuration = configuration
        self.log = log
        memory = MemoryWatch(reactor: reactor, interval: configuration.memoryInterval)
        memory.onLook = { [unowned self] in heedCrowding($0) }
    }

    /// The pool of a function version, made when needed.
    func pool(
        for key: PoolKey,
        _ ingredients: () -> (FunctionIdentity, IdleCounts, ConcurrencyLedger.Slot)?
    ) -> FunctionPool? {
        if let pool = pools[key] { return pool }
        guard !isClosed, let (identity, counts, slot) = ingredients() else { return nil }
        let pool = FunctionPool(
            identity: identity,
            counts: counts,
            slot: slot,
            position: position,
            reactor: reactor,
            limit: configuration.environmentLimit(of: identity),
            maximumWaiters: configuration.waitersPerFunction
        )
        pools[key] = pool
        scheduleReaping()
        return pool
    }

    /// Keeps a loaded environment warm; a pool of other code under the same key is retired.
    func adopt(
        _ environment: ExecutionEnvironment,
        as identity: FunctionIdentity,
        key: PoolKey,
        _ counts: () -> (IdleCounts, ConcurrencyLedger.Slot)
    ) {
        if let old = pools[key], old.identity.version != identity.version {
            pools.removeValue(forKey: key)?.retire()
        }
        let pool = pool(for: key) {
            let (counts, slot) = counts()
            return (identity, counts, slot)
        }
        guard let pool else { return environment.stop() }
        pool.adopt(environment)
    }

    /// Whether one more process may be started, after ending the longest idle one if need be.
    func makeRoom() -> Bool {
        guard living.count + starting >= configuration.processes else { return true }
        let oldest = pools.values.compactMap { pool in pool.longestIdle.map { ($0, pool) } }
            .min { $0.0 < $1.0 }
        oldest?.1.endLongestIdle()
        return oldest != nil
    }

    /// Ends the pools of functions (`name:version`) that are not wanted any more.
    func retire(where unwanted: (String) -> Bool) {
        for key in pools.keys where unwanted(key.function) {
            pools.removeValue(forKey: key)?.retire()
        }
        snapshots.retire { unwanted($0.function) }
    }

    /// Ends the pools of functions that are gone or differ from the given ones.
    func retire(functionsOtherThan current: [String: FunctionVersion]) {
        for (key, pool) in pools where current[key.function] != pool.identity.version {
            pools.removeValue(forKey: key)?.retire()
        }
        snapshots.retire { current[$0.function] != $0.version }
    }

    /// How long after a failure another attempt is made to have what is provisioned.
    private static let provisionPause: Duration = .seconds(5)

    /// Keeps environments of some functions ready and no longer those of others.
    func provision(
        _ wanted: [PoolKey: Int],
        _ ingredients: (PoolKey) -> (FunctionIdentity, IdleCounts, ConcurrencyLedger.Slot)?
    ) {
        for (key, pool) in pools where wanted[key] == nil && pool.provisioned > 0 {
            pool.provision(0)
        }
        for (key, count) in wanted {
            guard let pool = pool(for: key, { ingredients(key) }) else { continue }
            pool.onShortage = { [weak self, weak pool] in
                guard let self, let pool else { return }
                self.fill(pool)
            }
            pool.provision(count)
        }
    }

    /// Starts what a pool should have ready, one after the other.
    private func fill(_ pool: FunctionPool) {
        guard !isClosed, pool.startMissing() else { return }
        let confined = ReactorLocal((self, pool))
        reactor.submit { await confined.value.0.startMissing(of: confined.value.1) }
    }

    private func startMissing(of pool: FunctionPool) async {
        let deadline = reactor.preciseTime + configuration.initLimit + BlankWorkers.bootLimit
        let started = await start(pool.identity, initialization: .provisioned, until: deadline)
        if case .ready(let environment) = started {
            pool.release(environment)
            return fill(pool)
        }
        let again = pool.onShortage
        pool.onShortage = nil
        pool.startFailed()
        reactor.schedule(at: reactor.time + Self.provisionPause) { [weak pool] in
            pool?.onShortage = again
            again?()
        }
    }

    /// Kills every process and waits until all are reaped.
    func close() async {
        isClosed = true
        gate.open()
        if let reapTimer { reactor.cancel(reapTimer) }
        reapTimer = nil
        memory.stop()
        retire { _ in true }
        snapshots.close()
        homes = nil
        blank.close()
        if starting > 0 { await withUnsafeContinuation { whenStarted.append($0) } }
        // Held to the end: the number of a namespace that is gone may soon be that of another.
        let folders = living.values.compactMap(\.scratch)
        while let environment = living.values.first {
            for other in living.values { other.stop() }
            _ = await environment.child.waitForExit()
            environment.processEnded(sweeps: false)
            await environment.extensionsEnded()
            environment.group?.remove()
            living[ObjectIdentifier(environment)] = nil
        }
        ScratchFolder.killAll(in: Set(folders.map(\.namespace)))
        withExtendedLifetime(folders) {}
    }

    /// Has what is idle looked at after a while.
    func scheduleReaping() {
        guard reapTimer == nil, !isClosed else { return }
        reapTimer = reactor.schedule(at: reactor.time + configuration.idleLimit / 4) {
            [weak self] in
            self?.reap()
        }
    }

    private func reap() {
        reapTimer = nil
        let now = reactor.time
        for pool in pools.values { pool.reap(idleFor: configuration.idleLimit, at: now) }
        snapshots.reap(idleFor: configuration.idleLimit, at: now)
        if !pools.isEmpty || !snapshots.isEmpty { scheduleReaping() }
    }
}
