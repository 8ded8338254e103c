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
