import Crypto
import Foundation
import Model
import Testing

@testable import Templates

/// A template that keeps to a rule of a distribution's configuration, and the change that breaks it.
struct ConfigurationPair: Sendable, CustomTestStringConvertible {
    var rule: DistributionRule
    var text: String
    var good: String
    var bad: String
    var testDescription: String { "\(rule.rawValue): \(bad.prefix(60))" }

    init(_ rule: DistributionRule, in text: String, _ good: String, _ bad: String) {
        self.rule = rule
        self.text = text
        self.good = good
        self.bad = bad
    }

    /// The stack of all policies.
    private static let whole = DistributionMappingTests.stack

    /// A stack with a function of each kind at the hooks of one behaviour.
    private static let hooks = """
        Resources:
          Role:
            Type: AWS::IAM::Role
            Properties:
              AssumeRolePolicyDocument:
                Statement:
                  Effect: Allow
                  Principal: { Service: [lambda.amazonaws.com, edgelambda.amazonaws.com] }
                  Action: sts:AssumeRole
          Hook:
            Type: AWS::Lambda::Function
            Properties:
              FunctionName: hook
              Runtime: nodejs22.x
              Handler: index.handler
              Role: !GetAtt Role.Arn
              Timeout: 30
              Architectures: [x86_64]
              Code: { ZipFile: '1' }
          HookVersion: { Type: AWS::Lambda::Version, Properties: { FunctionName: !Ref Hook } }
        \(ViewerFunctionTests.function())
        \(ViewerFunctionTests.site(associations))
        """

    private static let associations = """
                  FunctionAssociations:
                    - { EventType: viewer-request, FunctionARN: !Ref Rewrite }
                    - { EventType: viewer-response, FunctionARN: !Ref Rewrite }
                  LambdaFunctionAssociations:
                    - { EventType: origin-request, LambdaFunctionARN: !Ref HookVersion, IncludeBody: true }
                    - { EventType: origin-response, LambdaFunctionARN: !Ref HookVersion }

        """

    private static let staged =
        "Resources:\n"
        + StagingTests.distribution("Site", "ContinuousDeploymentPolicyId: !Ref Policy")
        + StagingTests.distribution("Staging", "Staging: true")
        + StagingTests.policy("{ Type: SingleWeight, SingleWeightConfig: { Weight: 0.15 } }")

    private static let logged =
        "Resources:\n"
        + StagingTests.distribution("Site", "Logging: { Bucket: logs.s3.amazonaws.com }")

    private static let authenticated = """
        Metadata: { Portico: { Buckets: { trust: ./trust } } }
        Resources:
          Store:
            Type: AWS::CloudFront::TrustStore
            Properties:
              Name: store
              CaCertificatesBundleSource:
                CaCertificatesBundleS3Location: { Bucket: trust, Key: ca.pem, Region: us-east-1 }
        \(StagingTests.distribution(
            "Site",
            "ViewerMtlsConfig: { Mode: optional, TrustStoreConfig: { TrustStoreId: !Ref Store } }"
        ).replacingOccurrences(of: "allow-all", with: "https-only"))
        """

    private static let realTime = """
        Resources:
          Log:
            Type: AWS::CloudFront::RealtimeLogConfig
            Properties:
              Name: log
              SamplingRate: 100
              Fields: [timestamp, c-ip]
              EndPoints:
                - StreamType: Kinesis
                  KinesisStreamConfig: { RoleArn: 'arn:aws:iam::1:role/r', StreamArn: 'arn:aws:kinesis:us-east-1:1:stream/s' }
        \(ViewerFunctionTests.site("          RealtimeLogConfigArn: !Ref Log"))
        """

    private static let logs: [ConfigurationPair] = [
        ConfigurationPair(.realTimeLog, in: realTime, "SamplingRate: 100", "SamplingRate: 0"),
        ConfigurationPair(.realTimeLog, in: realTime, "c-ip]", "ip]"),
        ConfigurationPair(.realTimeLog, in: realTime, "StreamType: Kinesis", "StreamType: Other"),
        ConfigurationPair(.realTimeLog, in: realTime, "!Ref Log", "nobody"),
    ]

    static let all: [ConfigurationPair] = functions + distributions + trust + logs

    private static let trust: [ConfigurationPair] = [
        ConfigurationPair(.trustStore, in: authenticated, "Key: ca.pem", "Key: none.pem"),
        ConfigurationPair(.trustStore, in: authenticated, "Key: ca.pem", "Key: ../ca.pem"),
        ConfigurationPair(.viewerAuthentication, in: authenticated, "https-only", "allow-all"),
        ConfigurationPair(
            .viewerAuthentication,
            in: authenticated,
            "TrustStoreId: !Ref Store",
            "TrustStoreId: nobody"
        ),
        ConfigurationPair(
            .viewerAuthentication,
            in: authenticated,
            ", TrustStoreConfig: { TrustStoreId: !Ref Store }",
            ""
        ),
        ConfigurationPair(
            .viewerAuthentication,
            in: authenticated,
            "        Enabled: true",
            "        Enabled: true\n        HttpVersion: http3"
        ),
    ]

    private static let functions: [ConfigurationPair] = [
        ConfigurationPair(
            .functionVersion,
            in: hooks,
            "origin-request, LambdaFunctionARN: !Ref HookVersion",
            "origin-request, LambdaFunctionARN: !GetAtt Hook.Arn"
        ),
        ConfigurationPair(
            .functionRegion,
            in: hooks,
            "origin-request, LambdaFunctionARN: !Ref HookVersion",
            "origin-request, LambdaFunctionARN: 'arn:aws:lambda:eu-west-1:123456789012:function:hook:1'"
        ),
        ConfigurationPair(
            .functionUnknown,
            in: hooks,
            "origin-request, LambdaFunctionARN: !Ref HookVersion",
            "origin-request, LambdaFunctionARN: 'arn:aws:lambda:us-east-1:123456789012:function:no:1'"
        ),
        ConfigurationPair(
            .functionRole,
            in: hooks,
            "[lambda.amazonaws.com, edgelambda.amazonaws.com]",
            "[lambda.amazonaws.com]"
        ),
        ConfigurationPair(
            .functionEnvironment,
            in: hooks,
            "Timeout: 30",
            "Environment: {Variables: {A: b}}"
        ), ConfigurationPair(.functionTimeout, in: hooks, "Timeout: 30", "Timeout: 31"),
        ConfigurationPair(.functionRuntime, in: hooks, "nodejs22.x", "provided.al2023"),
        ConfigurationPair(.functionFeature, in: hooks, "[x86_64]", "[arm64]"),
        ConfigurationPair(
            .functionBody,
            in: hooks,
            "origin-response, LambdaFunctionARN: !Ref HookVersion",
            "origin-response, LambdaFunctionARN: !Ref HookVersion, IncludeBody: true"
        ),
        ConfigurationPair(
            .functionEventTwice,
            in: hooks,
            "EventType: origin-response, Lambda",
            "EventType: origin-request, Lambda"
        ),
        ConfigurationPair(
            .viewerFunctionEvent,
            in: hooks,
            "EventType: viewer-response, Function",
            "EventType: origin-response, Function"
        ),
        ConfigurationPair(
            .viewerFunctionMixed,
            in: hooks,
            "EventType: origin-response, Lambda",
            "EventType: viewer-response, Lambda"
        ),
        ConfigurationPair(
            .viewerFunctionStage,
            in: hooks,
            "AutoPublish: true",
            "AutoPublish: false"
        ),
    ]

    private static let long = String(repeating: "v", count: 1_784)

    private static let distributions: [ConfigurationPair] = [
        ConfigurationPair(
            .allowedMethods,
            in: whole,
            "AllowedMethods: [GET, HEAD, OPTIONS]",
            "AllowedMethods: [GET]"
        ),
        ConfigurationPair(
            .cachedMethods,
            in: whole,
            "CachedMethods: [GET, HEAD, OPTIONS]",
            "CachedMethods: [POST]"
        ), ConfigurationPair(.pathPattern, in: whole, "PathPattern: /old/*", "PathPattern: '/a#'"),
        ConfigurationPair(
            .grpc,
            in: whole.replacingOccurrences(
                of: "PathPattern: /old/*",
                with: "PathPattern: /old/*\n"
                    + "            AllowedMethods: [GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE]\n"
                    + "            GrpcConfig: {Enabled: true}"
            ),
            "AllowedMethods: [GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE]",
            "AllowedMethods: [GET, HEAD]"
        ),
        ConfigurationPair(
            .originPath,
            in: whole,
            "DomainName: two.example.com",
            "DomainName: two.example.com\n            OriginPath: production/"
        ),
        ConfigurationPair(
            .originSetting,
            in: whole,
            "OriginReadTimeout: 20",
            "OriginReadTimeout: 121"
        ),
        ConfigurationPair(
            .originSetting,
            in: whole,
            "ResponseCompletionTimeout: 60",
            "ResponseCompletionTimeout: 5"
        ), ConfigurationPair(.originHeader, in: whole, "HeaderName: X-Key", "HeaderName: Cookie"),
        ConfigurationPair(
            .originTarget,
            in: whole,
            "TargetOriginId: both",
            "TargetOriginId: none"
        ),
        ConfigurationPair(
            .accessControl,
            in: whole,
            "OriginAccessControlId: !GetAtt Control.Id",
            "OriginAccessControlId: nobody"
        ),
        ConfigurationPair(
            .accessControl,
            in: whole,
            "OriginAccessControlOriginType: s3",
            "OriginAccessControlOriginType: lambda"
        ),
        ConfigurationPair(
            .accessControl,
            in: whole,
            "OriginAccessIdentity: ''",
            "OriginAccessIdentity: origin-access-identity/cloudfront/E1"
        ),
        ConfigurationPair(
            .originShield,
            in: whole.replacingOccurrences(
                of: "ResponseCompletionTimeout: 60",
                with: "OriginShield: {Enabled: true, OriginShieldRegion: eu-west-1}"
            ),
            ", OriginShieldRegion: eu-west-1",
            ""
        ), ConfigurationPair(.originGroup, in: whole, "Items: [500, 503]", "Items: [500, 401]"),
        ConfigurationPair(
            .rootObject,
            in: whole,
            "DefaultRootObject: index.html",
            "DefaultRootObject: /index.html"
        ), ConfigurationPair(.errorPage, in: whole, "ErrorCode: 404", "ErrorCode: 401"),
        ConfigurationPair(.policyConflict, in: whole, "Compress: true", "MinTTL: 5"),
        ConfigurationPair(.policyTime, in: whole, "MinTTL: 5\n", "MinTTL: 5000\n"),
        ConfigurationPair(.policyHeader, in: whole, "Headers: [X-A]", "Headers: [Cookie]"),
        ConfigurationPair(.removedHeader, in: whole, "Header: Server", "Header: Via"),
        ConfigurationPair(.publicKey, in: whole, "MFkwEwYHKoZIzj0CAQ", "MFkwEwYHKoZIzj0CAX"),
        ConfigurationPair(.country, in: whole, "Locations: [DE, FR]", "Locations: [de]"),
        ConfigurationPair(.logging, in: logged, "logs.s3.amazonaws.com", "logs"),
        ConfigurationPair(.staging, in: staged, "Weight: 0.15", "Weight: 0.16"),
        ConfigurationPair(
            .quantity,
            in: whole,
            "{Quantity: 2, Items: [500",
            "{Quantity: 3, Items: [500"
        ),
        ConfigurationPair(
            .quota,
            in: whole,
            "OriginCustomHeaders: [",
            "OriginCustomHeaders: [{HeaderName: X-Long, HeaderValue: \(long)}, "
        ),
    ]
}

@Suite("Every rule of the configuration has a pair")
struct ConfigurationRuleTests {
    private func errors(_ text: String) throws -> [String] {
        let base =
            FileManager.default.temporaryDirectory.path
            + "/portico-pair-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: base) }
        if text.contains("trust: ./trust") {
            _ = try LocalAuthority(directory: base + "/trust") { _ in false }
            try "nothing\n".write(
                toFile: base + "/trust/none.pem",
                atomically: true,
                encoding: .utf8
            )
        }
        let plan = try compiled(text, base: base)
        let mapped = plan.resources(versions: [:]).diagnostics
        return (plan.diagnostics + mapped).filter { $0.severity == .error }.map(\.message)
    }

    @Test("a template keeps to the rule, one change breaks it", arguments: ConfigurationPair.all)
    func pair(_ pair: ConfigurationPair) throws {
        #expect(try errors(pair.text) == [])
        let text = pair.text.replacingOccurrences(of: pair.good, with: pair.bad)
        #expect(text != pair.text)
        let found = try errors(text)
        #expect(found.contains { $0.hasSuffix("[\(pair.rule.rawValue)]") }, "\(found)")
    }

    @Test("no rule of the catalogue is without its pair")
    func complete() {
        let paired = Set(ConfigurationPair.all.map(\.rule.rawValue))
        let rules = Rules.all.map(\.id).filter { $0.hasPrefix("config.") }
        #expect(Set(rules).subtracting(paired).sorted() == [])
    }
}
