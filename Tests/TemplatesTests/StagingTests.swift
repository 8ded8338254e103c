import JSON
import Model
import Testing

@testable import Templates

/// Continuous deployment and access logs in templates.
@Suite("Staging and logs in templates")
struct StagingTests {
    static func distribution(_ id: String, _ more: String) -> String {
        """
          \(id):
            Type: AWS::CloudFront::Distribution
            Properties:
              DistributionConfig:
                Enabled: true
                \(more)
                Origins: [{ Id: o, DomainName: a.example, CustomOriginConfig: { OriginProtocolPolicy: http-only } }]
                DefaultCacheBehavior:
                  TargetOriginId: o
                  ViewerProtocolPolicy: allow-all
                  CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6

        """
    }

    static func policy(_ traffic: String) -> String {
        """
          Policy:
            Type: AWS::CloudFront::ContinuousDeploymentPolicy
            Properties:
              ContinuousDeploymentPolicyConfig:
                Enabled: true
                StagingDistributionDnsNames: [!GetAtt Staging.DomainName]
                TrafficConfig: \(traffic)

        """
    }

    static func plan(_ traffic: String, staging: String = "Staging: true") throws -> StackPlan {
        try compiled(
            "Resources:\n" + distribution("Site", "ContinuousDeploymentPolicyId: !Ref Policy")
                + distribution("Staging", staging) + policy(traffic)
        )
    }

    static let header =
        "{ Type: SingleHeader, SingleHeaderConfig: { Header: aws-cf-cd-a, Value: b } }"

    @Test("a policy becomes the record that edges read, and both distributions know their part")
    func policy() throws {
        let plan = try Self.plan(Self.header)
        #expect(plan.problems.isEmpty, "\(plan.messages)")
        let made = resources(plan)
        let distributions = made.compactMap { resource in
            if case .distribution(let found) = resource { found } else { nil }
        }
        let staging = try #require(distributions.first { $0.isStaging == true })
        let site = try #require(distributions.first { $0.isStaging != true })
        let id = try #require(site.continuousDeploymentPolicyID)
        let records = made.compactMap { resource in
            if case .record(let name, let text) = resource, name.hasSuffix(id) { text } else { nil }
        }
        let config = try JSONValue.parse(try #require(records.first))["Config"]
        #expect(config?["TrafficConfig"]?["SingleHeaderConfig"]?["Header"] == "aws-cf-cd-a")
        let name = config?["StagingDistributionDnsNames"]?["Items"]?[0]?.string
        #expect(name?.hasPrefix(staging.id.lowercased() + ".") == true)
    }

    @Test(
        "what AWS refuses of a policy is refused by its rule",
        arguments: [
            "{ Type: SingleWeight, SingleWeightConfig: { Weight: 0.16 } }",
            "{ Type: SingleHeader, SingleHeaderConfig: { Header: x-a, Value: b } }",
            "{ Type: SingleWeight }",
            "{ Type: SingleWeight, SingleWeightConfig: { Weight: 0.1, SessionStickinessConfig: { IdleTTL: 600, MaximumTTL: 300 } } }",
        ]
    )
    func refused(traffic: String) throws {
        let plan = try Self.plan(traffic)
        #expect(plan.messages.contains { $0.contains("[config.staging]") }, "\(plan.messages)")
    }

    @Test("a staging distribution has no aliases")
    func aliases() throws {
        let plan = try Self.plan(
            Self.header,
            staging: "Staging: true\n        Aliases: [a.example]"
        )
        #expect(plan.messages.contains { $0.contains("[config.staging]") }, "\(plan.messages)")
    }

    @Test("a log's bucket is named by its host")
    func logging() throws {
        func plan(_ logging: String) throws -> StackPlan {
            try compiled("Resources:\n" + Self.distribution("Site", "Logging: \(logging)"))
        }
        let good = try plan("{ Bucket: logs.s3.amazonaws.com, Prefix: a/, IncludeCookies: true }")
        #expect(good.problems.isEmpty, "\(good.messages)")
        let found = resources(good).compactMap { resource in
            if case .distribution(let made) = resource { made.logging } else { nil }
        }
        #expect(
            found == [
                DistributionLogging(
                    bucket: "logs.s3.amazonaws.com",
                    prefix: "a/",
                    includesCookies: true
                )
            ]
        )
        for bad in ["{ Bucket: logs }", "{ Bucket: logs.s3.amazonaws.com, Prefix: /a }"] {
            #expect(try plan(bad).messages.contains { $0.contains("[config.logging]") })
        }
    }
}
