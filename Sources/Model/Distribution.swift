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

/// An origin of a distribution.
package struct Origin: Sendable, Codable, Hashable {
    /// How to talk to the origin.
    package enum ProtocolPolicy: String, Sendable, Codable {
        case httpOnly = "http-only"
        case httpsOnly = "https-only"
        case matchViewer = "match-viewer"
    }

    package var id: String
    package var domainName: String
    /// Put before the path; empty, or starts with `/` and does not end with one.
    package var path = ""
    package var customHeaders: [String: String] = [:]
    /// Whether it was configured with `S3OriginConfig`.
    package var isS3 = false
    package var httpPort = 80
    package var httpsPort = 443
    package var protocolPolicy = ProtocolPolicy.httpOnly
    package var sslProtocols = ["TLSv1.2"]
    /// Unit: seconds.
    package var readTimeout = 30
    /// Unit: seconds.
    package var keepaliveTimeout = 5
    package var connectionAttempts = 3
    /// Unit: seconds.
    package var connectionTimeout = 10
    /// Unit: seconds; 0 means none.
    package var responseCompletionTimeout = 0

    /// Makes a custom origin with CloudFront's defaults.
    package init(id: String, domainName: String) {
        self.id = id
        self.domainName = domainName
    }
}

/// A cache behaviour: what happens to requests whose path matches.
package struct CacheBehavior: Sendable, Codable, Hashable {
    /// What a viewer may use.
    package enum ViewerProtocolPolicy: String, Sendable, Codable {
        case allowAll = "allow-all"
        case httpsOnly = "https-only"
        case redirectToHTTPS = "redirect-to-https"
    }

    package var pathPattern: String
    package var targetOriginID: String
    package var viewerProtocolPolicy = ViewerProtocolPolicy.allowAll
    package var allowedMethods = ["GET", "HEAD"]
    package var cachedMethods = ["GET", "HEAD"]
    package var cachePolicy: CachePolicy
    /// Nil: only what the cache policy names reaches the origin.
    package var originRequestPolicy: OriginRequestPolicy?
    package var compress = false
    package var functions: [EdgeFunctionAssociation] = []

    /// Makes a behaviour.
    package init(pathPattern: String, targetOriginID: String, cachePolicy: CachePolicy) {
        self.pathPattern = pathPattern
        self.targetOriginID = targetOriginID
        self.cachePolicy = cachePolicy
    }
}

/// Which of a kind of value take part.
package enum Selection: Sendable, Codable, Hashable {
    case none
    case all
    case only([String])
    case allExcept([String])
}

/// What is in the cache key and how long answers live.
package struct CachePolicy: Sendable, Codable, Hashable {
    /// The managed policy's id, or `legacy` for `ForwardedValues`.
    package var id: String
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

    /// Makes a policy with CloudFront's default TTLs.
    package init(id: String) { self.id = id }

    /// Managed-CachingOptimized.
    package static let cachingOptimized: CachePolicy = {
        var policy = CachePolicy(id: "658327ea-f89d-4fab-a63d-7e88639e58f6")
        policy.minTTL = 1
        policy.acceptsGzip = true
        policy.acceptsBrotli = true
        return policy
    }()

    /// Managed-CachingDisabled.
    package static let cachingDisabled: CachePolicy = {
        var policy = CachePolicy(id: "4135ea2d-6df8-44a3-9df3-4b5a84be39ad")
        policy.defaultTTL = 0
        policy.maxTTL = 0
        return policy
    }()
}

/// What reaches the origin beside the cache key.
package struct OriginRequestPolicy: Sendable, Codable, Hashable {
    package var id: String
    package var headers = Selection.none
    package var cookies = Selection.none
    package var queryStrings = Selection.none

    /// Makes an empty policy.
    package init(id: String) { self.id = id }
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
