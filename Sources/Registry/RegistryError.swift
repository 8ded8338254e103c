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
        /// The revisions asked for are compacted away: take a snapshot, then follow from it.
        case snapshotRequired
        /// The reader is so far behind the head that it must read the changes first.
        case behind
        /// The store cannot be reached now; trying again later may help.
        case unreachable
    }

    package let kind: Kind
    /// One sentence for a log line.
    package let description: String

    /// Makes an error.
    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
