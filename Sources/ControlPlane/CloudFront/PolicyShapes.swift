import JSON
import Model

/// Cache policies and origin request policies between the API and the edges.
enum PolicyShapes {
    // MARK: From the API

    static func cachePolicy(_ id: String, _ config: JSONValue) throws(APIError) -> CachePolicy {
        var policy = CachePolicy(id: id)
        policy.name = config["Name"]?.string ?? ""
        policy.comment = config["Comment"]?.string ?? ""
        policy.minTTL = config["MinTTL"]?.int ?? 0
        // A minimum beyond a default that was not given moves the default.
        policy.defaultTTL = config["DefaultTTL"]?.int ?? max(86_400, policy.minTTL)
        policy.maxTTL = config["MaxTTL"]?.int ?? max(31_536_000, policy.defaultTTL)
        guard policy.minTTL <= policy.defaultTTL, policy.defaultTTL <= policy.maxTTL else {
            throw CloudFrontService.argument(
                "The parameter MinTTL, DefaultTTL or MaxTTL is out of order: MinTTL must be at most "
                    + "DefaultTTL, and that at most MaxTTL."
            )
        }
        guard let key = config["ParametersInCacheKeyAndForwardedToOrigin"] else { return policy }
        policy.acceptsGzip = key["EnableAcceptEncodingGzip"]?.bool ?? false
        policy.acceptsBrotli = key["EnableAcceptEncodingBrotli"]?.bool ?? false
        policy.headers = try selection(key["HeadersConfig"], "Header", "Headers")
        policy.cookies = try selection(key["CookiesConfig"], "Cookie", "Cookies")
        policy.queryStrings = try selection(
            key["QueryStringsConfig"],
            "QueryString",
            "QueryStrings"
        )
        let isPlain =
            policy.headers == .none && policy.cookies == .none && policy.queryStrings == .none
            && !policy.acceptsGzip && !policy.acceptsBrotli
        guard isPlain || !policy.isCachingOff else {
            throw CloudFrontService.argument(
                "The parameter HeaderBehavior, CookieBehavior, QueryStringBehavior or "
                    + "EnableAcceptEncoding is invalid for policy with caching disabled."
            )
        }
        return policy
    }

    static func originRequestPolicy(
        _ id: String,
        _ config: JSONValue
    ) throws(APIError) -> OriginRequestPolicy {
        var policy = OriginRequestPolicy(id: id)
        policy.name = config["Name"]?.string ?? ""
        policy.comment = config["Comment"]?.string ?? ""
        let headers = config["HeadersConfig"]
        if headers?["HeaderBehavior"]?.string == "allViewerAndWhitelistCloudFront" {
            policy.headers = .all
            policy.addedHeaders = headers?["Headers"]?.texts ?? []
            guard !policy.addedHeaders.isEmpty else {
                throw CloudFrontService.argument("The parameter Headers is required.")
            }
        } else {
            policy.headers = try selection(headers, "Header", "Headers")
        }
        policy.cookies = try selection(config["CookiesConfig"], "Cookie", "Cookies")
        policy.queryStrings = try selection(
            config["QueryStringsConfig"],
            "QueryString",
            "QueryStrings"
        )
        return policy
    }

    /// `none`, `all` or `allViewer`, `whitelist` and `allExcept` with their names.
    private static func selection(
        _ config: JSONValue?,
        _ kind: String,
        _ member: String
    ) throws(APIError) -> Selection {
        let names = config?[member]?.texts ?? []
        switch config?["\(kind)Behavior"]?.string ?? "none" {
        case "all", "allViewer": return .all
        case "whitelist", "allExcept":
            guard !names.isEmpty else {
                throw CloudFrontService.argument("The parameter \(member) is required.")
            }
            let isOnly = config?["\(kind)Behavior"]?.string == "whitelist"
            return isOnly ? .only(names) : .allExcept(names)
        default:
            guard names.isEmpty else {
                throw CloudFrontService.argument(
                    "The parameter \(member) contains names, but \(kind)Behavior is none."
                )
            }
            return .none
        }
    }

    // MARK: To the API

    static func config(_ policy: CachePolicy) -> JSONValue {
        [
            "Comment": .string(policy.comment), "Name": .string(policy.name),
            "DefaultTTL": .integer(policy.defaultTTL), "MaxTTL": .integer(policy.maxTTL),
            "MinTTL": .integer(policy.minTTL),
            "ParametersInCacheKeyAndForwardedToOrigin": [
                "EnableAcceptEncodingGzip": .bool(policy.acceptsGzip),
                "EnableAcceptEncodingBrotli": .bool(policy.acceptsBrotli),
                "HeadersConfig": shape(policy.headers, "Header", "Headers"),
                "CookiesConfig": shape(policy.cookies, "Cookie", "Cookies"),
                "QueryStringsConfig": shape(policy.queryStrings, "QueryString", "QueryStrings"),
            ],
        ]
    }

    static func config(_ policy: OriginRequestPolicy) -> JSONValue {
        var headers = shape(policy.headers, "Header", "Headers", all: "allViewer")
        if !policy.addedHeaders.isEmpty {
            headers = [
                "HeaderBehavior": "allViewerAndWhitelistCloudFront",
                "Headers": CloudFrontService.list(policy.addedHeaders.map(JSONValue.string)),
            ]
        }
        return [
            "Comment": .string(policy.comment), "Name": .string(policy.name),
            "HeadersConfig": headers,
            "CookiesConfig": shape(policy.cookies, "Cookie", "Cookies"),
            "QueryStringsConfig": shape(policy.queryStrings, "QueryString", "QueryStrings"),
        ]
    }

    private static func shape(
        _ selection: Selection,
        _ kind: String,
        _ member: String,
        all: String = "all"
    ) -> JSONValue {
        var members = JSONObject()
        switch selection {
        case .none: members["\(kind)Behavior"] = "none"
        case .all: members["\(kind)Behavior"] = .string(all)
        case .only(let names):
            members["\(kind)Behavior"] = "whitelist"
            members[member] = CloudFrontService.list(names.map(JSONValue.string))
        case .allExcept(let names):
            members["\(kind)Behavior"] = "allExcept"
            members[member] = CloudFrontService.list(names.map(JSONValue.string))
        }
        return .object(members)
    }
}
