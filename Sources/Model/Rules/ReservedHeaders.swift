/// Header fields that are CloudFront's own.
package enum ReservedHeaders {
    private static let disallowed: Set<String> = [
        "connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "trailer", "upgrade", "x-accel-buffering", "x-accel-charset",
        "x-accel-limit-rate", "x-accel-redirect", "x-amzn-auth", "x-amzn-cf-billing",
        "x-amzn-cf-id", "x-amzn-cf-xff", "x-amzn-errortype", "x-amzn-fle-profile",
        "x-amzn-header-count", "x-amzn-header-order", "x-amzn-lambda-integration-tag",
        "x-amzn-requestid", "x-cache", "x-forwarded-proto", "x-real-ip",
    ]
    private static let deniedForOrigin: Set<String> = [
        "cache-control", "connection", "content-length", "cookie", "host", "if-match",
        "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "max-forwards",
        "pragma", "proxy-authenticate", "proxy-authorization", "proxy-connection", "range",
        "request-range", "te", "trailer", "transfer-encoding", "upgrade", "via", "x-real-ip",
    ]
    private static let deniedForKey: Set<String> = [
        "connection", "cookie", "proxy-authorization", "te", "upgrade",
    ]

    /// Whether functions never see or set this field; the name is in lower case.
    ///
    /// Source: "Restrictions on all edge functions".
    package static func isDisallowed(_ name: String) -> Bool {
        disallowed.contains(name) || name.hasPrefix("x-amz-cf-") || name.hasPrefix("x-edge-")
    }

    /// Whether an origin's custom headers must not have this field; the name is in lower case.
    ///
    /// Source: "Add custom headers to origin requests".
    package static func isDeniedForOrigin(_ name: String) -> Bool {
        deniedForOrigin.contains(name) || name.hasPrefix("x-amz-") || name.hasPrefix("x-edge-")
            || isDisallowed(name)
    }

    /// Whether the field cannot be part of a cache key; the name is in lower case.
    ///
    /// Source: "Cache content based on request headers".
    package static func isDeniedForKey(_ name: String) -> Bool { deniedForKey.contains(name) }
}
