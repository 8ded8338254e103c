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
    static func write(_ snapshot: Snapshot, to path: String) throws {
        let encoded = try snapshot.encoded()
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
    /// A damaged file is renamed and counts as none.
    static func read(_ path: String) -> (snapshot: Snapshot?, problem: String?) {
        guard let data = FileManager.default.contents(atPath: path) else { return (nil, nil) }
        if let snapshot = verified([UInt8](data)) { return (snapshot, nil) }
        rename(path, path + ".damaged")
        return (nil, "the state file was damaged and was set aside as \(path).damaged")
    }

    private static func verified(_ bytes: [UInt8]) -> Snapshot? {
        let head = start.count + checksumLength + middle.count
        guard bytes.count > head, bytes.last == UInt8(ascii: "}"), bytes.starts(with: start),
            bytes[(head - middle.count)..<head].elementsEqual(middle)
        else { return nil }
        let checksum = bytes[start.count..<start.count + checksumLength]
        let encoded = Array(bytes[head..<bytes.count - 1])
        guard Digest.hex(Digest.sha256(encoded)).utf8.elementsEqual(checksum) else { return nil }
        return try? Snapshot(encoded: encoded)
    }
}
