package import DataPlane
import HTTP
package import Model
package import Reactor
import Synchronization

/// Runs functions in worker processes of this machine.
///
/// Each reactor has its own environments; an invocation prefers those of the reactor it runs on.
package final class LocalInvoker: FunctionInvoker, Sendable {
    private let configuration: ExecutorConfiguration
    private let workers: [ReactorLocal<ReactorWorkers>]
    private let reactors: [Reactor]
    private let functions: @Sendable (String) -> FunctionVersion?
    private let codeFolder: @Sendable (String) -> String?
    private let ledger: SharedLedger
    private let events = Mutex<EventQueue?>(nil)
    private let idleCounts = Mutex<[PoolKey: IdleCounts]>([:])
    private let homes: SnapshotHomes
    private let snapshots = Mutex(SnapshotLedger())

    /// Makes an executor; nothing is started before it is needed or asked for.
    ///
    /// `functions` gives the version for a qualified name (`name:version`), `codeFolder` the unpacked code
    /// for a digest; `log` takes every line, on any of the reactors.
    package init(
        configuration: ExecutorConfiguration,
        reactors: [Reactor],
        functions: @escaping @Sendable (String) -> FunctionVersion?,
        codeFolder: @escaping @Sendable (String) -> String?,
        log: @escaping @Sendable (FunctionLogLine) -> Void
    ) {
        self.configuration = configuration
        ledger = SharedLedger(configuration.concurrency)
        self.reactors = reactors
        self.functions = functions
        self.codeFolder = codeFolder
        workers = reactors.indices.map {
            ReactorLocal(
                ReactorWorkers(
                    reactor: reactors[$0],
                    position: $0,
                    configuration: configuration,
                    log: log
                )
            )
        }
        let homes = SnapshotHomes(reactors: reactors, workers: workers)
        self.homes = homes
        // Nothing runs on the reactors yet that knows of them.
        for confined in workers { confined.value.homes = homes }
        System.makeFolder(configuration.workFolder)
        for kind in RuntimeKind.builtIn {
            _ = System.write(kind.source, to: configuration.workFolder + "/" + kind.fileName)
        }
        let hosts = LayerFurnishing.hosts(System.text(of: "/etc/hosts"))
        _ = System.write(hosts, to: configuration.workFolder + "/hosts")
    }

    /// Runs a function on the current reactor, or on the first one when called from elsewhere.
    package func invoke(_ invocation: Invocation) async -> InvocationResult {
        if let debug = configuration.debug, debug.isMeant(Self.name(of: invocation)) {
            return await onReactor(0) { await self.count(invocation, on: $0) }
        }
        for position in reactors.indices where reactors[position].isCurrent {
            return await count(invocation, on: workers[position].value)
        }
        return await onReactor(0) { await self.count(invocation, on: $0) }
    }

    /// Runs an invocation that the ledger lets through.
    private func count(
        _ invocation: Invocation,
        on workers: ReactorWorkers
    ) async -> InvocationResult {
        guard let pool = pool(for: invocation, on: workers) else { return notFound(invocation) }
        let slot = pool.slot
        guard let tracer = configuration.tracer, let trace = tracer.begin(invocation, pool.identity)
        else {
            if let refusal = ledger.begin(slot) { return .throttled(refusal.rawValue) }
            let result = await run(invocation, in: pool, on: workers)
            ledger.end(slot)
            return result
        }
        var result = InvocationResult.success([])
        if let refusal = ledger.begin(slot) {
            result = .throttled(refusal.rawValue)
        } else {
            var invocation = invocation
            invocation.traceID = trace.header
            result = await run(invocation, in: pool, on: workers, trace)
            ledger.end(slot)
        }
        trace.end(result)
        return result
    }

    /// Runs a function and gives its answer while it arrives, when the function streams.
    ///
    /// Call it on one of the executor's reactors: the answer is confined to it.
    package func stream(_ invocation: Invocation) async -> StreamedAnswer {
        // What is looked at with a debugger runs in one place.
        let isLookedAt = configuration.debug?.isMeant(Self.name(of: invocation)) == true
        guard !isLookedAt,
            let position = reactors.indices.first(where: { reactors[$0].isCurrent })
        else { return .whole(await invoke(invocation)) }
        let workers = workers[position].value
        guard let pool = pool(for: invocation, on: workers) else {
            return .whole(notFound(invocation))
        }
        let trace = configuration.tracer?.begin(invocation, pool.identity)
        if let refusal = ledger.begin(pool.slot) {
            trace?.end(.throttled(refusal.rawValue))
            return .whole(.throttled(refusal.rawValue))
        }
        var invocation = invocation
        if let trace { invocation.traceID = trace.header }
        let channel = ResponseChannel(reactor: reactors[position])
        let confined = ReactorLocal((pool, workers, channel))
        let running = Task(executorPreference: reactors[position]) { [invocation] in
            let (pool, workers, channel) = confined.value
            let run = InvocationRun(
                invocation,
                pool: pool,
                workers: workers,
                ledger: self.ledger,
                stream: channel,
                trace: trace
            )
            let result = await run.result()
            self.ledger.end(pool.slot)
            trace?.end(result)
            if case .functionError(_, let payload) = result {
                channel.end(error: payload)
            } else {
                channel.end()
            }
            return result
        }
        await channel.waitForBeginning()
        return channel.isStreamed
            ? .streamed(channel.response) : .whole(await running.value)
    }

    /// Accepts an asynchronous invocation; it survives the end of the process once there is a queue.
    package func enqueue(_ invocation: Invocation) async -> InvocationResult? {
        guard let queue = events.withLock({ $0 }) else {
            Task { _ = await invoke(invocation) }
            return nil
        }
        let parts = invocation.function.split(separator: ":", maxSplits: 1).map(String.init)
        let addressed = invocation.arn.flatMap { FunctionARN($0) }
        var event = QueuedEvent(
            id: invocation.requestID,
            function: addressed?.name ?? parts.first ?? invocation.function,
            qualifier: addressed == nil ? parts.dropFirst().first : addressed?.qualifier,
            payload: invocation.payload
        )
        event.clientContext = invocation.clientContext
        event.traceID = invocation.traceID
        do throws(EventQueue.Refusal) {
            try await queue.accept(event)
            return nil
        } catch {
            return .throttled("CallerRateLimitExceeded")
        }
    }

    /// Gives asynchronous invocations a queue that keeps them.
    package func attach(_ queue: EventQueue) { events.withLock { $0 = queue } }

    /// Sets aside concurrency for functions, by name; 0 stops one.
    package func reserve(_ reserves: [String: Int]) { ledger.reserve(reserves) }

    /// Keeps environments of function versions (`name:version`) ready, spread over the reactors.
    ///
    /// Source: "Configuring provisioned concurrency for a function": calls beyond them spill over.
    package func provision(_ wanted: [String: Int]) {
        for position in reactors.indices {
            var share: [PoolKey: Int] = [:]
            for (function, count) in wanted {
                let rest = position < count % reactors.count ? 1 : 0
                let part = count / reactors.count + rest
                if part > 0 { share[PoolKey(function: function, edge: nil)] = part }
            }
            let (confined, mine) = (workers[position], share)
            reactors[position].submit {
                confined.value.provision(mine) { self.ingredients(of: $0) }
            }
        }
    }

    /// Makes the snapshots of versions that were published since the last call; the first call makes none.
    ///
    /// Source: "Improving startup performance with Lambda SnapStart": when a version is published.
    package func prepareSnapshots(of functions: [String: FunctionVersion]) {
        for version in snapshots.withLock({ $0.follow(functions) }) {
            Task { await prepareSnapshot(of: version) }
        }
    }

    private func prepareSnapshot(of version: FunctionVersion) async {
        var status: SnapshotStatus? = .ready
        if let identity = identity(version, edge: nil), identity.startsFromSnapshot,
            case .failed(let failure) = await homes.prepare(identity)
        {
            status = .failed(type: failure.type, message: failure.message)
        }
        snapshots.withLock { $0[version.qualifiedName] = status }
    }

    /// How the snapshot of a version (`name:version`) fares; nil when nothing is known of one.
    package func snapshotStatus(of function: String) -> SnapshotStatus? {
        snapshots.withLock { $0[function] }
    }

    /// Why this machine cannot keep functions apart as the configuration says; nil when it can.
    ///
    /// While it cannot, no function runs.
    package func isolationProblem() async -> String? {
        await onReactor(0) { await $0.isolationProblem() }
    }

    /// Why this machine cannot divide processor time as the configuration says; nil when it can.
    package var sharingProblem: String? {
        guard configuration.sharesProcessors,
            configuration.groups?.dividesProcessors != true
        else { return nil }
        return
            "--cpu-share: this machine has no control group in which Portico may divide processor time. It "
            + "takes root, or a service or container whose subtree of cgroups is delegated to it with the "
            + "controller cpu (systemd: Delegate=yes; cgroups(7))."
    }

    /// Boots blank workers on every reactor and waits until they are there.
    package func prewarm(runtimes: [String]) async -> LoadFailure? {
        for runtime in Set(runtimes) {
            for position in reactors.indices {
                let failure = await onReactor(position) { await $0.prewarm(runtime: runtime) }
                if let failure { return failure }
            }
        }
        return nil
    }

    /// Loads a function in a blank worker and keeps that environment warm.
    ///
    /// The version need not be published; the code folder must exist. With an edge the environment is that
    /// edge's; `turn` spreads several loads over the reactors and their blank workers.
    package func load(
        _ version: FunctionVersion,
        edge: String? = nil,
        turn: Int = 0
    ) async -> LoadFailure? {
        await onReactor(turn % reactors.count) { workers in
            let key = PoolKey(function: version.qualifiedName, edge: edge)
            guard let identity = self.identity(version, edge: edge) else {
                return LoadFailure(
                    type: "Runtime.InvalidTaskConfig",
                    message: "The code of \(key.function) is not on this machine."
                )
            }
            let limit =
                identity.startsFromSnapshot
                ? max(Snapshots.shortestInitLimit, .seconds(version.timeout))
                : self.configuration.initLimit
            let deadline = workers.reactor.preciseTime + limit + BlankWorkers.bootLimit
            switch await workers.start(identity, until: deadline) {
            case .failed(let failure, _): return failure
            case .full:
                let text = "All \(self.configuration.processes) processes are at work."
                return LoadFailure(type: LoadFailure.sandboxType, message: text)
            case .ready(let environment):
                workers.adopt(environment, as: identity, key: key) {
                    (self.counts(for: key), self.ledger.slot(of: key.function))
                }
                return nil
            }
        }
    }

    /// Ends the environments of all functions except the named ones (`name:version`).
    package func retire(functionsNotIn kept: Set<String>) {
        let unwanted: @Sendable (String) -> Bool = { !kept.contains($0) }
        for (reactor, confined) in zip(reactors, workers) {
            reactor.submit { confined.value.retire(where: unwanted) }
        }
        idleCounts.withLock { counts in counts = counts.filter { !unwanted($0.key.function) } }
    }

    /// Ends the environments of functions that are gone or whose code or settings have changed.
    package func retire(functionsOtherThan current: [String: FunctionVersion]) {
        for (reactor, confined) in zip(reactors, workers) {
            reactor.submit { confined.value.retire(functionsOtherThan: current) }
        }
        idleCounts.withLock { counts in
            counts = counts.filter { current[$0.key.function] != nil }
        }
    }

    /// Kills every process and waits until all are reaped.
    ///
    /// Call while the reactors still run.
    package func shutdown() async {
        for position in reactors.indices { await onReactor(position) { await $0.close() } }
        await configuration.groups?.close()
    }

    /// How many processes there are, blank ones included.
    package var processCount: Int {
        get async {
            var count = 0
            for position in reactors.indices {
                count += await onReactor(position) { $0.processCount }
            }
            return count
        }
    }

    private func onReactor<Value: Sendable>(
        _ position: Int,
        _ work: @escaping @Sendable (ReactorWorkers) async -> Value
    ) async -> Value {
        let confined = workers[position]
        return await Task(executorPreference: reactors[position]) {
            await work(confined.value)
        }.value
    }

    private func identity(_ version: FunctionVersion, edge: String?) -> FunctionIdentity? {
        guard let folder = codeFolder(version.codeDigest) else { return nil }
        let layers = (version.layers ?? []).map(codeFolder)
        guard layers.allSatisfy({ $0 != nil }) else { return nil }
        return FunctionIdentity(
            version,
            taskRoot: folder,
            layerRoots: layers.compactMap { $0 },
            edge: edge,
            region: configuration.region,
            credentials: configuration.credentials,
            daemon: configuration.tracer?.address
        )
    }

    private func counts(for key: PoolKey) -> IdleCounts {
        idleCounts.withLock { all in
            if let counts = all[key] { return counts }
            let counts = IdleCounts(reactors: reactors.count)
            all[key] = counts
            return counts
        }
    }

    private static func name(of invocation: Invocation) -> String {
        invocation.function.split(separator: ":", maxSplits: 1).first.map(String.init) ?? ""
    }

    private func notFound(_ invocation: Invocation) -> InvocationResult {
        .notFound("Function not found: \(invocation.function)")
    }

    /// The pool of an invocation on one reactor; nil when there is no such function.
    private func pool(for invocation: Invocation, on workers: ReactorWorkers) -> FunctionPool? {
        let key = PoolKey(function: invocation.function, edge: invocation.edge)
        return workers.pool(for: key) { ingredients(of: key) }
    }

    /// What a pool is made of; nil when there is no such function.
    private func ingredients(
        of key: PoolKey
    ) -> (FunctionIdentity, IdleCounts, ConcurrencyLedger.Slot)? {
        guard let version = functions(key.function),
            let identity = identity(version, edge: key.edge)
        else { return nil }
        return (identity, counts(for: key), ledger.slot(of: key.function))
    }

    private func run(
        _ invocation: Invocation,
        in pool: FunctionPool,
        on workers: ReactorWorkers,
        _ trace: InvocationTrace? = nil
    ) async -> InvocationResult {
        if !pool.hasIdle, let lender = pool.counts.lender(besides: workers.position) {
            return await onReactor(lender) { workers in
                guard let pool = self.pool(for: invocation, on: workers) else {
                    return self.notFound(invocation)
                }
                return await self.run(invocation, pool, workers, trace)
            }
        }
        return await run(invocation, pool, workers, trace)
    }

    private func run(
        _ invocation: Invocation,
        _ pool: FunctionPool,
        _ workers: ReactorWorkers,
        _ trace: InvocationTrace?
    ) async -> InvocationResult {
        let run = InvocationRun(
            invocation,
            pool: pool,
            workers: workers,
            ledger: ledger,
            stream: nil,
            trace: trace
        )
        return await run.result()
    }
}
