import DataPlane
import HTTP
import Model
import Reactor

extension EdgePipeline {
    /// Decides how long the answer lives and keeps it, while its body streams on.
    func store(
        _ answer: inout Answer,
        _ pending: Pending,
        _ exchange: inout Exchange,
        _ passage: Passage
    ) {
        guard answer.mayBeKept, !answer.isUpgrade else { return }
        if !passage.plan.isCachingOff, answer.refreshed == nil {
            compress(&answer, for: exchange.request, passage.plan)
        }
        guard !pending.key.isEmpty else { return }
        let now = clock()
        guard let lifetime = lifetime(of: answer, passage.plan, now) else {
            return refuse(pending, now)
        }
        if answer.head.status == 206 {
            return storePart(&answer, pending, now, lifetime)
        }
        if lifetime <= 0 {
            refuse(pending, now)
            let isVerifiable =
                answer.head.headers.contains("etag")
                || answer.head.headers.contains("last-modified")
            if !isVerifiable { return }
        }
        let entry = unfilled(answer, passage.plan, now, lifetime)
        let fill = lifetime > 0 ? pending.fill : nil
        let middle = lifetime > 0 ? pending.middle : nil
        if lifetime > 0, keepOnDisk(&answer, entry([]), pending, now) { return }
        let finish: @Sendable (Bytes) -> Void = { [cache] body in
            let made = entry(body)
            middle?.fulfil(made)
            if let fill { fill.fulfil(made) } else { cache.put(pending.key, made) }
            if lifetime > 0, let disk = cache.disk, body.count >= disk.minimumObject {
                disk.move(pending.key, made, in: cache)
            }
        }
        if let fill, case .stream(let source, let length?) = answer.body,
            length <= cache.maximumObject
        {
            let shared = SharedAnswer(
                source,
                length: length,
                preview: entry([]),
                on: exchange.context.reactor,
                finish: finish,
                fail: {
                    fill.abandon()
                    middle?.abandon()
                }
            )
            answer.body = .stream(shared.makeReader(), length: length)
            fill.share(shared)
            middle?.share(shared)
        } else {
            tee(&answer, into: CacheSink(limit: cache.maximumObject, finish: finish), pending, now)
        }
    }

    /// Lets a body that memory is too small for go to the disk on its way; false when it does not go there.
    private func keepOnDisk(
        _ answer: inout Answer,
        _ entry: StoredResponse,
        _ pending: Pending,
        _ now: Int
    ) -> Bool {
        guard let disk = cache.disk, answer.head.status == 200 else { return false }
        if let kept = answer.refreshed?.disk, case .stream(let source, _) = answer.body,
            source is DiskReader
        {
            // The origin confirmed what is on the disk already.
            let renewed = StoredResponse(entry, on: kept)
            if let fill = pending.fill {
                fill.fulfil(renewed)
            } else {
                cache.put(pending.key, renewed)
            }
            pending.middle?.abandon()
            kept.describe(pending.key, renewed)
            return true
        }
        guard case .stream(let source, let length?) = answer.body,
            length > cache.maximumObject, length <= disk.maximumObject
        else { return false }
        // Nobody waits for so much: others ask by themselves until it is here.
        refuse(pending, now)
        let tee = DiskTee(source, length: length, key: pending.key, entry: entry, to: disk) {
            [cache] made in cache.put(pending.key, made)
        }
        answer.body = .stream(tee, length: length)
        return true
    }

    /// An entry that waits for its body.
    private func unfilled(
        _ answer: Answer,
        _ plan: BehaviorPlan,
        _ now: Int,
        _ lifetime: Int
    ) -> @Sendable (Bytes) -> StoredResponse {
        var stored = answer.head
        let control = CacheControl(stored.headers)
        for name in control.noCacheFields + control.privateFields { stored.headers.remove(name) }
        let head = stored
        let age = Freshness.initialAge(head.headers)
        let stale = Freshness.staleWhileRevalidate(head.headers)
        let originStatus = answer.originStatus
        let latest = now + max(plan.policy.maxTTL, lifetime)
        let tags = CacheTags.read(head.headers, from: distribution.cacheTagHeader)
        return { body in
            StoredResponse(
                head: head,
                body: body,
                storedAt: now,
                expiresAt: now + lifetime,
                servedStaleUntil: stale > 0 ? min(now + lifetime + stale, latest) : 0,
                initialAge: age,
                originStatus: originStatus,
                tags: tags
            )
        }
    }

    private func tee(
        _ answer: inout Answer,
        into sink: CacheSink,
        _ pending: Pending,
        _ now: Int
    ) {
        switch answer.body {
        case .empty: sink.finish([])
        // A copy of its own: what came from an origin may lie in a larger block.
        case .bytes(let bytes): sink.finish(bytes.withUnsafeBufferPointer { Array($0) }[...])
        case .upgrade: break
        case .stream(let source, let length):
            if let length, length > cache.maximumObject { return refuse(pending, now) }
            let tee = TeeSource(source, length: length, into: sink) { [self] in
                refuse(pending, now)
            }
            answer.body = .stream(tee, length: length)
        }
    }

    /// Keeps a part and joins it with those of the same version of the object.
    private func storePart(
        _ answer: inout Answer,
        _ pending: Pending,
        _ now: Int,
        _ lifetime: Int
    ) {
        let headers = answer.head.headers
        guard pending.isPartial, lifetime > 0,
            let range = headers["content-range"].flatMap({ ContentRange($0) }),
            range.total <= cache.maximumObject, Delivery.strongValidator(headers) != nil
        else { return }
        let head = answer.head
        let expiresAt = now + lifetime
        let tags = CacheTags.read(head.headers, from: distribution.cacheTagHeader)
        let sink = CacheSink(limit: cache.maximumObject) { [cache] body in
            guard body.count == range.range.count else { return }
            let part = StoredParts.Part(start: range.range.lowerBound, bytes: body)
            let life = PartLife(storedAt: now, expiresAt: expiresAt, tags: tags)
            cache.add(part, of: range.total, head, to: pending.key, life)
        }
        tee(&answer, into: sink, Pending(), now)
    }

    /// Says that the answer is not for others.
    func refuse(_ pending: Pending, _ now: Int) {
        pending.middle?.refuse(now: now)
        if let fill = pending.fill {
            fill.refuse(now: now)
        } else if !pending.key.isEmpty, !pending.isPartial {
            cache.markUncacheable(pending.key, now: now)
        }
    }

    /// Lets go of the duty to fill after a failure, so that nobody queues behind the next one.
    func giveUp(_ stop: Stop, _ pending: Pending) {
        guard !pending.key.isEmpty else { return }
        let now = clock()
        if settings.cachesFunctionErrors, stop.result.hasPrefix("Lambda") {
            let minimum = errorResponse(for: stop.head.status)?.errorCachingMinTTL ?? 10
            let entry = StoredResponse(
                head: stop.head,
                body: stop.body,
                storedAt: now,
                expiresAt: now + minimum,
                originStatus: stop.head.status
            )
            if let fill = pending.fill { fill.fulfil(entry) } else { cache.put(pending.key, entry) }
        } else {
            refuse(pending, now)
        }
    }

    /// What the distribution says of a status.
    func errorResponse(for status: Int) -> CustomErrorResponse? {
        guard status >= 400 else { return nil }
        return distribution.customErrorResponses.first { $0.errorCode == status }
    }

    private func lifetime(of answer: Answer, _ plan: BehaviorPlan, _ now: Int) -> Int? {
        let status = answer.head.status
        let headers = answer.head.headers
        if plan.policy.minTTL == 0, headers.hasToken("*", in: "vary") { return nil }
        guard status >= 400 else {
            return Freshness.lifetime(headers, policy: plan.policy, now: now)
        }
        var minimum = errorResponse(for: status)?.errorCachingMinTTL ?? 10
        // A bucket's errors are kept for a second at least.
        if plan.origins.first?.origin.isS3 == true { minimum = max(1, minimum) }
        return Freshness.errorLifetime(
            status: status,
            headers: headers,
            policy: plan.policy,
            minimum: minimum,
            now: now
        )
    }
}

extension CacheStore {
    /// Joins a part with those stored; the whole object takes their place once it is complete.
    func add(
        _ part: StoredParts.Part,
        of total: Int,
        _ head: ResponseHead,
        to key: String,
        _ life: PartLife
    ) {
        let (now, expiresAt) = (life.storedAt, life.expiresAt)
        var whole: StoredResponse?
        update(CacheKey.parts(of: key)) { old in
            var parts = StoredParts(total: total)
            if let old, let known = old.parts, known.total == total, old.expiresAt > now,
                Delivery.strongValidator(old.head.headers)
                    == Delivery.strongValidator(head.headers)
            {
                parts = known
            }
            guard parts.add(part) else { return nil }
            if let body = parts.bytes(0..<total) {
                var full = head
                full.status = 200
                full.reason = ""
                full.headers.remove("content-range")
                full.headers.set("Content-Length", String(total))
                whole = StoredResponse(
                    head: full,
                    body: body,
                    storedAt: now,
                    expiresAt: expiresAt,
                    originStatus: 200,
                    tags: life.tags
                )
                return nil
            }
            return StoredResponse(
                parts,
                head: head,
                storedAt: now,
                expiresAt: expiresAt,
                tags: life.tags
            )
        }
        if let whole { put(key, whole) }
    }
}

/// How long a part of an object is kept, and what finds it.
struct PartLife {
    /// Unit: seconds since 1970.
    var storedAt: Int
    /// Unit: seconds since 1970.
    var expiresAt: Int
    var tags: [String]
}

/// Where a complete body becomes a stored answer.
struct CacheSink {
    /// Unit: bytes.
    let limit: Int
    let finish: (Bytes) -> Void

    init(limit: Int, finish: @escaping (Bytes) -> Void) {
        self.limit = limit
        self.finish = finish
    }
}

/// Passes a body on and keeps a copy for the cache; letting go of it early abandons the fill.
final class TeeSource: BodySource {
    private let source: any BodySource
    private let length: Int?
    private var sink: CacheSink?
    private var refuse: (() -> Void)?
    private var kept: [UInt8] = []
    var trailers: Headers { source.trailers }
    var isReady: Bool { source.isReady }

    init(
        _ source: any BodySource,
        length: Int?,
        into sink: CacheSink,
        refuse: @escaping () -> Void
    ) {
        self.source = source
        self.length = length
        self.sink = sink
        self.refuse = refuse
        kept.reserveCapacity(min(length ?? 0, sink.limit))
    }

    func read() async throws(Fault) -> Bytes? {
        do throws(Fault) {
            guard let piece = try await source.read() else {
                if length == nil || length == kept.count { sink?.finish(kept[...]) }
                release()
                return nil
            }
            guard let sink else { return piece }
            if kept.count + piece.count > sink.limit {
                refuse?()
                release()
            } else {
                kept += piece
                // A reader that knows the length may never ask for the end.
                if length == kept.count {
                    sink.finish(kept[...])
                    release()
                }
            }
            return piece
        } catch {
            release()
            throw error
        }
    }

    /// Reads the rest for the cache alone.
    func drain() async {
        do throws(Fault) {
            while sink != nil, try await read() != nil {}
        } catch {
            release()
        }
    }

    private func release() {
        sink = nil
        refuse = nil
        kept = []
    }
}
