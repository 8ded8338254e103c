import DataPlane
import HTTP
import Model
import Reactor
import Telemetry

extension EdgePipeline {
    /// Builds the request to one of the behaviour's origins, without its content.
    func makeOutbound(
        _ origin: OriginPlan,
        _ pending: Pending,
        _ exchange: Exchange,
        _ passage: Passage
    ) -> Outbound {
        var outbound = Outbound(
            request: OriginRequest(
                plan: origin,
                head: RequestHead(method: "", path: ""),
                viewerIsTLS: exchange.viewer.isTLS
            ),
            body: .empty
        )
        OriginHeaders.fill(
            &outbound.request.head,
            from: exchange.request,
            address: exchange.viewer.address,
            via: viaField(for: exchange.request.version),
            plan: passage.plan,
            domain: origin.origin.domainName,
            pending: pending
        )
        if let stale = pending.stale {
            OriginHeaders.askWhetherChanged(stale.head, &outbound.request.head.headers)
        }
        // What the origin's own settings say wins over the viewer's.
        if origin.changesRequests {
            for name in origin.origin.customHeaders.keys {
                outbound.request.head.headers.remove(name)
            }
        }
        if let host = origin.origin.hostHeader { outbound.request.head.headers.set(.host, host) }
        return consume outbound
    }

    /// The fault of an origin whose configured name does not resolve: its hook does not run then.
    ///
    /// Source: "Restrictions on Lambda@Edge".
    func nameFault(of outbound: Outbound, _ passage: Passage) async -> Fault? {
        guard passage.plan.hook(.originRequest) != nil,
            case .upstream(let target) = origins.target(for: outbound.request)
        else { return nil }
        let addresses = await NameResolver.shared.resolve(target.host, port: target.port)
        guard addresses.isEmpty else { return nil }
        return Fault(.nameNotResolved, side: .origin, detail: target.host)
    }

    /// Adds what the origin's settings say; gives the request as hooks see it if that is another.
    private func settle(_ outbound: inout Outbound, _ exchange: Exchange) -> OriginRequest? {
        let plan = outbound.request.plan
        guard plan.changesRequests || plan.signer != nil else { return nil }
        let asSeen = outbound.request
        if let changed = asSeen.withOriginSettings { outbound.request = changed }
        plan.signer?.sign(
            &outbound.request.head,
            for: distribution.id,
            hasContent: hasContent(outbound.body),
            viewerIsAuthorized: exchange.request.headers.contains(.authorization),
            now: clock()
        )
        return asSeen
    }

    /// Sends the request where its origin is.
    func askOrigin(
        _ outbound: inout Outbound,
        _ exchange: inout Exchange,
        _ passage: Passage
    ) async -> Result<Response, Fault> {
        let started = exchange.context.preciseTime
        outbound.request.head.headers.set(.xAmzCfID, passage.requestID)
        if !passage.plan.originCertificateHeaders.isEmpty {
            addOriginCertificate(&outbound.request.head, passage)
        }
        let asSeen = settle(&outbound, exchange)
        let outcome: Result<Response, Fault>
        do throws(Fault) {
            outcome = .success(
                try await send(outbound.request, outbound.body, passage.plan, &exchange)
            )
        } catch {
            outcome = .failure(error)
        }
        if let asSeen { outbound.request = asSeen }
        let word: TimelineEntry.Outcome =
            switch outcome {
            case .success(let response): .status(response.head.status)
            case .failure(let fault): .word("\(fault.kind)")
            }
        exchange.record.stages.append(
            TimelineEntry(
                stage: "origin",
                durationMicroseconds: exchange.context.preciseTime.microseconds(since: started),
                asked: TimelineEntry.Asked(
                    host: outbound.request.plan.origin.domainName,
                    path: outbound.request.plan.path(of: outbound.request.head),
                    query: outbound.request.head.query
                ),
                outcome: word
            )
        )
        return outcome
    }

    /// What the origin's answer, or its absence, means: a stale answer may stand for a failure.
    func judge(
        _ outcome: consuming Result<Response, Fault>,
        _ outbound: Outbound,
        _ pending: Pending,
        _ passage: Passage
    ) throws(Stop) -> Answer {
        switch consume outcome {
        case .failure(let fault) where fault.side == .viewer:
            // Its own body failed it: the origin has nothing to do with that.
            throw .error(fault.status, "Bad request.", requestID: passage.requestID)
        case .failure(let fault):
            let name = outbound.request.origin.domainName
            log("(\(passage.requestID)) ERROR origin \(name): \(fault.kind) \(fault.detail)")
            if let stale = pending.stale, mayServeStale(stale, passage.plan) {
                return standIn(stale, status: fault.status, pending)
            }
            throw .refusal(ViewerRule(fault), requestID: passage.requestID)
        case .success(let response):
            let status = response.head.status
            if status >= 500, let stale = pending.stale, mayServeStale(stale, passage.plan) {
                return standIn(stale, status: status, pending)
            }
            return Answer(consume response, result: status >= 400 ? "Error" : "Miss")
        }
    }

    /// Opens what the origin has just confirmed, before anybody is told so.
    func open(
        _ disk: DiskObject,
        _ answer: inout Answer,
        _ pending: Pending,
        _ passage: Passage
    ) async throws(Stop) {
        answer.disk = await disk.open()
        guard answer.disk == nil else { return }
        if let stale = answer.refreshed { cache.remove(pending.key, stale) }
        throw .refusal(.originFailed, requestID: passage.requestID)
    }

    /// Takes from an origin's answer what must not go on, and notes what it confirms.
    func receive(_ answer: inout Answer, _ pending: Pending, _ passage: Passage) {
        OriginHeaders.cleanUp(&answer.head, passage.plan)
        answer.settle()
        if answer.head.status == 304, let stale = pending.stale {
            answer.refreshed = stale
            answer.result = "RefreshHit"
        }
    }

    @inline(never)
    private func send(
        _ request: OriginRequest,
        _ body: Body,
        _ plan: BehaviorPlan,
        _ exchange: inout Exchange
    ) async throws(Fault) -> Response {
        switch origins.target(for: request) {
        case .folder(let folder, let isPrivate, let mayList):
            return FolderOrigin.respond(
                to: request.head,
                folder: folder,
                isPrivate: isPrivate,
                mayList: mayList
            )
        case .upstream(var target):
            if let name = request.plan.origin.serverName { target.serverName = name }
            if plan.isForCalls { target.version = .http2 }
            let limit = CompletionLimit(request.plan, exchange.context.reactor)
            var response = try await exchange.context.upstream.send(
                request.head,
                body: body,
                to: target,
                limits: limit.limits,
                link: exchange.link
            )
            limit.bound(&response.body)
            return response
        case .door(let door): return try await ask(door, request, body, &exchange)
        }
    }

    /// Asks another door of this process, without a connection.
    // Not part of its caller, whose frame a connection keeps while it is idle.
    @inline(never)
    private func ask(
        _ door: any ExchangeHandler,
        _ request: OriginRequest,
        _ body: Body,
        _ exchange: inout Exchange
    ) async throws(Fault) -> Response {
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

    /// Serves a stale answer for the error caching time before the origin is tried again.
    private func standIn(_ stale: StoredResponse, status: Int, _ pending: Pending) -> Answer {
        let now = clock()
        let pause = errorResponse(for: status)?.errorCachingMinTTL ?? 10
        let entry = StoredResponse(stale, heldUntil: now + pause)
        if let fill = pending.fill { fill.fulfil(entry) } else { cache.put(pending.key, entry) }
        return Answer(entry, age: Freshness.age(of: entry, now: now), result: "Hit")
    }

    /// Whether a stale answer may stand for a failing origin.
    ///
    /// Source: "Manage how long content stays in the cache (expiration)", "Serve stale (expired) content".
    private func mayServeStale(_ stale: StoredResponse, _ plan: BehaviorPlan) -> Bool {
        guard plan.policy.minTTL > 0 || plan.policy.maxTTL > 0, stale.originStatus < 400 else {
            return false
        }
        let control = CacheControl(stale.head.headers)
        if let seconds = control.staleIfError {
            let latest = stale.storedAt + plan.policy.maxTTL
            return clock() < min(stale.freshUntil + seconds, max(latest, stale.freshUntil))
        }
        return !control.mustRevalidate && !control.proxyRevalidate
    }

    /// Joins a stored answer with the 304 that confirmed it, after the origin-response hook saw that.
    func joinRefreshed(_ answer: inout Answer) {
        guard let stale = answer.refreshed else { return }
        let confirmation = answer
        answer.head = stale.head
        var seen: Set<String> = ["content-length", "content-encoding", "content-type"]
        if !confirmation.head.headers.contains("age") { answer.head.headers.remove("age") }
        for (name, _) in confirmation.head.headers where seen.insert(name.lowercased()).inserted {
            answer.head.headers.remove(name)
            for value in confirmation.head.headers.all(name) {
                answer.head.headers.append(name, value)
            }
        }
        if confirmation.head.status != 304 {
            answer.head.status = confirmation.head.status
            answer.head.reason = confirmation.head.reason
        }
        if case .empty = confirmation.body {
            answer.body = stale.body.isEmpty ? .empty : .bytes(stale.body)
            if let disk = answer.disk { answer.body = .stream(disk, length: disk.length) }
        } else {
            answer.head.headers.remove("content-encoding")
        }
        answer.originStatus = stale.originStatus
        answer.settle()
    }
}

extension BehaviorPlan {
    /// Whether the group's second origin is asked after this outcome of the first.
    ///
    /// Source: "Optimize high availability with CloudFront origin failover": a failed connection counts as
    /// 503, a timeout as 504.
    func failsOver(
        on outcome: Result<Response, Fault>,
        _ failoverStatuses: Set<Int>
    ) -> Bool {
        switch outcome {
        case .success(let response): return failoverStatuses.contains(response.head.status)
        case .failure(let fault):
            switch fault.kind {
            case .connectTimeout, .responseTimeout, .idleTimeout:
                return failoverStatuses.contains(504)
            case .malformedMessage, .headTooLarge, .incompleteBody:
                return failoverStatuses.contains(502)
            case .cancelled: return false
            default: return failoverStatuses.contains(503)
            }
        }
    }
}

/// The time that an origin has for its whole answer, over all attempts.
///
/// Source: "Origin settings", response completion timeout.
private struct CompletionLimit {
    private let reactor: Reactor
    private let deadline: MonotonicInstant?
    /// The origin's limits, each cut to the time that is left.
    let limits: UpstreamLimits

    /// Starts the time.
    init(_ plan: OriginPlan, _ reactor: Reactor) {
        self.reactor = reactor
        let seconds = plan.origin.responseCompletionTimeout
        guard seconds > 0 else {
            deadline = nil
            limits = plan.limits
            return
        }
        let left = Duration.seconds(seconds)
        deadline = reactor.time + left
        var limits = plan.limits
        limits.connect = min(limits.connect, left)
        limits.response = min(limits.response, left)
        self.limits = limits
    }

    func bound(_ body: inout Body) {
        guard let deadline, case .stream(let source, let length) = body else { return }
        body = .stream(DeadlineSource(source, until: deadline, on: reactor), length: length)
    }
}

/// Ends a body that takes too long.
private final class DeadlineSource: BodySource {
    private let source: any BodySource
    private let deadline: MonotonicInstant
    private let reactor: Reactor
    var trailers: Headers { source.trailers }
    var isReady: Bool { source.isReady }

    init(_ source: any BodySource, until deadline: MonotonicInstant, on reactor: Reactor) {
        self.source = source
        self.deadline = deadline
        self.reactor = reactor
    }

    func read() async throws(Fault) -> Bytes? {
        guard reactor.time < deadline else { throw Fault(.responseTimeout, side: .origin) }
        return try await source.read()
    }
}
