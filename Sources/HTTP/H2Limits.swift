/// How many of one kind of frame a peer may send: so many at once, and so many a second in the long run.
package struct H2Budget: Sendable, Equatable {
    package var burst: Int
    package var perSecond: Int

    /// Makes a budget.
    package init(burst: Int, perSecond: Int) {
        self.burst = burst
        self.perSecond = perSecond
    }
}

/// What one HTTP/2 connection grants its peer.
///
/// Each budget answers one known flood; a peer that outspends one gets GOAWAY with ENHANCE_YOUR_CALM.
package struct H2Limits: Sendable {
    /// Streams open at once; source: CloudFront quotas (concurrent HTTP/2 streams per connection).
    package var maximumStreams = 128
    /// What one stream may send ahead of its reader, in bytes.
    package var streamWindow = 256 << 10
    /// What all streams together may send ahead of their readers, in bytes: the bound of their memory.
    package var connectionWindow = 1 << 20
    /// The peer's header compression table, in bytes (the default of RFC 7541).
    package var headerTable = 4096
    /// CONTINUATION frames in one head.
    package var continuations = 8
    /// How far a head that is too large is looked through before the connection ends (HPACK bombs), as a
    /// multiple of the limit of a head's bytes.
    package var headOverrun = 8
    /// Entries of one SETTINGS frame.
    package var settingsEntries = 32
    /// Streams that the peer resets or forces to be reset (rapid reset).
    package var resets = H2Budget(burst: 500, perSecond: 50)
    /// SETTINGS frames.
    package var settings = H2Budget(burst: 50, perSecond: 5)
    /// PING frames.
    package var pings = H2Budget(burst: 200, perSecond: 20)
    /// DATA frames without content that do not end a stream, and empty CONTINUATION frames.
    package var emptyFrames = H2Budget(burst: 200, perSecond: 100)
    /// PRIORITY and PRIORITY_UPDATE frames.
    package var priorities = H2Budget(burst: 1000, perSecond: 100)
    /// WINDOW_UPDATE frames beyond one for each kibibyte sent (data dribble).
    package var windowUpdates = H2Budget(burst: 2000, perSecond: 200)
    /// Frames of unknown types.
    package var unknownFrames = H2Budget(burst: 200, perSecond: 20)
    /// From the start of the connection to the peer's first SETTINGS.
    package var preface: Duration = .seconds(10)
    /// Whether HTTP/2 is spoken without TLS to clients that begin with its preface (RFC 9113 §3.3).
    package var allowsPriorKnowledge = true
    /// Whether WebSocket streams are taken (extended CONNECT, RFC 8441); CloudFront and ALBs have none.
    package var allowsWebSocket = true

    /// Makes the usual limits.
    package init() {}
}

/// How many frames of each budgeted kind came since the last look.
package struct H2FrameCounts: Sendable, Equatable {
    package var resets = 0
    package var settings = 0
    package var pings = 0
    package var emptyFrames = 0
    package var priorities = 0
    package var windowUpdates = 0
    package var unknownFrames = 0
    /// Bytes sent meanwhile, which entitle the peer to window updates.
    package var bytesSent = 0

    /// Makes empty counts.
    package init() {}

    /// Whether there is something to charge for.
    package var isCharged: Bool {
        resets | settings | pings | emptyFrames | priorities | windowUpdates | unknownFrames != 0
    }
}

/// Charges a connection's frames to its budgets.
///
/// Pure: time comes in from outside.
package struct H2Meter: Sendable {
    /// One budget's balance.
    private struct Account {
        let budget: H2Budget
        var balance: Double

        init(_ budget: H2Budget) {
            self.budget = budget
            balance = Double(budget.burst)
        }

        mutating func charge(_ count: Int, after seconds: Double, credit: Double = 0) -> Bool {
            let earned = seconds * Double(budget.perSecond) + credit
            balance = min(Double(budget.burst), balance + earned) - Double(count)
            return balance >= 0
        }
    }

    private var resets: Account
    private var settings: Account
    private var pings: Account
    private var emptyFrames: Account
    private var priorities: Account
    private var windowUpdates: Account
    private var unknownFrames: Account

    /// Opens the accounts of one connection.
    package init(_ limits: H2Limits) {
        resets = Account(limits.resets)
        settings = Account(limits.settings)
        pings = Account(limits.pings)
        emptyFrames = Account(limits.emptyFrames)
        priorities = Account(limits.priorities)
        windowUpdates = Account(limits.windowUpdates)
        unknownFrames = Account(limits.unknownFrames)
    }

    /// Charges what came since the last charge, so many seconds ago; the name of the limit that was
    /// outspent, or nil.
    package mutating func charge(
        _ counts: H2FrameCounts,
        after seconds: Double
    ) -> StaticString? {
        // Every account earns each time, so all are charged before the verdict.
        let resetsHold = resets.charge(counts.resets, after: seconds)
        let settingsHold = settings.charge(counts.settings, after: seconds)
        let pingsHold = pings.charge(counts.pings, after: seconds)
        let emptyFramesHold = emptyFrames.charge(counts.emptyFrames, after: seconds)
        let prioritiesHold = priorities.charge(counts.priorities, after: seconds)
        let unknownFramesHold = unknownFrames.charge(counts.unknownFrames, after: seconds)
        let windowUpdatesHold = windowUpdates.charge(
            counts.windowUpdates,
            after: seconds,
            credit: Double(counts.bytesSent) / 1024
        )
        if !resetsHold { return "resets" }
        if !settingsHold { return "settings" }
        if !pingsHold { return "pings" }
        if !emptyFramesHold { return "emptyFrames" }
        if !prioritiesHold { return "priorities" }
        if !windowUpdatesHold { return "windowUpdates" }
        return unknownFramesHold ? nil : "unknownFrames"
    }
}
