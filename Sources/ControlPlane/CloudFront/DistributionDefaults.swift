import JSON

/// Fills in what CloudFront answers for members that a distribution's configuration leaves out.
///
/// CloudFront API, "DistributionConfig".
enum DistributionDefaults {
    private static let empty: JSONValue = ["Quantity": 0]

    /// The configuration as the API keeps and shows it.
    static func filled(_ config: JSONValue) -> JSONValue {
        var members = config.object ?? JSONObject()
        fill(
            &members,
            [
                ("Aliases", empty), ("DefaultRootObject", ""), ("OriginGroups", empty),
                ("CacheBehaviors", empty), ("CustomErrorResponses", empty),
                (
                    "Logging",
                    ["Enabled": false, "IncludeCookies": false, "Bucket": "", "Prefix": ""]
                ), ("PriceClass", "PriceClass_All"),
                (
                    "ViewerCertificate",
                    [
                        "CloudFrontDefaultCertificate": true, "SSLSupportMethod": "vip",
                        "MinimumProtocolVersion": "TLSv1", "CertificateSource": "cloudfront",
                    ]
                ),
                ("Restrictions", ["GeoRestriction": ["RestrictionType": "none", "Quantity": 0]]),
                ("WebACLId", ""), ("HttpVersion", "http2"), ("IsIPV6Enabled", true),
                ("ContinuousDeploymentPolicyId", ""), ("Staging", false),
            ]
        )
        members["Origins"] = mapped(members["Origins"], origin)
        members["DefaultCacheBehavior"] = members["DefaultCacheBehavior"].map(behavior)
        members["CacheBehaviors"] = mapped(members["CacheBehaviors"], behavior)
        members["CustomErrorResponses"] = mapped(members["CustomErrorResponses"]) { page in
            var members = page.object ?? JSONObject()
            fill(&members, [("ResponsePagePath", ""), ("ResponseCode", "")])
            return .object(members)
        }
        return .object(members)
    }

    private static func fill(
        _ members: inout JSONObject,
        _ defaults: [(name: String, value: JSONValue)]
    ) {
        for (name, value) in defaults where members[name] == nil { members[name] = value }
    }

    private static func mapped(
        _ list: JSONValue?,
        _ body: (JSONValue) -> JSONValue
    ) -> JSONValue? {
        list.map { CloudFrontService.list($0.items.map(body)) }
    }

    private static func origin(_ origin: JSONValue) -> JSONValue {
        var members = origin.object ?? JSONObject()
        fill(
            &members,
            [
                ("OriginPath", ""), ("CustomHeaders", empty), ("ConnectionAttempts", 3),
                ("ConnectionTimeout", 10), ("OriginShield", ["Enabled": false]),
                ("OriginAccessControlId", ""),
            ]
        )
        if var custom = members["CustomOriginConfig"]?.object {
            fill(
                &custom,
                [
                    ("OriginSslProtocols", ["Quantity": 1, "Items": ["TLSv1.2"]]),
                    ("OriginReadTimeout", 30), ("OriginKeepaliveTimeout", 5),
                ]
            )
            members["CustomOriginConfig"] = .object(custom)
        }
        return .object(members)
    }

    private static func behavior(_ behavior: JSONValue) -> JSONValue {
        var members = behavior.object ?? JSONObject()
        let nobody: JSONValue = ["Enabled": false, "Quantity": 0]
        fill(
            &members,
            [
                ("TrustedSigners", nobody), ("TrustedKeyGroups", nobody),
                ("AllowedMethods", ["Quantity": 2, "Items": ["HEAD", "GET"]]),
                ("SmoothStreaming", false), ("Compress", false),
                ("LambdaFunctionAssociations", empty), ("FunctionAssociations", empty),
                ("FieldLevelEncryptionId", ""), ("GrpcConfig", ["Enabled": false]),
            ]
        )
        if var methods = members["AllowedMethods"]?.object {
            fill(&methods, [("CachedMethods", ["Quantity": 2, "Items": ["HEAD", "GET"]])])
            members["AllowedMethods"] = .object(methods)
        }
        if members["CachePolicyId"] == nil, members["ForwardedValues"] != nil {
            fill(&members, [("DefaultTTL", 86_400), ("MaxTTL", 31_536_000)])
            if var forwarded = members["ForwardedValues"]?.object {
                fill(&forwarded, [("Headers", empty), ("QueryStringCacheKeys", empty)])
                members["ForwardedValues"] = .object(forwarded)
            }
        }
        return .object(members)
    }
}
