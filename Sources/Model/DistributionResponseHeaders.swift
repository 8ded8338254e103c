/// The headers that are put into, or taken out of, every response to a viewer.
///
/// Source: "Understand response headers policies".
package struct ResponseHeadersPolicy: Sendable, Codable, Hashable {
    /// What cross-origin requests get.
    package struct CORS: Sendable, Codable, Hashable {
        package var allowOrigins: [String] = []
        package var allowHeaders: [String] = []
        /// `ALL` stands for all seven.
        package var allowMethods: [String] = []
        package var exposeHeaders: [String] = []
        package var allowCredentials = false
        /// Unit: seconds.
        package var maxAge: Int?
        /// Whether the origin's own CORS headers are replaced.
        package var overridesOrigin = false

        /// Makes empty settings.
        package init() {}
    }

    /// A header with a value, and whether it replaces the origin's.
    package struct Field: Sendable, Codable, Hashable {
        package var name: String
        package var value: String
        package var overridesOrigin: Bool

        /// Makes a field.
        package init(_ name: String, _ value: String, overridesOrigin: Bool) {
            self.name = name
            self.value = value
            self.overridesOrigin = overridesOrigin
        }
    }

    package var id: String
    package var name = ""
    package var comment = ""
    package var cors: CORS?
    /// The security headers with their rendered values.
    package var security: [Field] = []
    package var custom: [Field] = []
    package var removed: [String] = []
    /// The share of responses that carry `Server-Timing`; nil when the header is off.
    ///
    /// Unit: percent, 0 to 100 with up to four decimals.
    package var serverTimingRate: Double?

    /// Makes an empty policy.
    package init(id: String) { self.id = id }
}

extension ResponseHeadersPolicy {
    /// The value of `Strict-Transport-Security`.
    package static func transportSecurity(
        maxAge: Int,
        includesSubdomains: Bool,
        isPreload: Bool
    ) -> String {
        "max-age=\(maxAge)" + (includesSubdomains ? "; includeSubDomains" : "")
            + (isPreload ? "; preload" : "")
    }

    /// The value of `X-XSS-Protection`.
    package static func xssProtection(
        isOn: Bool,
        blocks: Bool,
        reportURI: String?
    ) -> String {
        guard isOn else { return "0" }
        if blocks { return "1; mode=block" }
        return reportURI.map { "1; report=\($0)" } ?? "1"
    }

    /// The names that a policy must not remove, in lower case.
    package static func mayRemove(_ name: String) -> Bool {
        let lowered = name.lowercased()
        let prefixes = ["x-accel-", "x-amz-cf-", "x-amzn-", "x-edge-"]
        return !unremovable.contains(lowered) && !prefixes.contains { lowered.hasPrefix($0) }
    }

    private static let unremovable: Set<String> = [
        "connection", "content-encoding", "content-length", "expect", "host", "keep-alive",
        "proxy-authenticate", "proxy-authorization", "proxy-connection", "trailer",
        "transfer-encoding", "upgrade", "via", "warning", "x-cache", "x-forwarded-proto",
        "x-real-ip",
    ]
}
