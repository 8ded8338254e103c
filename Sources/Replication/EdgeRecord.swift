import Foundation
package import Model

/// What the registry keeps of an enrolled edge, as a record that every primary and relay sees.
package struct EdgeRecord: Sendable, Codable, Equatable {
    /// Where records of edges are kept.
    static let prefix = "portico/edges/"

    package var name: String
    /// The token that was used up; a token enrols once.
    var nonce: String
    /// The certificates that are accepted: the current one, and the one before it until it is seen.
    var fingerprints: [String]
    /// Seconds since 1970 at which the current certificate ends.
    package var notAfter: Int
    /// Whether other edges may follow this one.
    package var isRelay: Bool
    package var isRevoked: Bool

    /// The record as a change of the registry.
    func put() throws -> Change {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let text = String(decoding: try encoder.encode(self), as: UTF8.self)
        return .put(.record(id: Self.prefix + name, document: text))
    }

    init(
        name: String,
        nonce: String,
        fingerprints: [String],
        notAfter: Int,
        isRelay: Bool,
        isRevoked: Bool = false
    ) {
        self.name = name
        self.nonce = nonce
        self.fingerprints = fingerprints
        self.notAfter = notAfter
        self.isRelay = isRelay
        self.isRevoked = isRevoked
    }

    init?(document: String) {
        guard let made = try? JSONDecoder().decode(EdgeRecord.self, from: Data(document.utf8))
        else { return nil }
        self = made
    }

    /// The edges that a snapshot knows, by name.
    package static func all(in snapshot: Snapshot) -> [String: EdgeRecord] {
        var found: [String: EdgeRecord] = [:]
        for (id, document) in snapshot.records where id.hasPrefix(prefix) {
            if let record = EdgeRecord(document: document) { found[record.name] = record }
        }
        return found
    }

    /// The edge of a name that a snapshot knows; the records of the others are not read.
    static func named(_ name: String, in snapshot: Snapshot) -> EdgeRecord? {
        snapshot.records[prefix + name].flatMap { EdgeRecord(document: $0) }
    }

    /// Whether a text can name an edge.
    package static func isName(_ name: String) -> Bool {
        (1...63).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == 0x2D
            }
    }
}
