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
    /// Whether calls of gRPC go through to the origin over HTTP/2; nil for no.
    package var acceptsGRPC: Bool?
    package var functions: [EdgeFunctionAssociation] = []
    /// CloudFront Functions at the viewer's events; nil when there are none.
    package var viewerFunctions: [ViewerFunctionAssociation]?
    /// The ARN of the configuration by which records of its requests are written at once; nil for none.
    package var realTimeLog: String?

    /// Makes a behaviour.
    package init(pathPattern: String, targetOriginID: String, cachePolicy: CachePolicy) {
        self.pathPattern = pathPattern
        self.targetOriginID = targetOriginID
        self.cachePolicy = cachePolicy
    }
}

extension CacheBehavior {
    /// The sets of methods that a behaviour may allow.
    private static let methodSets: [Set<String>] = [
        ["GET", "HEAD"], ["GET", "HEAD", "OPTIONS"], Set(allMethods),
    ]

    /// The seven methods that a behaviour can allow.
    package static let allMethods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]

    /// Whether the methods are one of the sets that AWS takes.
    package var hasValidMethods: Bool { Self.methodSets.contains(Set(allowedMethods)) }

    /// Whether the cached methods are GET and HEAD, with OPTIONS only where that is allowed.
    package var hasValidCachedMethods: Bool {
        Self.methodSets.prefix(2).contains(Set(cachedMethods))
            && Set(cachedMethods).isSubset(of: allowedMethods)
    }

    /// Whether a path pattern has only the characters that AWS takes.
    package static func isValidPattern(_ pattern: String) -> Bool {
        let others = "_-.*$/~\"'@:+&?"
        return 1...255 ~= pattern.utf8.count
            && pattern.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: others.utf8.contains(byte)
                }
            }
    }
}

/// A CloudFront Function at one of the viewer's events.
package struct ViewerFunctionAssociation: Sendable, Codable, Hashable {
    package var event: EdgeEvent
    package var arn: String

    /// Makes an association.
    package init(event: EdgeEvent, arn: String) {
        self.event = event
        self.arn = arn
    }

    /// The function's name.
    package var name: String { arn.split(separator: "/").last.map(String.init) ?? arn }
}
