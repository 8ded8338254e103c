import DataPlane
import HTTP
import Model
import Reactor
import Telemetry

/// What a request that found nothing fresh may do.
struct Pending {
    /// The duty to fill the cache; nil when nobody waits.
    var fill: Fill?
    var stale: StoredResponse?
    /// Empty when the answer is not for the cache.
    var key = ""
    /// Whether only a part of the object is asked for.
    var isPartial = false
    /// The duty to fill the cache between this edge and the origin.
    var middle: Fill?
}

/// The cache's word on a request.
enum Found {
    case kept(Kept)
    case ask(Pending)

    /// What is there of an answer.
    enum Kept {
        /// A stored answer; with a duty to refresh it when it is stale.
        case stored(StoredResponse, refresh: Pending?)
        /// A stored answer whose content was found on the disk.
        case onDisk(StoredResponse, DiskReader, refresh: Pending?)
        /// A stored answer of the cache between this edge and the origin.
        case between(StoredResponse, refresh: Pending?)
        /// An answer that another request is fetching.
        case arriving(SharedAnswer)
    }
}

extension EdgePipeline {
    /// Whether a stored answer may serve the request.
    func usesCache(_ request: RequestHead, _ plan: BehaviorPlan) -> Bool {
        plan.caches(request.method) && !OriginHeaders.isUpgrade(request.headers)
    }

    /// Looks for a stored answer, or waits for the one that fetches it.
    func lookUp(_ exchange: inout Exchange, _ passage: Passage) async -> Found {
        let plan = passage.plan
        let head = exchange.request
        let reactor = exchange.context.reactor
        let started = reactor.preciseTime
        let key = CacheKey.make(head, distribution: distribution.id, plan: plan)
        var outcome: String
        var found: Found
        if let entry = cache.fresh(key, now: clock()) {
            (outcome, found) = ("hit", .kept(.stored(entry, refresh: nil)))
        } else {
            (outcome, found) = await search(key, head, plan)
            if let middle = middle(passage) {
                (outcome, found) = await ask(middle, key, (outcome, found), plan)
            }
        }
        if case .kept(.stored(let entry, let refresh)) = found, let disk = entry.disk {
            if let reader = await disk.open() {
                (outcome, found) = ("disk", .kept(.onDisk(entry, reader, refresh: refresh)))
            } else {
                // It is gone or not as it was written: what is left is to ask for it anew.
                cache.remove(key, entry)
                refresh?.fill?.abandon()
                (outcome, found) = await search(key, head, plan)
            }
        }
        exchange.record.stages.append(
            TimelineEntry(
                stage: "cache",
                durationMicroseconds: reactor.preciseTime.microseconds(since: started),
                outcome: outcome
            )
        )
        return found
    }

    /// Answers with what is there.
    // Not part of its caller, whose frame a connection keeps while it is idle.
    @inline(never)
    func serve(_ kept: Found.Kept, _ exchange: inout Exchange, _ passage: Passage) -> Answer {
        var answer: Answer
        var later: Pending?
        switch kept {
        case .stored(let entry, let refresh):
            answer = Answer(entry, age: Freshness.age(of: entry, now: clock()), result: "Hit")
            later = refresh
        case .onDisk(let entry, let reader, let refresh):
            let age = Freshness.age(of: entry, now: clock())
            answer = Answer(entry, reader, age: age, result: "Hit")
            later = refresh
        case .between(let entry, let refresh):
            answer = Answer(entry, age: Freshness.age(of: entry, now: clock()), result: "Hit")
            if passage.hasShield { answer.detail = "OriginShieldHit" }
            later = refresh
        case .arriving(let shared):
            answer = Answer(shared, now: clock())
        }
        if let later { refreshLater(later, exchange, passage) }
        return answer
    }

    /// The cache between this edge and a request's origin; nil where the edge asks by itself.
    ///
    /// Source: "Use Amazon CloudFront Origin Shield".
    private func middle(_ passage: Passage) -> (store: CacheStore, name: String)? {
        if passage.hasShield, let shield { return (shield, "shield") }
        return regional.map { ($0, "regional") }
    }

    /// Asks the cache in the middle for an edge that would ask the origin; of all edges that miss there one goes
    /// on, the others read what it gets.
    private func ask(
        _ middle: (store: CacheStore, name: String),
        _ key: String,
        _ searched: (outcome: String, found: Found),
        _ plan: BehaviorPlan
    ) async -> (String, Found) {
        guard case .ask(var pending) = searched.found, let fill = pending.fill else {
            return searched
        }
        let missed = middle.name == "shield" ? "shield \(searched.outcome)" : searched.outcome
        switch await middle.store.lookUp(key, now: clock, collapses: !plan.forwardsCookies) {
        case .hit(let entry):
            fill.fulfil(entry)
            return (middle.name, .kept(.between(entry, refresh: nil)))
        case .stale(let entry, let refresh):
            fill.fulfil(entry)
            let later = refresh.map { Pending(stale: entry, key: key, middle: $0) }
            return (middle.name, .kept(.between(entry, refresh: later)))
        case .fill(let own, let stale):
            pending.middle = own
            pending.stale = pending.stale ?? stale
            return (missed, .ask(pending))
        case .join(let answer):
            fill.abandon()
            return (middle.name, .kept(.arriving(answer)))
        case .pass(let stale):
            pending.stale = pending.stale ?? stale
            return (missed, .ask(pending))
        }
    }

    private func search(
        _ key: String,
        _ head: RequestHead,
        _ plan: BehaviorPlan
    ) async -> (String, Found) {
        // A HEAD or a range is answered from the cache; only a range may put something there.
        let isPartial = head.headers.contains(.range) && head.method == "GET"
        let fills = head.method != "HEAD" && !isPartial
        let collapses = fills && !plan.forwardsCookies
        switch await cache.lookUp(key, now: clock, collapses: collapses) {
        case .hit(let entry): return ("hit", .kept(.stored(entry, refresh: nil)))
        case .stale(let entry, let fill):
            let refresh = fill.map { Pending(fill: $0, stale: entry, key: key) }
            return ("stale", .kept(.stored(entry, refresh: refresh)))
        case .fill(let fill, let stale):
            let pending = Pending(fill: fill, stale: stale, key: key)
            return (stale == nil ? "miss" : "stale", .ask(pending))
        case .join(let answer): return ("joined", .kept(.arriving(answer)))
        case .pass(let stale):
            if isPartial, let part = part(of: key, head) {
                return ("hit", .kept(.stored(part, refresh: nil)))
            }
            guard fills || isPartial else { return ("miss", .ask(Pending())) }
            let pending = Pending(stale: fills ? stale : nil, key: key, isPartial: isPartial)
            return (fills && stale != nil ? "stale" : "miss", .ask(pending))
        }
    }

    /// A partial answer from the parts that are here.
    private func part(of key: String, _ head: RequestHead) -> StoredResponse? {
        guard let entry = cache.fresh(CacheKey.parts(of: key), now: clock()),
            let parts = entry.parts, let text = head.headers["range"],
            Delivery.mayCut(head.headers, entry.head.headers),
            case .ranges(let ranges) = ByteRanges(text, size: parts.total), ranges.count == 1,
            let bytes = parts.bytes(ranges[0])
        else { return nil }
        var answer = entry.head
        answer.headers.set("Content-Range", ContentRange(ranges[0], of: parts.total).text)
        answer.headers.set("Content-Length", String(bytes.count))
        return StoredResponse(
            head: answer,
            body: bytes,
            storedAt: entry.storedAt,
            expiresAt: entry.expiresAt,
            originStatus: 206
        )
    }

    /// Refreshes a stale answer that was served already; one at a time for each key.
    func refreshLater(_ pending: Pending, _ exchange: Exchange, _ passage: Passage) {
        let reactor = exchange.context.reactor
        let request = exchange.request
        let viewer = exchange.viewer
        reactor.submit { [self] in
            var inner = Exchange(
                request: request,
                body: .empty,
                viewer: viewer,
                context: ReactorContext.make(reactor: reactor)
            )
            inner.record.requestID = passage.requestID
            do throws(Stop) {
                let answer = try await fetch(pending, &inner, passage)
                await keep(answer.body)
            } catch {
                log("(\(passage.requestID)) ERROR refreshing \(request.path): \(error.head.status)")
            }
        }
    }
}
