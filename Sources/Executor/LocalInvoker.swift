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
    private let ledger: Mutex<ConcurrencyLedger>
    private let events = Mutex<EventQueue?>(nil)
    private let idleCounts = Mutex<[String: IdleCounts]>([:])

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
        ledger = Mutex(ConcurrencyLedger(configuration.concurrency))
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
        System.makeFolder(configuration.workFolder)
        for kind in RuntimeKind.builtIn {
            _ = System.write(kind.source, to: configuration.workFolder + "/" + kind.fileName)
        }
    }

    /// Runs a function on the current reactor, or on the first one when called from elsewhere.
    package func invoke(_ invocation: Invocation) async -> InvocationResult {
        let function = String(invocation.function.prefix { $0 != ":" })
        if let refusal = ledger.withLock({ $0.begin(function, at: .now) }) {
            return .throttled(refusal.rawValue)
        }
        defer { ledger.withLock { $0.end(function) } }
        return await place(invocation)
    }

    private func place(_ invocation: Invocation) async -> InvocationResult {
        for position in reactors.indices where reactors[position].isCurrent {
            return await run(invocation, on: workers[position].value, mayMove: true)
        }
        return await onReactor(0) { await self.run(invocation, on: $0, mayMove: true) }
    }

    /// Runs a function and gives its answer while it arrives, when the function streams.
    ///
    /// Call it on one of the executor's reactors: the answer is confined to it.
    package func stream(_ invocation: Invocation) async -> StreamedAnswer {
        guard let position = reactors.indices.first(where: { reactors[$0].isCurrent }) else {
            return .whole(await invoke(invocation))
        }
        let function = String(invocation.function.prefix { $0 != ":" })
        if let refusal = ledger.withLock({ $0.begin(function, at: .now) }) {
            return .whole(.throttled(refusal.rawValue))
        }
        let channel = ResponseChannel(reactor: reactors[position])
        let confined = ReactorLocal((workers[position].value, channel))
        let running = Task(executorPreference: reactors[position]) {
            let (workers, channel) = confined.value
            let result = await self.run(invocation, on: workers, mayMove: false, stream: channel)
            self.ledger.withLock { $0.end(function) }
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
    package func reserve(_ reserves: [String: Int]) { ledger.withLock { $0.reserve(reserves) } }

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
        let deadline = ContinuousClock.now + configuration.initLimit
        return await onReactor(turn % reactors.count) { workers in
            let key = edge.map { version.qualifiedName + "@" + $0 } ?? version.qualifiedName
            guard let identity = self.identity(version, edge: edge) else {
                return LoadFailure(
                    type: "Runtime.InvalidTaskConfig",
                    message: "The code of \(key) is not on this machine."
                )
            }
            switch await workers.start(identity, until: deadline) {
            case .failed(let failure, _): return failure
            case .full:
                let text = "All \(self.configuration.processes) processes are at work."
                return LoadFailure(type: "Sandbox.Failure", message: text)
            case .ready(let environment):
                workers.adopt(environment, as: identity, key: key) { self.counts(for: key) }
                return nil
            }
        }
    }

    /// Ends the environments of all functions except the named ones (`name:version`).
    package func retire(functionsNotIn kept: Set<String>) {
        let unwanted: @Sendable (String) -> Bool = { key in
            !kept.contains(String(key.prefix { $0 != "@" }))
        }
        for (reactor, confined) in zip(reactors, workers) {
            reactor.submit { confined.value.retire(where: unwanted) }
        }
        idleCounts.withLock { counts in counts = counts.filter { !unwanted($0.key) } }
    }

    /// Ends the environments of functions that are gone or whose code or settings have changed.
    package func retire(functionsOtherThan current: [String: FunctionVersion]) {
        for (reactor, confined) in zip(reactors, workers) {
            reactor.submit { confined.value.retire(functionsOtherThan: current) }
        }
        idleCounts.withLock { counts in
            counts = counts.filter { current[String($0.key.prefix { $0 != "@" })] != nil }
        }
    }

    /// Kills every process and waits until all are reaped.
    ///
    /// Call while the reactors still run.
    package func shutdown() async {
        for position in reactors.indices { await onReactor(position) { await $0.close() } }
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
            credentials: configuration.credentials
        )
    }

    private func counts(for key: String) -> IdleCounts {
        idleCounts.withLock { all in
            if let counts = all[key] { return counts }
            let counts = IdleCounts(reactors: reactors.count)
            all[key] = counts
            return counts
        }
    }

    private func run(
        _ invocation: Invocation,
        on workers: ReactorWorkers,
        mayMove: Bool,
        stream: ResponseChannel? = nil
    ) async -> InvocationResult {
        let latest = ContinuousClock.now + invocation.limit
        let key = invocation.edge.map { invocation.function + "@" + $0 } ?? invocation.function
        let found = workers.pool(for: key, counts: { counts(for: key) }) {
            functions(invocation.function).flatMap { identity($0, edge: invocation.edge) }
        }
        guard let pool = found else {
            return .notFound("Function not found: \(invocation.function)")
        }
        if mayMove, !pool.hasIdle, let lender = pool.counts.lender(besides: workers.position) {
            return await onReactor(lender) { await self.run(invocation, on: $0, mayMove: false) }
        }
        let run = InvocationRun(
            invocation,
            pool: pool,
            workers: workers,
            latest: latest,
            stream: stream,
            mayGrow: { [self] in
                ledger.withLock {
                    $0.grow(String(invocation.function.prefix { $0 != ":" }), at: .now)
                }
            }
        )
        return await run.result(initLimit: configuration.initLimit)
    }
}
