import Model
import Reactor

extension ReactorWorkers {
    /// A loaded environment; `request` names the invocation inside of which loading is tried once more.
    ///
    /// What waits for its turn to load does not lose the time that its code has for that.
    func start(
        _ identity: FunctionIdentity,
        request: String? = nil,
        scratch: ScratchFolder? = nil,
        initialization: InitializationType = .onDemand,
        until latest: MonotonicInstant
    ) async -> Start {
        if identity.version.sealedVariables != nil { return .failed(.sealedVariables, nil) }
        if request == nil, identity.startsFromSnapshot,
            configuration.debug?.isMeant(identity.version.name) != true,
            let start = await startFromSnapshot(identity, scratch: scratch, until: latest)
        {
            return start
        }
        guard let kind = RuntimeKind(identity.version) else {
            let text =
                "The runtime \(identity.version.runtime) is not supported here; functions may use "
                + "nodejs, python and provided runtimes."
            return .failed(LoadFailure(type: "Runtime.InvalidEntrypoint", message: text), nil)
        }
        let place = await gate.enter()
        defer { gate.leave(place) }
        guard !isClosed, reactor.preciseTime < latest, makeRoom() else { return .full }
        let found: Result<ExecutionEnvironment, LoadFailure>
        switch kind {
        case .node, .python: found = await takeBlank(kind, identity.version.runtime)
        case .provided: found = await startProvided(identity, initialization)
        }
        switch found {
        case .failure(let failure): return .failed(failure, nil)
        case .success(let environment):
            // The time is that of the function's code: an interpreter that boots late is not its fault.
            let deadline =
                request == nil
                ? min(latest, reactor.preciseTime + configuration.initLimit) : latest
            accompany(environment)
            environment.initialization = initialization
            if kind != .provided { await carry(scratch, to: environment) }
            let debug = configuration.debug?.port(for: identity, kind)
            environment.debug = debug
            // A debugger that starts takes time that is not the function's either.
            let limit = deadline - reactor.preciseTime + BlankWorkers.bootLimit
            let watch = debug.map { DebugWatch($0, environment, limit: limit, reactor) }
            let failure = await environment.load(
                identity,
                path: configuration.path,
                stage: request.map { .invocation($0) } ?? .initial,
                until: watch == nil ? deadline : deadline + DebugTarget.patience
            )
            watch?.stop()
            if kind == .provided, failure == nil { await carry(scratch, to: environment) }
            return failure.map { .failed($0, environment) } ?? .ready(environment)
        }
    }

    /// How one more environment stands behind those that have answered already.
    ///
    /// One that nobody waits for stands a step further behind.
    private func precedence(isAwaited: Bool = true) -> Precedence {
        .late(among: (isAwaited ? 1 : 2) + beginners + starting)
    }

    /// Counts an environment among those that start until it waits for a function, has answered or has ended.
    ///
    /// What does not come to that in time, as others take all processors, stands no further behind than one alone.
    private func countAsBeginner(_ environment: ExecutionEnvironment) {
        guard environment.whenSettled == nil else { return }
        beginners += 1
        Pulse.shared.begin()
        let timer = bringForward(environment, after: Precedence.modesty)
        environment.whenSettled = { [self] in
            beginners -= 1
            Pulse.shared.end()
            reactor.cancel(timer)
        }
    }

    /// Has an environment that starts stand no further behind than one alone after a while.
    @discardableResult
    private func bringForward(
        _ environment: ExecutionEnvironment,
        after patience: Duration
    ) -> TimerID {
        reactor.schedule(at: reactor.time + patience) { [weak environment] in
            guard let environment, environment.whenSettled != nil else { return }
            environment.child.setPrecedence(.late(among: 1))
            environment.settle()
        }
    }

    /// Looks after an environment that begins its first invocation: from now on it is the function's time that passes.
    func hasten(_ environment: ExecutionEnvironment, within timeout: Duration) {
        guard environment.whenSettled != nil else { return }
        bringForward(environment, after: min(Precedence.modesty, timeout / 3))
    }

    /// Watches over an environment that is about to get its function.
    func accompany(_ environment: ExecutionEnvironment) {
        environment.child.setPrecedence(precedence())
        countAsBeginner(environment)
        memory.add(environment)
        environment.shutdownStretch = configuration.shutdownStretch
        environment.groupLimits = GroupLimits(
            scratch: isolation?.size ?? sharedScratch,
            dividesProcessors: configuration.sharesProcessors
        )
        environment.namespace = isolation.map {
            NamespaceAccess(
                asUser: $0.asUser,
                hosts: configuration.workFolder + "/hosts",
                level: $0.level,
                covered: $0.level.isStrict ? $0.state : nil
            )
        }
    }

    /// Hands files of an environment that was reset to the one that takes its place.
    func carry(_ scratch: ScratchFolder?, to environment: ExecutionEnvironment) async {
        guard let scratch, let isolation else { return }
        await scratch.carry(to: environment.child.pid, except: isolation.kept, on: reactor)
    }

    /// Has a program begin with a `/tmp` of its own, where the machine allows it; false when it must not begin without.
    private func isolate(
        _ command: inout ChildProcess.Command,
        storage: Int? = nil
    ) async -> Bool {
        await findIsolation()
        guard let isolation else { return !configuration.isolation.isStrict }
        isolation.apply(to: &command, storage: storage)
        return true
    }

    /// Why this machine cannot keep processes apart as it is told to; nil when it can.
    func isolationProblem() async -> String? {
        guard configuration.isolation.isStrict else { return nil }
        await findIsolation()
        guard isolation == nil else { return nil }
        return
            "--isolation \(configuration.isolation.rawValue): this machine does not allow it. It takes "
            + "the programs nsenter, setpriv and mount (package util-linux) and user namespaces "
            + "(sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces); --isolation process "
            + "does without."
    }

    /// Tries once whether this machine lets processes have a `/tmp` of their own.
    func findIsolation() async {
        let level = configuration.isolation
        if configuration.isolatesScratch || level.isStrict, !hasTriedIsolation {
            let own = level.isStrict ? nil : System.link("/proc/self/cwd")
            let search = configuration.path.split(separator: ":").map(String.init)
            isolation = await ScratchIsolation.find(
                size: configuration.scratchSize,
                stage: configuration.workFolder + "/stage",
                needed: [System.parent(of: configuration.workFolder)]
                    + configuration.neededFolders + search.filter(System.isFolder)
                    + [own].compactMap { $0 },
                level: level,
                workers: configuration.workFolder,
                path: configuration.path,
                on: reactor
            )
            hasTriedIsolation = true
        }
    }

    /// Boots blank workers for a runtime and waits for them.
    func prewarm(runtime: String) async -> LoadFailure? {
        guard let kind = RuntimeKind(runtime: runtime), kind != .provided else { return nil }
        guard let program = program(kind, runtime) else { return missing(kind) }
        guard let failure = await blank.prewarm(program) else { return nil }
        guard failure.isUnusable else { return failure }
        unusable.insert(program.path)
        return await prewarm(runtime: runtime)
    }

    /// How often a worker is booted for one environment when something kills it meanwhile.
    private static let bootAttempts = 3

    /// A blank worker of the interpreter that is nearest to a runtime's name.
    func takeBlank(
        _ kind: RuntimeKind,
        _ runtime: String,
        attempts: Int = bootAttempts
    ) async -> Result<ExecutionEnvironment, LoadFailure> {
        guard let program = program(kind, runtime) else { return .failure(missing(kind)) }
        let taken = await blank.take(program)
        switch taken {
        case .failure(let failure):
            if failure.isInterrupted, attempts > 1 {
                return await takeBlank(kind, runtime, attempts: attempts - 1)
            }
            // Others may have met the same program at the same time: each goes on to the next one.
            guard failure.isUnusable else { return taken }
            unusable.insert(program.path)
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

    private func missing(_ kind: RuntimeKind) -> LoadFailure {
        var text = kind.advice
        let tried = unusable.filter { $0.contains("/" + kind.program.prefix(4)) }.sorted()
        if !tried.isEmpty {
            text += " What is there did not start as a worker: " + tried.joined(separator: ", ")
            let hidden = tried.filter { isolation?.hides($0) == true }
            if !hidden.isEmpty { text += " (in /tmp, which environments do not share)" }
            text += "."
        }
        return LoadFailure(type: "Runtime.InvalidEntrypoint", message: text)
    }

    func bootBlank(
        _ program: WorkerProgram,
        isAwaited: Bool
    ) async -> Result<ExecutionEnvironment, LoadFailure> {
        guard !isClosed, makeRoom() else {
            let text = "No more processes may be started."
            return .failure(LoadFailure(type: LoadFailure.sandboxType, message: text))
        }
        let (kind, path) = (program.kind, program.path)
        let script = configuration.workFolder + "/" + kind.fileName
        let variables = [
            "PATH=\(configuration.path)", "LANG=en_US.UTF-8", "PYTHONDONTWRITEBYTECODE=1",
        ]
        do throws(SpawnError) {
            var command = ChildProcess.Command(
                path: interpreters[path] ?? path,
                arguments: kind.arguments(script: script),
                environment: variables,
                openFiles: Self.openFiles
            )
            guard await isolate(&command) else { return .failure(.notIsolated) }
            command.precedence = precedence(isAwaited: isAwaited)
            let group = configuration.groups?.makeGroup()
            let child = try await spawn(command, group)
            let frames = FrameTransport(child, reactor: reactor)
            let environment = makeEnvironment(child, kind, frames, group)
            countAsBeginner(environment)
            let deadline = reactor.preciseTime + BlankWorkers.bootLimit
            if let version = await frames.waitUntilBlank(until: deadline),
                environment.becomeBlank(version: version)
            {
                if interpreters[path] == nil, System.isScript(path) {
                    interpreters[path] = System.link("/proc/\(child.pid)/exe")
                }
                proven.insert(path)
                return .success(environment)
            }
            let hasTimedOut = reactor.preciseTime >= deadline
            environment.stop()
            // What ended by itself keeps its status: the signal comes too late for it.
            let exit = await child.waitForExit()
            if hasTimedOut { return .failure(.slow(path)) }
            if proven.contains(path) { return .failure(.interrupted(path)) }
            if case .signal = exit { return .failure(.interrupted(path)) }
            return .failure(.unusable(path))
        } catch {
            return .failure(Self.failure(path, error))
        }
    }

    /// Starts the function's own program, which asks the Runtime API for its invocations.
    private func startProvided(
        _ identity: FunctionIdentity,
        _ initialization: InitializationType
    ) async -> Result<ExecutionEnvironment, LoadFailure> {
        let runtime: ProvidedRuntime
        switch ProvidedRuntime.find(identity, path: configuration.path) {
        case .failure(let failure): return .failure(failure)
        case .success(let found): runtime = found
        }
        await findIsolation()
        for file in [runtime.program, System.interpreter(of: runtime.program)].compactMap({ $0 })
        where isolation?.hides(file) == true {
            return .failure(.hidden(file))
        }
        let transport = RuntimeAPI(reactor: reactor)
        let api = EnvironmentAPI(identity, runtime: transport, reactor: reactor)
        let isOffline = configuration.isolation == .noNetwork
        do throws(SocketError) {
            // Inside of a network of its own it can only once there is one.
            if !isOffline { try api.listen() }
        } catch {
            return .failure(LoadFailure(type: "Sandbox.Failure", message: "\(error)"))
        }
        let stream = identity.makeLogStream()
        var variables = identity.variables(
            logStream: stream,
            path: configuration.path,
            initialization: initialization
        )
        variables["AWS_LAMBDA_RUNTIME_API"] =
            isOffline ? EnvironmentAPI.addressInside : api.address
        let isGated = !identity.layerRoots.isEmpty || configuration.isolation.isStrict
        do throws(SpawnError) {
            let line =
                isGated
                ? LaunchGate.command(
                    runtime.program,
                    runtime.arguments,
                    in: runtime.directory
                )
                : (runtime.program, runtime.arguments)
            let storage = identity.version.ephemeralStorage.map { $0 << 20 }
            var command = ChildProcess.Command(
                path: line.0,
                arguments: line.1,
                environment: variables.map { "\($0.key)=\($0.value)" },
                openFiles: Self.openFiles,
                directory: runtime.directory
            )
            guard await isolate(&command, storage: storage) else {
                api.close()
                return .failure(.notIsolated)
            }
            command.precedence = precedence()
            let group = configuration.groups?.makeGroup()
            let child = try await spawn(command, group)
            let environment = makeEnvironment(child, .provided, transport, group)
            environment.isGated = isGated
            environment.attach(api)
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

    /// Starts a program away from the reactor; it counts as a process from the beginning.
    private func spawn(
        _ command: ChildProcess.Command,
        _ group: ControlGroup?
    ) async throws(SpawnError) -> ChildProcess {
        starting += 1
        defer { hasStarted() }
        var command = command
        command.steps.insert(contentsOf: group?.admission ?? [], at: 0)
        let child = try await ChildProcess.start(command, on: reactor)
        if isClosed { child.kill() }
        return child
    }

    /// Does something that ends in one more process.
    func countingAsStarting<Value>(_ work: () async -> Value) async -> Value {
        starting += 1
        defer { hasStarted() }
        return await work()
    }

    private func hasStarted() {
        starting -= 1
        guard starting == 0 else { return }
        let waiting = whenStarted
        whenStarted = []
        for waiter in waiting { waiter.resume() }
    }

    /// Makes an environment and remembers it until its process is gone.
    func makeEnvironment(
        _ child: ChildProcess,
        _ kind: RuntimeKind,
        _ transport: any WorkerTransport,
        _ group: ControlGroup?
    ) -> ExecutionEnvironment {
        let environment = ExecutionEnvironment(
            child: child,
            kind: kind,
            transport: transport,
            reactor: reactor,
            freezes: configuration.freezesBetweenInvocations,
            group: group,
            log: log
        )
        living[ObjectIdentifier(environment)] = environment
        let confined = ReactorLocal((self, environment))
        reactor.submit {
            let (workers, environment) = confined.value
            _ = await environment.child.waitForExit()
            environment.processEnded(sweeps: !workers.isClosed)
            await environment.extensionsEnded()
            environment.group?.remove()
            workers.living[ObjectIdentifier(environment)] = nil
        }
        return environment
    }
}
