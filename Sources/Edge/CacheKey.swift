import HTTP
import Model

/// What makes two requests the same to the cache.
///
/// A key is text: distribution, path with the query strings that count, then one line for each header.
enum CacheKey {
    /// The key of a request under a behaviour's policy.
    static func make(_ head: RequestHead, distribution: String, plan: BehaviorPlan) -> String {
        let policy = plan.policy
        var key = ""
        key.reserveCapacity(distribution.utf8.count + head.path.utf8.count + 64)
        key += distribution
        key += head.method == "OPTIONS" ? "\nOPTIONS " : "\n"
        key += head.path
        if policy.queryStrings != .none, let query = head.query,
            let kept = OriginHeaders.filteredQuery(query, { plan.keys(query: $0) })
        {
            key += "?"
            key += kept
        }
        for name in plan.keyHeaders {
            for index in head.headers.indices where head.headers.isNamed(name, at: index) {
                key += "\n"
                key += name
                key += ":"
                key += head.headers.value(at: index)
            }
        }
        if plan.normalizesEncoding,
            let encoding = OriginHeaders.normalizedEncoding(head.headers, policy)
        {
            key += "\naccept-encoding:"
            key += encoding
        }
        if policy.cookies != .none,
            let cookies = OriginHeaders.filteredCookies(head.headers, { plan.keys(cookie: $0) })
        {
            key += "\ncookie:"
            key += cookies
        }
        return key
    }

    /// The key under which the parts of an object are kept.
    static func parts(of key: String) -> String { key + partsMark }

    private static let partsMark = "\n#parts"

    /// Whether a key is one of a distribution's.
    static func isOf(_ distribution: String, _ key: String) -> Bool {
        key.utf8.starts(with: distribution.utf8)
            && key.utf8.dropFirst(distribution.utf8.count).first == UInt8(ascii: "\n")
    }

    /// Whether a key is one of a distribution's whose path an invalidation names.
    ///
    /// A `*` is a wildcard only as the last character ("What you need to know when invalidating files").
    static func matches(_ key: String, distribution: String, path pattern: String) -> Bool {
        let lines = key.utf8.split(
            separator: UInt8(ascii: "\n"),
            maxSplits: 2,
            omittingEmptySubsequences: false
        )
        guard lines.count > 1, lines[0].elementsEqual(distribution.utf8) else { return false }
        var target = Substring(lines[1])
        if target.hasPrefix("OPTIONS ") { target = target.dropFirst(8) }
        if pattern.hasSuffix("*") { return target.hasPrefix(pattern.dropLast()) }
        return target == pattern
    }
}
