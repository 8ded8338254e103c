package import HTTP
package import Model

/// How long answers live.
///
/// Source: "Manage how long content stays in the cache (expiration)".
package enum Freshness {
    private static let alwaysCachedErrors: Set<Int> = [404, 414, 500, 501, 502, 503, 504]
    private static let honouringNoStore: Set<Int> = [404, 410, 414, 501]

    /// The life of a 2xx or 3xx answer; nil means that it is not for reuse.
    ///
    /// Unit: seconds.
    package static func lifetime(_ headers: Headers, policy: CachePolicy, now: Int) -> Int? {
        if policy.isCachingOff { return nil }
        let control = CacheControl(headers)
        if isRefused(control) { return policy.minTTL == 0 ? nil : policy.minTTL }
        guard let value = explicitLifetime(control, headers, now: now) else {
            return max(policy.minTTL, policy.defaultTTL)
        }
        return min(max(value, policy.minTTL), max(policy.maxTTL, policy.minTTL))
    }

    /// The life of a 4xx or 5xx answer; nil means that it is not cached.
    ///
    /// Unit: seconds. Source: "How CloudFront caches HTTP 4xx and 5xx status codes from your origin".
    package static func errorLifetime(
        status: Int,
        headers: Headers,
        policy: CachePolicy,
        minimum: Int,
        now: Int
    ) -> Int? {
        guard !policy.isCachingOff, status != 416 else { return nil }
        let control = CacheControl(headers)
        if !alwaysCachedErrors.contains(status), control.maxAge == nil,
            control.sharedMaxAge == nil
        {
            return nil
        }
        if isRefused(control) { return honouringNoStore.contains(status) ? nil : minimum }
        let value = explicitLifetime(control, headers, now: now) ?? 0
        return max(minimum, min(value, policy.maxTTL))
    }

    /// How long after its life an answer is served at once while it is refreshed.
    ///
    /// Unit: seconds. Source: "Serve stale (expired) content".
    static func staleWhileRevalidate(_ headers: Headers) -> Int {
        let control = CacheControl(headers)
        if control.mustRevalidate || control.proxyRevalidate || isRefused(control) { return 0 }
        return control.staleWhileRevalidate ?? 0
    }

    private static func isRefused(_ control: CacheControl) -> Bool {
        control.noStore || control.noCache || control.isPrivate
    }

    private static func explicitLifetime(
        _ control: CacheControl,
        _ headers: Headers,
        now: Int
    ) -> Int? {
        if let value = control.sharedMaxAge ?? control.maxAge { return value }
        guard let expires = headers["expires"] else { return nil }
        // A date that cannot be read means the past (RFC 9111 §5.3).
        return max(0, (HTTPDate.parse(expires, now: now) ?? 0) - now)
    }

    /// The age that the origin's answer had when it came.
    ///
    /// Unit: seconds.
    static func initialAge(_ headers: Headers) -> Int {
        guard let text = headers["age"], text.utf8.allSatisfy({ 48...57 ~= $0 }) else { return 0 }
        return min(Int(text) ?? CacheControl.longest, CacheControl.longest)
    }

    /// The age of an entry now.
    ///
    /// Unit: seconds.
    package static func age(of entry: StoredResponse, now: Int) -> Int {
        entry.initialAge + max(0, now - entry.storedAt)
    }
}
