import Foundation
import Model
import Reactor
import Registry
import Templates

/// Publishes what was saved: watches template and code, deploys the change, keeps the old version when it fails.
final class Reloader: Sendable {
    private let reactor: Reactor
    private let deployer: Deployer
    private let log: LogWriter
    private let loadStack: @Sendable () throws -> Stack
    private let replicas: [EdgeReplica]

    init(
        reactor: Reactor,
        deployer: Deployer,
        log: LogWriter,
        loadStack: @escaping @Sendable () throws -> Stack,
        replicas: [EdgeReplica]
    ) {
        self.reactor = reactor
        self.deployer = deployer
        self.log = log
        self.loadStack = loadStack
        self.replicas = replicas
    }

    /// Begins to watch the folders of a stack.
    func start(stack: Stack, plan: StackPlan) {
        let folders = Self.folders(of: stack, plan)
        reactor.submit { [self] in
            guard let watcher = FileWatcher(on: reactor) else {
                log.line("cannot watch files: no inotify instance is free; restart after changes")
                return
            }
            for folder in folders { watcher.watch(folder) }
            while await watcher.changes() {
                for folder in await reload() { watcher.watch(folder) }
                if watcher.isFull {
                    log.line(
                        "more than \(FileWatcher.maximumFolders) folders: further ones are not watched"
                    )
                }
            }
        }
    }

    /// Deploys what is on disk now; returns the folders to watch.
    @concurrent
    private func reload() async -> [String] {
        let began = ContinuousClock.now
        do {
            let stack = try loadStack()
            let plan = stack.compile()
            let outcome = try await deployer.deploy(plan, verifies: true)
            guard outcome.changes > 0 else { return Self.folders(of: stack, plan) }
            for replica in replicas { await replica.waitUntil(revision: outcome.revision) }
            let milliseconds = (ContinuousClock.now - began) / .milliseconds(1)
            let what = outcome.published.map(\.qualifiedName).joined(separator: " ")
            log.line("revision \(outcome.revision) is live after \(Int(milliseconds)) ms \(what)")
            return Self.folders(of: stack, plan)
        } catch {
            log.line("not deployed, the old version keeps serving: \(error)")
            return []
        }
    }

    private static func folders(of stack: Stack, _ plan: StackPlan) -> [String] {
        var folders: Set<String> = []
        if FileManager.default.fileExists(atPath: stack.path) { folders.insert(stack.folder) }
        for source in plan.functions {
            switch source.codePath {
            case .folder(let path): folders.insert(path)
            case .zip(let path):
                folders.insert(URL(fileURLWithPath: path).deletingLastPathComponent().path)
            case .inline: break
            }
        }
        return folders.sorted()
    }
}
