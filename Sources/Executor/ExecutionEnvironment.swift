import Glibc
import HTTP
import Model
import Reactor

/// One process: of a blank worker first, then bound to one function for life.
///
/// Confined to its reactor.
final class ExecutionEnvironment {
    /// How long a process that closed its channel may take to end by itself.
    static let exitGrace: Duration = .milliseconds(400)

    let child: ChildProcess
    let kind: RuntimeKind
    let transport: any WorkerTransport
    let reactor: Reactor
    /// Whether the process stands still between invocations.
    let freezes: Bool
    private let log: @Sendable (FunctionLogLine) -> Void
    private var outputs: [ProcessOutput] = []
    // Exclusivity of these is by confinement: one thread, and no access calls out while it lasts.
    @exclusivity(unchecked)
    private(set) var state = EnvironmentState.booting
    @exclusivity(unchecked)
    private(set) var identity: FunctionIdentity?
    @exclusivity(unchecked)
    private var place = FunctionLogLine.Place.none
    private(set) var logStream = ""
    @exclusivity(unchecked)
    private(set) var idleSince: MonotonicInstant
    /// The version of a built-in worker's interpreter.
    private(set) var interpreterVersion = ""
    private(set) var ranOutOfMemory = false
    /// Whether it has answered an invocation; until then it stands behind those that have.
    @exclusivity(unchecked)
    private var hasAnswered = false
    /// Runs once, when it waits for a function, has answered or has ended.
    @exclusivity(unchecked)
    var whenSettled: (() -> Void)?
    /// The most memory seen so far.
    ///
    /// Unit: bytes.
    @exclusivity(unchecked)
    private(set) var peakMemory = 0
    @exclusivity(unchecked)
    private(set) var currentRequest = ""
    /// How long loading took, until the first invocation has reported it.
    ///
    /// Unit: nanoseconds.
    @exclusivity(unchecked)
    var initDuration: Int64?
    /// How its process came to be.
    enum Origin { case booted, snapshot, restored }

    var origin = Origin.booted
    /// When the copying of the process that it comes from began; nil unless it is a copy.
    var restoreBegan: MonotonicInstant?
    /// How long restoring took, until the first invocation has reported it.
    @exclusivity(unchecked)
    var restoreTime: RestoreTime?
    var initialization = InitializationType.onDemand
    /// Its `/tmp`, once it has a function; nil when it shares the machine's.
    var scratch: ScratchFolder?
    /// The control group of its processes; nil when the machine has none for us.
    let group: ControlGroup?
    /// What its group may hold.
    var groupLimits = GroupLimits()
    /// The APIs that its processes reach over HTTP, once it has a function.
    var api: EnvironmentAPI?
    /// How its namespaces are reached; nil when it has none of its own.
    var namespace: NamespaceAccess?
    /// Whether its program waits until the extensions are there.
    var isGated = false
    /// Where a debugger may attach; nil for nowhere.
    var debug: DebugPort?
    var extensionProcesses: [ExtensionProcess] = []
    var shutdownStretch = 1
    var isShuttingDown = false
    /// Whether the shutdown phase has ended.
    var isOver = false
    var whenOver: [UnsafeContinuation<Void, Never>] = []
    /// Whether the memory watch has it on its list.
    @exclusivity(unchecked)
    var isWatched = false
    @exclusivity(unchecked)
    private(set) var isInUse = false

    init(
        child: ChildProcess,
        kind: RuntimeKind,
        transport: any WorkerTransport,
        reactor: Reactor,
        freezes: Bool,
        group: ControlGroup? = nil,
        log: @escaping @Sendable (FunctionLogLine) -> Void
    ) {
        self.child = child
        self.kind = kind
        self.transport = transport
        self.reactor = reactor
        self.freezes = freezes
        self.group = group
        self.log = log
        idleSince = reactor.time
        for pipe in [child.output, child.errors] {
            let output = ProcessOutput(pipe) { [unowned self] in
                writeOutput($0, requestID: currentRequest)
            }
            outputs.append(output)
            let confined = ReactorLocal((self, output))
            reactor.submit { await confined.value.1.run() }
        }
    }

    var isAlive: Bool { state != .ended && child.exit == nil }
    var isBusy: Bool { state == .busy || state == .initialising }
    var platform: PlatformLog? {
        identity.map { PlatformLog(identity: $0, initialization: initialization) }
    }

    /// Notes that the blank worker is there; false when it has ended meanwhile.
    func becomeBlank(version: String = "") -> Bool {
        interpreterVersion = version
        settle()
        return state.apply(.ready)
    }

    /// Binds a process that was started for this function.
    func bind(_ identity: FunctionIdentity, logStream: String) {
        self.identity = identity
        self.logStream = logStream
        place = FunctionLogLine.Place(
            function: identity.qualifiedName,
            group: identity.logGroup,
            stream: logStream,
            edge: identity.edge
        )
    }

    /// Loads a function; afterwards the environment is idle, or ended when there is a failure.
    ///
    func load(
        _ identity: FunctionIdentity,
        path: String,
        stage: LoadStage = .initial,
        until deadline: MonotonicInstant
    ) async -> LoadFailure? {
        guard state.apply(.assigned) else {
            return LoadFailure(type: "Runtime.Unknown", message: "The environment was not blank.")
        }
        if self.identity == nil {
            bind(identity, logStream: identity.makeLogStream())
            // Of a copy it is known to be its own only once it says that it is there.
            if origin != .restored { scratch = ScratchFolder(of: child.pid) }
            let api = EnvironmentAPI(identity, runtime: nil, reactor: reactor)
            if namespace?.level == .noNetwork, await !api.listen(inside: child.pid) {
                stop(.failure)
                return .notIsolated
            }
            _ = open(api)
        }
        if let group {
            let isUnbounded = origin == .snapshot || debug != nil
            groupLimits.set(group, for: identity, isUnbounded: isUnbounded)
        }
        let phase = stage.phase
        currentRequest = stage.request
        announce(stage)
        let started = reactor.preciseTime
        isInUse = true
        let outcome = await initialise(identity, path: path, phase: phase, until: deadline)
        letGo(surely: true)
        measureMemory()
        let took = reactor.preciseTime - started
        if case .loaded = outcome, state.apply(.loaded) {
            if scratch == nil { scratch = ScratchFolder(of: child.pid) }
            if origin == .snapshot || initialization == .provisioned { proveItself() }
            if freezes { signalAll(SIGSTOP) }
            if stage != .restore { events?.initReport(phase: phase, PlatformLog.Ending(), took) }
            note(stage, took)
            idleSince = reactor.time
            return nil
        }
        var failure = await describe(outcome, after: took)
        if stage == .restore {
            if failure.isTimeout { failure = .restoreTimeout }
            stop(failure.isTimeout ? .timeout : .failure)
            write(platform?.restoreReport(sinceRestoreBegan ?? took, failure), requestID: "")
            return failure
        }
        events?.initReport(
            phase: phase,
            PlatformLog.Ending(
                status: failure.isTimeout ? "timeout" : "error",
                errorType: failure.isTimeout ? nil : failure.type
            ),
            took
        )
        stop(failure.isTimeout ? .timeout : .failure)
        write(platform?.initReport(took, phase: phase, failure), requestID: currentRequest)
        return failure
    }

    private func announce(_ stage: LoadStage) {
        switch stage {
        case .initial: write(platform?.initStart(phase: stage.phase), requestID: "")
        case .invocation(let id): write(platform?.start(id), requestID: id)
        case .restore: write(platform?.restoreStart, requestID: "")
        }
    }

    private var sinceRestoreBegan: Duration? { restoreBegan.map { reactor.preciseTime - $0 } }

    /// Keeps how long loading took, for the report of the first invocation or for the log.
    private func note(_ stage: LoadStage, _ took: Duration) {
        let billed = Int64(took / .nanoseconds(1))
        switch stage {
        case .initial where origin == .snapshot:
            write(platform?.initReport(took), requestID: "")
        case .initial: initDuration = billed
        case .invocation: break
        case .restore:
            let whole = sinceRestoreBegan ?? took
            restoreTime = RestoreTime(whole: Int64(whole / .nanoseconds(1)), billed: billed)
            write(platform?.restoreReport(whole, nil), requestID: "")
        }
    }

    private func describe(_ outcome: Initialisation, after took: Duration) async -> LoadFailure {
        switch outcome {
        case .failed(let failure): return failure
        case .timedOut:
            return LoadFailure(
                type: "Sandbox.Timedout",
                message: "The function's static code took longer than "
                    + "\(System.twoDecimals(took, per: .seconds(1))) seconds."
            )
        case .ended where extensionFailure != nil:
            let type = extensionFailure?.type ?? ""
            let text = "Error: " + (extensionFailure?.text ?? "")
            child.kill()
            write(.text(text), requestID: currentRequest)
            write(.text(type), requestID: currentRequest)
            return LoadFailure(type: type, message: text)
        case .ended, .loaded:
            let text = "Error: " + (await exitText())
            write(.text(text), requestID: currentRequest)
            write(.text("Runtime.ExitError"), requestID: currentRequest)
            return LoadFailure(type: "Runtime.ExitError", message: text)
        }
    }

    /// The transport has done its part for now; a process that ended meanwhile is let go of.
    private func letGo(surely: Bool) {
        isInUse = false
        drainOutput(surely: surely)
        if child.exit != nil { child.close() }
    }

    /// Runs one invocation.
    ///
    /// The process is still there after `response`, `failed`, `oversized` and `streamed`.
    func invoke(_ call: EnvironmentCall, until deadline: MonotonicInstant) async -> Answer {
        guard identity != nil, state.apply(.invoked) else { return .exited }
        currentRequest = call.requestID
        isInUse = true
        if freezes { signalAll(SIGCONT) }
        api?.extensions.begin(call)
        let started = reactor.preciseTime
        let answer = await transport.invoke(call, self, until: deadline)
        if let events {
            let (ending, bytes) = answer.telemetry
            let took = reactor.preciseTime - started
            events.runtimeDone(call.requestID, ending, took, bytes: bytes, trace: call.traceID)
        }
        if case .timedOut = answer { stop(.timeout) }
        letGo(surely: !transport.hasAnnouncedOutput)
        return answer
    }

    /// Notes that the process has answered and, by the rules of its transport, can take its next call.
    func answeredInStep() -> Bool {
        guard state.apply(.answered) else { return false }
        rest()
        return true
    }

    /// Waits until the process can take its next invocation; false when it is of no use any more.
    func becomeIdle(until deadline: MonotonicInstant) async -> Bool {
        var isReady = await transport.becomeReady(until: deadline)
        if isReady, let api, api.extensions.followsInvocations {
            isReady = await api.extensions.waitUntilIdle(until: deadline)
        }
        drainOutput()
        guard isReady, state.apply(.answered) else { return false }
        rest()
        return true
    }

    /// It works, and need not stand behind others any more.
    private func proveItself() {
        hasAnswered = true
        child.setPrecedence(.normal)
        settle()
    }

    /// Has it take no processor from others by waking, or do so again; what has not answered yet stands behind anyway.
    func yields(_ yields: Bool) {
        if hasAnswered { child.setPrecedence(yields ? .patient : .normal) }
    }

    /// It starts no longer.
    func settle() {
        whenSettled?()
        whenSettled = nil
    }

    private func rest() {
        if !hasAnswered { proveItself() }
        idleSince = reactor.time
        if freezes { signalAll(SIGSTOP) }
    }

    /// Ends an invocation in the log's terms: later lines belong to nobody.
    func endRequest() { currentRequest = "" }

    /// Kills the whole process group; the descriptors close when the process is gone.
    ///
    /// Where there are extensions, the shutdown phase begins instead.
    func stop(_ reason: ShutdownReason = .spindown) {
        guard state.apply(.stopped) else { return }
        if hasExtensions { beginShutdown(reason) } else { child.kill() }
    }

    /// The process is gone: takes its last words and lets go of the descriptors.
    ///
    /// Processes that it started and that left its group end with it.
    func processEnded(sweeps: Bool = true) {
        let hasExtensions = hasExtensions
        settle()
        noteKill()
        if sweeps, !hasExtensions, let scratch { scratch.killAllSoon() }
        _ = state.apply(.stopped)
        if hasExtensions { beginShutdown(.failure) } else { api?.close() }
        drainOutput()
        for output in outputs { output.flush() }
        transport.processEnded()
        if !isInUse { child.close() }
    }

    /// Waits for the end of the process and says how it ended, in Lambda's words.
    func exitText() async -> String {
        let timer = reactor.schedule(at: reactor.preciseTime + Self.exitGrace) { [weak self] in
            self?.stop(.failure)
        }
        let exit = await child.waitForExit()
        reactor.cancel(timer)
        drainOutput()
        for output in outputs { output.flush() }
        _ = state.apply(.stopped)
        switch exit {
        case .status(0): return "Runtime exited without providing a reason"
        case .status(let code): return "Runtime exited with error: exit status \(code)"
        case .signal(let number):
            if number == SIGABRT, outputs.contains(where: \.sawHeapExhausted) { runOut() }
            noteKill()
            let name = ranOutOfMemory ? "killed" : System.signalName(number)
            return "Runtime exited with error: signal: \(name)"
        }
    }

    /// Measures the memory of the process and kills it when that is over the function's limit.
    func measureMemory() {
        guard let identity, isAlive else { return }
        // Those that were copied from it count for themselves.
        if origin == .snapshot, state != .initialising { return }
        let bytes = memoryInUse
        let limit = identity.version.memory << 20
        peakMemory = max(peakMemory, min(bytes, limit))
        // A debugger lives in the same process, and has processes of its own.
        guard bytes > limit, debug == nil else { return }
        runOut()
        child.kill()
    }

    /// What all processes of the environment hold: those of its group, or those that descend from its program.
    private var memoryInUse: Int {
        let processes = group?.processes ?? []
        guard processes.contains(child.pid) else { return child.residentBytes }
        return ChildProcess.residentBytes(of: processes)
    }

    /// Asks the group, while it is there, why its process was killed.
    private func noteKill() {
        guard case .signal(SIGKILL) = child.exit, !ranOutOfMemory else { return }
        if group?.hasRunOut == true { runOut() }
    }

    private func runOut() {
        ranOutOfMemory = true
        if let identity { peakMemory = identity.version.memory << 20 }
    }

    /// Writes a line of the function.
    func writeOutput(_ text: String, requestID: String) {
        write(.text(text), requestID: requestID)
        if let api, api.telemetry.isHeard {
            api.telemetry.publish(.function, line: text, isJSON: identity?.logsJSON == true)
        }
    }

    /// Writes a line of the platform or the function to the log.
    func write(_ words: FunctionLogLine.Words?, requestID: String) {
        guard let words else { return }
        log(
            FunctionLogLine(
                place,
                words,
                requestID: requestID.isEmpty ? nil : requestID,
                timestamp: System.milliseconds
            )
        )
    }

    private func drainOutput(surely: Bool = true) {
        for output in outputs { output.drain(surely: surely) }
    }
}
