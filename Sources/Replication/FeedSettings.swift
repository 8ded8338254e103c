/// The intervals of the feed; tests shorten them.
package struct FeedSettings: Sendable {
    /// How often a primary says that it is there, and an edge how far it is.
    package var heartbeat: Duration = .seconds(5)
    /// After this silence an edge looks for another connection, and a primary counts an edge as gone.
    package var silence: Duration = .seconds(15)
    /// How often the state of a primary and of an edge are compared.
    package var hashInterval: Duration = .seconds(60)
    /// The shortest time in which an edge's snapshot is swapped more than twice; a burst becomes few swaps.
    package var coalescing: Duration = .milliseconds(20)
    /// The shortest pause before another attempt.
    package var firstRetry: Duration = .milliseconds(100)
    /// The longest pause before another attempt.
    package var longestRetry: Duration = .seconds(10)
    /// How long an edge's certificate is valid.
    ///
    /// Unit: seconds. It is renewed in the last third.
    package var certificateLife = 30 * 86400

    /// Makes the usual intervals.
    package init() {}
}

/// Names and bounds that both sides of the feed agree on.
package enum FeedProtocol {
    /// The name that a primary's certificate carries, whatever address it is reached by.
    package static let serviceName = "feed.portico.internal"
    /// The most bytes of one frame's payload; a larger revision is cut into fragments.
    package static let maximumFrame = 1 << 20
    /// The most bytes of one revision.
    package static let maximumRevision = 64 << 20
    /// How many bytes of an archive are read at once.
    package static let blobPart = 1 << 20
    /// How many bytes of an archive an edge gathers before it writes them.
    static let depotPiece = 256 << 10
    /// The most bytes of a snapshot.
    package static let maximumSnapshot = 512 << 20
    /// The most bytes of a request's content: a report or a certificate request.
    static let maximumRequest = 256 << 10
}

/// Why the feed, an enrolment or a snapshot file was refused or broke off.
package struct FeedError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The class of a failure.
    package enum Kind: Sendable, Equatable {
        /// The peer can't be reached or has gone silent.
        case unreachable
        /// The peer does not accept who we are.
        case refused
        /// What arrived breaks the protocol or is damaged.
        case malformed
        /// A file or folder does not do what it should.
        case storage
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
