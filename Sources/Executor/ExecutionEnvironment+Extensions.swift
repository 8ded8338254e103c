import Glibc
import Model
import Reactor

/// How the namespaces of an environment are reached.
struct NamespaceAccess {
    /// Whether it takes the user namespace as well.
    var asUser: Bool
    /// The file that stands for `/etc/hosts` there.
    var hosts: String
    var level = IsolationLevel.process
    /// The state folder, where only what is the function's own shows through.
    var covered: String?
}

/// The part that extensions have in the life of an environment.
extension ExecutionEnvironment {
    /// Whether the platform's events are heard by anybody.
    var events: PlatformEvents? {
        guard let api, api.telemetry.isHeard, let identity else { return nil }
        return PlatformEvents(
            telemetry: api.telemetry,
            identity: identity,
            initialization: initialization,
            instance: logStream
        )
    }

    var hasExtensions: Bool { api?.extensions.members.isEmpty == false }

    /// Why extensions broke the environment, if they did.
    var extensionFailure: ExtensionDesk.Failure? { api?.extensions.failure }

    /// Whether an answer may come before the environment is ready for the next call.
    var answersEarly: Bool {
        transport.answersEarly || api?.extensions.followsInvocations == true
    }

    /// Opens the port of the environment's APIs; false when none is free.
    func open(_ api: EnvironmentAPI) -> Bool {
        if api.address.isEmpty, (try? api.listen()) == nil { return false }
        attach(api)
        return true
    }

    /// Takes the APIs, whose port may open later.
    func attach(_ api: EnvironmentAPI) {
        api.extensions.onFailure = { [weak self] in self?.child.kill() }
        api.onSubscription = { [weak self] member, subscription in
            guard let self else { return }
            write(platform?.subscription(of: member, subscription), requestID: "")
            events?.subscribed(member, subscription)
        }
        self.api = api
    }

    // MARK: Init phase

    /// Starts the extensions, has the function loaded, and waits until all are ready.
    func initialise(
        _ identity: FunctionIdentity,
        path: String,
        phase: String,
        until deadline: MonotonicInstant
    ) async -> Initialisation {
        // What is restored is a copy of one that has all this behind it.
        guard let api, origin != .restored else {
            if origin != .restored, namespace?.level.isStrict == true {
                return .failed(.notIsolated)
            }
            return await transport.initialise(self, identity, path: path, until: deadline)
        }
        let found = identity.externalExtensions
        api.telemetry.expectsSubscribers = !found.isEmpty
        events?.initStart(phase: phase)
        guard await startExtensions(found, identity, path: path, until: deadline) else {
            return unfinished(at: deadline)
        }
        let outcome = await transport.initialise(self, identity, path: path, until: deadline)
        events?.initRuntimeDone(phase: phase, Self.ending(outcome))
        guard case .loaded = outcome else { return outcome }
        api.extensions.closeRegistration()
        guard await api.extensions.waitUntilIdle(everyOne: true, until: deadline) else {
            return unfinished(at: deadline)
        }
        api.telemetry.closeSubscription()
        for member in api.extensions.members {
            write(platform?.state(of: member, "Ready"), requestID: "")
            events?.extensionState(member, "Ready")
        }
        return .loaded
    }

    private func unfinished(at deadline: MonotonicInstant) -> Initialisation {
        extensionFailure == nil && reactor.preciseTime >= deadline ? .timedOut : .ended
    }

    private static func ending(_ outcome: Initialisation) -> PlatformLog.Ending {
        switch outcome {
        case .loaded: PlatformLog.Ending()
        case .failed(let failure): PlatformLog.Ending(status: "error", errorType: failure.type)
        case .timedOut: PlatformLog.Ending(status: "timeout")
        case .ended: PlatformLog.Ending(status: "failure", errorType: "Runtime.ExitError")
        }
    }

    /// Starts the external extensions and waits until they have registered.
    private func startExtensions(
        _ found: [(name: String, layer: String)],
        _ identity: FunctionIdentity,
        path: String,
        until deadline: MonotonicInstant
    ) async -> Bool {
        guard let api else { return true }
        if isGated {
            guard await LaunchGate.reached(by: child, until: deadline) else { return false }
            if scratch == nil { scratch = ScratchFolder(of: child.pid) }
            if namespace?.level == .noNetwork, await !api.listen(inside: child.pid) {
                api.extensions.fail(LoadFailure.sandboxType, LoadFailure.notIsolated.message)
                return false
            }
        }
        let isFurnished = await furnish(identity)
        if namespace?.level.isStrict == true, !isFurnished {
            api.extensions.fail(LoadFailure.sandboxType, LoadFailure.notIsolated.message)
            return false
        }
        for (name, layer) in found {
            let file = (isFurnished ? "/opt" : layer) + "/extensions/" + name
            guard api.extensions.expect(name) else {
                let text = "\(name): Extension limit (\(ExtensionDesk.maximum)) reached"
                api.extensions.fail("Extension.LaunchError", text)
                return false
            }
            guard isAlive, await start(name, file, path) else { return false }
        }
        guard await api.extensions.waitForRegistrations(until: deadline) else { return false }
        if isGated { await LaunchGate.open(child, until: deadline) }
        return true
    }

    /// How its own namespaces are reached; nil where it shares the machine's.
    private var access: NamespaceAccess? { scratch == nil ? nil : namespace }

    /// Fits the namespace to the function; false where layers stay in their folders.
    private func furnish(_ identity: FunctionIdentity) async -> Bool {
        let size = identity.version.ephemeralStorage
        // A program of the function's own begins with a /tmp of the right size.
        let storage = kind == .provided ? 0 : (size ?? 0) << 20
        var isFurnished = false
        let isStrict = access?.level.isStrict == true
        if let access, !identity.layerRoots.isEmpty || storage > 0 || isStrict {
            isFurnished = await LayerFurnishing.furnish(
                child.pid,
                access,
                own: isStrict ? [identity.taskRoot] + identity.layerRoots : [],
                layers: identity.layerRoots,
                storage: storage,
                on: reactor
            )
        }
        let isSized = kind == .provided ? namespace != nil : isFurnished
        if size != nil, !isSized {
            let text =
                "EphemeralStorage has no effect: this machine does not allow mounting, so /tmp "
            write(.text(text + "is not a file system of its own"), requestID: "")
        }
        return isFurnished
    }

    private func start(
        _ name: String,
        _ file: String,
        _ path: String
    ) async -> Bool {
        guard let api else { return false }
        var variables = api.identity.extensionVariables(
            path: path,
            initialization: initialization
        )
        variables["AWS_LAMBDA_RUNTIME_API"] = api.address
        let line =
            access.map {
                LayerFurnishing.command(
                    inside: child.pid,
                    $0,
                    file,
                    [],
                    isPowerless: $0.level.isStrict
                )
            } ?? (file, [])
        var command = ChildProcess.Command(
            path: line.0,
            arguments: line.1,
            environment: variables.map { "\($0.key)=\($0.value)" },
            openFiles: ReactorWorkers.openFiles,
            directory: "/"
        )
        command.steps = group?.admission ?? []
        do throws(SpawnError) {
            let started = try await ChildProcess.start(command, on: reactor)
            adopt(name, started, api)
            return true
        } catch {
            let text = "\(name): \(error.call) reported error \(error.code)"
            api.extensions.fail("Extension.LaunchError", text)
            return false
        }
    }

    private func adopt(_ name: String, _ started: ChildProcess, _ api: EnvironmentAPI) {
        let process = ExtensionProcess(
            name,
            started,
            reactor: reactor,
            write: { [weak self] in self?.writeExtensionOutput($0) },
            onEnd: { api.extensions.ended($0.name, $0.exitText) }
        )
        extensionProcesses.append(process)
        // The environment may have been given up while the program started.
        if state == .ended { started.kill() }
    }

    /// Writes a line of an extension.
    private func writeExtensionOutput(_ text: String) {
        write(.text(text), requestID: "")
        api?.telemetry.publish(.extension, line: text, isJSON: platform?.identity.logsJSON == true)
    }

    // MARK: Between invocations

    /// Stops or continues everything that belongs to the environment.
    func signalAll(_ number: Int32) {
        child.signal(number)
        for process in extensionProcesses { process.child.signal(number) }
    }

    // MARK: Shutdown phase

    /// Ends runtime and extensions in the order and with the time limits of the shutdown phase.
    func beginShutdown(_ reason: ShutdownReason) {
        guard !isShuttingDown else { return }
        isShuttingDown = true
        let confined = ReactorLocal(self)
        reactor.submit { await confined.value.shutDown(reason) }
    }

    private func shutDown(_ reason: ShutdownReason) async {
        guard let api else { return }
        let plan = ShutdownPlan(
            hasExternal: api.extensions.hasExternal,
            isEmpty: api.extensions.members.isEmpty,
            reason: reason,
            stretch: shutdownStretch
        )
        let began = reactor.preciseTime
        if freezes { signalAll(SIGCONT) }
        if plan.runtime > .zero, child.exit == nil {
            child.signal(SIGTERM)
            let timer = reactor.schedule(at: began + plan.runtime) { [child] in child.kill() }
            if !isInUse { await transport.takeLastWords(self, until: began + plan.runtime) }
            _ = await child.waitForExit()
            reactor.cancel(timer)
        }
        child.kill()
        _ = await child.waitForExit()
        api.telemetry.flush()
        let deadline = began + plan.whole
        let left = max(0, Int64((deadline - reactor.preciseTime) / .milliseconds(1)))
        api.extensions.beginShutdown(reason, deadline: System.milliseconds + left)
        let told = Set(api.extensions.members.filter { $0.events.contains(.shutdown) }.map(\.name))
        for process in extensionProcesses {
            if !told.contains(process.name) { process.child.kill() }
            let timer = reactor.schedule(at: deadline) { process.child.kill() }
            _ = await process.child.waitForExit()
            reactor.cancel(timer)
        }
        api.close()
        if let scratch { scratch.killAllSoon() }
        isOver = true
        let waiting = whenOver
        whenOver = []
        for waiter in waiting { waiter.resume() }
    }

    /// Waits until the extensions have ended too.
    func extensionsEnded() async {
        guard isShuttingDown, !isOver else { return }
        await withUnsafeContinuation { whenOver.append($0) }
    }
}
