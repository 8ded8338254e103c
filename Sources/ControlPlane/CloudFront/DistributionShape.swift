import JSON
import Model

/// The API's configuration of a distribution that a template brought in, made from what edges serve.
enum DistributionShape {
    private static func list(_ texts: [String]) -> JSONValue {
        CloudFrontService.list(texts.map(JSONValue.string))
    }

    static func config(_ distribution: Distribution) -> JSONValue {
        var members = JSONObject()
        members["CallerReference"] = .string(distribution.id)
        members["Aliases"] = list(distribution.aliases)
        members["DefaultRootObject"] = .string(distribution.defaultRootObject)
        members["Origins"] = CloudFrontService.list(distribution.origins.map(origin))
        members["OriginGroups"] = CloudFrontService.list(distribution.originGroups.map(group))
        members["DefaultCacheBehavior"] = distribution.behaviors.last.map(behavior)
        members["CacheBehaviors"] = CloudFrontService.list(
            distribution.behaviors.dropLast().map { value in
                var members = behavior(value).object ?? JSONObject()
                members["PathPattern"] = .string(value.pathPattern)
                return .object(members)
            }
        )
        members["CustomErrorResponses"] = CloudFrontService.list(
            distribution.customErrorResponses.map { page in
                [
                    "ErrorCode": .integer(page.errorCode),
                    "ResponsePagePath": .string(page.responsePagePath ?? ""),
                    "ResponseCode": .string(page.responseCode.map(String.init) ?? ""),
                    "ErrorCachingMinTTL": .integer(page.errorCachingMinTTL),
                ]
            }
        )
        members["Comment"] = .string(distribution.comment)
        members["Enabled"] = .bool(distribution.isEnabled)
        members["Staging"] = .bool(distribution.isStaging ?? false)
        members["ContinuousDeploymentPolicyId"] =
            .string(distribution.continuousDeploymentPolicyID ?? "")
        if let logging = distribution.logging {
            members["Logging"] = [
                "Enabled": true, "IncludeCookies": .bool(logging.includesCookies),
                "Bucket": .string(logging.bucket), "Prefix": .string(logging.prefix),
            ]
        }
        if let wanted = distribution.viewerAuthentication {
            var mtls = JSONObject()
            mtls["Mode"] = .string(wanted.mode.rawValue)
            if !wanted.trustStoreID.isEmpty {
                mtls["TrustStoreConfig"] = [
                    "TrustStoreId": .string(wanted.trustStoreID),
                    "AdvertiseTrustStoreCaNames": .bool(wanted.advertisesNames),
                    "IgnoreCertificateExpiry": .bool(wanted.ignoresExpiry),
                ]
            }
            members["ViewerMtlsConfig"] = .object(mtls)
        }
        if let id = distribution.connectionFunctionID {
            members["ConnectionFunctionAssociation"] = ["Id": .string(id)]
        }
        if let name = distribution.cacheTagHeader {
            members["CacheTagConfig"] = ["HeaderName": .string(name)]
        }
        let restriction = distribution.geoRestriction
        var geography = list(restriction.countries).object ?? JSONObject()
        geography["RestrictionType"] = .string(restriction.kind.rawValue)
        members["Restrictions"] = ["GeoRestriction": .object(geography)]
        return DistributionDefaults.filled(.object(members))
    }

    private static func origin(_ origin: Origin) -> JSONValue {
        var members = JSONObject()
        members["Id"] = .string(origin.id)
        members["DomainName"] = .string(origin.domainName)
        members["OriginPath"] = .string(origin.path)
        members["CustomHeaders"] = CloudFrontService.list(
            origin.customHeaders.sorted { $0.key < $1.key }.map {
                ["HeaderName": .string($0.key), "HeaderValue": .string($0.value)]
            }
        )
        if origin.isS3 {
            members["S3OriginConfig"] = [
                "OriginAccessIdentity": .string(origin.originAccessIdentity)
            ]
        } else {
            members["CustomOriginConfig"] = [
                "HTTPPort": .integer(origin.httpPort), "HTTPSPort": .integer(origin.httpsPort),
                "OriginProtocolPolicy": .string(origin.protocolPolicy.rawValue),
                "OriginSslProtocols": list(origin.sslProtocols),
                "OriginReadTimeout": .integer(origin.readTimeout),
                "OriginKeepaliveTimeout": .integer(origin.keepaliveTimeout),
            ]
        }
        if let region = origin.shieldRegion {
            members["OriginShield"] = ["Enabled": true, "OriginShieldRegion": .string(region)]
        }
        members["ConnectionAttempts"] = .integer(origin.connectionAttempts)
        members["ConnectionTimeout"] = .integer(origin.connectionTimeout)
        if origin.responseCompletionTimeout > 0 {
            members["ResponseCompletionTimeout"] = .integer(origin.responseCompletionTimeout)
        }
        members["OriginAccessControlId"] = .string(origin.originAccessControlID)
        return .object(members)
    }

    private static func group(_ group: OriginGroup) -> JSONValue {
        let codes = group.statusCodes.map { JSONValue.integer($0) }
        return [
            "Id": .string(group.id),
            "FailoverCriteria": ["StatusCodes": CloudFrontService.list(codes)],
            "Members": CloudFrontService.list([
                ["OriginId": .string(group.primary)], ["OriginId": .string(group.secondary)],
            ]),
        ]
    }

    private static func behavior(_ behavior: CacheBehavior) -> JSONValue {
        var members = JSONObject()
        members["TargetOriginId"] = .string(behavior.targetOriginID)
        var groups = list(behavior.trustedKeyGroups).object ?? JSONObject()
        groups["Enabled"] = .bool(!behavior.trustedKeyGroups.isEmpty)
        members["TrustedKeyGroups"] = .object(groups)
        members["ViewerProtocolPolicy"] = .string(behavior.viewerProtocolPolicy.rawValue)
        var methods = list(behavior.allowedMethods).object ?? JSONObject()
        methods["CachedMethods"] = list(behavior.cachedMethods)
        members["AllowedMethods"] = .object(methods)
        members["Compress"] = .bool(behavior.compress)
        members["LambdaFunctionAssociations"] = CloudFrontService.list(
            behavior.functions.map { function in
                let version = String(function.version)
                let arn = FunctionARN(name: function.function, qualifier: version).text
                return [
                    "LambdaFunctionARN": .string(arn),
                    "EventType": .string(function.event.rawValue),
                    "IncludeBody": .bool(function.includeBody),
                ]
            }
        )
        members["FunctionAssociations"] = CloudFrontService.list(
            (behavior.viewerFunctions ?? []).map {
                ["FunctionARN": .string($0.arn), "EventType": .string($0.event.rawValue)]
            }
        )
        if let arn = behavior.realTimeLog { members["RealtimeLogConfigArn"] = .string(arn) }
        if behavior.cachePolicy.isLegacy {
            forward(behavior.cachePolicy, into: &members)
        } else {
            members["CachePolicyId"] = .string(behavior.cachePolicy.id)
        }
        members["OriginRequestPolicyId"] = (behavior.originRequestPolicy?.id).map(JSONValue.string)
        members["ResponseHeadersPolicyId"] =
            (behavior.responseHeadersPolicy?.id).map(JSONValue.string)
        return .object(members)
    }

    private static func forward(_ policy: CachePolicy, into members: inout JSONObject) {
        func names(_ selection: Selection) -> [String] {
            if case .only(let names) = selection { names } else { [] }
        }
        var cookies = JSONObject()
        let cookieNames = names(policy.cookies)
        cookies["Forward"] =
            policy.cookies == .all ? "all" : cookieNames.isEmpty ? "none" : "whitelist"
        if !cookieNames.isEmpty { cookies["WhitelistedNames"] = list(cookieNames) }
        members["ForwardedValues"] = [
            "QueryString": .bool(policy.queryStrings != .none),
            "Cookies": .object(cookies),
            "Headers": list(policy.headers == .all ? ["*"] : names(policy.headers)),
            "QueryStringCacheKeys": list(policy.legacyQueryKeys ?? names(policy.queryStrings)),
        ]
        members["MinTTL"] = .integer(policy.minTTL)
        members["DefaultTTL"] = .integer(policy.defaultTTL)
        members["MaxTTL"] = .integer(policy.maxTTL)
    }
}
