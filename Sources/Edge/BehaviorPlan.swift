import HTTP
import Model

/// A cache behaviour with what follows from its settings, worked out once and shared by all requests.
final class BehaviorPlan: Sendable {
    let behavior: CacheBehavior
    let policy: CachePolicy
    let pattern: PathPattern
    /// One origin, or the two of a group; empty when the target is missing.
    let origins: [OriginPlan]
    /// The same behaviour for calls of gRPC, which pass functions, caches and groups by; nil where it takes none.
    let calls: BehaviorPlan?
    /// Whether this is a behaviour's plan for calls of gRPC.
    let isForCalls: Bool
    /// Whether a shield stands between the edges and the first origin.
    let hasShield: Bool
    /// The statuses on which a group turns to its second origin.
    let failoverStatuses: Set<Int>
    /// Who may have signed requests; nil when anyone may ask.
    let signatures: SignedRequests?
    let responseHeaders: ResponseHeaderRules?
    /// Whether no answer is ever stored under this behaviour.
    let isCachingOff: Bool
    let forwardsCookies: Bool
    let cachesOptions: Bool
    /// Whether `Accept-Encoding` is reduced to what the policy can store.
    let normalizesEncoding: Bool
    /// The header names in the key, in lower case and sorted.
    let keyHeaders: [String]
    /// The `CloudFront-…` headers that some policy asks for, as spelled there.
    let cloudFrontHeaders: [String]
    /// Those of them that go to origins past every function.
    let originCertificateHeaders: [String]
    /// Where records of its requests go at once; nil where none do.
    let realTimeLog: RealTimeLog?
    private let hooks: [EdgeFunctionAssociation?]
    /// The CloudFront Functions at the viewer's events.
    let viewerRequestFunction: ViewerFunction?
    let viewerResponseFunction: ViewerFunction?
    /// What reaches the origin, by both policies.
    private let forwardedHeaders: NameFilter
    /// The same for listed names, by their numbers.
    private let forwardedNames: [Bool]
    private let forwardedCookies: NameFilter
    private let forwardedQueries: NameFilter
    /// Whether names of cookies may hold wildcards, as only the older settings know them.
    private let hasCookiePatterns: Bool

    init(
        _ behavior: CacheBehavior,
        of distribution: Distribution,
        signers: [String: PublicKey]?,
        functions: ViewerFunctions = .none,
        realTimeLog: RealTimeLog? = nil,
        isForCalls: Bool = false
    ) {
        self.isForCalls = isForCalls
        calls =
            behavior.acceptsGRPC == true && !isForCalls
            ? BehaviorPlan(
                behavior,
                of: distribution,
                signers: signers,
                functions: functions,
                realTimeLog: realTimeLog,
                isForCalls: true
            ) : nil
        self.realTimeLog = realTimeLog
        self.behavior = behavior
        policy = behavior.cachePolicy
        pattern = PathPattern(behavior.pathPattern)
        let target = behavior.targetOriginID
        let group = distribution.originGroups.first { $0.id == target }
        let members = group.map { [$0.primary, $0.secondary] } ?? [target]
        let ids = isForCalls ? Array(members.prefix(1)) : members
        origins = ids.compactMap { id in
            distribution.origins.first { $0.id == id }.map { OriginPlan($0) }
        }
        hasShield = !isForCalls && origins.first?.origin.shieldRegion != nil
        failoverStatuses = Set(group?.statusCodes ?? [])
        signatures = signers.map { SignedRequests(keys: $0) }
        responseHeaders = behavior.responseHeadersPolicy.map { ResponseHeaderRules($0) }
        isCachingOff =
            isForCalls || policy.isCachingOff || policy.isLegacy && policy.headers == .all
        let extra = behavior.originRequestPolicy
        forwardsCookies = policy.cookies != .none || (extra?.cookies ?? .none) != .none
        cachesOptions = behavior.cachedMethods.contains("OPTIONS")
        let normalizes = policy.acceptsGzip || policy.acceptsBrotli || policy.isLegacy
        normalizesEncoding = normalizes
        keyHeaders = Self.names(policy.headers).map { $0.lowercased() }.sorted()
            .filter { $0 != "accept-encoding" || !normalizes }
        let asked =
            Self.names(policy.headers) + Self.names(extra?.headers ?? .none)
            + (extra?.addedHeaders ?? [])
        var seen: Set<String> = []
        cloudFrontHeaders = asked.filter {
            $0.lowercased().hasPrefix("cloudfront-") && seen.insert($0.lowercased()).inserted
        }
        originCertificateHeaders = cloudFrontHeaders.filter {
            [ViewerCertificate.validity, ViewerCertificate.pem].contains($0.lowercased())
        }
        var headers = NameFilter(policy.headers, joining: extra?.headers ?? .none, lowercases: true)
        headers.add(extra?.addedHeaders ?? [])
        forwardedHeaders = headers
        forwardedNames = FieldName.allCases.map { headers.includes("\($0.text)".lowercased()) }
        forwardedCookies = NameFilter(policy.cookies, joining: extra?.cookies ?? .none)
        forwardedQueries = NameFilter(policy.queryStrings, joining: extra?.queryStrings ?? .none)
        hasCookiePatterns = policy.isLegacy
        hooks = EdgeEvent.allCases.map { event in
            isForCalls ? nil : behavior.functions.first { $0.event == event }
        }
        let viewer = behavior.viewerFunctions ?? []
        viewerRequestFunction = viewer.first { $0.event == .viewerRequest }
            .map(functions.function)
        viewerResponseFunction = viewer.first { $0.event == .viewerResponse }
            .map(functions.function)
    }

    /// The plan for a request that is a call of gRPC, if those have their own; else nil.
    ///
    /// Source: "Using gRPC with CloudFront distributions".
    func planOfCall(_ head: RequestHead) -> BehaviorPlan? {
        guard let calls, head.version == .http2, head.method == "POST",
            head.headers.isGRPC
        else { return nil }
        return calls
    }

    private static func names(_ selection: Selection) -> [String] {
        if case .only(let names) = selection { names } else { [] }
    }

    /// The function at a hook.
    func hook(_ event: EdgeEvent) -> EdgeFunctionAssociation? {
        switch event {
        case .viewerRequest: hooks[0]
        case .originRequest: hooks[1]
        case .originResponse: hooks[2]
        case .viewerResponse: hooks[3]
        }
    }

    /// Whether a function of either kind stands at a viewer's event.
    var runsAtViewerRequest: Bool { hook(.viewerRequest) != nil || viewerRequestFunction != nil }
    var runsAtViewerResponse: Bool { hook(.viewerResponse) != nil || viewerResponseFunction != nil }

    /// Whether a function is at a hook.
    func hasHook(_ event: EdgeEvent) -> Bool { hook(event) != nil }

    /// Whether answers to this method are stored and found.
    func caches(_ method: String) -> Bool {
        guard !isCachingOff else { return false }
        return method == "GET" || method == "HEAD" || cachesOptions && method == "OPTIONS"
    }

    /// The origins to ask for this method, in order; only some methods turn to the second.
    func origins(for method: String) -> ArraySlice<OriginPlan> {
        failsOver(for: method) ? origins[...] : origins.prefix(1)
    }

    /// Whether a group's second origin may be asked for this method.
    func failsOver(for method: String) -> Bool {
        method == "GET" || method == "HEAD" || cachesOptions && method == "OPTIONS"
    }

    /// Whether the origin gets every query string.
    var forwardsAllQueries: Bool {
        policy.queryStrings == .all || behavior.originRequestPolicy?.queryStrings == .all
    }

    /// Whether the origin gets this header; the name is in lower case.
    func forwards(header name: String) -> Bool { forwardedHeaders.includes(name) }

    /// Whether the origin gets a listed header.
    func forwards(_ name: FieldName) -> Bool { forwardedNames[Int(name.rawValue)] }

    /// Whether the origin gets this cookie.
    func forwards(cookie name: String) -> Bool {
        if hasCookiePatterns { return policy.cookies.includes(name, sameCookie) }
        return forwardedCookies.includes(name)
    }

    /// Whether the origin gets this query string.
    func forwards(query name: String) -> Bool { forwardedQueries.includes(name) }

    /// Whether this cookie is part of the key; those of signed requests never are.
    func keys(cookie name: String) -> Bool {
        !name.hasPrefix("CloudFront-") && policy.cookies.includes(name, sameCookie)
    }

    /// Whether this query string is part of the key.
    func keys(query name: String) -> Bool {
        if let names = policy.legacyQueryKeys { return names.contains(name) }
        return policy.queryStrings.includes(name) { $0 == $1 }
    }

    /// Only the older settings know wildcards in names of cookies.
    private func sameCookie(_ listed: String, _ name: String) -> Bool {
        listed == name || policy.isLegacy && PathPattern.wildcard(listed.utf8, name.utf8)
    }
}

extension Selection {
    /// Whether a name is selected.
    func includes(_ name: String, _ same: (String, String) -> Bool) -> Bool {
        switch self {
        case .none: false
        case .all: true
        case .only(let names): names.contains { same($0, name) }
        case .allExcept(let names): !names.contains { same($0, name) }
        }
    }
}

/// Which names pass: those that differ from the rule are listed.
struct NameFilter: Sendable {
    private var passesOthers: Bool
    private var exceptions: Set<String>

    /// Joins the selections of a cache policy and an origin request policy.
    ///
    /// Source: "Control origin requests with a policy": two block lists both count, a name that the other
    /// policy lists stays, and a block list loses against everything.
    init(_ cache: Selection, joining extra: Selection, lowercases: Bool = false) {
        func names(_ all: [String]) -> Set<String> {
            Set(lowercases ? all.map { $0.lowercased() } : all)
        }
        switch (cache, extra) {
        case (.all, _), (_, .all): (passesOthers, exceptions) = (true, [])
        case (.none, .none): (passesOthers, exceptions) = (false, [])
        case (.none, .only(let list)), (.only(let list), .none):
            (passesOthers, exceptions) = (false, names(list))
        case (.only(let left), .only(let right)):
            (passesOthers, exceptions) = (false, names(left + right))
        case (.none, .allExcept(let list)), (.allExcept(let list), .none):
            (passesOthers, exceptions) = (true, names(list))
        case (.only(let kept), .allExcept(let list)), (.allExcept(let list), .only(let kept)):
            (passesOthers, exceptions) = (true, names(list).subtracting(names(kept)))
        case (.allExcept(let left), .allExcept(let right)):
            (passesOthers, exceptions) = (true, names(left + right))
        }
    }

    func includes(_ name: String) -> Bool { exceptions.contains(name) != passesOthers }

    /// Lets more names pass.
    mutating func add(_ names: [String]) {
        let lowered = Set(names.map { $0.lowercased() })
        if passesOthers { exceptions.subtract(lowered) } else { exceptions.formUnion(lowered) }
    }
}
