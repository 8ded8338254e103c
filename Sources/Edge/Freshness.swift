package import HTTP
package import Model

/// How long answers live.
package enum Freshness {
    private static let alwaysCachedErrors: Set<Int> = [404, 414, 500, 501, 502, 503, 504]
    private static let honouringNoStore: Set<Int> = [404, 410, 414, 501]

    /// The directives of `Cache-Control` that count here.
    struct Directives {
        var isRefused = false
        var maxAge: Int?
        var sharedMaxAge: Int?
        var staleIfErrorIsOff = false

        init(_ headers: Headers) {
            for field in headers.all("cache-control") {
                for part in field.split(separator: ",") {
                    let pieces = part.split(separator: "=", maxSplits: 1)
                    guard let name = pieces.first?.trimmingASCIIWhitespace().lowercased() else {
                        continue
                    }
                    let value =
                        pieces.count > 1
                        ? pieces[1].trimmingASCIIWhitespace().filter { $0 != "\"" } : ""
                    switch name {
                    case "no-store", "private": isRefused = true
                    case "no-cache": isRefused = isRefused || pieces.count == 1
                    case "max-age": maxAge = maxAge ?? Self.seconds(value)
                    case "s-maxage": sharedMaxAge = sharedMaxAge ?? Self.seconds(value)
                    case "stale-if-error": staleIfErrorIsOff = Self.seconds(value) == 0
                    default: break
                    }
                }
            }
        }

        private static func seconds(_ text: String) -> Int? {
            guard !text.isEmpty, text.utf8.allSatisfy({ 48...57 ~= $0 }) else { return nil }
            return min(Int(text) ?? .max, 100 * 365 * 86_400)
        }
    }

    /// The life of a 2xx or 3xx answer; nil means that it is not for reuse.
    ///
    /// Unit: seconds.
    package static func lifetime(_ headers: Headers, policy: CachePolicy, now: Int) -> Int? {
        if policy.minTTL == 0, policy.maxTTL == 0, policy.defaultTTL == 0 { return nil }
        let directives = Directives(headers)
        if directives.isRefused { return policy.minTTL == 0 ? nil : policy.minTTL }
        guard let value = explicitLifetime(directives, headers, now: now) else {
            return max(policy.minTTL, policy.defaultTTL)
        }
        return min(max(value, policy.minTTL), max(policy.maxTTL, policy.minTTL))
    }

    /// The life of a 4xx or 5xx answer; nil means that it is not cached.
    ///
    /// Unit: seconds.
    package static func errorLifetime(
        status: Int,
        headers: Headers,
        policy: CachePolicy,
        minimum: Int,
        now: Int
    ) -> Int? {
        if policy.minTTL == 0, policy.maxTTL == 0, policy.defaultTTL == 0 { return nil }
        guard status != 416 else { return nil }
        let directives = Directives(headers)
        let value = explicitLifetime(directives, headers, now: now)
        if !alwaysCachedErrors.contains(status),
            directives.maxAge == nil && directives.sharedMaxAge == nil
        {
            return nil
        }
        if directives.isRefused { return honouringNoStore.contains(status) ? nil : minimum }
        return max(minimum, min(value ?? 0, policy.maxTTL))
    }

    private static func explicitLifetime(
        _ directives: Directives,
        _ headers: Headers,
        now: Int
    ) -> Int? {
        if let value = directives.sharedMaxAge ?? directives.maxAge { return value }
        guard let expires = headers["expires"] else { return nil }
        // A date that cannot be read means the past (RFC 9111 §5.3).
        return max(0, (WallClock.parse(expires) ?? 0) - now)
    }

    /// The age of an entry now.
    ///
    /// Unit: seconds.
    package static func age(of entry: StoredResponse, now: Int) -> Int {
        entry.initialAge + max(0, now - entry.storedAt)
    }
}
