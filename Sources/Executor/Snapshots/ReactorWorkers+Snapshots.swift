import Model
import Reactor

/// Environments that begin as copies of a process that has run the static code.
extension ReactorWorkers {
    /// An environment out of a snapshot; nil when it has to start without one.
    func startFromSnapshot(
        _ identity: FunctionIdentity,
        scratch: ScratchFolder?,
        until deadline: MonotonicInstant
    ) async -> Start? {
        guard let homes, makeRoom() else { return homes == nil ? nil : .full }
        await findIsolation()
        let began = reactor.preciseTime
        let key = SnapshotKey(identity)
        let copy = await countingAsStarting { await homes.take(identity, until: deadline) }
        switch copy {
        case .failed(let failure): return .failed(failure, nil)
        case .notReady: return .failed(.snapshotNotReady, nil)
        case .startPlainly(let reason):
            noteMissing(key, reason)
            return nil
        case .forked(let process):
            guard
                let environment = await adopt(process, began, reap: { homes.reap($0, of: key) })
            else {
                noteMissing(key, "the copy of its snapshot's process has ended at once")
                return nil
            }
            return await restore(environment, identity, scratch)
        }
    }

    /// Takes a copy over and waits until it stands for itself.
    private func adopt(
        _ process: ForkedProcess,
        _ began: MonotonicInstant,
        reap: @escaping @Sendable (Int32) -> Void
    ) async -> ExecutionEnvironment? {
        guard let child = ChildProcess.adopt(process, on: reactor, reap: reap) else { return nil }
        if isClosed { child.kill() }
        let transport = FrameTransport(child, reactor: reactor)
        let group = configuration.groups?.makeGroup()
        // It runs already, in the group of its original, and need not wait.
        group?.admitSoon(child.pid)
        let environment = makeEnvironment(child, .python, transport, group)
        environment.origin = .restored
        environment.restoreBegan = began
        let deadline = reactor.preciseTime + Snapshots.copyLimit
        if let version = await transport.waitUntilBlank(until: deadline),
            environment.becomeBlank(version: version)
        {
            return environment
        }
        environment.stop()
        return nil
    }

    private func restore(
        _ environment: ExecutionEnvironment,
        _ identity: FunctionIdentity,
        _ scratch: ScratchFolder?
    ) async -> Start? {
        environment.initialization = .snapStart
        accompany(environment)
        await carry(scratch, to: environment)
        let failure = await environment.load(
            identity,
            path: configuration.path,
            stage: .restore,
            until: reactor.preciseTime + configuration.restoreLimit
        )
        guard let failure else { return .ready(environment) }
        guard failure.isOfSandbox else { return .failed(failure, environment) }
        noteMissing(SnapshotKey(identity), failure.message)
        return nil
    }

    /// A process that has run the static code of a version and waits to be copied.
    func makeSnapshot(
        _ identity: FunctionIdentity,
        limit: Duration
    ) async -> Result<ExecutionEnvironment, LoadFailure> {
        guard makeRoom() else {
            let text = "all \(configuration.processes) processes are at work"
            return .failure(LoadFailure(type: LoadFailure.sandboxType, message: text))
        }
        switch await takeBlank(.python, identity.version.runtime) {
        case .failure(let failure) where failure.isFinal: return .failure(failure)
        case .failure(let failure):
            return .failure(
                LoadFailure(type: LoadFailure.sandboxType, message: failure.message)
            )
        case .success(let environment):
            environment.origin = .snapshot
            environment.initialization = .snapStart
            accompany(environment)
            let failure = await environment.load(
                identity,
                path: configuration.path,
                until: reactor.preciseTime + limit
            )
            return failure.map { .failure($0) } ?? .success(environment)
        }
    }

    /// Says once for each version that it starts without its snapshot.
    private func noteMissing(_ key: SnapshotKey, _ reason: String) {
        guard warned.insert("snapshot of \(key.function) \(reason)").inserted else { return }
        log(
            FunctionLogLine(
                FunctionLogLine.Place(function: key.function, group: "", stream: ""),
                .text("\(key.function) starts without its snapshot: \(reason)"),
                requestID: nil,
                timestamp: System.milliseconds
            )
        )
    }
}
