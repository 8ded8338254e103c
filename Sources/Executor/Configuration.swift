import Model

/// What the executor may use and where it keeps its files.
package struct ExecutorConfiguration: Sendable {
    /// The folder for the worker scripts; made when missing.
    package var workFolder: String
    /// How many booted workers wait per runtime kind and reactor.
    package var blankWorkers = 2
    /// How many invocations may run at once, as AWS counts them.
    package var concurrency = ConcurrencyLimits()
    /// How many environments one function may have per reactor.
    package var environmentsPerFunction = 4
    /// How many environments one function may have per reactor without a process budget.
    ///
    /// Source: Lambda quotas, "Concurrent executions": 1,000 per account and Region.
    package var liftedEnvironmentsPerFunction = 1000
    /// How many processes one reactor runs for all functions together, blank ones included.
    package var processes = 1024
    /// Whether the number of environments of a function is bounded only by its callers.
    package var liftsProcessBudget: Bool
    /// How many invocations of one function may wait per reactor.
    package var waitersPerFunction = 1024
    /// How long an environment without work is kept.
    package var idleLimit: Duration = .seconds(600)
    /// How long a function's static code may take.
    ///
    /// Source: "Understanding the Lambda execution environment lifecycle": 10 seconds.
    package var initLimit: Duration = .seconds(10)
    /// How long a copy of a snapshot may take to be there, with its after-restore hooks.
    ///
    /// Source: "Lambda SnapStart runtime hooks for Python": 10 seconds.
    package var restoreLimit: Duration = .seconds(10)
    /// By how much the times of the shutdown phase are longer than AWS's, for slow machines.
    package var shutdownStretch = 1
    /// How often the memory of a working process is measured.
    package var memoryInterval: Duration = .milliseconds(24)
    /// The control groups of this process's environments; nil leaves memory to be measured.
    package var groups: ControlGroups?
    /// Whether processor time is divided by the functions' memory.
    package var sharesProcessors = false
    /// Whether processes stand still between invocations, as in AWS; else background work goes on.
    package var freezesBetweenInvocations = false
    /// Whether each process gets a `/tmp` of its own where the machine allows it.
    package var isolatesScratch = true
    /// How far processes are kept from each other.
    package var isolation = IsolationLevel.process
    /// How much fits into `/tmp`.
    ///
    /// Unit: bytes. Source: Lambda quotas, "/tmp directory storage": 512 MB unless a function asks for more.
    package var scratchSize = 512 << 20
    /// Folders that processes need, also when they lie in `/tmp`; that of the worker scripts with its
    /// neighbours and this process's working folder always belong to them.
    package var neededFolders: [String] = []
    /// Makes segments of invocations; nil leaves tracing off.
    package var tracer: Tracer?
    /// Counts what invocations would cost.
    package var costs: CostLedger?
    /// The function that somebody looks at with a debugger.
    package var debug: DebugTarget?
    /// The region told to functions.
    package var region = "us-east-1"
    /// The credentials told to functions; the local endpoint takes any.
    package var credentials = FunctionCredentials()
    /// The search path in which `node` and `python3` are found.
    package var path: String

    /// Makes a configuration with the defaults.
    package init(workFolder: String, liftsProcessBudget: Bool = false, path: String? = nil) {
        self.workFolder = workFolder
        self.liftsProcessBudget = liftsProcessBudget
        self.path = path ?? System.environment("PATH") ?? "/usr/local/bin:/usr/bin:/bin"
    }

    /// How many environments of a function one reactor may run; of one that is looked at there is but one.
    func environmentLimit(of identity: FunctionIdentity) -> Int {
        if debug?.isMeant(identity.version.name) == true { return 1 }
        return liftsProcessBudget ? liftedEnvironmentsPerFunction : environmentsPerFunction
    }
}

/// The keys in a function's environment.
package struct FunctionCredentials: Sendable {
    package var accessKey = "ASIAPORTICOLOCALNODE"
    package var secretKey = "portico-local-secret-of-no-account-anywhere"
    package var sessionToken = "portico-local-session"

    /// Makes keys that only a local endpoint takes.
    package init() {}
}
