import Foundation
import Synchronization

/// The web apps that the template's metadata starts beside the node, such as a development server.
///
/// Each runs in a process group of its own, which ends with the node.
final class ApplicationProcesses: Sendable {
    /// The most apps of one template.
    static let maximum = 16

    private let running = Mutex<[String: pid_t]>([:])

    /// Starts a command through the shell, with PORT in its environment, unless it runs already.
    func start(_ name: String, command: String, port: Int, folder: String) throws {
        guard running.withLock({ $0[name] == nil && $0.count < Self.maximum }) else { return }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        posix_spawnattr_setpgroup(&attributes, 0)
        let arguments = ["/bin/sh", "-c", "cd \"$PORTICO_FOLDER\" && exec \(command)"]
        var variables = ProcessInfo.processInfo.environment
        variables["PORT"] = String(port)
        variables["PORTICO_FOLDER"] = folder
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] =
            variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var pid: pid_t = 0
        let status = posix_spawn(&pid, "/bin/sh", nil, &attributes, &argv, &envp)
        guard status == 0 else {
            throw CommandFailure("cannot start \(name): \(String(cString: strerror(status)))")
        }
        running.withLock { $0[name] = pid }
    }

    /// Ends every app with its children.
    func stopAll() {
        let all = running.withLock { running in
            defer { running = [:] }
            return running
        }
        for pid in all.values {
            kill(-pid, SIGTERM)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }
    }
}
