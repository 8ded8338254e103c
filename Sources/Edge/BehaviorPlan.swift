import HTTP
import Model

/// A cache behaviour with what follows from its settings, worked out once and shared by all requests.
final class BehaviorPlan: Sendable {
    let behavior: CacheBehavior
    let policy: CachePolicy
    let pattern: PathPattern
    /// One origin, or the two of a group; empty when the target is missing.
    let origins: [Origin]
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
    private let hooks: [EdgeFunctionAssociation?]

    init(_ behavior: CacheBehavior, of distribution: Distribution, signers: [String: PublicKey]?) {
        self.behavior = behavior
        policy = behavior.cachePolicy
        pattern = PathPattern(behavior.pathPattern)
        let target = behavior.targetOriginID
        let group = distribution.originGroups.first { $0.id == target }
        let ids = group.map { [$0.primary, $0.secondary] } ?? [target]
        origins = ids.compactMap { id in distribution.origins.first { $0.id == id } }
        failoverStatuses = Set(group?.statusCodes ?? [])
        signatures = signers.map { SignedRequests(keys: $0) }
        responseHeaders = behavior.responseHeadersPolicy.map { ResponseHeaderRules($0) }
        isCachingOff = policy.isCachingOff || policy.isLegacy && policy.headers == .all
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
        hooks = EdgeEvent.allCases.map { event in
            behavior.functions.first { $0.event == event }
        }
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

    /// Whether answers to this method are stored and found.
    func caches(_ method: String) -> Bool {
        guard !isCachingOff else { return false }
        return method == "GET" || method == "HEAD" || cachesOptions && method == "OPTIONS"
    }

    /// The origins to ask for this method, in order; only some methods turn to the second.
    func origins(for method: String) -> ArraySlice<Origin> {
        let failsOver = method == "GET" || method == "HEAD" || cachesOptions && method == "OPTIONS"
        return failsOver ? origins[...] : origins.prefix(1)
    }

    /// Whether the origin gets every query string.
    var forwardsAllQueries: Bool {
        policy.queryStrings == .all || behavior.originRequestPolicy?.queryStrings == .all
    }

    /// Whether the origin gets this header; the name is in lower case.
    func forwards(header name: String) -> Bool {
        let extra = behavior.originRequestPolicy
        if extra?.addedHeaders.contains(where: { $0.lowercased() == name }) == true { return true }
        return policy.headers.joined(extra?.headers ?? .none, includes: name) {
            $0.lowercased() == $1
        }
    }

    /// Whether the origin gets this cookie.
    func forwards(cookie name: String) -> Bool {
        let extra = behavior.originRequestPolicy?.cookies ?? .none
        return policy.cookies.joined(extra, includes: name, sameCookie)
    }

    /// Whether the origin gets this query string.
    func forwards(query name: String) -> Bool {
        let extra = behavior.originRequestPolicy?.queryStrings ?? .none
        return policy.queryStrings.joined(extra, includes: name) { $0 == $1 }
    }

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

    /// Whether a name is on this selection of a cache policy or on that of an origin request policy.
    ///
    /// Source: "Control origin requests with a policy": two block lists both count, a name that the other
    /// policy lists stays, and a block list loses against everything.
    func joined(
        _ extra: Selection,
        includes name: String,
        _ same: (String, String) -> Bool
    ) -> Bool {
        if case .allExcept(let left) = self, case .allExcept(let right) = extra {
            return !(left + right).contains { same($0, name) }
        }
        return includes(name, same) || extra.includes(name, same)
    }
}
