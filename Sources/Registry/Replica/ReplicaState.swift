import Crypto
import Foundation
import Glibc
import Model

/// The last good state of a replica on disk.
struct ReplicaState: Codable {
    var checksum: String
    var snapshot: Snapshot

    init(_ snapshot: Snapshot) throws {
        self.snapshot = snapshot
        checksum = try Self.checksum(of: snapshot)
    }

    func write(to path: String) throws {
        try DurableFile.write([UInt8](try Self.encoder.encode(self)), to: path)
    }

    /// What the file holds; nil when there is none.
    ///
    /// A damaged file is renamed and counts as none.
    static func read(_ path: String) -> (snapshot: Snapshot?, problem: String?) {
        guard let data = FileManager.default.contents(atPath: path) else { return (nil, nil) }
        if let state = try? JSONDecoder().decode(ReplicaState.self, from: data),
            (try? checksum(of: state.snapshot)) == state.checksum
        {
            return (state.snapshot, nil)
        }
        rename(path, path + ".damaged")
        return (nil, "the state file was damaged and was set aside as \(path).damaged")
    }

    private static func checksum(of snapshot: Snapshot) throws -> String {
        Digest.hex(Digest.sha256([UInt8](try encoder.encode(snapshot))))
    }

    private static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return encoder
    }
}
