import Crypto
import Foundation
package import Model

/// A digest of everything that a snapshot holds: equal states have equal ones, on every machine.
package struct StateHash: Sendable, Codable, Hashable {
    package var revision: Int
    /// SHA-256, hexadecimal.
    package var digest: String

    /// Digests a snapshot: each resource as JSON with sorted keys, in the order of the resources' keys.
    ///
    /// - Complexity: reads all of the state; for a call a minute, not for each revision.
    package init(of snapshot: Snapshot) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let hasher = SHA256Hasher()
        for (key, resource) in snapshot.resources.map({ ($0.key, $0) }).sorted(by: { $0.0 < $1.0 })
        {
            hasher.update(Array(key.utf8) + [0])
            hasher.update([UInt8](try encoder.encode(resource)) + [0])
        }
        revision = snapshot.revision
        digest = Digest.hex(hasher.finalize())
    }
}
