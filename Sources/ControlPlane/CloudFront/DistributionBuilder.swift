import JSON
import Model

/// Makes what edges serve of a distribution's configuration, or says why CloudFront refuses it.
struct DistributionBuilder {
    let snapshot: Snapshot
    /// Nil while the distribution is being created.
    let id: String?

    private typealias Service = CloudFrontService

    /// Builds from a configuration with its defaults filled in.
    func build(_ config: JSONValue, id: String) throws(APIError) -> Distribution {
        var origins: [Origin] = []
        for origin in config["Origins"]?.items ?? [] { origins.append(try self.origin(origin)) }
        guard !origins.isEmpty else {
            throw Service.argument("The parameter Origins is required.")
        }
        guard Set(origins.map(\.id)).count == origins.count else {
            throw Service.argument("The parameter Origin Id is not unique.")
        }
        var groups: [OriginGroup] = []
        for group in config["OriginGroups"]?.items ?? [] {
            groups.append(try self.group(group, origins))
        }
        let targets = Set(origins.map(\.id) + groups.map(\.id))
        let builder = BehaviorBuilder(snapshot: snapshot, targets: targets)
        var behaviors: [CacheBehavior] = []
        for behavior in config["CacheBehaviors"]?.items ?? [] {
            let pattern = behavior["PathPattern"]?.string ?? ""
            behaviors.append(try builder.build(behavior, pattern: pattern))
        }
        let patterns = behaviors.map(\.pathPattern)
        guard Set(patterns).count == patterns.count else {
            throw Service.argument("The parameter PathPattern is not unique.")
        }
        guard behaviors.count <= 75 else {
            throw Service.error(
                "TooManyCacheBehaviors",
                "You cannot create more cache behaviors for the distribution."
            )
        }
        behaviors.append(try builder.build(config["DefaultCacheBehavior"] ?? [:], pattern: "*"))
        var distribution = Distribution(
            id: id,
            aliases: try aliases(config),
            isEnabled: config["Enabled"]?.bool ?? true,
            comment: config["Comment"]?.string ?? "",
            defaultRootObject: try rootObject(config),
            origins: origins,
            behaviors: behaviors,
            customErrorResponses: try errorPages(config)
        )
        distribution.originGroups = groups
        distribution.geoRestriction = try restriction(config)
        distribution.logging = try logging(config["Logging"] ?? [:])
        try readStaging(config, into: &distribution)
        readProtocols(config, into: &distribution)
        distribution.viewerAuthentication = try viewerAuthentication(config, distribution)
        distribution.cacheTagHeader = try cacheTagHeader(config)
        distribution.connectionFunctionID = try connectionFunction(config, distribution)
        return distribution
    }

    private func readStaging(
        _ config: JSONValue,
        into distribution: inout Distribution
    ) throws(APIError) {
        let isStaging = config["Staging"]?.bool ?? false
        distribution.isStaging = isStaging ? true : nil
        guard !isStaging || distribution.aliases.isEmpty else {
            throw Service.argument("A staging distribution cannot have aliases.")
        }
        guard let policy = config["ContinuousDeploymentPolicyId"]?.string, !policy.isEmpty else {
            return
        }
        guard !isStaging else {
            throw Service.argument("A staging distribution has no continuous deployment policy.")
        }
        let key = "cloudfront/continuous-deployment-policy/\(policy)"
        guard snapshot.records[key] != nil else {
            throw Service.error(
                "NoSuchContinuousDeploymentPolicy",
                "The continuous deployment policy \(policy) does not exist."
            )
        }
        guard config["HttpVersion"]?.string?.contains("3") != true else {
            throw Service.argument("Continuous deployment does not go with HTTP/3.")
        }
        distribution.continuousDeploymentPolicyID = policy
    }

    /// Which versions of TLS and HTTP viewers may speak; with the default certificate there is no choice of TLS.
    private func readProtocols(_ config: JSONValue, into distribution: inout Distribution) {
        let certificate = config["ViewerCertificate"]
        if certificate?["CloudFrontDefaultCertificate"]?.bool != true {
            distribution.securityPolicy = certificate?["MinimumProtocolVersion"]?.string
        }
        distribution.refusesHTTP2 = config["HttpVersion"]?.string == "http1.1" ? true : nil
    }

    /// The function that decides about connections: published, and beside certificates of viewers.
    private func connectionFunction(
        _ config: JSONValue,
        _ distribution: Distribution
    ) throws(APIError) -> String? {
        guard let id = config["ConnectionFunctionAssociation"]?["Id"]?.string, !id.isEmpty else {
            return nil
        }
        guard let text = snapshot.records[ConnectionFunctionRecord.key(id)] else {
            throw Service.error("EntityNotFound", "The connection function \(id) was not found.")
        }
        guard (try? JSONValue.parse(text))?["Live"] != nil else {
            throw Service.argument("The connection function \(id) is not published.")
        }
        guard distribution.viewerAuthentication != nil else {
            throw Service.argument("A connection function wants ViewerMtlsConfig.")
        }
        return id
    }

    private func cacheTagHeader(_ config: JSONValue) throws(APIError) -> String? {
        guard let name = config["CacheTagConfig"]?["HeaderName"]?.string else { return nil }
        guard Distribution.isFieldName(name) else {
            throw Service.argument("The parameter HeaderName of CacheTagConfig is not valid.")
        }
        return name
    }

    private func viewerAuthentication(
        _ config: JSONValue,
        _ distribution: Distribution
    ) throws(APIError) -> ViewerAuthentication? {
        guard let wanted = config["ViewerMtlsConfig"] else { return nil }
        let mode = ViewerAuthentication.Mode(rawValue: wanted["Mode"]?.string ?? "required")
        var result = ViewerAuthentication(mode: mode ?? .required)
        if let store = wanted["TrustStoreConfig"] {
            result.trustStoreID = store["TrustStoreId"]?.string ?? ""
            result.advertisesNames = store["AdvertiseTrustStoreCaNames"]?.bool ?? false
            result.ignoresExpiry = store["IgnoreCertificateExpiry"]?.bool ?? false
            guard snapshot.records[TrustStoreRecord.key(result.trustStoreID)] != nil else {
                throw Service.error(
                    "EntityNotFound",
                    "The trust store \(result.trustStoreID) was not found."
                )
            }
        } else if result.mode != .passthrough {
            throw Service.argument("The parameter TrustStoreConfig is required.")
        }
        guard distribution.isAlwaysSecure, config["HttpVersion"]?.string?.contains("3") != true
        else { throw Service.argument(DistributionRule.viewerAuthentication.text) }
        return result
    }

    private func logging(_ config: JSONValue) throws(APIError) -> DistributionLogging? {
        guard config["Enabled"]?.bool ?? false else { return nil }
        let logging = DistributionLogging(
            bucket: config["Bucket"]?.string ?? "",
            prefix: config["Prefix"]?.string ?? "",
            includesCookies: config["IncludeCookies"]?.bool ?? false
        )
        guard logging.hasBucketName, !logging.prefix.hasPrefix("/") else {
            throw Service.argument("The parameter Bucket or Prefix of Logging is not valid.")
        }
        return logging
    }

    // MARK: Origins

    private func origin(_ config: JSONValue) throws(APIError) -> Origin {
        var origin = Origin(
            id: config["Id"]?.string ?? "",
            domainName: config["DomainName"]?.string ?? ""
        )
        guard !origin.id.isEmpty, !origin.domainName.isEmpty else {
            throw Service.argument("The parameter Origin Id or DomainName is empty.")
        }
        origin.path = config["OriginPath"]?.string ?? ""
        guard origin.path.isEmpty || origin.path.hasPrefix("/") && !origin.path.hasSuffix("/")
        else {
            throw Service.argument(
                "The parameter OriginPath is not valid: it starts with / and does not end with one."
            )
        }
        for header in config["CustomHeaders"]?.items ?? [] {
            origin.customHeaders[header["HeaderName"]?.string ?? ""] =
                header["HeaderValue"]?.string ?? ""
        }
        origin.connectionAttempts = config["ConnectionAttempts"]?.int ?? 3
        origin.connectionTimeout = config["ConnectionTimeout"]?.int ?? 10
        guard (1...3).contains(origin.connectionAttempts) else {
            throw Service.argument("The parameter ConnectionAttempts is not valid.")
        }
        guard (1...10).contains(origin.connectionTimeout) else {
            throw Service.argument("The parameter ConnectionTimeout is not valid.")
        }
        origin.responseCompletionTimeout = config["ResponseCompletionTimeout"]?.int ?? 0
        if let control = config["OriginAccessControlId"]?.string, !control.isEmpty {
            guard snapshot.originAccessControls[control] != nil else {
                throw Service.error(
                    "InvalidOriginAccessControl",
                    "The origin access control \(control) does not exist."
                )
            }
            origin.originAccessControlID = control
        }
        try readKind(config, into: &origin)
        if config["OriginShield"]?["Enabled"]?.bool == true {
            guard let region = config["OriginShield"]?["OriginShieldRegion"]?.string else {
                throw Service.argument("The parameter OriginShieldRegion is required.")
            }
            origin.shieldRegion = region
        }
        let control = snapshot.originAccessControls[origin.originAccessControlID]
        guard control?.originType.isFor(origin) ?? true else {
            throw Service.error(
                "InvalidDomainNameForOriginAccessControl",
                "An origin access control is associated with an origin whose domain name is not "
                    + "supported."
            )
        }
        return origin
    }

    private func readKind(_ config: JSONValue, into origin: inout Origin) throws(APIError) {
        if config["VpcOriginConfig"] != nil {
            throw Service.error("UnsupportedOperation", "VPC origins are not supported here.")
        }
        switch (config["S3OriginConfig"], config["CustomOriginConfig"]) {
        case (let bucket?, nil):
            origin.isS3 = true
            origin.originAccessIdentity = bucket["OriginAccessIdentity"]?.string ?? ""
            let identity = origin.originAccessIdentity
            guard identity.isEmpty || identity.hasPrefix("origin-access-identity/cloudfront/")
            else {
                throw Service.error(
                    "InvalidOriginAccessIdentity",
                    "The origin access identity is not valid or doesn't exist."
                )
            }
            guard identity.isEmpty || origin.originAccessControlID.isEmpty else {
                throw Service.error(
                    "IllegalOriginAccessConfiguration",
                    "An origin cannot contain both an origin access control (OAC) and an origin "
                        + "access identity (OAI)."
                )
            }
        case (nil, let custom?): try readCustom(custom, into: &origin)
        default:
            throw Service.error(
                "InvalidOrigin",
                "An origin has either S3OriginConfig or CustomOriginConfig."
            )
        }
    }

    private func readCustom(_ custom: JSONValue, into origin: inout Origin) throws(APIError) {
        origin.httpPort = custom["HTTPPort"]?.int ?? 80
        origin.httpsPort = custom["HTTPSPort"]?.int ?? 443
        let policy = custom["OriginProtocolPolicy"]?.string ?? ""
        origin.protocolPolicy = Origin.ProtocolPolicy(rawValue: policy) ?? .httpOnly
        origin.sslProtocols = custom["OriginSslProtocols"]?.texts ?? []
        origin.readTimeout = custom["OriginReadTimeout"]?.int ?? 30
        origin.keepaliveTimeout = custom["OriginKeepaliveTimeout"]?.int ?? 5
        for port in [origin.httpPort, origin.httpsPort] where !(1...65_535).contains(port) {
            throw Service.argument("The parameter HTTPPort or HTTPSPort is not valid.")
        }
        guard (1...120).contains(origin.readTimeout) else {
            throw Service.error(
                "InvalidOriginReadTimeout",
                "The read timeout specified for the origin is not valid."
            )
        }
        guard (1...120).contains(origin.keepaliveTimeout) else {
            throw Service.error(
                "InvalidOriginKeepaliveTimeout",
                "The keep alive timeout specified for the origin is not valid."
            )
        }
    }

    private func group(_ config: JSONValue, _ origins: [Origin]) throws(APIError) -> OriginGroup {
        let members = (config["Members"]?.items ?? []).compactMap { $0["OriginId"]?.string }
        guard members.count == 2 else {
            throw Service.argument("An origin group must have exactly two members.")
        }
        for member in members where !origins.contains(where: { $0.id == member }) {
            throw BehaviorBuilder.noOrigin
        }
        let codes = (config["FailoverCriteria"]?["StatusCodes"]?.items ?? []).compactMap(\.int)
        guard !codes.isEmpty, codes.allSatisfy(OriginGroup.allowedStatusCodes.contains) else {
            throw Service.argument("The parameter StatusCodes of the origin group is not valid.")
        }
        return OriginGroup(
            id: config["Id"]?.string ?? "",
            primary: members[0],
            secondary: members[1],
            statusCodes: codes
        )
    }

    // MARK: The rest

    private func aliases(_ config: JSONValue) throws(APIError) -> [String] {
        let aliases = config["Aliases"]?.texts ?? []
        for other in snapshot.distributions.values where other.id != id {
            for alias in aliases
            where other.aliases.contains(where: { $0.lowercased() == alias.lowercased() }) {
                throw Service.error(
                    "CNAMEAlreadyExists",
                    "One or more of the CNAMEs you provided are already associated with a different "
                        + "resource."
                )
            }
        }
        return aliases
    }

    private func rootObject(_ config: JSONValue) throws(APIError) -> String {
        let root = config["DefaultRootObject"]?.string ?? ""
        guard root.utf8.count <= 255, !root.contains(where: { " <>\"".contains($0) }) else {
            throw Service.error(
                "InvalidDefaultRootObject",
                "The default root object file name is too big or contains an invalid character."
            )
        }
        return root.hasPrefix("/") ? String(root.dropFirst()) : root
    }

    private static let errorCodes: Set = [
        400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504,
    ]
    private static let responseCodes: Set = [
        200, 400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504,
    ]

    private func errorPages(_ config: JSONValue) throws(APIError) -> [CustomErrorResponse] {
        var pages: [CustomErrorResponse] = []
        for page in config["CustomErrorResponses"]?.items ?? [] {
            let code = page["ErrorCode"]?.int ?? 0
            guard Self.errorCodes.contains(code) else {
                throw Service.error(
                    "InvalidErrorCode",
                    "An invalid error code was specified: \(code)."
                )
            }
            let path = page["ResponsePagePath"]?.string ?? ""
            let response = page["ResponseCode"]?.string ?? ""
            guard path.isEmpty == response.isEmpty else {
                throw Service.argument(
                    "The parameters ResponseCode and ResponsePagePath are given together or not at "
                        + "all."
                )
            }
            guard response.isEmpty || Int(response).map(Self.responseCodes.contains) == true else {
                throw Service.error(
                    "InvalidResponseCode",
                    "A response code is not valid: \(response)."
                )
            }
            pages.append(
                CustomErrorResponse(
                    errorCode: code,
                    responsePagePath: path.isEmpty ? nil : path,
                    responseCode: Int(response),
                    errorCachingMinTTL: page["ErrorCachingMinTTL"]?.int ?? 10
                )
            )
        }
        return pages
    }

    private func restriction(_ config: JSONValue) throws(APIError) -> GeoRestriction {
        let given = config["Restrictions"]?["GeoRestriction"]
        var restriction = GeoRestriction()
        let kind = given?["RestrictionType"]?.string ?? "none"
        restriction.kind = GeoRestriction.Kind(rawValue: kind) ?? .none
        restriction.countries = given?.texts ?? []
        guard (restriction.kind == .none) == restriction.countries.isEmpty else {
            throw Service.error(
                "InvalidGeoRestrictionParameter",
                "The specified geo restriction parameter is not valid."
            )
        }
        for country in restriction.countries {
            let isCode = country.count == 2 && country.allSatisfy { $0.isASCII && $0.isUppercase }
            guard isCode else {
                throw Service.error(
                    "InvalidLocationCode",
                    "The location code specified is not valid: \(country)."
                )
            }
        }
        return restriction
    }

    /// Members that are kept and shown but change nothing on this machine.
    static func withoutEffect(_ config: JSONValue) -> [String] {
        var names: [String] = []
        if config["WebACLId"]?.string ?? "" != "" { names.append("WebACLId") }
        if config["AnycastIpListId"]?.string ?? "" != "" { names.append("AnycastIpListId") }
        if config["TenantConfig"] != nil { names.append("TenantConfig") }
        let all = [config["DefaultCacheBehavior"] ?? [:]] + (config["CacheBehaviors"]?.items ?? [])
        if all.contains(where: { $0["FieldLevelEncryptionId"]?.string ?? "" != "" }) {
            names.append("FieldLevelEncryptionId")
        }
        if all.contains(where: { $0["SmoothStreaming"]?.bool == true }) {
            names.append("SmoothStreaming")
        }
        return names
    }
}
