import Foundation
import Model
import Reactor
import Registry
import Synchronization
import Templates

/// Publishes what was saved: watches template and code, deploys the change, keeps the old version when it fails.
final class Reloader: Sendable {
    private let reactor: Reactor
    private let deployer: Deployer
    private let log: LogWriter
    private let loadStack: @Sendable () throws -> Stack
    private let replicas: [EdgeReplica]
    private let state: String
    private let applications: ApplicationProcesses
    /// What was said of the template as it is, so that each thing is said once.
    private let said = Mutex<Set<String>>([])
    private let turn = Mutex(Turn())

    /// Whose turn it is: this node's to reload, or another process's to take over.
    private struct Turn {
        var isReloading = false
        var isHeld = false
        /// Who waits until nothing is reloaded.
        var holder: CheckedContinuation<Void, Never>?
        /// What waits until it may be reloaded.
        var reload: CheckedContinuation<Void, Never>?
    }

    init(
        reactor: Reactor,
        deployer: Deployer,
        log: LogWriter,
        loadStack: @escaping @Sendable () throws -> Stack,
        replicas: [EdgeReplica],
        state: String,
        applications: ApplicationProcesses
    ) {
        self.reactor = reactor
        self.deployer = deployer
        self.log = log
        self.loadStack = loadStack
        self.replicas = replicas
        self.state = state
        self.applications = applications
    }

    /// Begins to watch the template and the code of a stack that was deployed.
    ///
    /// With `looksAtOnce` it is deployed again right away: what was saved while this node started counts.
    func start(stack: Stack, plan: StackPlan, looksAtOnce: Bool = false) {
        said.withLock { $0 = Set(plan.diagnostics.map(\.description)) }
        let places = Places(stack, plan)
        reactor.submit { [self] in
            guard let watcher = FileWatcher(on: reactor) else {
                log.line(
                    "cannot watch files: no inotify instance is free; restart after changes",
                    level: .warning
                )
                return
            }
            places.watch(with: watcher)
            var wasFull = false
            var looksNow = looksAtOnce
            while looksNow ? true : await watcher.changes() {
                looksNow = false
                await begin()
                await reload()?.watch(with: watcher)
                finish()
                if watcher.isFull, !wasFull {
                    wasFull = true
                    log.line(
                        "more than \(FileWatcher.maximumFolders) folders: further ones are not watched",
                        level: .warning
                    )
                }
            }
        }
    }

    /// Lets nothing be deployed until `release`; returns once nothing is.
    func hold() async {
        await withCheckedContinuation { continuation in
            let isFree = turn.withLock { turn in
                turn.isHeld = true
                if turn.isReloading { turn.holder = continuation }
                return !turn.isReloading
            }
            if isFree { continuation.resume() }
        }
    }

    /// Deploys changes again, beginning with what came meanwhile.
    func release() {
        let reload = turn.withLock { turn -> CheckedContinuation<Void, Never>? in
            turn.isHeld = false
            guard let reload = turn.reload.take() else { return nil }
            turn.isReloading = true
            return reload
        }
        reload?.resume()
    }

    /// Waits for its turn to reload.
    private func begin() async {
        await withCheckedContinuation { continuation in
            let isFree = turn.withLock { turn in
                guard turn.isHeld else {
                    turn.isReloading = true
                    return true
                }
                turn.reload = continuation
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func finish() {
        let holder = turn.withLock { turn in
            turn.isReloading = false
            return turn.holder.take()
        }
        holder?.resume()
    }

    /// Deploys what is on disk now, although nothing has told of a change.
    func reloadNow() async {
        await begin()
        _ = await reload()
        finish()
    }

    /// Deploys what is on disk now; returns what to watch, nil when it stays as it is.
    @concurrent
    private func reload() async -> Places? {
        let began = ContinuousClock.now
        do {
            let stack = try loadStack()
            let plan = stack.compile(state: state)
            reportNew(plan.diagnostics)
            let outcome = try await deployer.deploy(plan, verifies: true)
            await applications.reconcile(plan.starts, folder: stack.folder)
            for failure in outcome.failures { refuse(failure) }
            if outcome.changes > 0 {
                for replica in replicas { await replica.waitUntil(revision: outcome.revision) }
                let milliseconds = Int((ContinuousClock.now - began) / .milliseconds(1))
                let what = outcome.published.map { " " + $0.qualifiedName }.joined()
                log.line("revision \(outcome.revision) is live after \(milliseconds) ms\(what)")
            }
            return Places(stack, plan)
        } catch {
            refuse("\(error)")
            return nil
        }
    }

    private func refuse(_ reason: String) {
        log.line("not deployed, the old version keeps serving: \(reason)", level: .error)
    }

    /// Warnings and notes that were not said before; errors come with the refusal.
    private func reportNew(_ diagnostics: [Diagnostic]) {
        let fresh = said.withLock { said in
            let fresh = diagnostics.filter { !said.contains($0.description) }
            said = Set(diagnostics.map(\.description))
            return fresh
        }
        for found in fresh where found.severity != .error {
            log.line(found.description, level: found.severity == .warning ? .warning : .info)
        }
    }

    /// What on disk a stack consists of.
    private struct Places: Sendable {
        var files: Set<String> = []
        var folders: Set<String> = []

        init(_ stack: Stack, _ plan: StackPlan) {
            if FileManager.default.fileExists(atPath: stack.folder) { files.insert(stack.file) }
            let codes = plan.functions.flatMap { [$0.codePath] + $0.layers.map(\.code) }
            for code in codes {
                switch code {
                case .folder(let path): folders.insert(path)
                case .zip(let path): files.insert(path)
                case .inline: break
                }
            }
        }

        func watch(with watcher: FileWatcher) {
            for folder in folders.sorted() { watcher.watch(folder) }
            for file in files.sorted() { watcher.watch(file: file) }
        }
    }
}
