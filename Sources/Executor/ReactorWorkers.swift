import Model
import Reactor

/// Everything that the executor keeps on one reactor.
///
/// Confined to it.
final class ReactorWorkers {
    /// How long a blank worker may take to boot.
    static let bootLimit: Duration = .seconds(10)
    /// How many files a worker may have open.
    static let openFiles: UInt64 = 1024

    /// The environments of one function when the budget is lifted.
    static let liftedBudget = 256

    let reactor: Reactor
    private let configuration: ExecutorConfiguration
    private let log: @Sendable (FunctionLogLine) -> Void
    private var blank: [RuntimeKind: [ExecutionEnvironment]] = [:]
    private var booting: [RuntimeKind: Int] = [:]
    private var pools: [String: FunctionPool] = [:]
    private var living: [ObjectIdentifier: ExecutionEnvironment] = [:]
    private var reapTimer: TimerID?
    private(set) var isClosed = false

    init(
        reactor: Reactor,
        configuration: ExecutorConfiguration,
        log: @escaping @Sendable (FunctionLogLine) -> Void
    ) {
        self.reactor = reactor
        self.configuration = configuration
        self.log = log
    }

    /// The pool of a function version, made when needed.
    func pool(for key: String, _ identity: () -> FunctionIdentity?) -> FunctionPool? {
        if let pool = pools[key] { return pool }
        guard !isClosed, let identity = identity() else { return nil }
        let pool = FunctionPool(
            identity: identity,
            reactor: reactor,
            limit: configuration.liftsProcessBudget
                ? Self.liftedBudget : configuration.environmentsPerFunction,
            maximumWaiters: configuration.waitersPerFunction
        )
        pools[key] = pool
        scheduleReaping()
        return pool
    }

    /// Keeps a loaded environment warm; a pool of other code under the same key is retired.
    func adopt(_ environment: ExecutionEnvironment, as identity: FunctionIdentity, key: String) {
        if let old = pools[key], old.identity.version != identity.version {
            pools.removeValue(forKey: key)?.retire()
        }
        guard let pool = pool(for: key, { identity }) else { return environment.stop() }
        pool.adopt(environment)
    }

    /// A loaded environment from a blank worker.
    func start(
        _ identity: FunctionIdentity,
        until deadline: ContinuousClock.Instant
    ) async -> Result<ExecutionEnvironment, LoadFailure> {
        guard let kind = RuntimeKind(runtime: identity.version.runtime) else {
            return .failure(
                LoadFailure(
                    type: "Runtime.InvalidEntrypoint",
                    message: "The runtime \(identity.version.runtime) is not supported here; "
                        + "functions may use nodejs and python runtimes."
                )
            )
        }
        switch await takeBlank(kind) {
        case .failure(let failure): return .failure(failure)
        case .success(let environment):
            let failure = await environment.load(
                identity,
                path: configuration.path,
                until: deadline
            )
            return failure.map { .failure($0) } ?? .success(environment)
        }
    }

    private func takeBlank(
        _ kind: RuntimeKind
    ) async -> Result<ExecutionEnvironment, LoadFailure> {
        while let environment = blank[kind]?.popLast() {
            guard environment.isAlive else {
                environment.stop()
                continue
            }
            refill(kind)
            return .success(environment)
        }
        let booted = await boot(kind)
        if case .success = booted { refill(kind) }
        return booted
    }

    /// Boots workers in the background until enough blank ones wait.
    func refill(_ kind: RuntimeKind) {
        while !isClosed,
            (blank[kind]?.count ?? 0) + booting[kind, default: 0] < configuration.blankWorkers
        {
            booting[kind, default: 0] += 1
            let confined = ReactorLocal(self)
            reactor.submit { await confined.value.bootInBackground(kind) }
        }
    }

    /// Boots workers until enough blank ones wait, and waits for them.
    func prewarm(_ kind: RuntimeKind) async -> LoadFailure? {
        while (blank[kind]?.count ?? 0) < configuration.blankWorkers {
            switch await boot(kind) {
            case .failure(let failure): return failure
            case .success(let environment): blank[kind, default: []].append(environment)
            }
        }
        return nil
    }

    private func bootInBackground(_ kind: RuntimeKind) async {
        let booted = await boot(kind)
        booting[kind, default: 0] -= 1
        if case .success(let environment) = booted { blank[kind, default: []].append(environment) }
    }

    private func boot(
        _ kind: RuntimeKind
    ) async -> Result<ExecutionEnvironment, LoadFailure> {
        guard !isClosed else {
            return .failure(
                LoadFailure(type: "Sandbox.Failure", message: "The executor is closed.")
            )
        }
        guard let program = System.find(kind.program, in: configuration.path) else {
            return .failure(LoadFailure(type: "Runtime.InvalidEntrypoint", message: kind.advice))
        }
        let script = configuration.workFolder + "/" + kind.fileName
        let variables = [
            "PATH=\(configuration.path)", "LANG=en_US.UTF-8", "PYTHONDONTWRITEBYTECODE=1",
        ]
        do throws(SpawnError) {
            let child = try ChildProcess.spawn(
                path: program,
                arguments: kind.arguments(script: script),
                environment: variables,
                openFiles: Self.openFiles,
                on: reactor
            )
            let environment = ExecutionEnvironment(
                child: child,
                kind: kind,
                reactor: reactor,
                log: log
            )
            track(environment)
            guard await environment.waitUntilReady(until: .now + Self.bootLimit) else {
                return .failure(
                    LoadFailure(
                        type: "Runtime.ExitError",
                        message: "The worker \(program) did not start."
                    )
                )
            }
            return .success(environment)
        } catch {
            return .failure(
                LoadFailure(
                    type: "Runtime.InvalidEntrypoint",
                    message:
                        "Starting \(program) failed: \(error.call) reported error \(error.code)."
                )
            )
        }
    }

    /// Remembers an environment until its process is gone.
    private func track(_ environment: ExecutionEnvironment) {
        living[ObjectIdentifier(environment)] = environment
        let confined = ReactorLocal((self, environment))
        reactor.submit {
            let (workers, environment) = confined.value
            _ = await environment.child.waitForExit()
            environment.stop()
            workers.living[ObjectIdentifier(environment)] = nil
        }
    }

    /// Ends the pools whose key is not wanted any more.
    func retire(where unwanted: (String) -> Bool) {
        for key in pools.keys where unwanted(key) { pools.removeValue(forKey: key)?.retire() }
    }

    /// Ends the pools of functions that are gone or differ from the given ones.
    func retire(functionsOtherThan current: [String: FunctionVersion]) {
        for (key, pool) in pools {
            let name = key.split(separator: "@", maxSplits: 1).first.map(String.init) ?? key
            if current[name] != pool.identity.version { pools.removeValue(forKey: key)?.retire() }
        }
    }

    /// Kills every process and waits until all are reaped.
    func close() async {
        isClosed = true
        if let reapTimer { reactor.cancel(reapTimer) }
        reapTimer = nil
        retire { _ in true }
        blank = [:]
        while let environment = living.values.first {
            for other in living.values { other.stop() }
            _ = await environment.child.waitForExit()
            environment.child.close()
            living[ObjectIdentifier(environment)] = nil
        }
    }

    private func scheduleReaping() {
        guard reapTimer == nil, !isClosed else { return }
        reapTimer = reactor.schedule(at: .now + configuration.idleLimit / 4) { [weak self] in
            self?.reap()
        }
    }

    private func reap() {
        reapTimer = nil
        let instant = ContinuousClock.now - configuration.idleLimit
        for pool in pools.values { pool.reap(idleBefore: instant) }
        if !pools.isEmpty { scheduleReaping() }
    }
}
