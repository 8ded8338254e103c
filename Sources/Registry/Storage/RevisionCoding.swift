import Crypto
import Foundation
package import Model

extension Revision {
    /// The revision as it goes over the wire.
    package func encoded() throws -> [UInt8] { [UInt8](try Snapshot.encoder.encode(self)) }

    /// Reads what `encoded` wrote.
    package init(encoded: [UInt8]) throws {
        self = try JSONDecoder().decode(Revision.self, from: Data(encoded))
    }
}

extension Snapshot {
    /// The snapshot as it goes over the wire and into files.
    package func encoded() throws -> [UInt8] { [UInt8](try Self.encoder.encode(self)) }

    /// Reads what `encoded` wrote.
    package init(encoded: [UInt8]) throws {
        self = try JSONDecoder().decode(Snapshot.self, from: Data(encoded))
    }

    /// The SHA-256 of everything in the snapshot, hexadecimal: equal for equal states at one revision.
    ///
    /// - Complexity: linear in the size of the state.
    package func stateHash() throws -> String {
        let hasher = SHA256Hasher()
        hasher.update(Array("\(revision)\n".utf8))
        let parts = try resources.map { ($0.key, [UInt8](try Self.encoder.encode($0))) }
        for (key, value) in parts.sorted(by: { $0.0 < $1.0 }) {
            hasher.update(Array("\(key) \(value.count)\n".utf8))
            hasher.update(value)
        }
        return Digest.hex(hasher.finalize())
    }

    /// The archives that the functions and their layers need.
    package var codeDigests: Set<String> {
        Set(functions.values.flatMap { [$0.codeDigest] + ($0.layers ?? []) })
    }

    fileprivate static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return encoder
    }
}
