import Glibc
import Reactor

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
        close(descriptor)
        close(hold)
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
            guard
                let child = try? ChildProcess.spawn(
                    path: "/bin/cp",
                    arguments: ["-ax", "--"] + part.map { source + $0 }
                        + ["/proc/\(pid)/root/tmp/"],
                    environment: [],
                    openFiles: 64,
                    on: reactor
                )
            else { return }
            let timer = reactor.schedule(at: reactor.preciseTime + Self.carryLimit) { child.kill() }
            _ = await child.waitForExit()
            reactor.cancel(timer)
            child.close()
        }
    }

    private func entries() -> [String] { System.names(in: "/proc/self/fd/\(descriptor)") }

    /// Kills every process that is left in this environment's namespace, on a thread that is no reactor's.
    ///
    /// Nobody waits for that.
    func killAll() { Precedence.yielding { Self.killAll(in: [namespace]) } }

    /// How often the processes of a namespace are looked for: what forks all the time is met again.
    private static let sweeps = 4

    /// Kills every process that is left in one of the namespaces, wherever its parent has gone.
    static func killAll(in namespaces: Set<String>) {
        guard !namespaces.isEmpty else { return }
        for _ in 0..<sweeps where !sweep(namespaces) { return }
    }

    /// Whether there was anything to kill.
    private static func sweep(_ namespaces: Set<String>) -> Bool {
        guard let folder = opendir("/proc") else { return false }
        defer { closedir(folder) }
        var hasFound = false
        while let entry = readdir(folder) {
            let first = UInt8(bitPattern: entry.pointee.d_name.0)
            guard first &- 48 < 10 else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let pid = Int32(name), pid > 1, pid != getpid(),
                let found = System.link("/proc/\(name)/ns/mnt"), namespaces.contains(found)
            else { continue }
            kill(pid, SIGKILL)
            hasFound = true
        }
        return hasFound
    }
}
