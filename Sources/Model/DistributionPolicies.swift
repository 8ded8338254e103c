/// Which of a kind of value take part.
package enum Selection: Sendable, Codable, Hashable {
    case none
    case all
    case only([String])
    case allExcept([String])
}

/// What is in the cache key and how long answers live.
///
/// Source: "Understand cache policies".
package struct CachePolicy: Sendable, Codable, Hashable {
    /// The policy's id, or `legacy` for `ForwardedValues`.
    package var id: String
    package var name = ""
    package var comment = ""
    /// Unit: seconds.
    package var minTTL = 0
    /// Unit: seconds.
    package var defaultTTL = 86_400
    /// Unit: seconds.
    package var maxTTL = 31_536_000
    package var headers = Selection.none
    package var cookies = Selection.none
    package var queryStrings = Selection.none
    package var acceptsGzip = false
    package var acceptsBrotli = false
    /// Whether this came from `ForwardedValues`, where unlisted headers reach the origin.
    package var isLegacy = false
    /// With `ForwardedValues`, the query strings in the key when not all that are forwarded.
    package var legacyQueryKeys: [String]?

    /// Makes a policy with CloudFront's default TTLs.
    package init(id: String) { self.id = id }

    /// Whether nothing is ever stored: all three times are zero.
    package var isCachingOff: Bool { minTTL == 0 && defaultTTL == 0 && maxTTL == 0 }
}

/// What reaches the origin beside the cache key.
///
/// Source: "Control origin requests with a policy".
package struct OriginRequestPolicy: Sendable, Codable, Hashable {
    package var id: String
    package var name = ""
    package var comment = ""
    package var headers = Selection.none
    /// Names that are added to all of the viewer's: `allViewerAndWhitelistCloudFront`.
    package var addedHeaders: [String] = []
    package var cookies = Selection.none
    package var queryStrings = Selection.none

    /// Makes an empty policy.
    package init(id: String) { self.id = id }
}
