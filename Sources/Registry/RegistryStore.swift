package import Model

/// One published revision: what it changed, in order.
package struct Revision: Sendable, Codable, Hashable {
    /// Counts from 1 without gaps, in commit order.
    package let number: Int
    package let changes: [Change]

    /// Makes a revision.
    package init(number: Int, changes: [Change]) {
        self.number = number
        self.changes = changes
    }
}

/// Why the registry refused or failed.
package struct RegistryError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The class of a failure.
    package enum Kind: Sendable, Equatable {
        /// What was given cannot be published or unpacked.
        case invalid
        /// A file, folder or database does not do what it should.
        case storage
        /// Bytes are not what their digest or checksum says.
        case corrupt
    }

    package let kind: Kind
    /// One sentence for a log line.
    package let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// Where the primary keeps revisions and code.
package protocol RegistryStore: Sendable {
    /// Commits changes as the next revision, whole or not at all, and returns its number.
    func publish(_ changes: [Change]) throws -> Int
    /// The number of the latest revision; 0 before the first.
    func head() throws -> Int
    /// Revisions after the given one, oldest first.
    func changes(after: Int, limit: Int) throws -> [Revision]
    /// Everything that is current, as of one revision.
    func snapshot() throws -> Snapshot
    /// The highest number ever given to a version of each function, also of deleted versions.
    func versionCounters() throws -> [String: Int]
    /// Keeps bytes under their SHA-256; returns once they are durable.
    func putBlob(digest: String, _ bytes: [UInt8]) throws
    /// The bytes kept under a SHA-256, or nil.
    func blob(_ digest: String) throws -> [UInt8]?
}
