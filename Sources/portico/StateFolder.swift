import Foundation

/// The folder in which a node keeps registry, edges and workers; one node at a time has it.
final class StateFolder: Sendable {
    let path: String
    /// The descriptor that holds the lock, to be handed to a process that takes over.
    let lock: Int32

    /// Goes on with a folder whose lock another node has handed over.
    init(_ path: String, lock: Int32) {
        self.path = path
        self.lock = lock
    }

    /// Makes the folder if it is missing and takes it.
    ///
    /// - Throws: `CommandFailure` when it cannot be made or another node has it.
    init(_ path: String) throws {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true
            )
        } catch {
            throw CommandFailure(
                "cannot make the state folder \(path): \(error.localizedDescription)"
            )
        }
        lock = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else {
            let reason = String(cString: strerror(errno))
            throw CommandFailure("cannot write in the state folder \(path): \(reason)")
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw CommandFailure(
                "another portico has the state folder \(path); give this one another with --state, "
                    + "or take over with `up --takeover`"
            )
        }
    }

    deinit { close(lock) }
}
