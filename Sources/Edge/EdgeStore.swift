import DataPlane
import HTTP
import Model

extension EdgePipeline {
    /// Decides how long the answer lives and keeps it, while its body streams on.
    func store(_ answer: inout Answer, _ pending: Pending, _ behavior: CacheBehavior) {
        // A stale entry that stands for an unreachable origin is not stored again.
        guard !pending.key.isEmpty, answer.age == nil else { return }
        let now = clock()
        guard let lifetime = lifetime(of: answer, behavior, now), answer.head.status != 206,
            !answer.head.headers.all("vary").contains("*"), !answer.isUpgrade
        else {
            refuse(pending, now)
            return
        }
        let canRevalidate =
            answer.head.headers.contains("etag") || answer.head.headers.contains("last-modified")
        if lifetime <= 0 {
            refuse(pending, now)
            if !canRevalidate { return }
        }
        let head = answer.head
        let originStatus = answer.originStatus
        let age = head.headers["age"].flatMap { Int($0) } ?? 0
        let sink = CacheSink(
            cache: cache,
            key: pending.key,
            fill: lifetime > 0 ? pending.fill : nil,
            make: { body in
                StoredResponse(
                    head: head,
                    body: body,
                    storedAt: now,
                    expiresAt: now + lifetime,
                    initialAge: max(0, age),
                    originStatus: originStatus
                )
            }
        )
        switch answer.body {
        case .empty: sink.finish([])
        case .bytes(let bytes): sink.finish(bytes)
        case .upgrade: break
        case .stream(let source, let length):
            if let length, length > cache.maximumObject {
                refuse(pending, now)
                return
            }
            answer.body = .stream(
                TeeSource(
                    source,
                    length: length,
                    into: sink,
                    refuse: { self.refuse(pending, now) }
                ),
                length: length
            )
        }
    }

    private func refuse(_ pending: Pending, _ now: Int) {
        if let fill = pending.fill {
            fill.refuse(now: now)
        } else {
            cache.markUncacheable(pending.key, now: now)
        }
    }

    private func lifetime(of answer: Answer, _ behavior: CacheBehavior, _ now: Int) -> Int? {
        let status = answer.head.status
        guard status >= 400 else {
            return Freshness.lifetime(answer.head.headers, policy: behavior.cachePolicy, now: now)
        }
        let custom = distribution.customErrorResponses.first { $0.errorCode == status }
        return Freshness.errorLifetime(
            status: status,
            headers: answer.head.headers,
            policy: behavior.cachePolicy,
            minimum: custom?.errorCachingMinTTL ?? 10,
            now: now
        )
    }
}

/// Where a complete body becomes a stored answer.
private struct CacheSink {
    let cache: CacheStore
    let key: String
    let fill: Fill?
    let make: (Bytes) -> StoredResponse

    func finish(_ body: Bytes) {
        let entry = make(body)
        if let fill { fill.fulfil(entry) } else { cache.put(key, entry) }
    }
}

/// Passes a body on and keeps a copy for the cache; letting go of it early abandons the fill.
private final class TeeSource: BodySource {
    private let source: any BodySource
    private let length: Int?
    private var sink: CacheSink?
    private var refuse: (() -> Void)?
    private let bound: Int
    private var kept: [UInt8] = []
    var trailers: Headers { source.trailers }

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
        bound = sink.cache.maximumObject
        kept.reserveCapacity(min(length ?? 0, bound))
    }

    func read() async throws(Fault) -> Bytes? {
        do throws(Fault) {
            guard let piece = try await source.read() else {
                if length == nil || length == kept.count { sink?.finish(kept[...]) }
                release()
                return nil
            }
            guard sink != nil else { return piece }
            if kept.count + piece.count > bound {
                refuse?()
                release()
            } else {
                kept += piece
                // A reader that knows the length may never ask for the end.
                if length == kept.count {
                    sink?.finish(kept[...])
                    release()
                }
            }
            return piece
        } catch {
            release()
            throw error
        }
    }

    private func release() {
        sink = nil
        refuse = nil
        kept = []
    }
}
