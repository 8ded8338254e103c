import Glibc
import Reactor
import Synchronization

/// The `/tmp` of one environment, held open: it outlives the processes that wrote into it.
///
/// After a timeout the environment starts anew and finds its files again. Source: "Understanding the Lambda
/// execution environment lifecycle", "Timeout".
final class ScratchFolder: Sendable {
    /// How many entries at the top go into one command line.
    private static let batch = 500
    /// How long carrying files over may take.
    private static let carryLimit: Duration = .seconds(10)
    private let descriptor: Int32
    /// Held, so that no other namespace gets the same number while this one is remembered.
    private let hold: Int32
    /// What tells the processes of this environment from all others.
    let namespace: String

    /// Opens the `/tmp` of a process; nil when it shares ours.
    init?(of pid: Int32) {
        let hold = open("/proc/\(pid)/ns/mnt", O_RDONLY | O_CLOEXEC)
        guard hold >= 0 else { return nil }
        let descriptor = open("/proc/\(pid)/root/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0, let namespace = System.link("/proc/\(pid)/ns/mnt"),
            namespace != System.link("/proc/self/ns/mnt")
        else {
            if descriptor >= 0 { close(descriptor) }
            close(hold)
            return nil
        }
        self.descriptor = descriptor
        self.hold = hold
        self.namespace = namespace
    }

    deinit {
        // The last one to close takes the file system apart, for which the system waits some milliseconds.
        let close = { @Sendable [descriptor, hold] in
            Glibc.close(descriptor)
            Glibc.close(hold)
        }
        if !Self.chores.submit(close) { close() }
    }

    /// Copies what lies here into the `/tmp` of another process; folders that were carried in stay out.
    func carry(to pid: Int32, except kept: [String], on reactor: Reactor) async {
        let carriedIn = Set(
            kept.compactMap { $0.split(separator: "/").dropFirst().first.map(String.init) }
        )
        let names = entries().filter { !carriedIn.contains($0) }
        let source = "/proc/\(getpid())/fd/\(descriptor)/"
        for start in stride(from: 0, to: names.count, by: Self.batch) {
            let part = names[start..<min(names.count, start + Self.batch)]
            let command = ChildProcess.Command(
                path: "/bin/cp",
                arguments: ["-ax", "--"] + part.map { source + $0 } + ["/proc/\(pid)/root/tmp/"],
                environment: [],
                openFiles: 64
            )
            guard let child = try? await ChildProcess.start(command, on: reactor) else { return }
            let timer = reactor.schedule(at: reactor.preciseTime + Self.carryLimit) { child.kill() }
            _ = await child.waitForExit()
            reactor.cancel(timer)
            child.close()
        }
    }

    private func entries() -> [String] { System.names(in: "/proc/self/fd/\(descriptor)") }

    /// A thread for what takes a moment, which is not a reactor's to spend.
    private static let chores = BlockingPool(threads: 1)
    /// Those whose processes are going to be looked for, all at once.
    private static let unswept = Mutex<[ScratchFolder]>([])

    /// Kills every process that is left in this environment's namespace, soon; nobody waits for that.
    func killAllSoon() {
        let isFirst = Self.unswept.withLock { unswept in
            unswept.append(self)
            return unswept.count == 1
        }
        if isFirst, !Self.chores.submit(Self.sweepSoon) { Self.sweepSoon() }
    }

    private static let sweepSoon: @Sendable () -> Void = {
        let found = unswept.withLock { unswept in
            defer { unswept = [] }
            return unswept
        }
        Precedence.yielding { killAll(in: Set(found.map(\.namespace))) }
    }

    /// How often the processes of a namespace are looked for: what forks all the time is met again.
    private static let sweeps = 4

    /// Kills every process that is left in one of the namespaces, wherever its parent has gone.
    static func killAll(in namespaces: Set<String>) {
        guard !namespaces.isEmpty else { return }
        for _ in 0..<sweeps where !sweep(namespaces) { return }
    }

    /// Whether there was anything to kill.
    private static func sweep(_ namespaces: Set<String>) -> Bool {
        var hasFound = false
        NumberedEntries.forEach(in: "/proc") { pid in
            guard pid > 1, pid != getpid(), let found = System.link("/proc/\(pid)/ns/mnt"),
                namespaces.contains(found)
            else { return }
            kill(pid, SIGKILL)
            hasFound = true
        }
        return hasFound
    }
}
