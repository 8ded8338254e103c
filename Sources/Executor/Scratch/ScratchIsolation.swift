import Glibc
import Reactor

/// Gives each process a `/tmp` of its own: a mount namespace with a file system in memory that has a size.
///
/// Source: "Configure ephemeral storage for Lambda functions". What lies in it ends with the last process of
/// the namespace, however that ends, so nothing is left behind even when Portico is killed.
struct ScratchIsolation: Sendable {
    /// How long trying it out may take.
    static let probeLimit: Duration = .seconds(5)
    private static let launcher = "/usr/bin/unshare"
    private static let shell = "/bin/sh"
    /// Gets the size, a folder to work in, how many folders of `/tmp` stay visible, these folders and the command.
    ///
    /// The state folder may itself lie in `/tmp`, with the code that is to run.
    private static let scratch = """
        set -e
        size=$1 stage=$2 kept=$3
        shift 3
        /bin/mount -t tmpfs -o "size=$size,mode=1777,nosuid,nodev" portico-tmp "$stage"
        while [ "$kept" -gt 0 ]; do
          /bin/mkdir -p "$stage${1#/tmp}"
          /bin/mount --rbind "$1" "$stage${1#/tmp}"
          kept=$((kept - 1))
          shift
        done
        /bin/mount --move "$stage" /tmp
        """
    private static let script = """
        \(scratch)
        exec "$@"
        """
    /// Gets the same, then the state folder and that of the worker scripts.
    ///
    /// The state folder is covered: only the scripts show through, and, until the function is known and its code
    /// is laid over it, the folder itself under a name that is taken away then. Without capabilities nothing
    /// can be uncovered; one stays, so that a copy may make a user namespace for itself (user_namespaces(7),
    /// "Defining user and group ID mappings").
    private static let strictScript = """
        \(scratch)
        state=$1 workers=$2
        shift 2
        /bin/mount -t tmpfs -o size=4m,mode=755,nosuid,nodev portico-state "$stage"
        /bin/mkdir -p "$stage/.all" "$stage${workers#"$state"}"
        /bin/mount --bind "$state" "$stage/.all"
        /bin/mount --bind "$workers" "$stage${workers#"$state"}"
        /bin/mount --move "$stage" "$state"
        cd /
        exec \(LayerFurnishing.powerless) "$@"
        """

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

    /// The command line that runs a program with a `/tmp` of its own, of another size in bytes if one is given.
    func command(
        _ program: String,
        _ arguments: [String],
        storage: Int? = nil
    ) -> (path: String, arguments: [String]) {
        var line = asUser ? ["--user", "--map-root-user"] : []
        if level.isStrict { line += ["--ipc", "--uts"] }
        if level == .noNetwork { line.append("--net") }
        let script = level.isStrict ? Self.strictScript : Self.script
        line += ["--mount", "--propagation", "private", "--", Self.shell, "-c", script]
        line += ["portico", String(storage ?? size), stage, String(kept.count)] + kept
        line += (level.isStrict ? [state, workers] : []) + [program]
        return (Self.launcher, line + arguments)
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
        guard System.isExecutable(launcher) else { return nil }
        System.makeFolder(stage)
        let isolation = ScratchIsolation(
            asUser: geteuid() != 0 || level.isStrict,
            size: size,
            stage: stage,
            needed: needed,
            level: level,
            workers: workers
        )
        let command = isolation.command("/bin/true", [])
        guard
            let child = try? ChildProcess.spawn(
                path: command.path,
                arguments: command.arguments,
                environment: ["PATH=\(path)"],
                openFiles: 64,
                on: reactor
            )
        else { return nil }
        let timer = reactor.schedule(at: reactor.preciseTime + probeLimit) { child.kill() }
        let exit = await child.waitForExit()
        reactor.cancel(timer)
        child.close()
        return exit == .status(0) ? isolation : nil
    }
}
