package import Model

/// Where the primaries keep revisions, code and what they know of edges.
///
/// - Important: Every call may block: on a disk, or on a server that has gone. Call from a queue of your
///   own, never from a reactor; `PrimaryRegistry` does so for everyone else.
package protocol RegistryStore: Sendable {
    // MARK: Revisions

    /// Commits what `body` makes of the head as the next revision, whole or not at all.
    ///
    /// While `body` runs nobody else can commit: it gets the revisions after `known`, oldest first, so that
    /// what it decides holds at the head. No changes, or a throw, commit nothing. Returns the revision,
    /// which is the head's when there were no changes. Once it returns, the revision survives a crash.
    ///
    /// - Throws: `snapshotRequired` when `known` is below the floor, `behind` when more than
    ///   `StoreLimits.missingLimit` revisions are missing; nothing is committed then.
    func publish(after known: Int, _ body: ([Revision]) throws -> [Change]) throws -> Int
    /// Where the store stands now.
    func head() throws -> StoreHead
    /// Revisions after the given one, oldest first: at most `limit`, and at most about
    /// `StoreLimits.changeBytesLimit` of them together, but one at least when there is one.
    ///
    /// - Throws: `snapshotRequired` when `after` is below the floor.
    func changes(after: Int, limit: Int) throws -> [Revision]
    /// Everything that is current, as of one revision.
    func current() throws -> StoredState
    /// The head's revision each time it may have moved, by whomever; only the newest waits to be read.
    ///
    /// A hint: it may come late or twice, but within `StoreLimits.pollDelay` after every commit it comes.
    func heads() -> AsyncStream<Int>

    // MARK: Blobs

    /// Starts to keep bytes whose digest is known at their end.
    func beginBlob() throws -> any BlobWriter
    /// Whether the bytes of a SHA-256 are kept and whole; protects them for a while from collection.
    func pinBlob(_ digest: String) throws -> Bool
    /// How many bytes are kept under a SHA-256; nil when there are none.
    func blobSize(_ digest: String) throws -> Int?
    /// A part of what is kept under a SHA-256, verified: at most `count` bytes from `offset` on, fewer at
    /// the end, none behind it; nil when nothing is kept.
    ///
    /// - Throws: `corrupt` when the kept bytes are not what was put.
    func readBlob(_ digest: String, from offset: Int, count: Int) throws -> [UInt8]?

    // MARK: Housekeeping

    /// Forgets changes that the retention does not ask for; returns the floor.
    func compact(keeping retention: Retention) throws -> Int
    /// Removes blobs that no current resource names since a revision at or below the floor and at or below
    /// `acknowledged`, for at least the grace, and that nobody has pinned.
    func collectBlobs(grace: Duration, acknowledged: Int) throws -> BlobSweep

    // MARK: Edges and the primaries' own values

    /// Remembers what an edge says of itself, with the store's time; all primaries see it.
    func report(_ edge: EdgeReport) throws
    /// What every edge last said, by name.
    func edges() throws -> [EdgeReport]
    /// Forgets an edge.
    func forgetEdge(_ name: String) throws
    /// A value that only primaries see: it is in no snapshot and in no feed.
    func privateValue(_ key: String) throws -> PrivateValue?
    /// All private values whose keys begin so, by key.
    func privateValues(under prefix: String) throws -> [String: PrivateValue]
    /// Sets (or with nil removes) a private value when its version still is the expected one, 0 for none;
    /// returns whether it did.
    func setPrivateValue(_ key: String, _ bytes: [UInt8]?, expecting version: Int) throws -> Bool

    /// Ends connections and watchers; calls after it throw.
    func close()
}

/// Takes one blob piece by piece, in constant memory.
///
/// Confined to whoever writes.
package protocol BlobWriter: AnyObject {
    /// Adds bytes.
    ///
    /// - Throws: `invalid` when they are more than `StoreLimits.blobLimit` together.
    func append(_ bytes: ArraySlice<UInt8>) throws
    /// Makes the blob durable and visible, pinned for a while; returns its digest and size.
    ///
    /// - Throws: `corrupt` when the digest is not the expected one.
    func finish(expecting digest: String?) throws -> KeptBlob
    /// Gives up; what was written goes away. Also what happens when the writer is dropped.
    func abandon()
}

/// What a finished blob is.
package struct KeptBlob: Sendable, Hashable {
    /// SHA-256, hexadecimal.
    package var digest: String
    /// Unit: bytes.
    package var size: Int
}

/// Which changes survive a compaction: those that either rule asks for.
package struct Retention: Sendable, Hashable {
    /// So many of the latest revisions are kept in any case.
    package var revisions: Int
    /// Revisions younger than this are kept in any case.
    package var age: Duration

    /// What a single machine keeps: its edges are in the same process and never far behind.
    package static let local = Retention(revisions: 1_000, age: .seconds(86_400))

    /// Makes a retention; by default 10,000 revisions and 7 days.
    package init(revisions: Int = 10_000, age: Duration = .seconds(7 * 86_400)) {
        self.revisions = revisions
        self.age = age
    }
}

/// What a collection removed.
package struct BlobSweep: Sendable, Hashable {
    package var count = 0
    /// Unit: bytes.
    package var size = 0
}

/// What an edge said of itself when it last spoke to a primary.
package struct EdgeReport: Sendable, Codable, Hashable {
    package var name: String
    /// Where it connects from.
    package var address: String
    /// The last revision that it applied.
    package var revision: Int
    /// Which primary it speaks to.
    package var primary: String
    /// Seconds since 1970 at which its certificate ends; nil when it has none.
    package var certificateExpiry: Double?
    /// Why the next revision is not applied, or what was repaired.
    package var error: String?
    /// Anything else that the primaries agree on.
    package var facts: [String: String]
    /// Unit: seconds since it spoke, by the store's clock; set by the store.
    package var age: Double

    /// Makes a report of now.
    package init(
        name: String,
        address: String,
        revision: Int,
        primary: String,
        certificateExpiry: Double? = nil,
        error: String? = nil,
        facts: [String: String] = [:]
    ) {
        self.name = name
        self.address = address
        self.revision = revision
        self.primary = primary
        self.certificateExpiry = certificateExpiry
        self.error = error
        self.facts = facts
        age = 0
    }
}

/// A value of the primaries with its version, which counts from 1 with every change.
package struct PrivateValue: Sendable, Hashable {
    package var bytes: [UInt8]
    package var version: Int
}

/// The bounds of stores.
package enum StoreLimits {
    /// The most bytes of one blob: a layer's or function's code.
    ///
    /// Source: Lambda quotas, deployment package size (250 MB unzipped).
    package static let blobLimit = 262_144_000
    /// How many bytes one row or one check of a blob covers, at most.
    package static let chunkBytesLimit = 262_144
    /// The most bytes that one read of a blob gives.
    package static let readBytesLimit = 1_048_576
    /// How many revisions a publisher may miss when its turn comes; it reads more than these before.
    package static let missingLimit = 256
    /// About how many bytes of encoded changes one read gives; a single larger revision is given whole.
    package static let changeBytesLimit = 8_388_608
    /// How long a commit of another process may stay unseen when no notice of it arrives.
    package static let pollDelay = Duration.seconds(5)
    /// How long bytes are safe from collection after they were put or pinned.
    package static let pinLimit = Duration.seconds(3600)
    /// How long ago an edge may have spoken to count as one that still needs what it has not applied.
    package static let edgeLiveness = Duration.seconds(900)
    /// How long a primary waits between two rounds of upkeep, on average.
    package static let upkeepPause = Duration.seconds(3600)
    /// How long a publisher may hold its turn at a shared store without doing anything; then it loses it.
    package static let stallLimit = Duration.seconds(5)
    /// How long a call tries to reach a shared store before it fails.
    package static let patience = Duration.seconds(10)
    /// The most bytes of one private value.
    package static let privateValueLimit = 1_048_576
    /// How many blobs one transaction of a collection removes.
    package static let sweepLimit = 64
    /// The most bytes of the changes of one revision, encoded.
    package static let revisionBytesLimit = 16_777_216
}
