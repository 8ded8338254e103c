/// Everything that an edge serves, as of one revision.
///
/// Immutable once built; swapped whole.
package struct Snapshot: Sendable, Codable, Hashable {
    package var revision = 0
    /// By `name:version`.
    package var functions: [String: FunctionVersion] = [:]
    /// By `name:alias`.
    package var aliases: [String: FunctionAlias] = [:]
    package var distributions: [String: Distribution] = [:]
    /// What is shared between distributions; a behaviour holds copies as of its own last change.
    package var cachePolicies: [String: CachePolicy] = [:]
    package var originRequestPolicies: [String: OriginRequestPolicy] = [:]
    package var responseHeadersPolicies: [String: ResponseHeadersPolicy] = [:]
    package var publicKeys: [String: PublicKey] = [:]
    package var keyGroups: [String: KeyGroup] = [:]
    package var originAccessControls: [String: OriginAccessControl] = [:]
    /// By ARN.
    package var loadBalancers: [String: LoadBalancer] = [:]
    /// By ARN.
    package var targetGroups: [String: TargetGroup] = [:]
    package var apis: [String: HTTPAPI] = [:]
    /// REST APIs by id.
    package var restAPIs: [String: RESTAPI] = [:]
    package var usagePlans: [String: UsagePlan] = [:]
    package var webSocketAPIs: [String: WebSocketAPI] = [:]
    /// By name.
    package var domains: [String: GatewayDomain] = [:]
    /// Bucket name to folder.
    package var buckets: [String: String] = [:]
    /// Domain name of an origin to where it is on this machine (`http://127.0.0.1:3000`).
    package var originOverrides: [String: String] = [:]
    /// Resource policies: by `name:qualifier` (`name:` when unqualified), then by statement id.
    package var permissions: [String: [String: FunctionPermission]] = [:]
    /// The highest version number of each function.
    private var latest: [String: Int] = [:]
    /// By function name.
    package var functionSettings: [String: FunctionSettings] = [:]
    /// What the AWS APIs remember beside what edges serve, as JSON documents by `service/kind/id`.
    package var records: [String: String] = [:]
    /// Block of addresses to what is known of its viewers (`country=DE; city=Berlin`).
    package var locations: [String: String] = [:]

    /// Makes an empty snapshot at revision 0.
    package init() {}

    /// The key `name:version` that a function reference means: a version, an alias (a draw
    /// among its shares), or `$LATEST`: the draft, or the newest version where there is no draft.
    package func resolve(function reference: String) -> String? {
        // Who names a version mostly names it by its key.
        if functions[reference] != nil { return reference }
        guard let arn = FunctionARN(reference) else { return nil }
        guard let qualifier = arn.qualifier, qualifier != "$LATEST" else {
            let draft = "\(arn.name):$LATEST"
            if functions[draft] != nil { return draft }
            return latestVersion(of: arn.name).map { "\(arn.name):\($0)" }
        }
        let key = "\(arn.name):\(qualifier)"
        if functions[key] != nil { return key }
        return aliases[key].map { alias in
            "\(alias.function):\(FunctionVersion.text(of: alias.drawVersion()))"
        }
    }

    /// How many environments each version (`name:version`) has to have ready.
    ///
    /// Those of an alias are its main version's.
    package var provisionedEnvironments: [String: Int] {
        var counts: [String: Int] = [:]
        for (function, settings) in functionSettings {
            for (qualifier, count) in settings.provisionedConcurrency {
                var key = "\(function):\(qualifier)"
                if let alias = aliases[key] {
                    key = "\(function):\(FunctionVersion.text(of: alias.version))"
                }
                if functions[key] != nil { counts[key, default: 0] += count }
            }
        }
        return counts
    }

    /// The highest version number of a function; nil for an unknown name.
    package func latestVersion(of name: String) -> Int? {
        latest[name] ?? functions.values.filter { $0.name == name }.map(\.version).max()
    }

    /// Whether the policy of exactly the function, version or alias that a reference names covers a call.
    package func permits(_ call: FunctionCall, toInvoke reference: String) -> Bool {
        guard let arn = FunctionARN(reference) else { return false }
        let qualifier = arn.qualifier == "$LATEST" ? "" : arn.qualifier ?? ""
        let policy = permissions["\(arn.name):\(qualifier)"] ?? [:]
        return policy.values.contains { $0.allows(call) }
    }
}

/// A thing of the registry that can be put or deleted.
package enum Resource: Sendable, Codable, Hashable {
    case function(FunctionVersion)
    case alias(FunctionAlias)
    case distribution(Distribution)
    case cachePolicy(CachePolicy)
    case originRequestPolicy(OriginRequestPolicy)
    case responseHeadersPolicy(ResponseHeadersPolicy)
    case publicKey(PublicKey)
    case keyGroup(KeyGroup)
    case originAccessControl(OriginAccessControl)
    case loadBalancer(LoadBalancer)
    case targetGroup(TargetGroup)
    case api(HTTPAPI)
    case domain(GatewayDomain)
    case restAPI(RESTAPI)
    case usagePlan(UsagePlan)
    case webSocketAPI(WebSocketAPI)
    case bucket(name: String, folder: String)
    case originOverride(domainName: String, url: String)
    case permission(FunctionPermission)
    case functionSettings(FunctionSettings)
    /// What an AWS API remembers of a resource; `id` is `service/kind/id`, the document is JSON.
    case record(id: String, document: String)
    case location(block: String, facts: String)

    /// Kind and id, unique in a snapshot.
    package var key: String {
        switch self {
        case .function(let version): "function/\(version.qualifiedName)"
        case .alias(let alias): "alias/\(alias.function):\(alias.name)"
        case .distribution(let distribution): "distribution/\(distribution.id)"
        case .cachePolicy(let policy): "cache-policy/\(policy.id)"
        case .originRequestPolicy(let policy): "origin-request-policy/\(policy.id)"
        case .responseHeadersPolicy(let policy): "response-headers-policy/\(policy.id)"
        case .publicKey(let key): "public-key/\(key.id)"
        case .keyGroup(let group): "key-group/\(group.id)"
        case .originAccessControl(let control): "origin-access-control/\(control.id)"
        case .loadBalancer(let balancer): "load-balancer/\(balancer.arn)"
        case .targetGroup(let group): "target-group/\(group.arn)"
        case .api(let api): "api/\(api.id)"
        case .domain(let domain): "domain/\(domain.name)"
        case .restAPI(let api): "rest-api/\(api.id)"
        case .usagePlan(let plan): "usage-plan/\(plan.id)"
        case .webSocketAPI(let api): "websocket-api/\(api.id)"
        case .bucket(let name, _): "bucket/\(name)"
        case .originOverride(let domainName, _): "origin-override/\(domainName)"
        case .permission(let statement):
            "permission/\(statement.policyKey)/\(statement.statementID)"
        case .functionSettings(let settings): "function-settings/\(settings.function)"
        case .record(let id, _): "record/\(id)"
        case .location(let block, _): "location/\(block)"
        }
    }
}

/// One step from a revision to the next; a revision may hold several.
package enum Change: Sendable, Codable, Hashable {
    case put(Resource)
    /// Removes the resource of this key.
    case delete(String)
    /// Forgets which version numbers a deleted function had, so that its name starts at 1 again.
    case resetVersions(function: String)
}

extension Snapshot {
    /// The snapshot after these changes, at the given revision.
    package func applying(_ changes: [Change], revision: Int) -> Snapshot {
        var next = self
        next.revision = revision
        for change in changes {
            switch change {
            case .put(let resource): next.put(resource)
            case .delete(let key): next.delete(key)
            case .resetVersions: break
            }
        }
        return next
    }

    private mutating func put(_ resource: Resource) {
        switch resource {
        case .function(let version):
            functions[version.qualifiedName] = version
            latest[version.name] = max(latest[version.name] ?? 0, version.version)
        case .alias(let alias): aliases["\(alias.function):\(alias.name)"] = alias
        case .distribution(let distribution): distributions[distribution.id] = distribution
        case .cachePolicy(let policy): cachePolicies[policy.id] = policy
        case .originRequestPolicy(let policy): originRequestPolicies[policy.id] = policy
        case .responseHeadersPolicy(let policy): responseHeadersPolicies[policy.id] = policy
        case .publicKey(let key): publicKeys[key.id] = key
        case .keyGroup(let group): keyGroups[group.id] = group
        case .originAccessControl(let control): originAccessControls[control.id] = control
        case .loadBalancer(let balancer): loadBalancers[balancer.arn] = balancer
        case .targetGroup(let group): targetGroups[group.arn] = group
        case .api(let api): apis[api.id] = api
        case .domain(let domain): domains[domain.name] = domain
        case .restAPI(let api): restAPIs[api.id] = api
        case .usagePlan(let plan): usagePlans[plan.id] = plan
        case .webSocketAPI(let api): webSocketAPIs[api.id] = api
        case .bucket(let name, let folder): buckets[name] = folder
        case .originOverride(let domainName, let url): originOverrides[domainName] = url
        case .permission(let statement):
            permissions[statement.policyKey, default: [:]][statement.statementID] = statement
        case .functionSettings(let settings): functionSettings[settings.function] = settings
        case .record(let id, let document): records[id] = document
        case .location(let block, let facts): locations[block] = facts
        }
    }

    private mutating func delete(_ key: String) {
        guard let slash = key.firstIndex(of: "/") else { return }
        let id = String(key[key.index(after: slash)...])
        switch key[..<slash] {
        case "function": removeFunction(id)
        case "alias": aliases[id] = nil
        case "distribution": distributions[id] = nil
        case "cache-policy": cachePolicies[id] = nil
        case "origin-request-policy": originRequestPolicies[id] = nil
        case "response-headers-policy": responseHeadersPolicies[id] = nil
        case "public-key": publicKeys[id] = nil
        case "key-group": keyGroups[id] = nil
        case "origin-access-control": originAccessControls[id] = nil
        case "load-balancer": loadBalancers[id] = nil
        case "target-group": targetGroups[id] = nil
        case "api": apis[id] = nil
        case "domain": domains[id] = nil
        case "rest-api": restAPIs[id] = nil
        case "usage-plan": usagePlans[id] = nil
        case "websocket-api": webSocketAPIs[id] = nil
        case "bucket": buckets[id] = nil
        case "origin-override": originOverrides[id] = nil
        case "permission":
            guard let slash = id.lastIndex(of: "/") else { return }
            let policy = String(id[..<slash])
            permissions[policy]?[String(id[id.index(after: slash)...])] = nil
            if permissions[policy]?.isEmpty ?? false { permissions[policy] = nil }
        case "function-settings": functionSettings[id] = nil
        case "record": records[id] = nil
        case "location": locations[id] = nil
        default: break
        }
    }

    private mutating func removeFunction(_ key: String) {
        guard let name = functions.removeValue(forKey: key)?.name else { return }
        latest[name] = nil
        latest[name] = latestVersion(of: name)
    }
}

extension Snapshot {
    /// Everything in the snapshot as resources, in no particular order.
    package var resources: [Resource] {
        var all = functions.values.map(Resource.function) + aliases.values.map(Resource.alias)
        all += distributions.values.map(Resource.distribution) + edgeResources
        all += loadBalancers.values.map(Resource.loadBalancer)
        all += targetGroups.values.map(Resource.targetGroup)
        all += apis.values.map(Resource.api)
        all += domains.values.map(Resource.domain)
        all += restAPIs.values.map(Resource.restAPI)
        all += usagePlans.values.map(Resource.usagePlan)
        all += webSocketAPIs.values.map(Resource.webSocketAPI)
        all += buckets.map { .bucket(name: $0.key, folder: $0.value) }
        all += originOverrides.map { .originOverride(domainName: $0.key, url: $0.value) }
        all += permissions.values.flatMap(\.values).map(Resource.permission)
        all += functionSettings.values.map(Resource.functionSettings)
        all += records.map { .record(id: $0.key, document: $0.value) }
        all += locations.map { .location(block: $0.key, facts: $0.value) }
        return all
    }
}

extension Snapshot {
    private var edgeResources: [Resource] {
        cachePolicies.values.map(Resource.cachePolicy)
            + originRequestPolicies.values.map(Resource.originRequestPolicy)
            + responseHeadersPolicies.values.map(Resource.responseHeadersPolicy)
            + publicKeys.values.map(Resource.publicKey) + keyGroups.values.map(Resource.keyGroup)
            + originAccessControls.values.map(Resource.originAccessControl)
    }

    /// A distribution with its policies as they are now, or nil when there is none of this id.
    package func resolvedDistribution(_ id: String) -> Distribution? {
        guard var result = distributions[id] else { return nil }
        for index in result.origins.indices {
            let control = result.origins[index].originAccessControlID
            result.origins[index].accessControl = originAccessControls[control]
        }
        for index in result.behaviors.indices {
            let behavior = result.behaviors[index]
            if let policy = cachePolicies[behavior.cachePolicy.id] {
                result.behaviors[index].cachePolicy = policy
            }
            if let id = behavior.originRequestPolicy?.id, let policy = originRequestPolicies[id] {
                result.behaviors[index].originRequestPolicy = policy
            }
            if let id = behavior.responseHeadersPolicy?.id,
                let policy = responseHeadersPolicies[id]
            {
                result.behaviors[index].responseHeadersPolicy = policy
            }
        }
        return result
    }

    /// The buckets, by their hosts' names in lower case, that answer only to who proves to be a distribution:
    /// those that some origin reaches by an access control or access identity.
    ///
    /// Source: "Restrict access to an Amazon S3 origin".
    package var privateBuckets: Set<String> {
        Set(
            distributions.values.flatMap(\.origins)
                .filter { $0.isS3 }
                .filter { !$0.originAccessControlID.isEmpty || !$0.originAccessIdentity.isEmpty }
                .map { $0.domainName.lowercased() }
        )
    }

    /// The public keys that may have signed for a behaviour, by id; nil when anyone may ask.
    package func signers(of behavior: CacheBehavior) -> [String: PublicKey]? {
        guard !behavior.trustedKeyGroups.isEmpty else { return nil }
        var keys: [String: PublicKey] = [:]
        for id in behavior.trustedKeyGroups.flatMap({ keyGroups[$0]?.keys ?? [] }) {
            keys[id] = publicKeys[id]
        }
        return keys
    }
}

extension Snapshot {
    /// A function URL with what it invokes: `name`, or `name:alias`.
    package typealias PlacedURL = (url: FunctionURL, function: String)

    /// All function URLs by their ids.
    package var functionURLs: [String: PlacedURL] {
        var result: [String: PlacedURL] = [:]
        for (name, settings) in functionSettings {
            for (qualifier, url) in settings.urls {
                result[url.id] = (url, qualifier == "$LATEST" ? name : "\(name):\(qualifier)")
            }
        }
        return result
    }
}
