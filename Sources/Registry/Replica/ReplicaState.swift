import Crypto
import Foundation
import Glibc
import Model

/// The last good state of a replica on disk: `{"checksum":"…","snapshot":…}`, where the checksum is the
/// SHA-256 of the snapshot's bytes as they stand in the file.
struct ReplicaState {
    private static let start = Array(#"{"checksum":""#.utf8)
    private static let middle = Array(#"","snapshot":"#.utf8)
    private static let checksumLength = 64

    var checksum: String
    var snapshot: Snapshot

    init(_ snapshot: Snapshot) throws {
        self.snapshot = snapshot
        checksum = Digest.hex(Digest.sha256(try snapshot.encoded()))
    }

    /// Writes a state whose checksum was made before.
    func write(to path: String) throws {
        try Self.write(try snapshot.encoded(), checksum, to: path)
    }

    /// Writes a snapshot, which is encoded once.
    static func write(
        _ snapshot: Snapshot,
        to path: String,
        keys: VariableKeys = VariableKeys()
    ) throws {
        let encoded = try snapshot.encoded(with: keys)
        try write(encoded, Digest.hex(Digest.sha256(encoded)), to: path)
    }

    private static func write(_ encoded: [UInt8], _ checksum: String, to path: String) throws {
        try DurableFile.write(
            start + Array(checksum.utf8) + middle + encoded + [UInt8(ascii: "}")],
            to: path
        )
    }

    /// What the file holds; nil when there is none.
    ///
    /// A file that is damaged, or that a newer build wrote, is renamed and counts as none.
    static func read(
        _ path: String,
        keys: VariableKeys = VariableKeys()
    ) -> (snapshot: Snapshot?, problem: String?) {
        guard let data = FileManager.default.contents(atPath: path) else { return (nil, nil) }
        do {
            return (keys.opened(try Snapshot(encoded: verified([UInt8](data)))), nil)
        } catch {
            rename(path, path + ".damaged")
            let reason = (error as? RegistryError)?.description ?? "\(error)"
            return (nil, "\(reason): the state file was set aside as \(path).damaged")
        }
    }

    private static func verified(_ bytes: [UInt8]) throws -> [UInt8] {
        let damage = RegistryError(.corrupt, "the state file was damaged")
        let head = start.count + checksumLength + middle.count
        guard bytes.count > head, bytes.last == UInt8(ascii: "}"), bytes.starts(with: start),
            bytes[(head - middle.count)..<head].elementsEqual(middle)
        else { throw damage }
        let checksum = bytes[start.count..<start.count + checksumLength]
        let encoded = Array(bytes[head..<bytes.count - 1])
        guard Digest.hex(Digest.sha256(encoded)).utf8.elementsEqual(checksum) else { throw damage }
        return encoded
    }
}
