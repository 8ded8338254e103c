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
    private let configuration: ExecutorConfiguration
    private let log: @Sendable (FunctionLogLine) -> Void
    private var pools: [PoolKey: FunctionPool] = [:]
    private var living: [ObjectIdentifier: ExecutionEnvironment] = [:]
    private var reapTimer: TimerID?
    /// What the scripts that stand for `python3` or `node` in some installations run in the end.
    private var interpreters: [String: String] = [:]
    /// Programs that did not boot a worker, such as the stand-ins for versions that are not installed.
    private var unusable: Set<String> = []
    /// Runtimes of which the log says already that another version runs them.
    private var warned: Set<String> = []
    private var isolation: ScratchIsolation?
    private var hasTriedIsolation = false
    private(set) var isClosed = false

    var processCount: Int { living.count }

    private lazy var blank = BlankWorkers(
        wanted: configuration.blankWorkers,
        reactor: reactor
    ) { [unowned self] program in await bootBlank(program) }

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
            limit: configuration.environmentLimit,
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

    /// A loaded environment; `request` names the invocation inside of which loading is tried once more.
    func start(
        _ identity: FunctionIdentity,
        request: String? = nil,
        scratch: ScratchFolder? = nil,
        until deadline: MonotonicInstant
    ) async -> Start {
        guard let kind = RuntimeKind(identity.version) else {
            let text =
                "The runtime \(identity.version.runtime) is not supported here; functions may use "
                + "nodejs, python and provided runtimes."
            return .failed(LoadFailure(type: "Runtime.InvalidEntrypoint", message: text), nil)
        }
        guard makeRoom() else { return .full }
        let found: Result<ExecutionEnvironment, LoadFailure>
        switch kind {
        case .node, .python: found = await takeBlank(kind, identity.version.runtime)
        case .provided: found = await startProvided(identity)
        }
        switch found {
        case .failure(let failure): return .failed(failure, nil)
        case .success(let environment):
            memory.add(environment)
            if kind != .provided { await carry(scratch, to: environment) }
            let failure = await environment.load(
                identity,
                path: configuration.path,
                request: request,
                until: deadline
            )
            if kind == .provided, failure == nil { await carry(scratch, to: environment) }
            return failure.map { .failed($0, environment) } ?? .ready(environment)
        }
    }

    /// Hands files of an environment that was reset to the one that takes its place.
    private func carry(_ scratch: ScratchFolder?, to environment: ExecutionEnvironment) async {
        guard let scratch, let isolation else { return }
        await scratch.carry(to: environment.child.pid, except: isolation.kept, on: reactor)
    }

    /// The command line of a program with a `/tmp` of its own, where the machine allows it.
    private func isolated(
        _ program: String,
        _ arguments: [String]
    ) async -> (path: String, arguments: [String]) {
        if configuration.isolatesScratch, !hasTriedIsolation {
            let parent = configuration.workFolder.split(separator: "/").dropLast()
            let search = configuration.path.split(separator: ":").map(String.init)
            isolation = await ScratchIsolation.find(
                size: configuration.scratchSize,
                stage: configuration.workFolder + "/stage",
                needed: ["/" + parent.joined(separator: "/")] + configuration.neededFolders
                    + search.filter(System.isFolder),
                path: configuration.path,
                on: reactor
            )
            hasTriedIsolation = true
        }
        return isolation?.command(program, arguments) ?? (program, arguments)
    }

    /// Boots blank workers for a runtime and waits for them.
    func prewarm(runtime: String) async -> LoadFailure? {
        guard let kind = RuntimeKind(runtime: runtime), kind != .provided else { return nil }
        guard let program = program(kind, runtime) else { return Self.missing(kind) }
        guard let failure = await blank.prewarm(program) else { return nil }
        guard failure.isUnusable, unusable.insert(program.path).inserted else { return failure }
        return await prewarm(runtime: runtime)
    }

    /// How often a worker is booted for one environment when something kills it meanwhile.
    private static let bootAttempts = 3

    /// A blank worker of the interpreter that is nearest to a runtime's name.
    private func takeBlank(
        _ kind: RuntimeKind,
        _ runtime: String,
        attempts: Int = bootAttempts
    ) async -> Result<ExecutionEnvironment, LoadFailure> {
        guard let program = program(kind, runtime) else { return .failure(Self.missing(kind)) }
        let taken = await blank.take(program)
        switch taken {
        case .failure(let failure):
            if failure.isInterrupted, attempts > 1 {
                return await takeBlank(kind, runtime, attempts: attempts - 1)
            }
            guard failure.isUnusable, unusable.insert(program.path).inserted else { return taken }
            return await takeBlank(kind, runtime)
        case .success(let environment):
            let version = environment.interpreterVersion
            if !kind.isExact(runtime, version: version), warned.insert(runtime).inserted {
                let text =
                    "\(runtime) runs on \(kind.title) \(version), the nearest on this machine"
                environment.write(.text(text), requestID: "")
            }
            return taken
        }
    }

    /// The program of exactly the runtime's version, else the general one.
    private func program(_ kind: RuntimeKind, _ runtime: String) -> WorkerProgram? {
        for name in [kind.exactProgram(runtime), kind.program] {
            if let path = System.find(name, in: configuration.path), !unusable.contains(path) {
                return WorkerProgram(kind: kind, path: path)
            }
        }
        return nil
    }

    private static func missing(_ kind: RuntimeKind) -> LoadFailure {
        LoadFailure(type: "Runtime.InvalidEntrypoint", message: kind.advice)
    }

    private func bootBlank(
        _ program: WorkerProgram
    ) async -> Result<ExecutionEnvironment, LoadFailure> {
        guard !isClosed, makeRoom() else {
            let text = "No more processes may be started."
            return .failure(LoadFailure(type: "Sandbox.Failure", message: text))
        }
        let (kind, path) = (program.kind, program.path)
        let script = configuration.workFolder + "/" + kind.fileName
        let variables = [
            "PATH=\(configuration.path)", "LANG=en_US.UTF-8", "PYTHONDONTWRITEBYTECODE=1",
        ]
        do throws(SpawnError) {
            let command = await isolated(
                interpreters[path] ?? path,
                kind.arguments(script: script)
            )
            let child = try ChildProcess.spawn(
                path: command.path,
                arguments: command.arguments,
                environment: variables,
                openFiles: Self.openFiles,
                on: reactor
            )
            let frames = FrameTransport(child, reactor: reactor)
            let environment = makeEnvironment(child, kind, frames)
            let deadline = reactor.preciseTime + BlankWorkers.bootLimit
            if let version = await frames.waitUntilBlank(until: deadline),
                environment.becomeBlank(version: version)
            {
                if interpreters[path] == nil, System.isScript(path) {
                    interpreters[path] = System.link("/proc/\(child.pid)/exe")
                }
                return .success(environment)
            }
            let hasTimedOut = reactor.preciseTime >= deadline
            environment.stop()
            // What ended by itself keeps its status: the signal comes too late for it.
            if !hasTimedOut, case .signal = await child.waitForExit() {
                return .failure(.interrupted(path))
            }
            return .failure(.unusable(path))
        } catch {
            return .failure(Self.failure(path, error))
        }
    }

    /// Starts the function's own program, which asks the Runtime API for its invocations.
    private func startProvided(
        _ identity: FunctionIdentity
    ) async -> Result<ExecutionEnvironment, LoadFailure> {
        let runtime: ProvidedRuntime
        switch ProvidedRuntime.find(identity, path: configuration.path) {
        case .failure(let failure): return .failure(failure)
        case .success(let found): runtime = found
        }
        let api = RuntimeAPI(reactor: reactor)
        let address: String
        do throws(SocketError) {
            address = try api.listen()
        } catch {
            return .failure(LoadFailure(type: "Sandbox.Failure", message: "\(error)"))
        }
        let stream = identity.makeLogStream()
        var variables = identity.variables(logStream: stream, path: configuration.path)
        variables["AWS_LAMBDA_RUNTIME_API"] = address
        do throws(SpawnError) {
            let command = await isolated(runtime.program, runtime.arguments)
            let child = try ChildProcess.spawn(
                path: command.path,
                arguments: command.arguments,
                environment: variables.map { "\($0.key)=\($0.value)" },
                openFiles: Self.openFiles,
                directory: runtime.directory,
                on: reactor
            )
            let environment = makeEnvironment(child, .provided, api)
            environment.bind(identity, logStream: stream)
            _ = environment.becomeBlank()
            return .success(environment)
        } catch {
            api.close()
            return .failure(Self.failure(runtime.program, error))
        }
    }

    static func failure(_ program: String, _ error: SpawnError) -> LoadFailure {
        LoadFailure(
            type: "Runtime.InvalidEntrypoint",
            message: "Starting \(program) failed: \(error.call) reported error \(error.code)."
        )
    }

    /// Makes an environment and remembers it until its process is gone.
    func makeEnvironment(
        _ child: ChildProcess,
        _ kind: RuntimeKind,
        _ transport: any WorkerTransport
    ) -> ExecutionEnvironment {
        let environment = ExecutionEnvironment(
            child: child,
            kind: kind,
            transport: transport,
            reactor: reactor,
            freezes: configuration.freezesBetweenInvocations,
            log: log
        )
        living[ObjectIdentifier(environment)] = environment
        let confined = ReactorLocal((self, environment))
        reactor.submit {
            let (workers, environment) = confined.value
            _ = await environment.child.waitForExit()
            environment.processEnded(sweeps: !workers.isClosed)
            workers.living[ObjectIdentifier(environment)] = nil
        }
        return environment
    }

    /// Whether one more process may be started, after ending the longest idle one if need be.
    private func makeRoom() -> Bool {
        guard living.count >= configuration.processes else { return true }
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
    }

    /// Ends the pools of functions that are gone or differ from the given ones.
    func retire(functionsOtherThan current: [String: FunctionVersion]) {
        for (key, pool) in pools where current[key.function] != pool.identity.version {
            pools.removeValue(forKey: key)?.retire()
        }
    }

    /// Kills every process and waits until all are reaped.
    func close() async {
        isClosed = true
        if let reapTimer { reactor.cancel(reapTimer) }
        reapTimer = nil
        memory.stop()
        retire { _ in true }
        blank.close()
        let namespaces = Set(living.values.compactMap { $0.scratch?.namespace })
        while let environment = living.values.first {
            for other in living.values { other.stop() }
            _ = await environment.child.waitForExit()
            environment.processEnded(sweeps: false)
            living[ObjectIdentifier(environment)] = nil
        }
        ScratchFolder.killAll(in: namespaces)
    }

    private func scheduleReaping() {
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
        if !pools.isEmpty { scheduleReaping() }
    }
}
