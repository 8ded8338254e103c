import Reactor

/// Reaches the reactor that keeps the snapshot of a version: each has one home, so that its static code runs
/// once.
struct SnapshotHomes: Sendable {
    let reactors: [Reactor]
    let workers: [ReactorLocal<ReactorWorkers>]

    /// A copy of the snapshot's process, made by its home.
    func take(
        _ identity: FunctionIdentity,
        until deadline: MonotonicInstant
    ) async -> Snapshots.Copy {
        await atHome(of: SnapshotKey(identity)) { await $0.take(identity, until: deadline) }
    }

    /// Has the snapshot made unless it is there, and waits for it.
    func prepare(_ identity: FunctionIdentity) async -> Snapshots.Preparation {
        await atHome(of: SnapshotKey(identity)) { await $0.prepare(identity) }
    }

    /// Lets the snapshot's process forget a copy that has ended.
    func reap(_ pid: Int32, of key: SnapshotKey) {
        let position = home(of: key)
        let confined = workers[position]
        reactors[position].submit { await confined.value.snapshots.reap(pid, of: key) }
    }

    private func home(of key: SnapshotKey) -> Int {
        Int(UInt(bitPattern: key.hashValue) % UInt(reactors.count))
    }

    private func atHome<Value: Sendable>(
        of key: SnapshotKey,
        _ work: @escaping @Sendable (Snapshots) async -> Value
    ) async -> Value {
        let position = home(of: key)
        let confined = workers[position]
        return await Task(executorPreference: reactors[position]) {
            await work(confined.value.snapshots)
        }.value
    }
}
