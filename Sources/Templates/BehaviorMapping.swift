import Model

extension ResourceMapper {
    func behavior(
        _ fields: Fields,
        _ targets: Set<String>,
        _ pattern: String?
    ) -> CacheBehavior? {
        defer { fields.finish() }
        guard let pattern = pattern ?? fields.required("PathPattern"),
            let target = fields.required("TargetOriginId")
        else { return nil }
        if !CacheBehavior.isValidPattern(pattern) { fields.refuse("PathPattern", .pathPattern) }
        if !targets.contains(target) {
            let message = "there is no origin or origin group with the id \(target)"
            fields.refuse("TargetOriginId", .originTarget, message)
        }
        var result = CacheBehavior(
            pathPattern: pattern,
            targetOriginID: target,
            cachePolicy: cachePolicy(fields)
        )
        if fields.required("ViewerProtocolPolicy") != nil,
            let policy = fields.choice(
                "ViewerProtocolPolicy",
                CacheBehavior.ViewerProtocolPolicy.self
            )
        {
            result.viewerProtocolPolicy = policy
        }
        readMethods(fields, &result)
        result.compress = fields.bool("Compress") ?? false
        readPolicies(fields, &result)
        readSigners(fields, &result)
        result.acceptsGRPC = acceptsGRPC(fields)
        readInert(fields)
        result.realTimeLog = realTimeLog(fields)
        result.functions = fields.each("LambdaFunctionAssociations").compactMap(association)
        if Set(result.functions.map(\.event)).count < result.functions.count {
            let message = "an event type stands twice"
            fields.refuse("LambdaFunctionAssociations", .functionEventTwice, message)
        }
        result.viewerFunctions = viewerFunctions(fields, beside: result.functions)
        return result
    }

    private func readMethods(_ fields: Fields, _ result: inout CacheBehavior) {
        if fields.has("AllowedMethods") { result.allowedMethods = fields.strings("AllowedMethods") }
        if fields.has("CachedMethods") { result.cachedMethods = fields.strings("CachedMethods") }
        if !result.hasValidMethods { fields.refuse("AllowedMethods", .allowedMethods) }
        if !result.hasValidCachedMethods { fields.refuse("CachedMethods", .cachedMethods) }
    }

    private func readPolicies(_ fields: Fields, _ result: inout CacheBehavior) {
        if let id = fields.string("OriginRequestPolicyId") {
            result.originRequestPolicy =
                ManagedPolicies.originRequest[id]
                ?? resource("AWS::CloudFront::OriginRequestPolicy", id).flatMap(originRequestPolicy)
            if result.originRequestPolicy == nil { unknown(id, fields, "OriginRequestPolicyId") }
            if result.cachePolicy.isLegacy {
                let message = "an origin request policy needs a cache policy"
                fields.refuse("OriginRequestPolicyId", .policyConflict, message)
            }
        }
        if let id = fields.string("ResponseHeadersPolicyId") {
            result.responseHeadersPolicy =
                ManagedPolicies.responseHeaders[id]
                ?? resource("AWS::CloudFront::ResponseHeadersPolicy", id)
                .flatMap(responseHeadersPolicy)
            if result.responseHeadersPolicy == nil {
                unknown(id, fields, "ResponseHeadersPolicyId")
            }
        }
    }

    private func unknown(_ id: String, _ fields: Fields, _ key: String) {
        fields.error(key, "\(id) is neither a managed policy nor one of this template")
    }

    /// The resource of this template that a reference means.
    func resource(_ type: String, _ id: String) -> ResourceEntry? {
        evaluator.resources.values.first { $0.type == type && evaluator.primaryID($0) == id }
    }

    private func readSigners(_ fields: Fields, _ result: inout CacheBehavior) {
        result.trustedKeyGroups = fields.strings("TrustedKeyGroups")
        for id in result.trustedKeyGroups where resource("AWS::CloudFront::KeyGroup", id) == nil {
            fields.error("TrustedKeyGroups", "there is no key group \(id) in this template")
        }
        if result.trustedKeyGroups.count > 4 {
            fields.refuse("TrustedKeyGroups", .quota, "a behavior has at most 4 key groups")
        }
        if !fields.strings("TrustedSigners").isEmpty {
            let message = "keys of accounts are not known here: use TrustedKeyGroups"
            fields.error("TrustedSigners", message)
        }
    }

    /// Takes the values that ask for nothing; anything else is left for the report.
    private func readInert(_ fields: Fields) {
        if fields.node["SmoothStreaming"]?.text == "false" { _ = fields.value("SmoothStreaming") }
        if fields.node["FieldLevelEncryptionId"]?.text == "" {
            _ = fields.value("FieldLevelEncryptionId")
        }
    }

    private func acceptsGRPC(_ fields: Fields) -> Bool? {
        guard let inner = fields.fields("GrpcConfig") else { return nil }
        defer { inner.finish() }
        return inner.bool("Enabled") == true ? true : nil
    }

    func association(_ fields: Fields) -> EdgeFunctionAssociation? {
        defer { fields.finish() }
        _ = fields.required("EventType")
        let event = fields.choice("EventType", EdgeEvent.self)
        let includesBody = fields.bool("IncludeBody") ?? false
        guard let text = fields.required("LambdaFunctionARN"), let event else { return nil }
        guard text.hasPrefix("arn:"), let arn = FunctionARN(text),
            let version = arn.qualifier.flatMap({ Int($0) })
        else {
            let message =
                "The function ARN must reference a specific function version. "
                + "(The ARN must end with the version number.) ARN: \(text)"
            fields.refuse("LambdaFunctionARN", .functionVersion, message)
            return nil
        }
        guard arn.region == "us-east-1" else {
            let message = "The function must be in region 'us-east-1'. ARN: \(text)"
            fields.refuse("LambdaFunctionARN", .functionRegion, message)
            return nil
        }
        if let refused = edgeViolation(of: arn) {
            fields.refuse("LambdaFunctionARN", refused.rule, refused.text)
        }
        if includesBody, event == .originResponse || event == .viewerResponse {
            fields.refuse("IncludeBody", .functionBody)
        }
        return EdgeFunctionAssociation(
            event: event,
            function: arn.name,
            version: version,
            includeBody: includesBody
        )
    }

    private func cachePolicy(_ fields: Fields) -> CachePolicy {
        guard let id = fields.string("CachePolicyId") else { return legacyPolicy(fields) }
        for key in ["ForwardedValues", "MinTTL", "DefaultTTL", "MaxTTL"] where fields.has(key) {
            _ = fields.value(key)
            fields.refuse(key, .policyConflict)
        }
        if let policy = ManagedPolicies.cache[id] { return policy }
        if let own = resource("AWS::CloudFront::CachePolicy", id).flatMap(cachePolicy) {
            return own
        }
        unknown(id, fields, "CachePolicyId")
        return .cachingDisabled
    }

    /// The older settings, from before there were policies.
    private func legacyPolicy(_ fields: Fields) -> CachePolicy {
        var policy = CachePolicy(id: "legacy")
        policy.isLegacy = true
        readTimes(fields, &policy)
        guard let forwarded = fields.fields("ForwardedValues") else {
            fields.error("CachePolicyId", "CachePolicyId or ForwardedValues is required")
            return policy
        }
        let keys = forwarded.strings("QueryStringCacheKeys")
        if forwarded.bool("QueryString") ?? false {
            // All go to the origin; the listed ones alone are in the key.
            policy.queryStrings = .all
            policy.legacyQueryKeys = keys.isEmpty || keys == ["*"] ? nil : keys
        } else if !keys.isEmpty {
            forwarded.error("QueryStringCacheKeys", "keys go with QueryString: true")
        }
        let headers = forwarded.strings("Headers")
        policy.headers = headers.isEmpty ? .none : headers == ["*"] ? .all : .only(headers)
        checkKey(headers, forwarded, "Headers")
        if let cookies = forwarded.fields("Cookies") {
            let names = cookies.strings("WhitelistedNames")
            switch cookies.required("Forward") {
            case "all": policy.cookies = .all
            case "whitelist": policy.cookies = .only(names)
            case "none", nil: policy.cookies = .none
            default: cookies.error("Forward", "none, all or whitelist is wanted here")
            }
            if !names.isEmpty, cookies.node["Forward"]?.text != "whitelist" {
                cookies.error("WhitelistedNames", "names go with Forward: whitelist")
            }
            cookies.finish()
        }
        forwarded.finish()
        return policy
    }
}
