import Crypto
import Model

extension ResourceMapper {
    func mapCachePolicy(_ resource: ResourceEntry) {
        if let policy = cachePolicy(resource) { made.append(.cachePolicy(policy)) }
    }

    func mapOriginRequestPolicy(_ resource: ResourceEntry) {
        if let policy = originRequestPolicy(resource) { made.append(.originRequestPolicy(policy)) }
    }

    func mapPublicKey(_ resource: ResourceEntry) {
        guard let (config, name) = config(resource, "PublicKeyConfig") else { return }
        defer { config.finish() }
        _ = config.string("CallerReference")
        guard let text = config.required("EncodedKey") else { return }
        switch VerificationKey(pem: text)?.kind {
        case .rsa(bits: 2048), .ecdsa(bits: 256): break
        default: config.refuse("EncodedKey", .publicKey)
        }
        var key = PublicKey(id: evaluator.primaryID(resource), name: name, encodedKey: text)
        key.comment = config.string("Comment") ?? ""
        made.append(.publicKey(key))
    }

    func mapKeyGroup(_ resource: ResourceEntry) {
        guard let (config, name) = config(resource, "KeyGroupConfig") else { return }
        defer { config.finish() }
        let keys = config.strings("Items")
        let known = evaluator.resources.values.filter { $0.type == "AWS::CloudFront::PublicKey" }
            .map { evaluator.primaryID($0) }
        for key in keys where !known.contains(key) {
            config.error("Items", "there is no public key \(key) in this template")
        }
        if keys.count > 5 { config.refuse("Items", .quota, "a key group has at most 5 keys") }
        var group = KeyGroup(id: evaluator.primaryID(resource), name: name, keys: keys)
        group.comment = config.string("Comment") ?? ""
        made.append(.keyGroup(group))
    }

    func mapOriginAccessControl(_ resource: ResourceEntry) {
        guard let (config, name) = config(resource, "OriginAccessControlConfig") else { return }
        defer { config.finish() }
        if config.required("SigningProtocol") != "sigv4" {
            config.error("SigningProtocol", "sigv4 is the only protocol")
        }
        let type = config.choice(
            "OriginAccessControlOriginType",
            OriginAccessControl.OriginType.self
        )
        let behavior = config.choice("SigningBehavior", OriginAccessControl.SigningBehavior.self)
        guard let type, let behavior else { return }
        var control = OriginAccessControl(
            id: evaluator.primaryID(resource),
            name: name,
            originType: type,
            signingBehavior: behavior
        )
        control.description = config.string("Description") ?? ""
        made.append(.originAccessControl(control))
    }

    /// The one member that these resources have, and the name in it.
    func config(_ resource: ResourceEntry, _ key: String) -> (Fields, String)? {
        let outer = fields(resource)
        let config = outer.fields(key)
        outer.finish()
        guard let config else {
            outer.error(key, "\(key) is required")
            return nil
        }
        guard let name = config.required("Name") else { return nil }
        return (config, name)
    }

    // MARK: Cache policy

    func cachePolicy(_ resource: ResourceEntry) -> CachePolicy? {
        guard let (config, name) = config(resource, "CachePolicyConfig") else { return nil }
        defer { config.finish() }
        var policy = CachePolicy(id: evaluator.primaryID(resource))
        policy.name = name
        policy.comment = config.string("Comment") ?? ""
        readTimes(config, &policy)
        guard let key = config.fields("ParametersInCacheKeyAndForwardedToOrigin") else {
            return policy
        }
        policy.acceptsGzip = key.bool("EnableAcceptEncodingGzip") ?? false
        policy.acceptsBrotli = key.bool("EnableAcceptEncodingBrotli") ?? false
        policy.headers = selection(key, "Headers") ?? .none
        policy.cookies = selection(key, "Cookies") ?? .none
        policy.queryStrings = selection(key, "QueryStrings") ?? .none
        if case .only(let names) = policy.headers { checkKey(names, key, "HeadersConfig") }
        key.finish()
        return policy
    }

    func readTimes(_ fields: Fields, _ policy: inout CachePolicy) {
        policy.minTTL = fields.int("MinTTL") ?? 0
        policy.defaultTTL = fields.int("DefaultTTL") ?? max(86_400, policy.minTTL)
        policy.maxTTL = fields.int("MaxTTL") ?? max(31_536_000, policy.defaultTTL)
        guard 0 <= policy.minTTL, policy.minTTL <= policy.defaultTTL,
            policy.defaultTTL <= policy.maxTTL
        else { return fields.refuse("MinTTL", .policyTime) }
    }

    func checkKey(_ names: [String], _ fields: Fields, _ key: String) {
        for name in names where ReservedHeaders.isDeniedForKey(name.lowercased()) {
            fields.refuse(key, .policyHeader, "\(name) cannot be part of the cache key")
        }
    }

    /// Reads `HeadersConfig`, `CookiesConfig` or `QueryStringsConfig`.
    func selection(_ fields: Fields, _ kind: String) -> Selection? {
        let singular = kind == "Headers" ? "Header" : String(kind.dropLast())
        guard let config = fields.fields(kind + "Config") else { return nil }
        defer { config.finish() }
        let names = config.strings(kind)
        if names.count > 10 || names.reduce(0, { $0 + $1.utf8.count }) > 1_024 {
            let message = "a policy has at most 10 names with 1024 characters"
            config.refuse(kind, .quota, message)
        }
        let behavior = config.required(singular + "Behavior")
        let takesNames = ["whitelist", "allExcept", "allViewerAndWhitelistCloudFront"]
        if let behavior, takesNames.contains(behavior) == names.isEmpty {
            let message = "names are given with whitelist and allExcept, and only there"
            config.error(kind, message)
        }
        switch behavior {
        case "none": return Selection.none
        case "all", "allViewer", "allViewerAndWhitelistCloudFront": return .all
        case "whitelist": return .only(names)
        case "allExcept": return .allExcept(names)
        default:
            config.error(singular + "Behavior", "this behavior is not known")
            return nil
        }
    }

    // MARK: Origin request policy

    func originRequestPolicy(_ resource: ResourceEntry) -> OriginRequestPolicy? {
        guard let (config, name) = config(resource, "OriginRequestPolicyConfig") else { return nil }
        defer { config.finish() }
        var policy = OriginRequestPolicy(id: evaluator.primaryID(resource))
        policy.name = name
        policy.comment = config.string("Comment") ?? ""
        policy.headers = selection(config, "Headers") ?? .none
        policy.cookies = selection(config, "Cookies") ?? .none
        policy.queryStrings = selection(config, "QueryStrings") ?? .none
        let headers = config.node["HeadersConfig"]
        if headers?["HeaderBehavior"]?.text == "allViewerAndWhitelistCloudFront" {
            policy.addedHeaders = headers?["Headers"]?.list?.compactMap(\.text) ?? []
        }
        if case .only(let names) = policy.headers,
            names.contains(where: { $0.lowercased() == "authorization" })
        {
            let message = "Authorization is sent by a cache policy or with all viewer headers"
            config.refuse("HeadersConfig", .policyHeader, message)
        }
        return policy
    }
}
