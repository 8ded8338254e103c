/// A CloudFront distribution.
package struct Distribution: Sendable, Codable, Hashable {
    package var id: String
    package var aliases: [String]
    package var isEnabled: Bool
    package var comment: String
    package var defaultRootObject: String
    package var origins: [Origin]
    /// In listed order; the last is the default behaviour with the pattern `*`.
    package var behaviors: [CacheBehavior]
    package var customErrorResponses: [CustomErrorResponse]
    package var originGroups: [OriginGroup] = []
    package var geoRestriction = GeoRestriction()
    /// Where access logs go; nil when none are kept.
    package var logging: DistributionLogging?
    /// Whether it is a staging distribution, which has no name of its own; nil for no.
    package var isStaging: Bool?
    /// The policy by which a staging distribution gets a share of its requests; nil for none.
    package var continuousDeploymentPolicyID: String?
    /// The name of the security policy that viewers meet (`MinimumProtocolVersion`); nil for the standard one.
    package var securityPolicy: String?
    /// What is asked of viewers' certificates; nil for nothing.
    package var viewerAuthentication: ViewerAuthentication?
    /// The id of the function that decides about viewers' connections; nil for none.
    package var connectionFunctionID: String?
    /// The field of an origin's answer whose value lists the tags of the object (`CacheTagConfig`); nil for none.
    package var cacheTagHeader: String?
    /// Whether viewers may only speak HTTP/1.1 (`HttpVersion`); nil means no.
    package var refusesHTTP2: Bool?

    /// Makes a distribution.
    package init(
        id: String,
        aliases: [String] = [],
        isEnabled: Bool = true,
        comment: String = "",
        defaultRootObject: String = "",
        origins: [Origin],
        behaviors: [CacheBehavior],
        customErrorResponses: [CustomErrorResponse] = []
    ) {
        self.id = id
        self.aliases = aliases
        self.isEnabled = isEnabled
        self.comment = comment
        self.defaultRootObject = defaultRootObject
        self.origins = origins
        self.behaviors = behaviors
        self.customErrorResponses = customErrorResponses
    }

    /// Whether a text can be the name of a field (RFC 9110 §5.1).
    package static func isFieldName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    /// The name that events carry: `<id in lower case>.cloudfront.net`.
    package var domainName: String { id.lowercased() + ".cloudfront.net" }
}

/// What replaces an origin's error.
package struct CustomErrorResponse: Sendable, Codable, Hashable {
    package var errorCode: Int
    package var responsePagePath: String?
    package var responseCode: Int?
    /// Unit: seconds; default: 10.
    package var errorCachingMinTTL: Int

    /// Makes a custom error response.
    package init(
        errorCode: Int,
        responsePagePath: String? = nil,
        responseCode: Int? = nil,
        errorCachingMinTTL: Int = 10
    ) {
        self.errorCode = errorCode
        self.responsePagePath = responsePagePath
        self.responseCode = responseCode
        self.errorCachingMinTTL = errorCachingMinTTL
    }
}

/// Two origins of which the second is asked when the first fails.
///
/// Source: "Optimize high availability with CloudFront origin failover".
package struct OriginGroup: Sendable, Codable, Hashable {
    package var id: String
    package var primary: String
    package var secondary: String
    /// What counts as a failure of the primary; 503 stands for a failed connection, 504 for a timeout.
    package var statusCodes: [Int]

    /// The statuses that a group may name.
    package static let allowedStatusCodes: Set<Int> = [
        400, 403, 404, 416, 429, 500, 502, 503, 504,
    ]

    /// Makes a group of two origins by their ids.
    package init(id: String, primary: String, secondary: String, statusCodes: [Int]) {
        self.id = id
        self.primary = primary
        self.secondary = secondary
        self.statusCodes = statusCodes
    }
}

/// From where a distribution may be asked.
///
/// Source: "Restrict the geographic distribution of your content".
package struct GeoRestriction: Sendable, Codable, Hashable {
    /// What the list of countries means.
    package enum Kind: String, Sendable, Codable {
        case none
        case whitelist
        case blacklist
    }

    package var kind = Kind.none
    /// ISO 3166-1 alpha-2 codes in upper case.
    package var countries: [String] = []

    /// Makes no restriction.
    package init() {}

    /// Whether viewers of a country are served; an unknown country always is.
    package func admits(country: String?) -> Bool {
        guard let country else { return true }
        return switch kind {
        case .none: true
        case .whitelist: countries.contains(country)
        case .blacklist: !countries.contains(country)
        }
    }
}

/// The four hooks of a request's life.
package enum EdgeEvent: String, Sendable, Codable, CaseIterable {
    case viewerRequest = "viewer-request"
    case originRequest = "origin-request"
    case originResponse = "origin-response"
    case viewerResponse = "viewer-response"
}

/// A numbered function version at one of the hooks.
package struct EdgeFunctionAssociation: Sendable, Codable, Hashable {
    package var event: EdgeEvent
    package var function: String
    package var version: Int
    package var includeBody: Bool

    /// Makes an association.
    package init(event: EdgeEvent, function: String, version: Int, includeBody: Bool = false) {
        self.event = event
        self.function = function
        self.version = version
        self.includeBody = includeBody
    }

    /// `name:version`.
    package var qualifiedName: String { "\(function):\(version)" }
}

/// Where a distribution's access logs go.
///
/// Source: "Configure standard logging (legacy)".
package struct DistributionLogging: Sendable, Codable, Hashable {
    /// The bucket's host name, `logs.s3.amazonaws.com`.
    package var bucket: String
    package var prefix: String
    package var includesCookies: Bool

    /// Makes the settings of a log.
    package init(bucket: String, prefix: String = "", includesCookies: Bool = false) {
        self.bucket = bucket
        self.prefix = prefix
        self.includesCookies = includesCookies
    }

    /// Whether it is the host name of a bucket.
    package var hasBucketName: Bool {
        bucket.hasSuffix(".s3.amazonaws.com")
            || bucket.contains(".s3.") && bucket.hasSuffix(".amazonaws.com")
    }

    /// The bucket's own name.
    package var bucketName: String {
        bucket.firstRange(of: ".s3.").map { String(bucket[..<$0.lowerBound]) } ?? bucket
    }
}
