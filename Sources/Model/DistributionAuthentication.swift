/// What a distribution asks of its viewers' certificates (`ViewerMtlsConfig`).
///
/// Source: "Mutual TLS authentication with CloudFront (viewer mTLS)".
package struct ViewerAuthentication: Sendable, Codable, Hashable {
    /// How a certificate is taken.
    package enum Mode: String, Sendable, Codable {
        case required, optional, passthrough
    }

    package var mode: Mode
    /// Empty where nothing is checked.
    package var trustStoreID: String
    /// Whether the handshake names the authorities.
    package var advertisesNames: Bool
    /// Whether a certificate may be past its end.
    package var ignoresExpiry: Bool

    /// Makes what a distribution asks.
    package init(
        mode: Mode,
        trustStoreID: String = "",
        advertisesNames: Bool = false,
        ignoresExpiry: Bool = false
    ) {
        self.mode = mode
        self.trustStoreID = trustStoreID
        self.advertisesNames = advertisesNames
        self.ignoresExpiry = ignoresExpiry
    }
}

extension Distribution {
    /// Whether no behaviour serves viewers without TLS, as certificates of viewers want it.
    package var isAlwaysSecure: Bool {
        behaviors.allSatisfy { $0.viewerProtocolPolicy != .allowAll }
    }
}

/// The records in which the policies of buckets are kept.
package enum BucketPolicyRecord {
    /// The kind of the records.
    package static let kind = "s3/bucket-policy"

    /// The id of the record of a bucket's policy.
    package static func key(_ bucket: String) -> String { "\(kind)/\(bucket)" }
}

/// The records in which connection functions are kept.
package enum ConnectionFunctionRecord {
    /// The kind of the records.
    package static let kind = "cloudfront/connection-function"

    /// The id of a function's record.
    package static func key(_ id: String) -> String { "\(kind)/\(id)" }
}

/// The records in which trust stores are kept.
package enum TrustStoreRecord {
    /// The kind of the records.
    package static let kind = "cloudfront/trust-store"

    /// The id of a store's record.
    package static func key(_ id: String) -> String { "\(kind)/\(id)" }
}
