import Foundation
import Model
import Testing

@testable import Templates

@Suite("Distributions and their policies")
struct DistributionMappingTests {
    static let key = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEM5+l+v5BgW+7/DTug79sxR1jz8gz
        iKBlinaKQgCvl3S/XFFyP14zVRQrZZrZCGB6oRbmC/aBC87JhimFQcODPQ==
        -----END PUBLIC KEY-----
        """

    static let stack = """
        Metadata:
          Portico:
            Locations: {192.0.2.0/24: country=DE; city=Berlin}
        Resources:
          Cache:
            Type: AWS::CloudFront::CachePolicy
            Properties:
              CachePolicyConfig:
                Name: mine
                MinTTL: 5
                DefaultTTL: 50
                MaxTTL: 500
                ParametersInCacheKeyAndForwardedToOrigin:
                  EnableAcceptEncodingGzip: true
                  EnableAcceptEncodingBrotli: true
                  HeadersConfig: {HeaderBehavior: whitelist, Headers: [X-A]}
                  CookiesConfig: {CookieBehavior: allExcept, Cookies: [c]}
                  QueryStringsConfig: {QueryStringBehavior: all}
          Request:
            Type: AWS::CloudFront::OriginRequestPolicy
            Properties:
              OriginRequestPolicyConfig:
                Name: more
                HeadersConfig:
                  HeaderBehavior: allViewerAndWhitelistCloudFront
                  Headers: [CloudFront-Viewer-Country]
                CookiesConfig: {CookieBehavior: none}
                QueryStringsConfig: {QueryStringBehavior: none}
          Response:
            Type: AWS::CloudFront::ResponseHeadersPolicy
            Properties:
              ResponseHeadersPolicyConfig:
                Name: headers
                CorsConfig:
                  AccessControlAllowCredentials: false
                  AccessControlAllowHeaders: {Items: ['*']}
                  AccessControlAllowMethods: {Items: [ALL]}
                  AccessControlAllowOrigins: {Items: ['https://*.example.com']}
                  OriginOverride: true
                SecurityHeadersConfig:
                  StrictTransportSecurity:
                    {AccessControlMaxAgeSec: 60, IncludeSubdomains: true, Override: true}
                  XSSProtection: {Protection: true, ModeBlock: true, Override: false}
                CustomHeadersConfig: {Items: [{Header: X-C, Value: v, Override: false}]}
                RemoveHeadersConfig: {Items: [{Header: Server}]}
                ServerTimingHeadersConfig: {Enabled: true, SamplingRate: 50}
          Signer:
            Type: AWS::CloudFront::PublicKey
            Properties:
              PublicKeyConfig:
                Name: signer
                CallerReference: x
                EncodedKey: |
        KEY
          Signers:
            Type: AWS::CloudFront::KeyGroup
            Properties: {KeyGroupConfig: {Name: signers, Items: [!Ref Signer]}}
          Control:
            Type: AWS::CloudFront::OriginAccessControl
            Properties:
              OriginAccessControlConfig:
                Name: oac
                OriginAccessControlOriginType: s3
                SigningBehavior: always
                SigningProtocol: sigv4
          Site:
            Type: AWS::CloudFront::Distribution
            Properties:
              DistributionConfig:
                Enabled: true
                DefaultRootObject: index.html
                HttpVersion: http2
                ViewerCertificate: {CloudFrontDefaultCertificate: true}
                Restrictions:
                  GeoRestriction: {RestrictionType: blacklist, Locations: [DE, FR]}
                CustomErrorResponses:
                  - {ErrorCode: 404, ResponsePagePath: /404.html, ResponseCode: 404}
                Origins:
                  - Id: one
                    DomainName: site.s3.amazonaws.com
                    OriginAccessControlId: !GetAtt Control.Id
                    S3OriginConfig: {OriginAccessIdentity: ''}
                  - Id: two
                    DomainName: two.example.com
                    ResponseCompletionTimeout: 60
                    OriginCustomHeaders: [{HeaderName: X-Key, HeaderValue: k}]
                    CustomOriginConfig: {OriginProtocolPolicy: https-only, OriginReadTimeout: 20}
                OriginGroups:
                  Quantity: 1
                  Items:
                    - Id: both
                      FailoverCriteria: {StatusCodes: {Quantity: 2, Items: [500, 503]}}
                      Members: {Quantity: 2, Items: [{OriginId: one}, {OriginId: two}]}
                CacheBehaviors:
                  - PathPattern: /old/*
                    TargetOriginId: two
                    ViewerProtocolPolicy: allow-all
                    MinTTL: 1
                    ForwardedValues:
                      QueryString: true
                      QueryStringCacheKeys: [a]
                      Headers: [Accept]
                      Cookies: {Forward: whitelist, WhitelistedNames: ['s*']}
                DefaultCacheBehavior:
                  TargetOriginId: both
                  ViewerProtocolPolicy: redirect-to-https
                  AllowedMethods: [GET, HEAD, OPTIONS]
                  CachedMethods: [GET, HEAD, OPTIONS]
                  Compress: true
                  CachePolicyId: !Ref Cache
                  OriginRequestPolicyId: !Ref Request
                  ResponseHeadersPolicyId: !Ref Response
                  TrustedKeyGroups: [!Ref Signers]
        """.replacingOccurrences(
            of: "KEY",
            with: key.split(separator: "\n").map { "          " + $0 }.joined(separator: "\n")
        )

    /// Everything of a stack in a snapshot.
    private func snapshot(_ text: String) throws -> (Snapshot, [Diagnostic]) {
        let plan = try compiled(text)
        let (resources, mapped) = plan.resources(versions: [:])
        let snapshot = Snapshot().applying(resources.map { .put($0) }, revision: 1)
        return (snapshot, plan.diagnostics + mapped)
    }

    @Test("security policy and HTTP version are honoured, noted or refused")
    func protocols() throws {
        func mapped(_ certificate: String, _ version: String) throws -> (Distribution, [String]) {
            let text = Self.stack.replacing(
                "HttpVersion: http2\n",
                with: "HttpVersion: \(version)\n"
            ).replacing(
                "ViewerCertificate: {CloudFrontDefaultCertificate: true}",
                with: "ViewerCertificate: {\(certificate)}"
            )
            let (snapshot, diagnostics) = try snapshot(text)
            let site = try #require(snapshot.distributions.values.first)
            let said = diagnostics.filter {
                $0.path.hasSuffix("HttpVersion") || $0.path.hasSuffix("MinimumProtocolVersion")
            }
            return (site, said.map { "\($0.severity): \($0.message)" })
        }
        let named = "AcmCertificateArn: a, SslSupportMethod: sni-only, MinimumProtocolVersion: "
        let (strict, none) = try mapped(named + "TLSv1.2_2021", "http1.1")
        #expect(strict.securityPolicy == "TLSv1.2_2021" && strict.refusesHTTP2 == true)
        #expect(none == [])
        let (newest, said) = try mapped(named + "TLSv1.3_2025", "http2and3")
        #expect(newest.securityPolicy == "TLSv1.3_2025" && newest.refusesHTTP2 == nil)
        #expect(said.count == 2 && said.allSatisfy { $0.hasPrefix("note: ") }, "\(said)")
        let (standard, ignored) = try mapped(
            "CloudFrontDefaultCertificate: true, MinimumProtocolVersion: TLSv1.2_2021",
            "http2"
        )
        #expect(standard.securityPolicy == nil && ignored.count == 1)
        let (_, wrong) = try mapped(named + "TLSv1.4", "http2")
        #expect(wrong.count == 1 && wrong[0].hasPrefix("error: 'TLSv1.4' is not one of"))
    }

    @Test("a distribution with all policies is mapped without a complaint")
    func whole() throws {
        let (snapshot, diagnostics) = try snapshot(Self.stack)
        let complaints = diagnostics.filter { $0.severity != .note }
        #expect(complaints.map { "\($0.path): \($0.message)" } == [])
        let site = try #require(snapshot.distributions.values.first)
        let behavior = try #require(site.behaviors.last)
        #expect(behavior.cachePolicy.headers == .only(["X-A"]))
        #expect(behavior.cachePolicy.cookies == .allExcept(["c"]))
        #expect(behavior.cachePolicy.queryStrings == .all)
        #expect(behavior.cachePolicy.maxTTL == 500)
        #expect(behavior.originRequestPolicy?.headers == .all)
        #expect(behavior.originRequestPolicy?.addedHeaders == ["CloudFront-Viewer-Country"])
        let headers = try #require(behavior.responseHeadersPolicy)
        #expect(headers.cors?.allowOrigins == ["https://*.example.com"])
        #expect(
            headers.security.map(\.value) == ["1; mode=block", "max-age=60; includeSubDomains"]
        )
        #expect(headers.removed == ["Server"])
        #expect(headers.serverTimingRate == 50)
        #expect(snapshot.signers(of: behavior)?.values.map(\.name) == ["signer"])
        #expect(site.originGroups.first?.statusCodes == [500, 503])
        #expect(site.geoRestriction.countries == ["DE", "FR"])
        #expect(site.origins[0].originAccessControlID == snapshot.originAccessControls.keys.first)
        #expect(site.origins[1].responseCompletionTimeout == 60)
        let old = try #require(site.behaviors.first?.cachePolicy)
        #expect(old.isLegacy && old.queryStrings == .all && old.legacyQueryKeys == ["a"])
        #expect(old.cookies == .only(["s*"]))
        #expect(snapshot.locations == ["192.0.2.0/24": "country=DE; city=Berlin"])
    }

    @Test("a changed policy takes effect in every distribution that names it")
    func policiesAreShared() throws {
        var (snapshot, _) = try snapshot(Self.stack)
        let id = try #require(snapshot.distributions.keys.first)
        var policy = try #require(snapshot.cachePolicies.values.first)
        policy.minTTL = 7
        snapshot = snapshot.applying([.put(.cachePolicy(policy))], revision: 2)
        let resolved = try #require(snapshot.resolvedDistribution(id))
        #expect(resolved.behaviors.last?.cachePolicy.minTTL == 7)
    }

    @Test(
        "what breaks a rule of AWS is refused with the rule's id",
        arguments: [
            (
                "DefaultRootObject: index.html", "DefaultRootObject: /index.html",
                "config.root-object"
            ),
            ("ErrorCode: 404", "ErrorCode: 401", "config.error-page"),
            (", ResponseCode: 404", "", "config.error-page"),
            ("Items: [500, 503]", "Items: [500, 401]", "config.origin-group"),
            ("{OriginId: one}, ", "", "config.origin-group"),
            (
                "AllowedMethods: [GET, HEAD, OPTIONS]", "AllowedMethods: [GET]",
                "config.methods.allowed"
            ),
            (
                "CachedMethods: [GET, HEAD, OPTIONS]", "CachedMethods: [POST]",
                "config.methods.cached"
            ),
            ("PathPattern: /old/*", "PathPattern: '/old/#'", "config.path-pattern"),
            ("TargetOriginId: both", "TargetOriginId: none", "config.origin.target"),
            ("HeaderName: X-Key", "HeaderName: Cookie", "config.origin.header"),
            ("OriginReadTimeout: 20", "OriginReadTimeout: 121", "config.origin.range"),
            (
                "ResponseCompletionTimeout: 60", "ResponseCompletionTimeout: 5",
                "config.origin.range"
            ),
            ("Headers: [X-A]", "Headers: [Cookie]", "config.policy.header"),
            ("MinTTL: 5\n", "MinTTL: 5000\n", "config.policy.ttl"),
            ("Header: Server", "Header: Via", "config.response-headers.remove"),
            ("{Quantity: 2, Items: [500", "{Quantity: 3, Items: [500", "config.quantity"),
            ("Locations: [DE, FR]", "Locations: [de]", "config.country"),
            ("Compress: true", "MinTTL: 5", "config.policy.conflict"),
            ("MFkwEwYHKoZIzj0CAQ", "MFkwEwYHKoZIzj0CAX", "config.public-key"),
        ]
    )
    func refused(_ good: String, _ bad: String, _ rule: String) throws {
        let text = Self.stack.replacingOccurrences(of: good, with: bad)
        #expect(text != Self.stack)
        let (_, diagnostics) = try snapshot(text)
        let errors = diagnostics.filter { $0.severity == .error }
        #expect(errors.contains { $0.message.hasSuffix("[\(rule)]") }, "\(errors)")
    }

    @Test(
        "what is unknown is refused with a sentence",
        arguments: [
            (
                "CachePolicyId: !Ref Cache", "CachePolicyId: nobody",
                "nobody is neither a managed policy"
            ),
            ("Items: [!Ref Signer]", "Items: [nobody]", "there is no public key nobody"),
            (
                "TrustedKeyGroups: [!Ref Signers]", "TrustedSigners: [self]",
                "use TrustedKeyGroups"
            ),
            ("country=DE; city=Berlin", "planet=Mars", "something like country=DE"),
        ]
    )
    func unknown(_ good: String, _ bad: String, _ sentence: String) throws {
        let (_, diagnostics) = try snapshot(Self.stack.replacingOccurrences(of: good, with: bad))
        #expect(diagnostics.contains { $0.severity == .error && $0.message.contains(sentence) })
    }
}
