/// AWS's managed policies by id.
///
/// Source: "Use managed cache policies", "Use managed origin request policies", "Use managed response headers policies".
package enum ManagedPolicies {
    /// The cache policies.
    package static let cache: [String: CachePolicy] = byID([
        .cachingOptimized, .cachingDisabled, uncompressed, amplify, mediaPackage, originControlled,
        originControlledWithQueries,
    ])

    /// The origin request policies.
    package static let originRequest: [String: OriginRequestPolicy] = byID(originRequestRows)

    /// The response headers policies.
    package static let responseHeaders: [String: ResponseHeadersPolicy] = byID(responseHeaderRows)

    private static func byID<Policy: ManagedPolicy>(_ all: [Policy]) -> [String: Policy] {
        Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0) })
    }

    // MARK: Cache policies

    private static let uncompressed: CachePolicy = {
        var policy = CachePolicy(id: "b2884449-e4de-46a7-ac36-70bc7f1ddd6d")
        policy.name = "Managed-CachingOptimizedForUncompressedObjects"
        policy.minTTL = 1
        return policy
    }()

    private static let amplify: CachePolicy = {
        var policy = CachePolicy(id: "2e54312d-136d-493c-8eb9-b001f22f67d2")
        policy.name = "Managed-Amplify"
        policy.minTTL = 2
        policy.defaultTTL = 2
        policy.maxTTL = 600
        policy.headers = .only(["Authorization", "CloudFront-Viewer-Country", "Host"])
        policy.cookies = .all
        policy.queryStrings = .all
        policy.acceptsGzip = true
        policy.acceptsBrotli = true
        return policy
    }()

    private static let mediaPackage: CachePolicy = {
        var policy = CachePolicy(id: "08627262-05a9-4f76-9ded-b50ca2e3a84f")
        policy.name = "Managed-Elemental-MediaPackage"
        policy.headers = .only(["Origin"])
        policy.queryStrings = .only(["aws.manifestfilter", "start", "end", "m"])
        policy.acceptsGzip = true
        return policy
    }()

    private static let originControlled: CachePolicy = {
        var policy = CachePolicy(id: "83da9c7e-98b4-4e11-a168-04f0df8e2c65")
        policy.name = "Managed-UseOriginCacheControlHeaders"
        policy.defaultTTL = 0
        policy.headers = .only([
            "Host", "Origin", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override",
        ])
        policy.cookies = .all
        policy.acceptsGzip = true
        policy.acceptsBrotli = true
        return policy
    }()

    private static let originControlledWithQueries: CachePolicy = {
        var policy = originControlled
        policy.id = "4cc15a8a-d715-48a4-82b8-cc0b614638fe"
        policy.name = "Managed-UseOriginCacheControlHeaders-QueryStrings"
        policy.queryStrings = .all
        return policy
    }()

    // MARK: Origin request policies

    private static let crossOrigin = [
        "Origin", "Access-Control-Request-Headers", "Access-Control-Request-Method",
    ]

    /// The headers of CloudFront that were known in June 2022.
    package static let cloudFrontHeaders2022 = [
        "CloudFront-Forwarded-Proto", "CloudFront-Is-Android-Viewer",
        "CloudFront-Is-Desktop-Viewer", "CloudFront-Is-IOS-Viewer", "CloudFront-Is-Mobile-Viewer",
        "CloudFront-Is-SmartTV-Viewer", "CloudFront-Is-Tablet-Viewer", "CloudFront-Viewer-Address",
        "CloudFront-Viewer-ASN", "CloudFront-Viewer-City", "CloudFront-Viewer-Country",
        "CloudFront-Viewer-Country-Name", "CloudFront-Viewer-Country-Region",
        "CloudFront-Viewer-Country-Region-Name", "CloudFront-Viewer-Http-Version",
        "CloudFront-Viewer-Latitude", "CloudFront-Viewer-Longitude",
        "CloudFront-Viewer-Metro-Code", "CloudFront-Viewer-Postal-Code",
        "CloudFront-Viewer-Time-Zone", "CloudFront-Viewer-TLS",
    ]

    private static let originRequestRows: [OriginRequestPolicy] = [
        row("216adef6-5c7f-47e4-b989-5492eafa07d3", "AllViewer", .all, .all, .all),
        row(
            "33f36d7e-f396-46d9-90e0-52428a34d9dc",
            "AllViewerAndCloudFrontHeaders-2022-06",
            .all,
            .all,
            .all,
            added: cloudFrontHeaders2022
        ),
        row(
            "b689b0a8-53d0-40ab-baf2-68738e2966ac",
            "AllViewerExceptHostHeader",
            .allExcept(["Host"]),
            .all,
            .all,
            added: cloudFrontHeaders2022
        ),
        row("59781a5b-3903-41f3-afcb-af62929ccde1", "CORS-CustomOrigin", .only(["Origin"])),
        row("88a5eaf4-2fd4-4709-b370-b4c650ea3fcf", "CORS-S3Origin", .only(crossOrigin)),
        row(
            "775133bc-15f2-49f9-abea-afb2e0bf67d2",
            "Elemental-MediaTailor-PersonalizedManifests",
            .only(crossOrigin + ["User-Agent", "X-Forwarded-For"]),
            .none,
            .all
        ),
        row("bf0718e1-ba1e-49d1-88b1-f726733018ae", "HostHeaderOnly", .only(["Host"])),
        row(
            "acba4595-bd28-49b8-b9fe-13317c0390fa",
            "UserAgentRefererHeaders",
            .only(["User-Agent", "Referer"])
        ),
    ]

    private static func row(
        _ id: String,
        _ name: String,
        _ headers: Selection,
        _ cookies: Selection = .none,
        _ queryStrings: Selection = .none,
        added: [String] = []
    ) -> OriginRequestPolicy {
        var policy = OriginRequestPolicy(id: id)
        policy.name = "Managed-" + name
        policy.headers = headers
        policy.addedHeaders = added
        policy.cookies = cookies
        policy.queryStrings = queryStrings
        return policy
    }

    // MARK: Response headers policies

    private static let simple: ResponseHeadersPolicy.CORS = {
        var cors = ResponseHeadersPolicy.CORS()
        cors.allowOrigins = ["*"]
        return cors
    }()

    private static let preflight: ResponseHeadersPolicy.CORS = {
        var cors = simple
        cors.allowMethods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
        cors.exposeHeaders = ["*"]
        return cors
    }()

    private static let security: [ResponseHeadersPolicy.Field] = [
        .init("X-XSS-Protection", "1; mode=block", overridesOrigin: false),
        .init("X-Frame-Options", "SAMEORIGIN", overridesOrigin: false),
        .init("Referrer-Policy", "strict-origin-when-cross-origin", overridesOrigin: false),
        .init("X-Content-Type-Options", "nosniff", overridesOrigin: true),
        .init("Strict-Transport-Security", "max-age=31536000", overridesOrigin: false),
    ]

    private static let responseHeaderRows: [ResponseHeadersPolicy] = [
        row("60669652-455b-4ae9-85a4-c4c02393f86c", "SimpleCORS", simple, []),
        row("5cc3b908-e619-4b99-88e5-2cf7f45965bd", "CORS-With-Preflight", preflight, []),
        row("67f7725c-6f97-4210-82d7-5512b31e9d03", "SecurityHeadersPolicy", nil, security),
        row(
            "e61eb60c-9c35-4d20-a928-2b84e02af89c",
            "CORS-and-SecurityHeadersPolicy",
            simple,
            security
        ),
        row(
            "eaab4381-ed33-4a86-88ca-d9558dc6cd63",
            "CORS-with-preflight-and-SecurityHeadersPolicy",
            preflight,
            security
        ),
    ]

    private static func row(
        _ id: String,
        _ name: String,
        _ cors: ResponseHeadersPolicy.CORS?,
        _ security: [ResponseHeadersPolicy.Field]
    ) -> ResponseHeadersPolicy {
        var policy = ResponseHeadersPolicy(id: id)
        policy.name = "Managed-" + name
        policy.cors = cors
        policy.security = security
        return policy
    }
}

/// A policy that AWS manages: it has an id.
private protocol ManagedPolicy { var id: String { get } }
extension CachePolicy: ManagedPolicy {}
extension OriginRequestPolicy: ManagedPolicy {}
extension ResponseHeadersPolicy: ManagedPolicy {}

extension CachePolicy {
    /// Managed-CachingOptimized.
    package static let cachingOptimized: CachePolicy = {
        var policy = CachePolicy(id: "658327ea-f89d-4fab-a63d-7e88639e58f6")
        policy.name = "Managed-CachingOptimized"
        policy.minTTL = 1
        policy.acceptsGzip = true
        policy.acceptsBrotli = true
        return policy
    }()

    /// Managed-CachingDisabled.
    package static let cachingDisabled: CachePolicy = {
        var policy = CachePolicy(id: "4135ea2d-6df8-44a3-9df3-4b5a84be39ad")
        policy.name = "Managed-CachingDisabled"
        policy.defaultTTL = 0
        policy.maxTTL = 0
        return policy
    }()
}
