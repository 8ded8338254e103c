import Model
import Reactor

/// The snapshots whose home is one reactor: processes that have run a version's static code and wait to be
/// copied.
///
/// Confined to its reactor. Source: "Improving startup performance with Lambda SnapStart".
final class Snapshots {
    /// How many versions have a process to copy from, for each reactor; the longest unused one makes room.
    static let maximumSnapshots = 16
    /// How long static code and before-snapshot hooks may take at least; a longer timeout of the function counts.
    ///
    /// Source: "Lambda SnapStart runtime hooks for Python": 130 seconds.
    static let shortestInitLimit: Duration = .seconds(130)
    /// How long copying a process may take before it counts as lost.
    static let copyLimit: Duration = .seconds(30)

    /// How making a snapshot ended.
    enum Preparation: Sendable {
        case ready
        /// Static code or a hook failed.
        case failed(LoadFailure)
        /// There can be none now; environments start without.
        case impossible(String)
        /// It was still being made when the time was up.
        case unfinished
    }

    /// What one who needs an environment gets.
    enum Copy: Sendable {
        case forked(ForkedProcess)
        case failed(LoadFailure)
        case notReady
        /// Start without a snapshot, for this reason.
        case startPlainly(String)
    }

    private final class Entry {
        let identity: FunctionIdentity
        var state = SnapshotState()
        var source: ExecutionEnvironment?
        var lastUse: MonotonicInstant
        var waiters: [Mailbox<Preparation>] = []
        /// Whether it is being copied, and who waits for that.
        var isForking = false
        var queue: [UnsafeContinuation<Void, Never>] = []

        init(_ identity: FunctionIdentity, at now: MonotonicInstant) {
            self.identity = identity
            lastUse = now
        }
    }

    private unowned let workers: ReactorWorkers
    private var entries: [SnapshotKey: Entry] = [:]
    private var isClosed = false
    private var reactor: Reactor { workers.reactor }

    init(workers: ReactorWorkers) { self.workers = workers }

    var isEmpty: Bool { entries.isEmpty }

    // MARK: Copies

    /// A copy of the process that has run this version's static code; that one is made first when it is missing.
    func take(_ identity: FunctionIdentity, until deadline: MonotonicInstant) async -> Copy {
        let outcome = await prepare(identity, until: deadline)
        switch outcome {
        case .failed(let failure): return .failed(failure)
        case .impossible(let reason): return .startPlainly(reason)
        case .unfinished: return .notReady
        case .ready: break
        }
        guard let entry = entries[SnapshotKey(identity)], let source = entry.source else {
            return .startPlainly("its snapshot was given up meanwhile")
        }
        guard let process = await copy(source, entry) else {
            lose(entry, "could not be copied")
            return .startPlainly("the process of its snapshot could not be copied")
        }
        return .forked(process)
    }

    private func copy(
        _ source: ExecutionEnvironment,
        _ entry: Entry
    ) async -> ForkedProcess? {
        while entry.isForking { await withUnsafeContinuation { entry.queue.append($0) } }
        entry.isForking = true
        defer {
            entry.isForking = false
            let queue = entry.queue
            entry.queue = []
            for waiting in queue { waiting.resume() }
        }
        entry.lastUse = reactor.time
        guard source.isAlive, let transport = source.transport as? FrameTransport else {
            return nil
        }
        let limit = reactor.preciseTime + Self.copyLimit
        return await transport.fork(workers.isolation, for: source, until: limit)
    }

    /// The process of a snapshot may forget a copy that has ended.
    func reap(_ pid: Int32, of key: SnapshotKey) async {
        guard let source = entries[key]?.source, source.isAlive else { return }
        let transport = source.transport as? FrameTransport
        await transport?.reap(pid, until: reactor.preciseTime + Self.copyLimit)
    }

    private func lose(_ entry: Entry, _ how: String) {
        guard let source = entry.source else { return }
        entry.source = nil
        entry.state.lose()
        source.write(
            .text("The process of the snapshot of \(entry.identity.qualifiedName) \(how)"),
            requestID: ""
        )
        source.stop(.failure)
    }

    // MARK: Making them

    /// How long static code may take.
    private static func initLimit(of version: FunctionVersion) -> Duration {
        max(shortestInitLimit, .seconds(version.timeout))
    }

    /// Makes a snapshot unless it is there, and waits for it as long as its static code may take.
    func prepare(_ identity: FunctionIdentity) async -> Preparation {
        let limit = Self.initLimit(of: identity.version) + BlankWorkers.bootLimit
        return await prepare(identity, until: reactor.preciseTime + limit)
    }

    private func prepare(
        _ identity: FunctionIdentity,
        until deadline: MonotonicInstant
    ) async -> Preparation {
        guard !isClosed else { return .impossible("everything ends") }
        guard identity.externalExtensions.isEmpty else {
            return .impossible("the processes of its extensions cannot be copied")
        }
        let key = SnapshotKey(identity)
        let entry = entries[key] ?? Entry(identity, at: reactor.time)
        entries[key] = entry
        if let source = entry.source, !source.isAlive { lose(entry, "has ended") }
        switch entry.state.ask() {
        case .fork: return .ready
        case .startPlainly: return .impossible("the process of its snapshot was lost too often")
        case .prepare:
            let confined = ReactorLocal((self, entry))
            reactor.submit { await confined.value.0.make(confined.value.1) }
        case .wait: break
        }
        let waiter = Mailbox<Preparation>(reactor: reactor)
        entry.waiters.append(waiter)
        return await waiter.take(until: deadline) ?? .unfinished
    }

    private func make(_ entry: Entry) async {
        let outcome: Preparation
        makeRoom(besides: entry)
        let limit = Self.initLimit(of: entry.identity.version)
        switch await workers.makeSnapshot(entry.identity, limit: limit) {
        case .success(let source):
            if isClosed || entries[SnapshotKey(entry.identity)] !== entry {
                source.stop()
                outcome = .impossible("the version is gone")
            } else {
                entry.source = source
                outcome = .ready
            }
        case .failure(let failure):
            outcome =
                failure.isOfSandbox
                ? .impossible(failure.message) : .failed(failure)
        }
        if case .ready = outcome {
            entry.state.prepared(isReady: true)
            workers.scheduleReaping()
        } else {
            entry.state.prepared(isReady: false)
        }
        entry.lastUse = reactor.time
        let waiters = entry.waiters
        entry.waiters = []
        for waiter in waiters { waiter.put(outcome) }
    }

    // MARK: Ending them

    /// Ends the longest unused process when there are as many as may be.
    private func makeRoom(besides entry: Entry) {
        let kept = entries.filter { $0.value.source != nil && $0.value !== entry }
        guard kept.count >= Self.maximumSnapshots,
            let oldest = kept.min(by: { $0.value.lastUse < $1.value.lastUse })
        else { return }
        end(oldest.value)
    }

    private func end(_ entry: Entry) {
        guard !entry.isForking else { return }
        entry.source?.stop()
        entry.source = nil
        entry.state.end()
    }

    /// Ends the processes that nobody has needed for longer than a limit; they are made anew when they are.
    func reap(idleFor limit: Duration, at now: MonotonicInstant) {
        for (key, entry) in entries where entry.source != nil && entry.lastUse + limit < now {
            end(entry)
            if entry.source == nil, entry.waiters.isEmpty { entries[key] = nil }
        }
    }

    /// Ends the snapshots of versions that are not wanted any more.
    func retire(where unwanted: (SnapshotKey) -> Bool) {
        for (key, entry) in entries where unwanted(key) {
            entries[key] = nil
            entry.source?.stop()
            entry.source = nil
        }
    }

    /// Ends everything.
    func close() {
        isClosed = true
        retire { _ in true }
    }
}
