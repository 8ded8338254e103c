package import HTTP
package import Model

/// What makes two requests the same to the cache.
package enum CacheKey {
    /// The key of a request under a behaviour's policy.
    package static func make(
        _ head: RequestHead,
        distribution: String,
        behavior: CacheBehavior
    ) -> String {
        let policy = behavior.cachePolicy
        var key = distribution
        key += head.method == "OPTIONS" ? "\nOPTIONS " : "\n"
        key += head.path
        if policy.queryStrings != .none,
            let query = OriginHeaders.filteredQuery(
                head.query,
                { OriginHeaders.includes(policy.queryStrings, $0) }
            )
        {
            key += "?"
            key += query
        }
        if case .only(let names) = policy.headers {
            for name in names.map({ $0.lowercased() }).sorted()
            where name != "accept-encoding" || !normalizes(policy) {
                for value in head.headers.all(name) { key += "\n\(name):\(value)" }
            }
        }
        if normalizes(policy), let sent = head.headers["accept-encoding"],
            let encoding = OriginHeaders.normalizedEncoding(sent, policy)
        {
            key += "\naccept-encoding:"
            key += encoding
        }
        if policy.cookies != .none,
            let cookies = OriginHeaders.filteredCookies(
                head.headers,
                { OriginHeaders.includes(policy.cookies, $0) && !$0.hasPrefix("CloudFront-") }
            )
        {
            key += "\ncookie:"
            key += cookies
        }
        return key
    }

    private static func normalizes(_ policy: CachePolicy) -> Bool {
        policy.acceptsGzip || policy.acceptsBrotli
    }
}
