import DataPlane
import HTTP
import Model
import Reactor

/// One invocation on its way through an environment.
///
/// Confined to the reactor of its pool.
struct InvocationRun {
    /// How long an answer waits for the runtime that gave it to ask for more.
    private static let grace: Duration = .milliseconds(8)
    private let invocation: Invocation
    private let pool: FunctionPool
    private let workers: ReactorWorkers
    private let ledger: SharedLedger
    /// When the caller stops waiting.
    private let latest: MonotonicInstant
    private let stream: ResponseChannel?
    private let trace: InvocationTrace?

    private var id: String { invocation.requestID }
    private var now: MonotonicInstant { workers.reactor.preciseTime }

    init(
        _ invocation: Invocation,
        pool: FunctionPool,
        workers: ReactorWorkers,
        ledger: SharedLedger,
        stream: ResponseChannel?,
        trace: InvocationTrace?
    ) {
        self.trace = trace
        self.invocation = invocation
        self.pool = pool
        self.workers = workers
        self.ledger = ledger
        let isLookedAt = workers.configuration.debug?.isMeant(pool.identity.version.name) == true
        latest =
            workers.reactor.preciseTime
            + (isLookedAt ? DebugTarget.patience : invocation.limit)
        self.stream = stream
    }

    /// Finds or starts an environment and runs the invocation in it.
    func result() async -> InvocationResult {
        if let environment = pool.takeIdle() { return await call(environment) }
        switch await pool.acquire(until: latest) {
        case .throttled: return .throttled("ConcurrentInvocationLimitExceeded")
        case .environment(let environment): return await call(environment)
        case .startNew:
            guard ledger.grow(pool.slot) else { return noRoom() }
            switch await workers.start(
                pool.identity,
                scratch: pool.takeScratch(),
                until: latest
            ) {
            case .ready(let environment): return await call(environment)
            case .full: return noRoom()
            case .failed(let failure, _):
                if let kind = failure.ofSnapshot {
                    pool.startFailed()
                    return .functionError(kind, payload: failure.payload[...])
                }
                guard !failure.isFinal, now < latest else {
                    pool.startFailed()
                    return .functionError(.initFailed, payload: failure.payload[...])
                }
                return await startAgain()
            }
        }
    }

    private func noRoom() -> InvocationResult {
        pool.startFailed()
        return .throttled("ConcurrentInvocationLimitExceeded")
    }

    /// Static code that failed runs once more inside of the invocation, under the function's own timeout.
    ///
    /// Source: "Understanding the Lambda execution environment lifecycle", failures during the Init phase.
    private func startAgain() async -> InvocationResult {
        let started = now
        let deadline = deadline(from: started)
        switch await workers.start(pool.identity, request: id, until: deadline) {
        case .ready(let environment):
            return await call(environment, started: started, deadline: deadline)
        case .full: return noRoom()
        case .failed(let failure, let environment):
            pool.startFailed()
            guard let environment else {
                return .functionError(.initFailed, payload: failure.payload[...])
            }
            var ending = PlatformLog.Ending(status: "error", errorType: failure.type)
            var result = InvocationResult.functionError(
                .initFailed,
                payload: payload(of: failure)[...]
            )
            if failure.isTimeout {
                result = timeout(after: deadline - started, environment)
                ending = PlatformLog.Ending(status: "timeout")
            }
            report(environment, since: started, ending)
            return result
        }
    }

    private func payload(of failure: LoadFailure) -> [UInt8] {
        guard failure.type == "Runtime.ExitError" || failure.type.hasPrefix("Extension.") else {
            return failure.payload
        }
        return ErrorPayload.make(
            type: failure.type,
            message: "RequestId: \(id) \(failure.message)"
        )
    }

    private func deadline(from started: MonotonicInstant) -> MonotonicInstant {
        min(latest, started + pool.timeout)
    }

    private func call(_ environment: ExecutionEnvironment) async -> InvocationResult {
        let started = now
        environment.write(environment.platform?.start(id), requestID: id)
        environment.events?.start(id, trace: invocation.traceID ?? "")
        return await call(environment, started: started, deadline: deadline(from: started))
    }

    private func call(
        _ environment: ExecutionEnvironment,
        started: MonotonicInstant,
        deadline: MonotonicInstant
    ) async -> InvocationResult {
        workers.memory.add(environment)
        workers.hasten(environment, within: pool.timeout)
        trace?.begin()
        let left = (deadline - workers.reactor.preciseTime) / .milliseconds(1)
        let call = EnvironmentCall(
            payload: invocation.payload,
            requestID: id,
            arn: invocation.arn ?? pool.identity.arn,
            clientContext: invocation.clientContext ?? "",
            identity: invocation.identity ?? "",
            traceID: invocation.traceID ?? "",
            deadlineMilliseconds: System.milliseconds + Int64(left),
            stream: stream
        )
        let answer = await answer(to: call, environment, until: deadline)
        let result: InvocationResult
        var ending = PlatformLog.Ending()
        switch answer {
        case .response(let bytes): result = sized(bytes, .success(bytes))
        case .failed(let bytes): result = sized(bytes, .functionError(.handled, payload: bytes))
        case .streamed(let error):
            result = error.map { .functionError(.handled, payload: $0) } ?? .success([])
        case .oversized(let size): result = tooLarge(size)
        case .fatal(let bytes):
            result = .functionError(.exited, payload: bytes)
            _ = await exited(environment)
            ending = exitEnding(environment)
        case .timedOut:
            pool.keep(environment.scratch)
            result = timeout(after: deadline - started, environment)
            ending = PlatformLog.Ending(status: "timeout")
        case .exited:
            result = await exited(environment)
            ending = exitEnding(environment)
        }
        trace?.answered(result)
        await finish(environment, started: started, deadline: deadline, ending)
        return result
    }

    /// Calls the process; while a debugger is attached to it no time passes.
    private func answer(
        to call: EnvironmentCall,
        _ environment: ExecutionEnvironment,
        until deadline: MonotonicInstant
    ) async -> Answer {
        guard let port = environment.debug else {
            return await environment.invoke(call, until: deadline)
        }
        let reactor = workers.reactor
        let limit = deadline - reactor.preciseTime
        let watch = DebugWatch(port, environment, limit: limit, reactor)
        let answer = await environment.invoke(call, until: deadline + DebugTarget.patience)
        watch.stop()
        if watch.hasExpired, case .exited = answer { return .timedOut }
        return answer
    }

    /// Reports the invocation and gives the environment back, once it is ready for the next.
    private func finish(
        _ environment: ExecutionEnvironment,
        started: MonotonicInstant,
        deadline: MonotonicInstant,
        _ ending: PlatformLog.Ending
    ) async {
        guard ending.status == "success", environment.isAlive else {
            report(environment, since: started, ending)
            return pool.release(environment)
        }
        guard environment.answersEarly else {
            _ = environment.answeredInStep()
            report(environment, since: started, ending)
            return pool.release(environment)
        }
        // Most runtimes ask for more at once: then the log is whole before the caller has its answer.
        if await environment.becomeIdle(until: min(deadline, now + Self.grace)) {
            report(environment, since: started, ending)
            return pool.release(environment)
        }
        pool.beginFinishing()
        let confined = ReactorLocal((self, environment))
        workers.reactor.submit {
            let (run, environment) = confined.value
            var ending = ending
            if await !environment.becomeIdle(until: deadline) {
                ending = await run.failToFinish(environment, after: deadline - started)
            }
            run.report(environment, since: started, ending)
            run.pool.release(environment, afterFinishing: true)
        }
    }

    /// The answer is out, and then the process ended or ran out of time.
    private func failToFinish(
        _ environment: ExecutionEnvironment,
        after limit: Duration
    ) async -> PlatformLog.Ending {
        let isWhole = environment.extensionFailure == nil && environment.child.exit == nil
        if isWhole, environment.state != .ended, environment.isAlive {
            environment.stop(.timeout)
            _ = timeout(after: limit, environment)
            return PlatformLog.Ending(status: "timeout")
        }
        _ = await exited(environment)
        return exitEnding(environment)
    }

    /// What the report says when runtime or extensions have ended.
    private func exitEnding(_ environment: ExecutionEnvironment) -> PlatformLog.Ending {
        let type = environment.extensionFailure?.type ?? "Runtime.ExitError"
        return PlatformLog.Ending(status: "error", errorType: type)
    }

    private func sized(_ bytes: Bytes, _ result: InvocationResult) -> InvocationResult {
        bytes.count > invocation.maximumResponse ? tooLarge(bytes.count) : result
    }

    private func tooLarge(_ size: Int) -> InvocationResult {
        let text =
            "Response payload size (\(size) bytes) exceeded maximum allowed payload size "
            + "(\(invocation.maximumResponse) bytes)."
        return .functionError(
            .responseTooLarge,
            payload: ErrorPayload.make(type: "Function.ResponseSizeTooLarge", message: text)[...]
        )
    }

    private func timeout(
        after limit: Duration,
        _ environment: ExecutionEnvironment
    ) -> InvocationResult {
        let seconds = System.twoDecimals(max(limit, .zero), per: .seconds(1))
        let text = "Task timed out after \(seconds) seconds"
        environment.write(
            .text("\(System.timestamp(System.milliseconds)) \(id) \(text)"),
            requestID: id
        )
        let message = "RequestId: \(id) Error: \(text)"
        let payload = ErrorPayload.make(type: "Sandbox.Timedout", message: message)
        return .functionError(.timeout, payload: payload[...])
    }

    private func exited(_ environment: ExecutionEnvironment) async -> InvocationResult {
        let exit = await environment.exitText()
        let failure = environment.extensionFailure
        let type = failure?.type ?? "Runtime.ExitError"
        let text = "RequestId: \(id) Error: " + (failure?.text ?? exit)
        environment.write(.text(text), requestID: id)
        environment.write(.text(type), requestID: id)
        return .functionError(
            environment.ranOutOfMemory ? .outOfMemory : .exited,
            payload: ErrorPayload.make(type: type, message: text)[...]
        )
    }

    private func report(
        _ environment: ExecutionEnvironment,
        since started: MonotonicInstant,
        _ ending: PlatformLog.Ending
    ) {
        guard let platform = environment.platform else { return environment.endRequest() }
        environment.write(platform.end, requestID: id)
        var report = InvocationReport(
            duration: now.nanoseconds - started.nanoseconds,
            loading: environment.initDuration,
            restoring: environment.restoreTime,
            peakMemory: environment.peakMemory,
            memory: platform.identity.version.memory,
            status: ending.status,
            errorType: ending.errorType
        )
        environment.initDuration = nil
        environment.restoreTime = nil
        if let trace, trace.isSampled {
            report.trace = (trace.root, trace.function)
            trace.report(report)
        }
        workers.configuration.costs?.add(
            report,
            of: platform.identity.version,
            route: invocation.route ?? "invoke",
            isAtEdge: platform.identity.edge != nil,
            isProvisioned: platform.initialization == .provisioned
        )
        environment.write(platform.report(id, report), requestID: id)
        environment.events?.report(id, report)
        environment.endRequest()
    }
}
