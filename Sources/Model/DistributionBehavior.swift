/// A cache behaviour: what happens to requests whose path matches.
package struct CacheBehavior: Sendable, Codable, Hashable {
    /// What a viewer may use.
    package enum ViewerProtocolPolicy: String, Sendable, Codable {
        case allowAll = "allow-all"
        case httpsOnly = "https-only"
        case redirectToHTTPS = "redirect-to-https"
    }

    package var pathPattern: String
    /// The id of an origin or of an origin group.
    package var targetOriginID: String
    package var viewerProtocolPolicy = ViewerProtocolPolicy.allowAll
    package var allowedMethods = ["GET", "HEAD"]
    package var cachedMethods = ["GET", "HEAD"]
    package var cachePolicy: CachePolicy
    /// Nil: only what the cache policy names reaches the origin.
    package var originRequestPolicy: OriginRequestPolicy?
    package var responseHeadersPolicy: ResponseHeadersPolicy?
    /// The ids of the key groups whose signatures are asked for; empty: anyone may ask.
    package var trustedKeyGroups: [String] = []
    package var compress = false
    package var functions: [EdgeFunctionAssociation] = []

    /// Makes a behaviour.
    package init(pathPattern: String, targetOriginID: String, cachePolicy: CachePolicy) {
        self.pathPattern = pathPattern
        self.targetOriginID = targetOriginID
        self.cachePolicy = cachePolicy
    }
}
