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
    /// The identity with which a bucket is asked; empty for none.
    package var originAccessIdentity = ""
    /// The id of the access control that signs requests; empty for none.
    package var originAccessControlID = ""
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
    /// What `Host` says when a CloudFront Function chose it; nil for the usual.
    package var hostHeader: String?
    /// The name for TLS when a CloudFront Function chose it; nil for the domain's.
    package var serverName: String?
    /// The Region of the shield between the edges and the origin; nil for none.
    package var shieldRegion: String?
    /// The access control as it is now, or as a CloudFront Function chose it; nil for none.
    package var accessControl: OriginAccessControl?

    /// Makes a custom origin with CloudFront's defaults.
    package init(id: String, domainName: String) {
        self.id = id
        self.domainName = domainName
    }

    /// The Region in a bucket's host name, `us-east-1` where it names none.
    package var region: String {
        let labels = domainName.split(separator: ".")
        guard let place = labels.firstIndex(where: { $0 == "s3" || $0.hasPrefix("s3-") }) else {
            return "us-east-1"
        }
        if labels[place].hasPrefix("s3-") { return String(labels[place].dropFirst(3)) }
        let next = labels.index(after: place)
        guard next < labels.endIndex, labels[next].contains("-") else { return "us-east-1" }
        return String(labels[next])
    }
}

/// How requests to an origin are signed.
///
/// Source: "Restrict access to an AWS origin".
package struct OriginAccessControl: Sendable, Codable, Hashable {
    /// What kind of origin it is for.
    package enum OriginType: String, Sendable, Codable {
        case s3, mediastore, mediapackagev2, lambda

        /// Whether an origin is of this kind, by its settings and its name.
        package func isFor(_ origin: Origin) -> Bool {
            switch self {
            case .s3: origin.isS3
            case .lambda: !origin.isS3 && origin.domainName.contains(".lambda-url.")
            case .mediastore: !origin.isS3 && origin.domainName.contains(".mediastore.")
            case .mediapackagev2: !origin.isS3 && origin.domainName.contains(".mediapackagev2.")
            }
        }
    }
    /// Which requests are signed.
    package enum SigningBehavior: String, Sendable, Codable {
        case always, never
        case noOverride = "no-override"
    }

    package var id: String
    package var name: String
    package var description = ""
    package var originType: OriginType
    package var signingBehavior: SigningBehavior

    /// Makes an access control.
    package init(
        id: String,
        name: String,
        originType: OriginType,
        signingBehavior: SigningBehavior
    ) {
        self.id = id
        self.name = name
        self.originType = originType
        self.signingBehavior = signingBehavior
    }
}
