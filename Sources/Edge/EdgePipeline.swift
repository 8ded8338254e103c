package import DataPlane
import HTTP
package import Model
import Synchronization
import Telemetry

/// One distribution at one edge: from a viewer's request to the answer, through cache and hooks.
package final class EdgePipeline: ExchangeHandler {
    let distribution: Distribution
    let plans: [BehaviorPlan]
    let edge: EdgeIdentity
    let cache: CacheStore
    let invoker: any FunctionInvoker
    let origins: any OriginResolver
    let locations: LocationTable
    let settings: EdgeSettings
    /// What runs CloudFront Functions.
    let functionHost: FunctionHost?
    /// What the events of CloudFront Functions begin with.
    let functionFrame: FunctionEventFrame
    let accessLog: AccessLog?
    /// The cache that edges share between them and the origin; nil where each asks by itself.
    let regional: CacheStore?
    /// The cache between all edges and the origins that have a shield.
    let shield: CacheStore?
    /// The primary distribution, where continuous deployment is on.
    let primary: PrimaryDistribution?
    let log: @Sendable (String) -> Void
    let clock: @Sendable () -> Int
    /// `<32 hex digits>.cloudfront.net (CloudFront)`.
    let via: String
    /// The same as viewers see it.
    let viewerVia: String
    /// What is said of the most frequent answers, ready to be appended.
    let missMarks: Headers
    let hitMarks: Headers
    /// The `Date` of the current second.
    let dates = Mutex(HTTPDate.Cache())

    /// Makes the pipeline of a distribution at an edge; `clock` gives the seconds since 1970.
    ///
    /// `signers` are the public keys that may sign for a behaviour, nil when anyone may ask.
    package init(
        distribution: Distribution,
        edge: EdgeIdentity,
        cache: CacheStore,
        invoker: any FunctionInvoker,
        origins: any OriginResolver,
        signers: (CacheBehavior) -> [String: PublicKey]? = { _ in nil },
        locations: LocationTable = LocationTable(),
        settings: EdgeSettings = EdgeSettings(),
        functions: ViewerFunctions = .none,
        accessLog: AccessLog? = nil,
        realTimeLog: (CacheBehavior) -> RealTimeLog? = { _ in nil },
        regional: CacheStore? = nil,
        shield: CacheStore? = nil,
        primary: PrimaryDistribution? = nil,
        log: @escaping @Sendable (String) -> Void,
        clock: @escaping @Sendable () -> Int = { WallClock.now() }
    ) {
        self.distribution = distribution
        plans = distribution.behaviors.map {
            BehaviorPlan(
                $0,
                of: distribution,
                signers: signers($0),
                functions: functions,
                realTimeLog: realTimeLog($0)
            )
        }
        precondition(!plans.isEmpty, "a distribution has a default behaviour")
        self.edge = edge
        self.cache = cache
        self.invoker = invoker
        self.origins = origins
        self.locations = locations
        self.settings = settings
        functionHost = functions.host
        functionFrame = FunctionEventFrame(distribution, place: edge.pop)
        self.accessLog = accessLog
        self.regional = regional
        self.shield = shield
        self.primary = primary
        self.log = log
        self.clock = clock
        via = RequestID.hexadecimal() + ".cloudfront.net (CloudFront)"
        viewerVia = "1.1 " + via
        missMarks = Self.marks("Miss", viewerVia, edge.pop)
        hitMarks = Self.marks("Hit", viewerVia, edge.pop)
    }

    /// `Via` as this edge writes it for a version of the protocol.
    func viaField(for version: HTTPVersion) -> String {
        version == .http11 ? viewerVia : "\(version.text) \(via)"
    }

    /// Answers one request; the record of the exchange gets a line per stage.
    package func respond(to exchange: inout Exchange) async -> Response {
        var passage = Passage(requestID: .make(), plan: plans[plans.count - 1])
        exchange.record.requestID = passage.requestID
        exchange.record.edge = edge.name
        var answer = await pass(&exchange, &passage)
        if answer.mayHaveErrorPage, !passage.plan.isForCalls,
            let page = errorResponse(for: answer.head.status),
            page.responsePagePath != nil
        {
            answer = await errorPage(page, instead: answer, &exchange, passage)
        }
        return finish(answer, &exchange, passage)
    }

    /// The whole path of a request, in order.
    func pass(_ exchange: inout Exchange, _ passage: inout Passage) async -> Answer {
        do throws(Stop) {
            try admit(&exchange, &passage)
            if passage.plan.runsAtViewerRequest {
                passage.original = passage.original ?? exchange.request
                try await viewerRequest(&exchange, &passage)
            }
            if settings.signaturesAfterFunctions, !passage.isErrorPage {
                try checkSignature(&exchange, passage)
            }
            applyDefaultRootObject(&exchange)
            // Only a response hook asks for the request as it was before CloudFront's own headers.
            let viewerHead = passage.plan.runsAtViewerResponse ? exchange.request : nil
            addCloudFrontHeaders(&exchange.request, exchange.viewer, passage)
            // Asked before the look-up: a request that passes the cache by needs no suspension here.
            let isCacheable = usesCache(exchange.request, passage.plan)
            let found = isCacheable ? await lookUp(&exchange, passage) : .ask(Pending())
            var answer: Answer
            switch found {
            case .kept(let kept): answer = serve(kept, &exchange, passage)
            case .ask(let pending): answer = try await fetch(pending, &exchange, passage)
            }
            if let viewerHead {
                try await viewerResponse(&answer, viewerHead, &exchange, passage)
            }
            return answer
        } catch {
            if let rule = error.rule { note(rule, &exchange, passage) }
            return Answer(error)
        }
    }

    /// Names a broken rule in the timeline and the log.
    private func note(_ rule: ViewerRule, _ exchange: inout Exchange, _ passage: Passage) {
        exchange.record.stages.append(
            TimelineEntry(stage: "refused", durationMicroseconds: 0, outcome: rule.rawValue)
        )
        log("(\(passage.requestID)) REFUSED \(exchange.request.method): [\(rule.rawValue)]")
    }

    /// The origin's half of the path: its hooks, its answer and the cache; a group has two tries.
    func fetch(
        _ pending: Pending,
        _ exchange: inout Exchange,
        _ passage: Passage
    ) async throws(Stop) -> Answer {
        do throws(Stop) {
            let candidates = passage.origins(for: exchange.request.method)
            for place in candidates.indices {
                var outbound = makeOutbound(candidates[place], pending, exchange, passage)
                swap(&outbound.body, &exchange.body)
                var fault: Fault?
                if passage.plan.hasHook(.originRequest) {
                    fault = await nameFault(of: outbound, passage)
                    if fault == nil,
                        var generated = try await originRequest(&outbound, &exchange, passage)
                    {
                        store(&generated, pending, &exchange, passage)
                        return generated
                    }
                }
                let outcome: Result<Response, Fault>
                if let fault {
                    outcome = .failure(fault)
                } else {
                    outcome = await askOrigin(&outbound, &exchange, passage)
                }
                if place < candidates.endIndex - 1, passage.failsOver(on: outcome) { continue }
                var answer = try judge(consume outcome, outbound, pending, passage)
                if !answer.isStored { receive(&answer, pending, passage) }
                if let disk = answer.refreshed?.disk {
                    try await open(disk, &answer, pending, passage)
                }
                if passage.plan.hasHook(.originResponse) {
                    try await originResponse(&answer, outbound, &exchange, passage)
                }
                joinRefreshed(&answer)
                store(&answer, pending, &exchange, passage)
                return consume answer
            }
            throw .refusal(.originName, requestID: passage.requestID)
        } catch {
            giveUp(error, pending)
            throw error
        }
    }
}
