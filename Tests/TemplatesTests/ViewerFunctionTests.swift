import Crypto
import Foundation
import JSON
import Model
import Testing

@testable import Templates

/// CloudFront Functions and key-value stores in templates.
@Suite("CloudFront Functions in templates")
struct ViewerFunctionTests {
    static func function(_ id: String = "Rewrite", _ more: String = "AutoPublish: true") -> String {
        """
          \(id):
            Type: AWS::CloudFront::Function
            Properties:
              Name: \(id.lowercased())
              \(more)
              FunctionConfig: { Comment: c, Runtime: cloudfront-js-2.0 }
              FunctionCode: 'function handler(event) { return event.request }'

        """
    }

    static func site(_ associations: String) -> String {
        """
          Site:
            Type: AWS::CloudFront::Distribution
            Properties:
              DistributionConfig:
                Enabled: true
                Origins: [{ Id: o, DomainName: a.example, CustomOriginConfig: { OriginProtocolPolicy: http-only } }]
                DefaultCacheBehavior:
                  TargetOriginId: o
                  ViewerProtocolPolicy: allow-all
                  CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6
        \(associations)
        """
    }

    static func association(_ event: String = "viewer-request", of id: String = "Rewrite") -> String
    {
        "          FunctionAssociations: [{ EventType: \(event), FunctionARN: !Ref \(id) }]\n"
    }

    static func plan(_ parts: String..., base: String = "/srv") throws -> StackPlan {
        try compiled("Resources:\n" + parts.joined(), base: base)
    }

    static func record(_ plan: StackPlan, _ id: String) throws -> JSONValue {
        for case .record(let name, let document) in resources(plan) where name == id {
            return try JSONValue.parse(document)
        }
        return .null
    }

    @Test("a published function has both stages and stands at its event")
    func published() throws {
        let plan = try Self.plan(Self.function(), Self.site(Self.association()))
        #expect(plan.problems.isEmpty)
        let record = try Self.record(plan, "cloudfront/function/rewrite")
        #expect(record["Live"]?["Code"] == record["Development"]?["Code"])
        #expect(record["Live"]?["Config"]?["Runtime"] == "cloudfront-js-2.0")
        #expect(record["Live"]?["ETag"]?.string?.utf8.count == 14)
        let distribution = resources(plan).compactMap { resource in
            if case .distribution(let found) = resource { found } else { nil }
        }.first
        #expect(
            distribution?.behaviors.last?.viewerFunctions == [
                ViewerFunctionAssociation(
                    event: .viewerRequest,
                    arn: "arn:aws:cloudfront::123456789012:function/rewrite"
                )
            ]
        )
    }

    private static func connection(_ more: String = "AutoPublish: true") -> String {
        """
          Door:
            Type: AWS::CloudFront::ConnectionFunction
            Properties:
              Name: door
              \(more)
              ConnectionFunctionConfig: { Comment: c, Runtime: cloudfront-js-2.0 }
              ConnectionFunctionCode: 'function connectionHandler(connection) { connection.allow() }'
          Site:
            Type: AWS::CloudFront::Distribution
            Properties:
              DistributionConfig:
                Enabled: true
                Origins: [{ Id: o, DomainName: a.example, CustomOriginConfig: { OriginProtocolPolicy: http-only } }]
                DefaultCacheBehavior:
                  TargetOriginId: o
                  ViewerProtocolPolicy: https-only
                  CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6
                ViewerMtlsConfig: { Mode: passthrough }
                ConnectionFunctionAssociation: { Id: !Ref Door }
                CacheTagConfig: { HeaderName: X-Tags }

        """
    }

    @Test("a connection function and the field of cache tags stand at their distribution")
    func connections() throws {
        let plan = try Self.plan(Self.connection())
        #expect(plan.problems.isEmpty)
        let distribution = try #require(
            resources(plan).compactMap { resource in
                if case .distribution(let found) = resource { found } else { nil }
            }.first
        )
        let id = try #require(distribution.connectionFunctionID)
        let record = try Self.record(plan, ConnectionFunctionRecord.key(id))
        #expect(record["Name"] == "door" && record["Live"]?["Code"]?.string?.isEmpty == false)
        #expect(distribution.cacheTagHeader == "X-Tags")
        let bad = [
            Self.connection("AutoPublish: false"),
            Self.connection().replacing(
                "Runtime: cloudfront-js-2.0",
                with: "Runtime: cloudfront-js-1.0"
            ),
            Self.connection().replacing("ViewerMtlsConfig: { Mode: passthrough }", with: ""),
            Self.connection().replacing("Id: !Ref Door", with: "Id: nobody"),
            Self.connection().replacing("HeaderName: X-Tags", with: "HeaderName: 'not a name'"),
        ]
        for text in bad { #expect(try Self.plan(text).problems.isEmpty == false, "\(text)") }
    }

    @Test("a bucket's policy is kept with the bucket's name")
    func bucketPolicy() throws {
        let plan = try Self.plan(
            """
              Site: { Type: AWS::S3::Bucket, Properties: { BucketName: site-files } }
              Policy:
                Type: AWS::S3::BucketPolicy
                Properties:
                  Bucket: !Ref Site
                  PolicyDocument:
                    Statement:
                      - Effect: Allow
                        Principal: { Service: cloudfront.amazonaws.com }
                        Action: ['s3:GetObject', 's3:ListBucket']
                        Resource: [!Sub '${Site.Arn}/*', !GetAtt Site.Arn]

            """
        )
        #expect(plan.problems.isEmpty)
        let record = try Self.record(plan, BucketPolicyRecord.key("site-files"))
        #expect(record["Statement"]?[0]?["Resource"]?[1] == "arn:aws:s3:::site-files")
    }

    @Test(
        "associations that AWS refuses are refused by their rule",
        arguments: [
            (
                DistributionRule.viewerFunctionStage, function("Rewrite", "AutoPublish: false"),
                association()
            ),
            (.viewerFunctionEvent, function(), association("origin-request")),
            (
                .functionEventTwice, function(),
                "          FunctionAssociations:\n"
                    + "            - { EventType: viewer-request, FunctionARN: !Ref Rewrite }\n"
                    + "            - { EventType: viewer-request, FunctionARN: !Ref Rewrite }\n"
            ),
            (
                .viewerFunctionMixed, function() + functionText("Hook") + hookVersion,
                association("viewer-response")
                    + "          LambdaFunctionAssociations:\n"
                    + "            - { EventType: viewer-request, LambdaFunctionARN: !Ref HookVersion }\n"
            ),
        ]
    )
    func refused(rule: DistributionRule, functions: String, associations: String) throws {
        let plan = try Self.plan(functions, Self.site(associations))
        #expect(plan.messages.contains { $0.contains("[\(rule.rawValue)]") }, "\(plan.messages)")
    }

    static let hookVersion = """

          HookVersion:
            Type: AWS::Lambda::Version
            Properties: { FunctionName: !Ref Hook }

        """

    @Test("a function at viewer events stands beside Lambda at origin events")
    func mixed() throws {
        let associations =
            Self.association("viewer-response")
            + "          LambdaFunctionAssociations:\n"
            + "            - { EventType: origin-request, LambdaFunctionARN: !Ref HookVersion }\n"
        let plan = try Self.plan(
            Self.function(),
            functionText("Hook"),
            Self.hookVersion,
            Self.site(associations)
        )
        #expect(!plan.messages.contains { $0.contains("[config.") }, "\(plan.messages)")
    }

    @Test("code above 10 KB, unknown stores and strange names are errors")
    func errors() throws {
        let long = Self.function().replacing(
            "return event.request",
            with: String(repeating: "x", count: 10_241)
        )
        #expect(try Self.plan(long).messages.contains { $0.contains("10240 bytes") })
        let name = Self.function().replacing("Name: rewrite", with: "Name: re.write")
        #expect(try Self.plan(name).messages.contains { $0.contains("1 to 64 letters") })
        let store = Self.function().replacing(
            "Comment: c,",
            with:
                "Comment: c, KeyValueStoreAssociations: [{ KeyValueStoreARN: arn:aws:cloudfront::1:key-value-store/x }],"
        )
        #expect(try Self.plan(store).messages.contains { $0.contains("no key value store") })
    }

    @Test("a store takes its first pairs from a file of a bucket")
    func imported() throws {
        let folder =
            FileManager.default.temporaryDirectory.path + "/portico-kvs-\(UUID().uuidString)"
        let bucket = folder + "/buckets/data"
        try FileManager.default.createDirectory(atPath: bucket, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try #"{"data":[{"key":"a","value":"1"},{"key":"b","value":"2"}]}"#
            .write(toFile: bucket + "/pairs.json", atomically: true, encoding: .utf8)
        let text = """
              Store:
                Type: AWS::CloudFront::KeyValueStore
                Properties:
                  Name: store
                  ImportSource: { SourceType: S3, SourceArn: 'arn:aws:s3:::data/pairs.json' }

            """
        let function = Self.function().replacing(
            "Comment: c,",
            with:
                "Comment: c, KeyValueStoreAssociations: [{ KeyValueStoreARN: !GetAtt Store.Arn }],"
        )
        let plan = try Self.plan(text, function, base: folder)
        #expect(plan.problems.isEmpty, "\(plan.messages)")
        let record = try Self.record(plan, "cloudfront/key-value-store/store")
        #expect(record["Pairs"] == ["a": "1", "b": "2"])
        let missing = try Self.plan(text.replacing("pairs.json", with: "none.json"), base: folder)
        #expect(missing.messages.contains { $0.contains("no such file") })
    }
}
