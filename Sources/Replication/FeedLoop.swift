import Crypto
import DataPlane
import HTTP
import Model
import Reactor
import Registry
import TLS

/// The life of one edge's connection to its primaries.
///
/// Confined to its reactor.
final class FeedLoop {
    /// So often in a row every primary must be behind this edge before its state is given up.
    static let behindLimit = 5

    private let client: FeedClient
    private let reactor: Reactor
    private let pool: UpstreamPool
    private let link = ViewerLink(sendInterim: nil)
    private let reportLink = ViewerLink(sendInterim: nil)
    private let changed: Bell
    private let pause: Bell
    private var hasState: Bool
    private var isStopped = false
    private var position = 0
    private var attempts = 0
    private var behind = 0
    /// The revision of the state on disk.
    private var recorded = 0
    /// Whether the last attempt to record the state succeeded.
    private var isRecorded = true
    private var lastSwap: MonotonicInstant
    /// The swap before the last one: two in a row, such as a version and what runs it, are no burst.
    private var earlierSwap: MonotonicInstant
    /// The primary that is followed now.
    private var current: PrimaryAddress?

    private var replica: EdgeReplica { client.replica }
    private var settings: FeedSettings { client.options.settings }

    init(client: FeedClient, reactor: Reactor, context: TLSContext, hasState: Bool) {
        self.client = client
        self.reactor = reactor
        self.hasState = hasState
        pool = UpstreamPool(reactor: reactor, client: context)
        changed = Bell(reactor: reactor)
        pause = Bell(reactor: reactor)
        lastSwap = reactor.time
        earlierSwap = lastSwap
        position = Int.random(in: 0..<max(1, client.options.primaries.count))
    }

    func stop() {
        isStopped = true
        link.interrupt()
        reportLink.interrupt()
        changed.ring()
        pause.ring()
    }

    // MARK: - Following

    func run() async {
        while !isStopped {
            let primaries = client.options.primaries
            guard !primaries.isEmpty else { return }
            let primary = primaries[position % primaries.count]
            do {
                try await follow(primary)
            } catch {
                if isStopped { break }
                replica.note(error: "\(error)")
                client.options.log("\(primary): \(error)")
            }
            current = nil
            // The next one, if there are several: this one has just failed.
            position += 1
            attempts += 1
            await pause.wait(until: reactor.preciseTime + backOff())
        }
        pool.closeIdle()
    }

    /// Twice as long after each failure, and never the same for two edges.
    private func backOff() -> Duration {
        let doubled = settings.firstRetry * (1 << min(attempts - 1, 16))
        return min(doubled, settings.longestRetry) * Double.random(in: 0.5...1)
    }

    private func follow(_ primary: PrimaryAddress) async throws {
        let caller = FeedCaller(
            pool: pool,
            target: primary.target(),
            patience: settings.silence,
            link: link
        )
        if !hasState { try await takeSnapshot(caller) }
        let from = replica.appliedRevision
        let response = try await caller.send("GET", "/_portico/feed", query: "from=\(from)")
        guard response.head.status == 200, case .stream(let source, _) = response.body else {
            if response.head.status == 409 { try noteBehind(primary) }
            _ = try await caller.content(of: response, limit: 1 << 16)
            throw FeedError(.malformed, "\(primary) answered the feed without content")
        }
        behind = 0
        current = primary
        try await consume(source, from: primary, caller)
    }

    /// A primary that knows less than this edge may only be late; when all stay so, its history is another.
    private func noteBehind(_ primary: PrimaryAddress) throws {
        behind += 1
        guard behind >= Self.behindLimit * client.options.primaries.count else { return }
        behind = 0
        hasState = false
        replica.noteRepair()
        throw FeedError(.malformed, "\(primary) stays behind this edge: its state is taken anew")
    }

    private func consume(
        _ source: any BodySource,
        from primary: PrimaryAddress,
        _ caller: FeedCaller
    ) async throws {
        var reader = FeedFrameReader()
        var parts: [UInt8] = []
        var batch: [Revision] = []
        while !isStopped {
            guard let piece = try await next(source, primary) else {
                throw FeedError(.unreachable, "\(primary) ended the feed")
            }
            reader.append(piece)
            while let frame = try reader.next() {
                switch frame {
                case .fragment(let bytes):
                    guard parts.count + bytes.count <= FeedProtocol.maximumRevision else {
                        throw FeedError(.malformed, "\(primary) sent too large a revision")
                    }
                    parts += bytes
                case .revision(let bytes):
                    batch.append(try Revision(encoded: parts + bytes))
                    parts = []
                case .head(let head):
                    replica.note(head: head)
                    if head == replica.appliedRevision, isRecorded { replica.note(error: nil) }
                case .hash(let revision, let digest):
                    try await apply(&batch, caller)
                    try await compare(revision, digest, caller)
                case .snapshotRequired:
                    batch = []
                    try await takeSnapshot(caller)
                    throw FeedError(.unreachable, "\(primary) no longer keeps the next revision")
                case .fault(let name): if name == "kill" { client.options.end() }
                }
            }
            if !batch.isEmpty { try await apply(&batch, caller) }
            attempts = 0
        }
    }

    private func next(_ source: any BodySource, _ primary: PrimaryAddress) async throws -> Bytes? {
        do throws(Fault) {
            return try await source.read()
        } catch {
            throw FeedError(.unreachable, "the feed of \(primary) broke off: \(error.kind)")
        }
    }

    // MARK: - Applying

    /// Applies a run of revisions as one step: what is served is always the state at some revision.
    private func apply(_ batch: inout [Revision], _ caller: FeedCaller) async throws {
        guard let last = batch.last else { return }
        var next = replica.box.current
        for revision in batch {
            guard revision.number == next.revision + 1 else {
                throw FeedError(
                    .malformed,
                    "revision \(revision.number) came after \(next.revision)"
                )
            }
            next = next.applying(revision.changes, revision: revision.number)
        }
        let revisions = batch
        batch = []
        replica.note(head: last.number)
        try await install(next, caller)
        client.options.applied(revisions)
    }

    /// Brings the code of a snapshot here and swaps to it.
    private func install(_ snapshot: Snapshot, _ caller: FeedCaller) async throws {
        let depot = client.depot
        let wanted =
            client.options.keepsArchives
            ? snapshot.codeDigests.sorted() : replica.missingCode(of: snapshot)
        for digest in wanted where !depot.holds(digest) {
            try await fetch(digest, caller)
        }
        client.options.steps(.received)
        let due = earlierSwap + settings.coalescing
        if due > reactor.preciseTime, !isStopped { await pause.wait(until: due) }
        try await replica.apply(snapshot) { try depot.read($0) }
        earlierSwap = lastSwap
        lastSwap = reactor.preciseTime
        replica.note(error: nil)
        changed.ring()
        let kept = client.options.keepsArchives ? snapshot.codeDigests : []
        await depot.clean(keeping: kept)
    }

    /// Brings one archive here, going on where an earlier attempt broke off.
    private func fetch(_ digest: String, _ caller: FeedCaller) async throws {
        let depot = client.depot
        let start = try await depot.begin(digest)
        var headers = Headers()
        if start > 0 { headers.append("Range", "bytes=\(start)-") }
        let response = try await caller.send("GET", "/_portico/blobs/" + digest, headers: headers)
        switch response.head.status {
        case 200: try await depot.restart(digest)
        case 206:
            let range = response.head.headers["content-range"] ?? ""
            guard range.hasPrefix("bytes \(start)-") else {
                throw FeedError(.malformed, "another range than bytes \(start)- was sent")
            }
        case 416:
            // What is here is as long as the archive, or longer: verifying tells.
            _ = try await response.body.collected(limit: 1 << 16)
            return try await depot.finish(digest)
        default:
            await depot.end(digest)
            _ = try await caller.content(of: response, limit: 1 << 16)
        }
        switch response.body {
        case .empty, .upgrade: break
        case .bytes(let bytes): try await depot.append(digest, bytes)
        case .stream(let source, _): try await receive(digest, from: source)
        }
        try await depot.finish(digest)
    }

    /// Takes an archive to the depot in large pieces: each is a way to another thread and back.
    private func receive(_ digest: String, from source: any BodySource) async throws {
        var received: [UInt8] = []
        var fault: Fault?
        var isOver = false
        while !isOver {
            do throws(Fault) {
                if let piece = try await source.read() { received += piece } else { isOver = true }
            } catch {
                // What came before it is not asked for again.
                (fault, isOver) = (error, true)
            }
            guard isOver || received.count >= FeedProtocol.depotPiece, !received.isEmpty else {
                continue
            }
            try await client.depot.append(digest, received[...])
            received.removeAll(keepingCapacity: true)
            client.options.steps(.receiving)
        }
        if let fault {
            throw FeedError(.unreachable, "the archive \(digest) broke off: \(fault.kind)")
        }
    }

    private func takeSnapshot(_ caller: FeedCaller) async throws {
        let response = try await caller.send("GET", "/_portico/snapshot")
        let expected = response.head.headers["x-portico-hash"]
        let content = try await caller.content(of: response, limit: FeedProtocol.maximumSnapshot)
        let snapshot = try Snapshot(encoded: content)
        guard try StateHash(of: snapshot).digest == expected else {
            throw FeedError(.malformed, "a snapshot arrived that is not what its hash says")
        }
        replica.note(head: snapshot.revision)
        try await install(snapshot, caller)
        client.options.applied(nil)
        hasState = true
    }

    /// Takes the state anew when it differs from the primary's.
    private func compare(_ revision: Int, _ digest: String, _ caller: FeedCaller) async throws {
        let snapshot = replica.box.current
        guard snapshot.revision == revision, try StateHash(of: snapshot).digest != digest else {
            return
        }
        client.options.log("the state at revision \(revision) differs and is taken anew")
        try await takeSnapshot(caller)
        // Counted once it has happened: an attempt that breaks off is made again.
        replica.noteRepair()
        throw FeedError(.malformed, "the state at revision \(revision) differed and was repaired")
    }

    // MARK: - Reporting

    /// Tells the primary how far this edge is, after each change and as a sign of life.
    func report() async {
        while !isStopped {
            await changed.wait(until: reactor.preciseTime + settings.heartbeat)
            guard !isStopped else { return }
            do {
                recorded = try await replica.record()
                isRecorded = true
            } catch {
                isRecorded = false
                replica.note(error: "the state cannot be recorded: \(error)")
            }
            guard let current else { continue }
            let caller = FeedCaller(
                pool: pool,
                target: current.target(),
                patience: settings.silence,
                link: reportLink
            )
            do {
                try await send(caller)
                try await renewIfDue(caller)
            } catch {
                client.options.log("\(current): \(error)")
            }
        }
    }

    private func send(_ caller: FeedCaller) async throws {
        let status = replica.status()
        var report = AppliedReport(
            name: replica.name,
            revision: recorded,
            repairs: status.repairs
        )
        report.error = status.error
        report.followers = client.options.followers()
        _ = try await caller.content(
            "POST",
            "/_portico/applied",
            body: report.encoded(),
            limit: 1 << 16
        )
    }

    private func renewIfDue(_ caller: FeedCaller) async throws {
        let identity = client.currentIdentity
        guard identity.isDue(life: settings.certificateLife, now: client.options.now()) else {
            return
        }
        let made = try KeyWithRequest()
        let chain = try await caller.content(
            "POST",
            "/_portico/renew",
            body: made.requestPEM,
            limit: 1 << 16
        )
        let renewed = try identity.renewed(chain: chain, keyPEM: made.keyPEM)
        client.use(renewed)
        pool.useClientContext(try renewed.clientContext())
        pool.closeIdle()
        client.options.log("the certificate was renewed")
    }
}
