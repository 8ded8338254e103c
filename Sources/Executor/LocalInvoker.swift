package import DataPlane
import HTTP
package import Model
package import Reactor

/// Runs functions in worker processes of this machine.
///
/// Each reactor has its own environments; an invocation uses those of the reactor it runs on.
package final class LocalInvoker: FunctionInvoker, Sendable {
    private let configuration: ExecutorConfiguration
    private let workers: [ReactorLocal<ReactorWorkers>]
    private let reactors: [Reactor]
    private let functions: @Sendable (String) -> FunctionVersion?
    private let codeFolder: @Sendable (String) -> String?

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
        self.reactors = reactors
        self.functions = functions
        self.codeFolder = codeFolder
        workers = reactors.map {
            ReactorLocal(ReactorWorkers(reactor: $0, configuration: configuration, log: log))
        }
        System.makeFolder(configuration.workFolder)
        for kind in RuntimeKind.allCases {
            _ = System.write(kind.source, to: configuration.workFolder + "/" + kind.fileName)
        }
    }

    /// Runs a function on the current reactor, or on the first one when called from elsewhere.
    package func invoke(_ invocation: Invocation) async -> InvocationResult {
        for position in reactors.indices where reactors[position].isCurrent {
            return await run(invocation, on: workers[position].value)
        }
        return await onReactor(0) { await self.run(invocation, on: $0) }
    }

    /// Boots blank workers on every reactor and waits until they are there.
    package func prewarm(runtimes: [String]) async -> LoadFailure? {
        for kind in Set(runtimes.compactMap(RuntimeKind.init(runtime:))) {
            for position in reactors.indices {
                let failure = await onReactor(position) { await $0.prewarm(kind) }
                if let failure { return failure }
            }
        }
        return nil
    }

    /// Loads a function in a blank worker and keeps that environment warm.
    ///
    /// The version need not be published; the code folder must exist.
    package func load(_ version: FunctionVersion) async -> LoadFailure? {
        let deadline = ContinuousClock.now + configuration.initLimit
        return await onReactor(0) { workers in
            let key = version.qualifiedName
            guard let identity = self.identity(version, edge: nil) else {
                return LoadFailure(
                    type: "Runtime.InvalidTaskConfig",
                    message: "The code of \(key) is not on this machine."
                )
            }
            switch await workers.start(identity, until: deadline) {
            case .failure(let failure): return failure
            case .success(let environment):
                workers.adopt(environment, as: identity, key: key)
                return nil
            }
        }
    }

    /// Ends the environments of all functions except the named ones (`name:version`).
    package func retire(functionsNotIn kept: Set<String>) {
        for (reactor, confined) in zip(reactors, workers) {
            reactor.submit {
                confined.value.retire { key in
                    let name = key.split(separator: "@", maxSplits: 1).first.map(String.init) ?? key
                    return !kept.contains(name)
                }
            }
        }
    }

    /// Ends the environments of functions that are gone or whose code or settings have changed.
    package func retire(functionsOtherThan current: [String: FunctionVersion]) {
        for (reactor, confined) in zip(reactors, workers) {
            reactor.submit { confined.value.retire(functionsOtherThan: current) }
        }
    }

    /// Kills every process and waits until all are reaped.
    ///
    /// Call while the reactors still run.
    package func shutdown() async {
        for position in reactors.indices { await onReactor(position) { await $0.close() } }
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
        let group = edge == nil ? version.name : "us-east-1.\(version.name)"
        return FunctionIdentity(
            version: version,
            taskRoot: folder,
            region: configuration.region,
            logGroup: "/aws/lambda/\(group)"
        )
    }

    private func run(_ invocation: Invocation, on workers: ReactorWorkers) async -> InvocationResult
    {
        let latest = ContinuousClock.now + invocation.limit
        let key = invocation.edge.map { invocation.function + "@" + $0 } ?? invocation.function
        let found = workers.pool(for: key) {
            functions(invocation.function).flatMap { identity($0, edge: invocation.edge) }
        }
        guard let pool = found else {
            return .notFound("Function not found: \(invocation.function)")
        }
        switch await pool.acquire(until: latest) {
        case .throttled: return .throttled("ConcurrentInvocationLimitExceeded")
        case .environment(let environment):
            return await call(invocation, in: environment, of: pool, until: latest)
        case .startNew:
            let limit = min(latest, .now + configuration.initLimit)
            switch await workers.start(pool.identity, until: limit) {
            case .failure(let failure):
                pool.startFailed()
                return .functionError(.initFailed, payload: failure.payload[...])
            case .success(let environment):
                return await call(invocation, in: environment, of: pool, until: latest)
            }
        }
    }

    private func call(
        _ invocation: Invocation,
        in environment: ExecutionEnvironment,
        of pool: FunctionPool,
        until latest: ContinuousClock.Instant
    ) async -> InvocationResult {
        let started = ContinuousClock.now
        let version = pool.identity.version
        let deadline = min(latest, started + .seconds(version.timeout))
        let id = invocation.requestID
        environment.write("START RequestId: \(id) Version: \(version.versionText)", requestID: id)
        let answer = await environment.invoke(
            invocation.payload,
            requestID: id,
            until: deadline,
            deadlineMilliseconds: System.milliseconds
                + Int64((deadline - started) / .milliseconds(1))
        )
        let result: InvocationResult
        switch answer {
        case .response(let bytes):
            result =
                bytes.count > invocation.maximumResponse
                ? tooLarge(bytes.count, invocation.maximumResponse) : .success(bytes)
        case .failed(let bytes): result = .functionError(.handled, payload: bytes)
        case .fatal(let bytes): result = .functionError(.exited, payload: bytes)
        case .oversized(let size): result = tooLarge(size, invocation.maximumResponse)
        case .timedOut: result = timeout(after: deadline - started, id, environment)
        case .exited: result = await exited(id, environment)
        }
        report(invocation, environment, version: version, duration: .now - started)
        pool.release(environment)
        return result
    }

    private func tooLarge(_ size: Int, _ limit: Int) -> InvocationResult {
        let text =
            "Response payload size (\(size) bytes) exceeded maximum allowed payload size "
            + "(\(limit) bytes)."
        return .functionError(
            .responseTooLarge,
            payload: ErrorPayload.make(type: "Function.ResponseSizeTooLarge", message: text)[...]
        )
    }

    private func timeout(
        after limit: Duration,
        _ id: String,
        _ environment: ExecutionEnvironment
    ) -> InvocationResult {
        let text = "Task timed out after \(System.twoDecimals(limit, per: .seconds(1))) seconds"
        environment.write(
            "\(System.timestamp(System.milliseconds)) \(id) \(text)",
            requestID: id
        )
        return .functionError(
            .timeout,
            payload: ErrorPayload.make(
                type: "Sandbox.Timedout",
                message: "RequestId: \(id) Error: \(text)"
            )[...]
        )
    }

    private func exited(
        _ id: String,
        _ environment: ExecutionEnvironment
    ) async -> InvocationResult {
        let text = "RequestId: \(id) Error: " + (await environment.exitText())
        environment.write(text, requestID: id)
        environment.write("Runtime.ExitError", requestID: id)
        return .functionError(
            environment.ranOutOfMemory ? .outOfMemory : .exited,
            payload: ErrorPayload.make(type: "Runtime.ExitError", message: text)[...]
        )
    }

    private func report(
        _ invocation: Invocation,
        _ environment: ExecutionEnvironment,
        version: FunctionVersion,
        duration: Duration
    ) {
        let id = invocation.requestID
        environment.write("END RequestId: \(id)", requestID: id)
        let milliseconds = Duration.milliseconds(1)
        let billed = duration + (environment.initDuration ?? .zero)
        var fields = [
            "REPORT RequestId: \(id)",
            "Duration: \(System.twoDecimals(duration, per: milliseconds)) ms",
            "Billed Duration: \(Int((billed / milliseconds).rounded(.up))) ms",
            "Memory Size: \(version.memory) MB",
        ]
        if let loading = environment.initDuration {
            fields.append("Init Duration: \(System.twoDecimals(loading, per: milliseconds)) ms")
            environment.initDuration = nil
        }
        environment.write(fields.joined(separator: "\t") + "\t", requestID: id)
    }
}
