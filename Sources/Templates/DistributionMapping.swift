import Model

extension ResourceMapper {
    func mapDistribution(_ resource: ResourceEntry) {
        let outer = fields(resource)
        guard let config = outer.fields("DistributionConfig") else {
            return outer.error("DistributionConfig", "DistributionConfig is required")
        }
        outer.finish()
        let origins = config.each("Origins").compactMap(origin)
        var behaviors = config.each("CacheBehaviors").compactMap { behavior($0, origins, nil) }
        guard let last = config.fields("DefaultCacheBehavior") else {
            return config.error("DefaultCacheBehavior", "DefaultCacheBehavior is required")
        }
        guard let fallback = behavior(last, origins, "*") else { return }
        behaviors.append(fallback)
        let errors = config.each("CustomErrorResponses").compactMap(errorResponse)
        let root = config.string("DefaultRootObject") ?? ""
        let result = Distribution(
            id: evaluator.primaryID(resource),
            aliases: config.strings("Aliases"),
            isEnabled: config.bool("Enabled") ?? true,
            comment: config.string("Comment") ?? "",
            defaultRootObject: root.hasPrefix("/") ? String(root.dropFirst()) : root,
            origins: origins,
            behaviors: behaviors,
            customErrorResponses: errors
        )
        config.finish()
        made.append(.distribution(result))
    }

    private func errorResponse(_ fields: Fields) -> CustomErrorResponse? {
        defer { fields.finish() }
        guard let code = fields.int("ErrorCode") else { return nil }
        return CustomErrorResponse(
            errorCode: code,
            responsePagePath: fields.string("ResponsePagePath"),
            responseCode: fields.int("ResponseCode"),
            errorCachingMinTTL: fields.int("ErrorCachingMinTTL") ?? 10
        )
    }

    private func origin(_ fields: Fields) -> Origin? {
        defer { fields.finish() }
        guard let id = fields.required("Id"), let domain = fields.required("DomainName") else {
            return nil
        }
        var origin = Origin(id: id, domainName: domain)
        origin.path = fields.string("OriginPath") ?? ""
        if !origin.path.isEmpty, !origin.path.hasPrefix("/") || origin.path.hasSuffix("/") {
            fields.error("OriginPath", "it starts with / and does not end with one")
        }
        for header in fields.each("OriginCustomHeaders") {
            let name = header.required("HeaderName")
            let value = header.required("HeaderValue")
            header.finish()
            if let name, let value { origin.customHeaders[name] = value }
        }
        origin.connectionAttempts = fields.int("ConnectionAttempts") ?? 3
        origin.connectionTimeout = fields.int("ConnectionTimeout") ?? 10
        origin.responseCompletionTimeout = fields.int("ResponseCompletionTimeout") ?? 0
        if let bucket = fields.fields("S3OriginConfig") {
            origin.isS3 = true
            _ = bucket.string("OriginAccessIdentity")
            bucket.finish()
        } else if let custom = fields.fields("CustomOriginConfig") {
            readCustom(custom, into: &origin)
        } else {
            fields.error("CustomOriginConfig", "S3OriginConfig or CustomOriginConfig is required")
        }
        return origin
    }

    private func readCustom(_ custom: Fields, into origin: inout Origin) {
        origin.httpPort = custom.int("HTTPPort") ?? 80
        origin.httpsPort = custom.int("HTTPSPort") ?? 443
        if custom.required("OriginProtocolPolicy") != nil,
            let policy = custom.choice("OriginProtocolPolicy", Origin.ProtocolPolicy.self)
        {
            origin.protocolPolicy = policy
        }
        if custom.has("OriginSSLProtocols") {
            origin.sslProtocols = custom.strings("OriginSSLProtocols")
        }
        origin.readTimeout = custom.int("OriginReadTimeout") ?? 30
        origin.keepaliveTimeout = custom.int("OriginKeepaliveTimeout") ?? 5
        custom.finish()
    }

    private func behavior(
        _ fields: Fields,
        _ origins: [Origin],
        _ pattern: String?
    ) -> CacheBehavior? {
        defer { fields.finish() }
        guard let pattern = pattern ?? fields.required("PathPattern"),
            let target = fields.required("TargetOriginId")
        else { return nil }
        if !origins.contains(where: { $0.id == target }) {
            fields.error("TargetOriginId", "there is no origin with the id \(target)")
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
        if fields.has("AllowedMethods") { result.allowedMethods = fields.strings("AllowedMethods") }
        if fields.has("CachedMethods") { result.cachedMethods = fields.strings("CachedMethods") }
        result.compress = fields.bool("Compress") ?? false
        if let id = fields.string("OriginRequestPolicyId") {
            result.originRequestPolicy = ManagedPolicies.originRequest[id]
            if result.originRequestPolicy == nil {
                fields.error("OriginRequestPolicyId", "\(id) is no managed policy known here")
            }
        }
        result.functions = fields.each("LambdaFunctionAssociations").compactMap(association)
        if Set(result.functions.map(\.event)).count < result.functions.count {
            fields.error("LambdaFunctionAssociations", "an event type stands twice")
        }
        return result
    }

    private func association(_ fields: Fields) -> EdgeFunctionAssociation? {
        defer { fields.finish() }
        _ = fields.required("EventType")
        let event = fields.choice("EventType", EdgeEvent.self)
        let includesBody = fields.bool("IncludeBody") ?? false
        guard let event, let text = fields.required("LambdaFunctionARN") else { return nil }
        guard text.hasPrefix("arn:"), let arn = FunctionARN(text),
            let version = arn.qualifier.flatMap({ Int($0) })
        else {
            let message =
                "The function ARN must reference a specific function version. "
                + "(The ARN must end with the version number.) ARN: \(text)"
            fields.error("LambdaFunctionARN", message)
            return nil
        }
        guard arn.region == "us-east-1" else {
            let message = "The function must be in region 'us-east-1'. ARN: \(text)"
            fields.error("LambdaFunctionARN", message)
            return nil
        }
        if let refused = edgeViolation(of: arn) { fields.error("LambdaFunctionARN", refused) }
        if includesBody, event == .originResponse || event == .viewerResponse {
            fields.error("IncludeBody", "a body is included at request events only")
        }
        return EdgeFunctionAssociation(
            event: event,
            function: arn.name,
            version: version,
            includeBody: includesBody
        )
    }

    private func cachePolicy(_ fields: Fields) -> CachePolicy {
        if let id = fields.string("CachePolicyId") {
            if let policy = ManagedPolicies.cache[id] { return policy }
            fields.error("CachePolicyId", "\(id) is no managed policy known here")
            return .cachingDisabled
        }
        var policy = CachePolicy(id: "legacy")
        policy.isLegacy = true
        policy.minTTL = fields.int("MinTTL") ?? 0
        policy.defaultTTL = fields.int("DefaultTTL") ?? 86_400
        policy.maxTTL = fields.int("MaxTTL") ?? 31_536_000
        guard let forwarded = fields.fields("ForwardedValues") else {
            fields.error("CachePolicyId", "CachePolicyId or ForwardedValues is required")
            return policy
        }
        let keys = forwarded.strings("QueryStringCacheKeys")
        if forwarded.bool("QueryString") ?? false {
            policy.queryStrings = keys.isEmpty ? .all : .only(keys)
        } else if !keys.isEmpty {
            forwarded.error("QueryStringCacheKeys", "keys go with QueryString: true")
        }
        let headers = forwarded.strings("Headers")
        policy.headers = headers.isEmpty ? .none : headers == ["*"] ? .all : .only(headers)
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
