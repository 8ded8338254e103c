import DataPlane
import HTTP
import Model
import Telemetry

/// What a request that found nothing fresh may do.
struct Pending {
    /// The duty to fill the cache; nil when nobody waits.
    var fill: Fill?
    var stale: StoredResponse?
    /// Empty when the answer is not for the cache.
    var key = ""
}

/// The cache's word on a request.
enum Found {
    case stored(StoredResponse)
    case ask(Pending)
}

extension EdgePipeline {
    /// Looks for a stored answer, or waits for the one that fetches it.
    func lookUp(
        _ exchange: inout Exchange,
        _ behavior: CacheBehavior,
        _ passage: inout Passage
    ) async -> Found {
        let head = exchange.request
        let policy = behavior.cachePolicy
        let isOff = policy.minTTL == 0 && policy.defaultTTL == 0 && policy.maxTTL == 0
        let forwardsAll = policy.isLegacy && policy.headers == .all
        guard !isOff, !forwardsAll,
            ["GET", "HEAD"].contains(head.method)
                || (head.method == "OPTIONS" && behavior.cachedMethods.contains("OPTIONS")),
            !OriginHeaders.isUpgrade(head)
        else { return .ask(Pending()) }
        let started = ContinuousClock.now
        let key = CacheKey.make(head, distribution: distribution.id, behavior: behavior)
        // A HEAD or a range is answered from the cache, but does not fill it.
        let fills = head.method != "HEAD" && !head.headers.contains("range")
        let forwardsCookies =
            policy.cookies != .none || (behavior.originRequestPolicy?.cookies ?? .none) != .none
        let found = await cache.lookUp(key, now: clock, collapses: fills && !forwardsCookies)
        let outcome: String
        let result: Found
        switch found {
        case .hit(let entry):
            outcome = "hit"
            result = .stored(entry)
        case .fill(let fill, let stale):
            outcome = stale == nil ? "miss" : "stale"
            result = .ask(Pending(fill: fill, stale: stale, key: key))
        case .pass(let stale):
            outcome = stale == nil ? "miss" : "stale"
            result = .ask(Pending(stale: fills ? stale : nil, key: fills ? key : ""))
        }
        exchange.record.stages.append(
            TimelineEntry(
                stage: "cache",
                durationMicroseconds: started.microsecondsUntilNow,
                outcome: outcome
            )
        )
        return result
    }

    /// Builds the request to the behaviour's origin.
    func makeOutbound(
        _ exchange: inout Exchange,
        _ behavior: CacheBehavior,
        _ pending: Pending,
        _ passage: Passage
    ) throws(Stop) -> Outbound {
        guard let origin = distribution.origins.first(where: { $0.id == behavior.targetOriginID })
        else {
            throw .error(
                502,
                "CloudFront wasn't able to resolve the origin domain name.",
                requestID: passage.requestID
            )
        }
        var head = OriginHeaders.build(
            from: exchange.request,
            address: exchange.viewer.address,
            via: via,
            behavior: behavior,
            origin: origin,
            isCacheable: !pending.key.isEmpty
        )
        if let stale = pending.stale?.head.headers {
            if let tag = stale["etag"] { head.headers.set("If-None-Match", tag) }
            if let date = stale["last-modified"] { head.headers.set("If-Modified-Since", date) }
        }
        let body = exchange.body
        exchange.body = .empty
        return Outbound(
            request: OriginRequest(
                origin: origin,
                head: head,
                viewerIsTLS: exchange.viewer.isTLS
            ),
            body: body
        )
    }

    /// Sends the request where its origin is and cleans up what comes back.
    func askOrigin(
        _ outbound: Outbound,
        _ pending: Pending,
        _ behavior: CacheBehavior,
        _ exchange: inout Exchange,
        _ passage: Passage
    ) async throws(Stop) -> Answer {
        let started = ContinuousClock.now
        var request = outbound.request
        request.head.path = request.origin.path + request.head.path
        for (name, value) in request.origin.customHeaders.sorted(by: { $0.key < $1.key }) {
            request.head.headers.set(name, value)
        }
        request.head.headers.set("X-Amz-Cf-Id", passage.requestID)
        var response: Response
        do throws(Fault) {
            response = try await send(request, outbound.body, &exchange)
        } catch {
            noteOrigin(&exchange, started, request, "\(error.kind)")
            if let stale = pending.stale, mayServeStale(stale, behavior) {
                return standIn(stale, status: error.status, pending)
            }
            let (status, text) = ErrorPage.reason(for: error)
            log("(\(passage.requestID)) ERROR origin \(request.origin.domainName): \(error.detail)")
            throw .error(status, text, requestID: passage.requestID)
        }
        noteOrigin(&exchange, started, request, "\(response.head.status)")
        if response.head.status >= 500, let stale = pending.stale, mayServeStale(stale, behavior) {
            return standIn(stale, status: response.head.status, pending)
        }
        if response.head.status == 304, let stale = pending.stale {
            return refreshed(stale, by: response.head, behavior)
        }
        cleanUp(&response.head, behavior)
        let status = response.head.status
        var answer = Answer(
            head: response.head,
            body: response.body,
            result: status >= 400 ? "Error" : "Miss"
        )
        answer.settle()
        return answer
    }

    private func send(
        _ request: OriginRequest,
        _ body: Body,
        _ exchange: inout Exchange
    ) async throws(Fault) -> Response {
        switch origins.target(for: request) {
        case .folder(let folder): return FolderOrigin.respond(to: request.head, folder: folder)
        case .upstream(let target):
            var limits = UpstreamLimits()
            limits.connect = .seconds(request.origin.connectionTimeout)
            limits.response = .seconds(request.origin.readTimeout)
            limits.keepAlive = .seconds(request.origin.keepaliveTimeout)
            limits.attempts = request.origin.connectionAttempts
            return try await exchange.context.upstream.send(
                request.head,
                body: body,
                to: target,
                limits: limits,
                interim: exchange.sendInterim
            )
        case .door(let door):
            guard exchange.depth + 1 <= EdgeLimits.depth else {
                throw Fault(.misconfigured("doors lead in a circle"), side: .edge)
            }
            let viewer = Viewer(
                address: exchange.viewer.address,
                port: exchange.viewer.port,
                isTLS: request.isTLS,
                localPort: request.port
            )
            var inner = Exchange(
                request: request.head,
                body: body,
                viewer: viewer,
                context: exchange.context
            )
            inner.depth = exchange.depth + 1
            let response = await door.respond(to: &inner)
            exchange.record.stages += inner.record.stages
            return response
        }
    }

    /// Serves a stale entry for the error caching time before the origin is tried again.
    private func standIn(_ stale: StoredResponse, status: Int, _ pending: Pending) -> Answer {
        let now = clock()
        let custom = distribution.customErrorResponses.first { $0.errorCode == status }
        let entry = StoredResponse(
            head: stale.head,
            body: stale.body,
            storedAt: stale.storedAt,
            expiresAt: now + (custom?.errorCachingMinTTL ?? 10),
            initialAge: stale.initialAge,
            originStatus: stale.originStatus
        )
        if let fill = pending.fill { fill.fulfil(entry) } else { cache.put(pending.key, entry) }
        return Answer(entry, age: Freshness.age(of: entry, now: now), result: "Hit")
    }

    private func mayServeStale(_ stale: StoredResponse, _ behavior: CacheBehavior) -> Bool {
        let policy = behavior.cachePolicy
        return (policy.minTTL > 0 || policy.maxTTL > 0)
            && !Freshness.Directives(stale.head.headers).staleIfErrorIsOff
    }

    private func refreshed(
        _ stale: StoredResponse,
        by head: ResponseHead,
        _ behavior: CacheBehavior
    ) -> Answer {
        var answer = Answer(stale, age: 0, result: "RefreshHit")
        var fresh = head
        cleanUp(&fresh, behavior)
        var seen: Set<String> = ["content-length", "content-encoding", "content-type"]
        for (name, _) in fresh.headers where seen.insert(name.lowercased()).inserted {
            answer.head.headers.remove(name)
            for value in fresh.headers.all(name) { answer.head.headers.append(name, value) }
        }
        answer.age = nil
        return answer
    }

    private func noteOrigin(
        _ exchange: inout Exchange,
        _ started: ContinuousClock.Instant,
        _ request: OriginRequest,
        _ outcome: String
    ) {
        exchange.record.stages.append(
            TimelineEntry(
                stage: "origin",
                durationMicroseconds: started.microsecondsUntilNow,
                changes: ["origin: \(request.origin.domainName)\(request.head.target)"],
                outcome: outcome
            )
        )
    }

    /// Removes what an origin's answer must not carry on.
    private func cleanUp(_ head: inout ResponseHead, _ behavior: CacheBehavior) {
        if head.status == 101 { return }
        let named = head.headers.all("connection").flatMap { $0.split(separator: ",") }
            .map { $0.trimmingASCIIWhitespace().lowercased() }
        let keepsCookies =
            behavior.cachePolicy.cookies != .none
            || (behavior.originRequestPolicy?.cookies ?? .none) != .none
        head.headers.removeAll { name in
            switch name.lowercased() {
            case "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade",
                "transfer-encoding", "via", "x-cache", "x-amz-cf-pop", "x-amz-cf-id":
                true
            case "set-cookie": !keepsCookies
            case let lowered: named.contains(lowered)
            }
        }
    }
}
