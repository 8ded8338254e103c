import JSON
import Model
import Registry

/// A kind of resource that has one configuration, a version, and the six operations of its name.
struct PolicyKind: Sendable {
    /// The name in operations, inputs and outputs.
    let name: String
    let plural: String
    /// The kind in the records of the registry.
    let record: String
    /// The path of its resources.
    let path: String
    let missing: (code: String, message: String)
    let exists: String
    let inUse: String
    /// The member that the API shows the date under.
    let dateMember: String?
    let makeID: @Sendable () -> String
    /// Checks a configuration and makes what edges use of it; nil when edges need nothing.
    let resource: @Sendable (String, JSONValue, Snapshot) throws(APIError) -> Resource?
    /// Whether something else refers to it.
    let isUsed: @Sendable (String, Snapshot) -> Bool
    /// The managed and the templates' ones, whose configurations are made from what edges use.
    let others: @Sendable (Snapshot) -> [(id: String, config: JSONValue, isManaged: Bool)]
    /// How one stands in a list.
    let summary: @Sendable (_ id: String, _ shown: JSONValue, _ isManaged: Bool) -> JSONValue

    var operations: Set<String> {
        [
            "Create" + name, "Get" + name, "Get" + name + "Config", "Update" + name,
            "Delete" + name, "List" + plural,
        ]
    }

    static let all: [PolicyKind] = [
        cachePolicy, originRequestPolicy, responseHeadersPolicy, publicKey, keyGroup,
        originAccessControl, originAccessIdentity, continuousDeployment,
    ]

    private static let continuousDeployment = PolicyKind(
        name: "ContinuousDeploymentPolicy",
        plural: "ContinuousDeploymentPolicies",
        record: "cloudfront/continuous-deployment-policy",
        path: "continuous-deployment-policy",
        missing: (
            "NoSuchContinuousDeploymentPolicy",
            "The specified continuous deployment policy does not exist."
        ),
        exists: "ContinuousDeploymentPolicyAlreadyExists",
        inUse: "ContinuousDeploymentPolicyInUse",
        dateMember: "LastModifiedTime",
        makeID: Ledger.uuid,
        resource: { id, config, snapshot throws(APIError) in
            try CloudFrontService.checkStagingPolicy(id, config, in: snapshot)
            return nil
        },
        isUsed: { id, snapshot in
            snapshot.distributions.values.contains { $0.continuousDeploymentPolicyID == id }
        },
        others: { _ in [] },
        summary: { _, shown, _ in ["ContinuousDeploymentPolicy": shown] }
    )

    private static func letters(_ first: String) -> @Sendable () -> String {
        { first + Ledger.random(13, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") }
    }

    private static let cachePolicy = PolicyKind(
        name: "CachePolicy",
        plural: "CachePolicies",
        record: "cloudfront/cache-policy",
        path: "cache-policy",
        missing: ("NoSuchCachePolicy", "The specified cache policy does not exist."),
        exists: "CachePolicyAlreadyExists",
        inUse: "CachePolicyInUse",
        dateMember: "LastModifiedTime",
        makeID: Ledger.uuid,
        resource: { id, config, _ throws(APIError) in
            .cachePolicy(try PolicyShapes.cachePolicy(id, config))
        },
        isUsed: { id, snapshot in
            snapshot.distributions.values.contains {
                $0.behaviors.contains { $0.cachePolicy.id == id }
            }
        },
        others: { snapshot in
            ManagedPolicies.cache.values.map { ($0.id, PolicyShapes.config($0), true) }
                + snapshot.cachePolicies.values.map { ($0.id, PolicyShapes.config($0), false) }
        },
        summary: { _, shown, isManaged in
            ["Type": isManaged ? "managed" : "custom", "CachePolicy": shown]
        }
    )

    private static let originRequestPolicy = PolicyKind(
        name: "OriginRequestPolicy",
        plural: "OriginRequestPolicies",
        record: "cloudfront/origin-request-policy",
        path: "origin-request-policy",
        missing: (
            "NoSuchOriginRequestPolicy", "The specified origin request policy does not exist."
        ),
        exists: "OriginRequestPolicyAlreadyExists",
        inUse: "OriginRequestPolicyInUse",
        dateMember: "LastModifiedTime",
        makeID: Ledger.uuid,
        resource: { id, config, _ throws(APIError) in
            .originRequestPolicy(try PolicyShapes.originRequestPolicy(id, config))
        },
        isUsed: { id, snapshot in
            snapshot.distributions.values.contains {
                $0.behaviors.contains { $0.originRequestPolicy?.id == id }
            }
        },
        others: { snapshot in
            ManagedPolicies.originRequest.values.map { ($0.id, PolicyShapes.config($0), true) }
                + snapshot.originRequestPolicies.values.map {
                    ($0.id, PolicyShapes.config($0), false)
                }
        },
        summary: { _, shown, isManaged in
            ["Type": isManaged ? "managed" : "custom", "OriginRequestPolicy": shown]
        }
    )

    private static let responseHeadersPolicy = PolicyKind(
        name: "ResponseHeadersPolicy",
        plural: "ResponseHeadersPolicies",
        record: "cloudfront/response-headers-policy",
        path: "response-headers-policy",
        missing: (
            "NoSuchResponseHeadersPolicy", "The specified response headers policy does not exist."
        ),
        exists: "ResponseHeadersPolicyAlreadyExists",
        inUse: "ResponseHeadersPolicyInUse",
        dateMember: "LastModifiedTime",
        makeID: Ledger.uuid,
        resource: { id, config, _ throws(APIError) in
            .responseHeadersPolicy(try ResponseHeadersShape.policy(id, config))
        },
        isUsed: { id, snapshot in
            snapshot.distributions.values.contains {
                $0.behaviors.contains { $0.responseHeadersPolicy?.id == id }
            }
        },
        others: { snapshot in
            ManagedPolicies.responseHeaders.values.map {
                ($0.id, ResponseHeadersShape.config($0), true)
            }
                + snapshot.responseHeadersPolicies.values.map {
                    ($0.id, ResponseHeadersShape.config($0), false)
                }
        },
        summary: { _, shown, isManaged in
            ["Type": isManaged ? "managed" : "custom", "ResponseHeadersPolicy": shown]
        }
    )

    private static let publicKey = PolicyKind(
        name: "PublicKey",
        plural: "PublicKeys",
        record: "cloudfront/public-key",
        path: "public-key",
        missing: ("NoSuchPublicKey", "The specified public key doesn't exist."),
        exists: "PublicKeyAlreadyExists",
        inUse: "PublicKeyInUse",
        dateMember: "CreatedTime",
        makeID: letters("K"),
        resource: { id, config, _ throws(APIError) in try KeyShapes.publicKey(id, config) },
        isUsed: { id, snapshot in snapshot.keyGroups.values.contains { $0.keys.contains(id) } },
        others: { snapshot in
            snapshot.publicKeys.values.map { ($0.id, KeyShapes.config($0), false) }
        },
        summary: { id, shown, _ in
            var members = shown["PublicKeyConfig"]?.object ?? JSONObject()
            members["Id"] = .string(id)
            members["CreatedTime"] = shown["CreatedTime"]
            return .object(members)
        }
    )

    private static let keyGroup = PolicyKind(
        name: "KeyGroup",
        plural: "KeyGroups",
        record: "cloudfront/key-group",
        path: "key-group",
        missing: ("NoSuchResource", "The specified key group does not exist."),
        exists: "KeyGroupAlreadyExists",
        inUse: "ResourceInUse",
        dateMember: "LastModifiedTime",
        makeID: Ledger.uuid,
        resource: { id, config, snapshot throws(APIError) in
            try KeyShapes.keyGroup(id, config, in: snapshot)
        },
        isUsed: { id, snapshot in
            snapshot.distributions.values.contains {
                $0.behaviors.contains { $0.trustedKeyGroups.contains(id) }
            }
        },
        others: { snapshot in
            snapshot.keyGroups.values.map { ($0.id, KeyShapes.config($0), false) }
        },
        summary: { _, shown, _ in ["KeyGroup": shown] }
    )

    private static let originAccessControl = PolicyKind(
        name: "OriginAccessControl",
        plural: "OriginAccessControls",
        record: "cloudfront/origin-access-control",
        path: "origin-access-control",
        missing: (
            "NoSuchOriginAccessControl", "The specified origin access control does not exist."
        ),
        exists: "OriginAccessControlAlreadyExists",
        inUse: "OriginAccessControlInUse",
        dateMember: nil,
        makeID: letters("E"),
        resource: { id, config, _ throws(APIError) in try KeyShapes.accessControl(id, config) },
        isUsed: { id, snapshot in
            snapshot.distributions.values.contains {
                $0.origins.contains { $0.originAccessControlID == id }
            }
        },
        others: { snapshot in
            snapshot.originAccessControls.values.map { ($0.id, KeyShapes.config($0), false) }
        },
        summary: { id, shown, _ in
            var members = shown["OriginAccessControlConfig"]?.object ?? JSONObject()
            members["Id"] = .string(id)
            members["Description"] = members["Description"] ?? ""
            return .object(members)
        }
    )

    private static let originAccessIdentity = PolicyKind(
        name: "CloudFrontOriginAccessIdentity",
        plural: "CloudFrontOriginAccessIdentities",
        record: "cloudfront/origin-access-identity",
        path: "origin-access-identity/cloudfront",
        missing: (
            "NoSuchCloudFrontOriginAccessIdentity",
            "The specified origin access identity does not exist."
        ),
        exists: "CloudFrontOriginAccessIdentityAlreadyExists",
        inUse: "CloudFrontOriginAccessIdentityInUse",
        dateMember: nil,
        makeID: letters("E"),
        // Buckets are folders of this machine; the identity is only named.
        resource: { _, _, _ in nil },
        isUsed: { id, snapshot in
            snapshot.distributions.values.contains {
                $0.origins.contains { $0.originAccessIdentity.hasSuffix("/" + id) }
            }
        },
        others: { _ in [] },
        summary: { id, shown, _ in
            [
                "Id": .string(id), "S3CanonicalUserId": shown["S3CanonicalUserId"] ?? "",
                "Comment": shown["CloudFrontOriginAccessIdentityConfig"]?["Comment"] ?? "",
            ]
        }
    )
}
