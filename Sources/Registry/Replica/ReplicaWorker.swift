import Crypto
import Foundation
import Glibc
import Model

/// The blocking work of one replica, on a queue of its own.
actor ReplicaWorker {
    private let executor: QueueExecutor
    private let directory: String
    private var present: Set<String> = []
    private var newest: Snapshot?
    private var isPersisting = false

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    init(name: String, directory: String) {
        executor = QueueExecutor(label: "portico.replica.\(name)")
        self.directory = directory
    }

    /// Verifies and unpacks the code that is not here yet; a folder appears whole or not at all.
    func prepare(_ digests: Set<String>, blob: @Sendable (String) throws -> [UInt8]?) throws {
        for digest in digests.subtracting(present) {
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
                guard rename(temporary, folder) == 0 else { throw DurableFile.failure(folder) }
            }
            present.insert(digest)
        }
    }

    /// Writes the newest snapshot soon; several in a row are written once.
    func persist(_ snapshot: Snapshot) {
        newest = snapshot
        guard !isPersisting else { return }
        isPersisting = true
        Task { self.flush() }
    }

    /// Writes what is not on disk yet.
    func flush() {
        isPersisting = false
        guard let snapshot = newest else { return }
        newest = nil
        do {
            try ReplicaState(snapshot).write(to: directory + "/state.json")
        } catch {
            // The next revision tries again; until then a restart resumes from an older state.
            newest = snapshot
        }
    }
}
