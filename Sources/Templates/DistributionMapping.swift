import Model

extension ResourceMapper {
    func mapDistribution(_ resource: ResourceEntry) {
        let outer = fields(resource)
        guard let config = outer.fields("DistributionConfig") else {
            return outer.error("DistributionConfig", "DistributionConfig is required")
        }
        outer.finish()
        let origins = config.each("Origins").compactMap(origin)
        let groups = originGroups(config, origins)
        let targets = Set(origins.map(\.id) + groups.map(\.id))
        var behaviors = config.each("CacheBehaviors").compactMap { behavior($0, targets, nil) }
        guard let last = config.fields("DefaultCacheBehavior") else {
            return config.error("DefaultCacheBehavior", "DefaultCacheBehavior is required")
        }
        guard let fallback = behavior(last, targets, "*") else { return }
        behaviors.append(fallback)
        var result = Distribution(
            id: evaluator.primaryID(resource),
            aliases: config.strings("Aliases"),
            isEnabled: config.bool("Enabled") ?? true,
            comment: config.string("Comment") ?? "",
            defaultRootObject: rootObject(config),
            origins: origins,
            behaviors: behaviors,
            customErrorResponses: config.each("CustomErrorResponses").compactMap(errorResponse)
        )
        result.originGroups = groups
        result.geoRestriction = geoRestriction(config)
        result.logging = logging(config)
        readStaging(config, into: &result)
        result.viewerAuthentication = viewerAuthentication(config, result)
        result.connectionFunctionID = connectionFunction(config, result)
        if let tags = config.fields("CacheTagConfig") {
            defer { tags.finish() }
            let name = tags.required("HeaderName")
            if let name, !Distribution.isFieldName(name) {
                tags.error("HeaderName", "HeaderName is the name of a header field")
            }
            result.cacheTagHeader = name
        }
        checkQuotas(result, config)
        readProtocols(config, into: &result)
        checkGRPC(result, config)
        readInert(config)
        config.finish()
        made.append(.distribution(result))
    }

    private func readStaging(_ config: Fields, into result: inout Distribution) {
        result.isStaging = config.bool("Staging") == true ? true : nil
        if result.isStaging == true, !result.aliases.isEmpty {
            config.refuse("Aliases", .staging, "a staging distribution cannot have aliases")
        }
        guard let policy = config.string("ContinuousDeploymentPolicyId"), !policy.isEmpty else {
            return
        }
        let isKnown = evaluator.resources.values.contains {
            $0.type == "AWS::CloudFront::ContinuousDeploymentPolicy"
                && evaluator.primaryID($0) == policy
        }
        if !isKnown {
            let message = "there is no continuous deployment policy \(policy) in this template"
            config.error("ContinuousDeploymentPolicyId", message)
        }
        if result.isStaging == true {
            let message = "a staging distribution has no policy of its own"
            config.refuse("ContinuousDeploymentPolicyId", .staging, message)
        }
        result.continuousDeploymentPolicyID = policy
    }

    private func logging(_ config: Fields) -> DistributionLogging? {
        guard let fields = config.fields("Logging") else { return nil }
        defer { fields.finish() }
        let result = DistributionLogging(
            bucket: fields.string("Bucket") ?? "",
            prefix: fields.string("Prefix") ?? "",
            includesCookies: fields.bool("IncludeCookies") ?? false
        )
        // The newer form of logging leaves the bucket out: its deliveries are made elsewhere.
        guard !result.bucket.isEmpty else {
            for name in ["Prefix", "IncludeCookies"] where fields.has(name) {
                fields.warning(name, "\(name) has no effect without Bucket")
            }
            return nil
        }
        if !result.hasBucketName { fields.refuse("Bucket", .logging) }
        if result.prefix.hasPrefix("/") { fields.refuse("Prefix", .logging) }
        return result
    }

    private func rootObject(_ config: Fields) -> String {
        let root = config.string("DefaultRootObject") ?? ""
        if root.hasPrefix("/") || root.utf8.count > 255 {
            config.refuse("DefaultRootObject", .rootObject)
        }
        return root.hasPrefix("/") ? String(root.dropFirst()) : root
    }

    private func errorResponse(_ fields: Fields) -> CustomErrorResponse? {
        defer { fields.finish() }
        let known: Set<Int> = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504]
        guard let code = fields.int("ErrorCode") else { return nil }
        let page = fields.string("ResponsePagePath").flatMap { $0.isEmpty ? nil : $0 }
        let status = fields.int("ResponseCode")
        if !known.contains(code) || (page == nil) != (status == nil)
            || status.map({ $0 != 200 && !known.contains($0) }) == true
            || page?.hasPrefix("/") == false
        {
            fields.refuse("ErrorCode", .errorPage)
        }
        return CustomErrorResponse(
            errorCode: code,
            responsePagePath: page,
            responseCode: status,
            errorCachingMinTTL: fields.int("ErrorCachingMinTTL") ?? 10
        )
    }

    private func originGroups(_ config: Fields, _ origins: [Origin]) -> [OriginGroup] {
        guard let groups = config.fields("OriginGroups") else { return [] }
        return items(of: groups).compactMap { fields in
            defer { fields.finish() }
            let members = fields.fields("Members").map { items(of: $0) } ?? []
            let ids = members.compactMap { member(of: origins, $0) }
            if members.count != 2 || ids.first == ids.last {
                fields.refuse("Id", .originGroup, "a group has two origins")
            }
            let codes = statusCodes(fields)
            if let kind = fields.string("SelectionCriteria"), kind != "default" {
                fields.warning("SelectionCriteria", "\(kind) is not supported; default is used")
            }
            guard let id = fields.required("Id"), ids.count == 2 else { return nil }
            return OriginGroup(id: id, primary: ids[0], secondary: ids[1], statusCodes: codes)
        }
    }

    private func member(of origins: [Origin], _ fields: Fields) -> String? {
        defer { fields.finish() }
        guard let id = fields.required("OriginId") else { return nil }
        guard origins.contains(where: { $0.id == id }) else {
            fields.refuse("OriginId", .originGroup, "there is no origin with the id \(id)")
            return nil
        }
        return id
    }

    private func statusCodes(_ group: Fields) -> [Int] {
        guard let criteria = group.fields("FailoverCriteria") else { return [] }
        defer { criteria.finish() }
        guard let list = criteria.fields("StatusCodes") else { return [] }
        defer { list.finish() }
        let codes = list.strings("Items").map { Int($0) ?? 0 }
        checkQuantity(list, codes.count)
        if codes.isEmpty || !OriginGroup.allowedStatusCodes.isSuperset(of: codes) {
            let known = OriginGroup.allowedStatusCodes.sorted().map(String.init)
            let message = "failover codes are of \(known.joined(separator: ", "))"
            list.refuse("Items", .originGroup, message)
        }
        return codes
    }

    /// The members of a list in the form of `Quantity` and `Items`.
    private func items(of list: Fields) -> [Fields] {
        defer { list.finish() }
        let items = list.each("Items")
        checkQuantity(list, items.count)
        return items
    }

    private func checkQuantity(_ list: Fields, _ count: Int) {
        guard let quantity = list.int("Quantity"), quantity != count else { return }
        list.refuse("Quantity", .quantity, "it is \(quantity), but there are \(count) items")
    }

    private func geoRestriction(_ config: Fields) -> GeoRestriction {
        var result = GeoRestriction()
        guard let outer = config.fields("Restrictions") else { return result }
        defer { outer.finish() }
        guard let geo = outer.fields("GeoRestriction") else { return result }
        defer { geo.finish() }
        result.kind = geo.choice("RestrictionType", GeoRestriction.Kind.self) ?? .none
        result.countries = geo.strings("Locations")
        if !result.countries.allSatisfy({ $0.utf8.count == 2 && $0 == $0.uppercased() }) {
            geo.refuse("Locations", .country)
        }
        return result
    }

    private func checkQuotas(_ distribution: Distribution, _ config: Fields) {
        let rows = [
            ("CacheBehaviors", distribution.behaviors.count - 1, 75),
            ("Origins", distribution.origins.count, 100),
            ("OriginGroups", distribution.originGroups.count, 10),
            ("Aliases", distribution.aliases.count, 100),
        ]
        for (key, count, limit) in rows where count > limit {
            config.refuse(key, .quota, "\(count) are more than the quota of \(limit)")
        }
    }

    /// Reads which versions of TLS and HTTP viewers may speak.
    private func readProtocols(_ config: Fields, into distribution: inout Distribution) {
        if let certificate = config.fields("ViewerCertificate") {
            distribution.securityPolicy = securityPolicy(certificate)
            let message = "the local authority makes the certificate of each name"
            for name in ["CloudFrontDefaultCertificate", "AcmCertificateArn", "IamCertificateId"]
            where certificate.value(name) != nil {
                certificate.note(name, message)
            }
            if certificate.node["SslSupportMethod"]?.text == "sni-only" {
                _ = certificate.value("SslSupportMethod")
            }
            certificate.finish()
        }
        switch config.string("HttpVersion") {
        case "http1.1": distribution.refusesHTTP2 = true
        case "http3", "http2and3":
            config.note("HttpVersion", "HTTP/3 is not spoken here; viewers use HTTP/2 or HTTP/1.1")
        default: break
        }
    }

    /// Refuses calls of gRPC where they could not come in or go on.
    private func checkGRPC(_ distribution: Distribution, _ config: Fields) {
        for behavior in distribution.behaviors where behavior.acceptsGRPC == true {
            let key = behavior.pathPattern == "*" ? "DefaultCacheBehavior" : "CacheBehaviors"
            let group = distribution.originGroups.first { $0.id == behavior.targetOriginID }
            let id = group?.primary ?? behavior.targetOriginID
            let origin = distribution.origins.first { $0.id == id }
            if distribution.refusesHTTP2 == true || !behavior.allowedMethods.contains("POST")
                || origin?.protocolPolicy == .httpOnly
            {
                config.refuse(key, .grpc)
            }
        }
    }

    private func securityPolicy(_ certificate: Fields) -> String? {
        let key = "MinimumProtocolVersion"
        // A name that AWS has not is reported by the table of properties.
        guard let name = certificate.string(key), let policy = SecurityPolicy.distribution(name)
        else { return nil }
        if certificate.node["CloudFrontDefaultCertificate"]?.text == "true" {
            certificate.note(key, "has no effect together with the default certificate, as at AWS")
            return nil
        }
        if let lacks = policy.lacks { certificate.note(key, lacks) }
        return name
    }

    /// Reads what is true here by itself; anything else is left for the report.
    private func readInert(_ config: Fields) {
        if config.node["WebACLId"]?.text == "" { _ = config.value("WebACLId") }
    }
}

extension Fields {
    /// Reports a rule of AWS that a property breaks.
    func refuse(_ key: String, _ rule: DistributionRule, _ detail: String? = nil) {
        error(key, "\(detail ?? rule.text) [\(rule.rawValue)]")
    }
}
