import JSON
import Model

/// Makes what edges serve of a cache behaviour's configuration, or says why CloudFront refuses it.
struct BehaviorBuilder {
    let snapshot: Snapshot
    /// The ids of origins and origin groups.
    let targets: Set<String>

    private typealias Service = CloudFrontService

    static let noOrigin = CloudFrontService.error(
        "NoSuchOrigin",
        "One or more of your origins or origin groups do not exist."
    )

    func build(_ config: JSONValue, pattern: String) throws(APIError) -> CacheBehavior {
        let target = config["TargetOriginId"]?.string ?? ""
        guard targets.contains(target) else { throw Self.noOrigin }
        var behavior = CacheBehavior(
            pathPattern: pattern,
            targetOriginID: target,
            cachePolicy: try cachePolicy(config)
        )
        let policy = config["ViewerProtocolPolicy"]?.string ?? ""
        behavior.viewerProtocolPolicy =
            CacheBehavior.ViewerProtocolPolicy(rawValue: policy) ?? .allowAll
        behavior.allowedMethods = config["AllowedMethods"]?.texts ?? []
        behavior.cachedMethods = config["AllowedMethods"]?["CachedMethods"]?.texts ?? []
        try checkMethods(behavior)
        behavior.compress = config["Compress"]?.bool ?? false
        try readPolicies(config, into: &behavior)
        behavior.trustedKeyGroups = config["TrustedKeyGroups"]?.texts ?? []
        for group in behavior.trustedKeyGroups where snapshot.keyGroups[group] == nil {
            throw Service.error(
                "TrustedKeyGroupDoesNotExist",
                "The specified key group does not exist: \(group)."
            )
        }
        if let signer = config["TrustedSigners"]?.texts.first {
            throw Service.error(
                "TrustedSignerDoesNotExist",
                "Accounts have no key pairs here: \(signer). Use key groups."
            )
        }
        let checks = AssociationChecks(snapshot: snapshot)
        behavior.functions = try checks.lambda(config["LambdaFunctionAssociations"]?.items ?? [])
        behavior.viewerFunctions = try checks.functions(
            config["FunctionAssociations"]?.items ?? [],
            beside: behavior.functions
        )
        behavior.realTimeLog = try realTimeLog(config)
        return behavior
    }

    private func realTimeLog(_ config: JSONValue) throws(APIError) -> String? {
        guard let arn = config["RealtimeLogConfigArn"]?.string, !arn.isEmpty else { return nil }
        let name = RealTimeLogRecord.name(of: arn)
        guard snapshot.records[RealTimeLogRecord.key(name)] != nil else {
            throw Service.error(
                "NoSuchRealtimeLogConfig",
                "The real-time log configuration does not exist."
            )
        }
        return arn
    }

    private func checkMethods(_ behavior: CacheBehavior) throws(APIError) {
        let allowed = Set(behavior.allowedMethods)
        let read: Set = ["GET", "HEAD"]
        let all = read.union(["OPTIONS", "PUT", "POST", "PATCH", "DELETE"])
        guard [read, read.union(["OPTIONS"]), all].contains(allowed) else {
            throw Service.argument("The parameter AllowedMethods is not valid.")
        }
        let cached = Set(behavior.cachedMethods)
        guard [read, read.union(["OPTIONS"])].contains(cached), cached.isSubset(of: allowed) else {
            throw Service.argument("The parameter CachedMethods is not valid.")
        }
    }

    private func readPolicies(
        _ config: JSONValue,
        into behavior: inout CacheBehavior
    ) throws(APIError) {
        if let id = config["OriginRequestPolicyId"]?.string, !id.isEmpty {
            let found = snapshot.originRequestPolicies[id] ?? ManagedPolicies.originRequest[id]
            guard let found else {
                throw Service.error(
                    "NoSuchOriginRequestPolicy",
                    "The specified origin request policy does not exist."
                )
            }
            guard config["CachePolicyId"]?.string ?? "" != "" else {
                throw Service.argument(
                    "The parameter OriginRequestPolicy cannot be used without a cache policy."
                )
            }
            behavior.originRequestPolicy = found
        }
        if let id = config["ResponseHeadersPolicyId"]?.string, !id.isEmpty {
            let found = snapshot.responseHeadersPolicies[id] ?? ManagedPolicies.responseHeaders[id]
            guard let found else {
                throw Service.error(
                    "NoSuchResponseHeadersPolicy",
                    "The specified response headers policy does not exist."
                )
            }
            behavior.responseHeadersPolicy = found
        }
    }

    private func cachePolicy(_ config: JSONValue) throws(APIError) -> CachePolicy {
        let id = config["CachePolicyId"]?.string ?? ""
        guard id.isEmpty else {
            for name in ["ForwardedValues", "MinTTL", "DefaultTTL", "MaxTTL"]
            where config[name] != nil {
                throw Service.argument(
                    "The parameter \(name) cannot be used when a cache policy is associated to the "
                        + "cache behavior."
                )
            }
            guard let policy = snapshot.cachePolicies[id] ?? ManagedPolicies.cache[id] else {
                throw Service.error(
                    "NoSuchCachePolicy",
                    "The specified cache policy does not exist."
                )
            }
            return policy
        }
        guard let forwarded = config["ForwardedValues"] else {
            throw Service.argument("The parameter ForwardedValues is required.")
        }
        guard let minimum = config["MinTTL"]?.int else {
            throw Service.argument("The parameter MinTTL is required.")
        }
        var policy = CachePolicy(id: "legacy")
        policy.isLegacy = true
        policy.minTTL = minimum
        policy.defaultTTL = config["DefaultTTL"]?.int ?? 86_400
        policy.maxTTL = config["MaxTTL"]?.int ?? 31_536_000
        guard policy.minTTL <= policy.defaultTTL, policy.defaultTTL <= policy.maxTTL else {
            throw Service.error(
                "InvalidTTLOrder",
                "The TTL order specified is not valid: MinTTL, DefaultTTL, MaxTTL must ascend."
            )
        }
        try readForwarded(forwarded, into: &policy)
        return policy
    }

    private func readForwarded(
        _ forwarded: JSONValue,
        into policy: inout CachePolicy
    ) throws(APIError) {
        let keys = forwarded["QueryStringCacheKeys"]?.texts ?? []
        let forwardsQuery = forwarded["QueryString"]?.bool ?? false
        guard keys.isEmpty || forwardsQuery else {
            throw Service.error(
                "InvalidQueryStringParameters",
                "Query string parameters are named but not forwarded."
            )
        }
        if forwardsQuery {
            policy.queryStrings = .all
            policy.legacyQueryKeys = keys.isEmpty ? nil : keys
        }
        let headers = forwarded["Headers"]?.texts ?? []
        policy.headers = headers.isEmpty ? .none : headers == ["*"] ? .all : .only(headers)
        let names = forwarded["Cookies"]?["WhitelistedNames"]?.texts ?? []
        let forward = forwarded["Cookies"]?["Forward"]?.string ?? "none"
        guard (forward == "whitelist") == !names.isEmpty else {
            throw Service.error(
                "InvalidForwardCookies",
                "Your request contains forward cookies option which doesn't match with the "
                    + "expectation for the whitelisted list of cookie names."
            )
        }
        policy.cookies = forward == "all" ? .all : names.isEmpty ? .none : .only(names)
    }
}
