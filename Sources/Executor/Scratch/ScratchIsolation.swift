import Glibc
import Reactor

/// Gives each process a `/tmp` of its own: a mount namespace with a file system in memory that has a size.
///
/// Source: "Configure ephemeral storage for Lambda functions". What lies in it ends with the last process of
/// the namespace, however that ends, so nothing is left behind even when Portico is killed. Folders of `/tmp` that
/// are needed stay visible: the state folder may itself lie there, with the code that is to run.
struct ScratchIsolation: Sendable {
    /// How long trying it out may take.
    static let probeLimit: Duration = .seconds(5)
    /// Whether it takes a user namespace to be allowed to mount.
    let asUser: Bool
    /// Unit: bytes.
    let size: Int
    /// An empty folder of this machine.
    let stage: String
    /// Folders that processes need and that may lie in `/tmp`.
    let needed: [String]
    var level = IsolationLevel.process
    /// The folder of the worker scripts; the state folder is the one it lies in.
    var workers = ""
    var state: String { System.parent(of: workers) }

    /// The folders that must be carried over into the new `/tmp`.
    var kept: [String] { needed.filter { $0.hasPrefix("/tmp/") } }

    /// Whether a file of the machine is not to be seen by a process that has a `/tmp` of its own.
    func hides(_ file: String) -> Bool {
        let place = System.realPath(file) ?? file
        guard place.hasPrefix("/tmp/") else { return false }
        return !kept.contains { place.hasPrefix((System.realPath($0) ?? $0) + "/") }
    }

    /// Has a program begin with a `/tmp` of its own, of another size in bytes if one is given.
    func apply(to command: inout ChildProcess.Command, storage: Int? = nil) {
        command.steps = steps(storage: storage ?? size)
        guard level.isStrict else { return }
        let line = LayerFurnishing.powerless + [command.path]
        command.path = line[0]
        command.arguments = line.dropFirst() + command.arguments
    }

    private func steps(storage: Int) -> [LaunchStep] {
        var steps: [LaunchStep] = [
            .unshare(namespaces, user: geteuid(), group: getegid()),
            .memory(at: stage, name: "portico-tmp", options: "size=\(storage),mode=1777"),
        ]
        for folder in kept {
            let place = stage + folder.dropFirst("/tmp".count)
            steps += [.makeFolder(place, below: stage), .bind(folder, at: place, deep: true)]
        }
        steps.append(.move(stage, to: "/tmp"))
        return steps + (level.isStrict ? covering : [])
    }

    private var namespaces: Namespaces {
        var namespaces: Namespaces = .mount
        if asUser { namespaces.insert(.user) }
        if level.isStrict { namespaces.formUnion([.messages, .names]) }
        if level == .noNetwork { namespaces.insert(.network) }
        return namespaces
    }

    /// Covers the state folder: only the scripts show through, and, until the function is known and its code is laid
    /// over it, the folder itself under a name that is taken away then.
    ///
    /// Without capabilities nothing can be uncovered; one stays, so that a copy may make a user namespace for itself
    /// (user_namespaces(7), "Defining user and group ID mappings").
    private var covering: [LaunchStep] {
        let all = stage + "/.all"
        let scripts = stage + workers.dropFirst(state.count)
        return [
            .memory(at: stage, name: "portico-state", options: "size=4m,mode=755"),
            .makeFolder(all, below: stage),
            .makeFolder(scripts, below: stage),
            .bind(state, at: all, deep: false),
            .bind(workers, at: scripts, deep: false),
            .move(stage, to: state),
            .enter("/"),
        ]
    }

    /// Tries it out; nil when this machine does not let us.
    static func find(
        size: Int,
        stage: String,
        needed: [String],
        level: IsolationLevel,
        workers: String,
        path: String,
        on reactor: Reactor
    ) async -> ScratchIsolation? {
        System.makeFolder(stage)
        let isolation = ScratchIsolation(
            asUser: geteuid() != 0 || level.isStrict,
            size: size,
            stage: stage,
            needed: needed,
            level: level,
            workers: workers
        )
        var command = ChildProcess.Command(
            path: "/bin/true",
            arguments: [],
            environment: ["PATH=\(path)"],
            openFiles: 64
        )
        isolation.apply(to: &command)
        guard let child = try? await ChildProcess.start(command, on: reactor) else { return nil }
        let timer = reactor.schedule(at: reactor.preciseTime + probeLimit) { child.kill() }
        let exit = await child.waitForExit()
        reactor.cancel(timer)
        child.close()
        return exit == .status(0) ? isolation : nil
    }
}
