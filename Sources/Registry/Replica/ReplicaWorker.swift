import Crypto
import Foundation
import Glibc
import Model
import Synchronization

/// The blocking work of one replica, on a queue of its own.
actor ReplicaWorker {
    private let executor: QueueExecutor
    private let directory: String
    private let keys: VariableKeys
    /// What waits to be written; set without waiting for what is being written.
    private nonisolated let waiting = Mutex(Waiting())

    private struct Waiting {
        var newest: Snapshot?
        var isPersisting = false
    }

    /// The revision of the state on disk.
    private var recorded = 0
    /// Code that was unpacked and that no sync has covered yet.
    private var unsynced: Set<String> = []
    private let steps: @Sendable (ApplyStep) -> Void

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    init(
        name: String,
        directory: String,
        keys: VariableKeys,
        steps: @escaping @Sendable (ApplyStep) -> Void
    ) {
        self.keys = keys
        self.steps = steps
        executor = QueueExecutor(label: "portico.replica.\(name)")
        self.directory = directory
    }

    /// Verifies and unpacks the code that is not here yet; a folder appears whole or not at all.
    func prepare(_ digests: Set<String>, blob: @Sendable (String) throws -> [UInt8]?) throws {
        for digest in digests {
            let folder = directory + "/code/" + digest
            if !FileManager.default.fileExists(atPath: folder) {
                guard let bytes = try blob(digest) else {
                    throw RegistryError(.storage, "the code \(digest) is missing at the primary")
                }
                guard CodeArchive.digest(bytes) == digest else {
                    throw RegistryError(.corrupt, "the code \(digest) arrived damaged")
                }
                let temporary = folder + ".tmp"
                try? FileManager.default.removeItem(atPath: temporary)
                do {
                    try CodeArchive.unpack(bytes, into: temporary)
                } catch {
                    try? FileManager.default.removeItem(atPath: temporary)
                    throw error
                }
                unsynced.insert(folder)
                steps(.unpacking)
                guard rename(temporary, folder) == 0 else { throw DurableFile.failure(folder) }
                steps(.unpacked)
            }
        }
    }

    /// Writes the newest snapshot soon; several in a row are written once.
    nonisolated func persist(_ snapshot: Snapshot) {
        let isFirst = waiting.withLock { waiting in
            waiting.newest = snapshot
            defer { waiting.isPersisting = true }
            return !waiting.isPersisting
        }
        if isFirst { Task { await self.flush() } }
    }

    /// Writes what is not on disk yet.
    func flush() {
        waiting.withLock { $0.isPersisting = false }
        // A failure is met again by the next revision; until then a restart resumes from an older state.
        _ = try? record()
    }

    /// Writes the newest state, if it is not on disk yet, and returns the revision that is.
    func record() throws -> Int {
        guard let snapshot = waiting.withLock({ $0.newest.take() }) else { return recorded }
        do {
            for folder in unsynced {
                try DurableFile.syncTree(folder)
                unsynced.remove(folder)
            }
            try DurableFile.sync(directory + "/code")
            try ReplicaState.write(snapshot, to: directory + "/state.json", keys: keys)
        } catch {
            // It is tried again, unless a newer one waits by now.
            waiting.withLock { $0.newest = $0.newest ?? snapshot }
            throw error
        }
        recorded = snapshot.revision
        steps(.recorded)
        return recorded
    }

    /// Removes code that is not named: what a crash left may be cut short.
    func clean(keeping digests: Set<String>) throws {
        let folder = directory + "/code"
        for name in try FileManager.default.contentsOfDirectory(atPath: folder)
        where !digests.contains(name) {
            try FileManager.default.removeItem(atPath: folder + "/" + name)
        }
    }
}
