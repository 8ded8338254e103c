import Foundation
import Model
import Testing

@testable import Templates

@Suite("Roles, permissions and associations")
struct RuleTests {
    private func stack(function: String = "", role: String = "lambda.amazonaws.com") -> String {
        """
        Resources:
          Role:
            Type: AWS::IAM::Role
            Properties:
              AssumeRolePolicyDocument:
                Statement:
                  Effect: Allow
                  Principal: { Service: [\(role)] }
                  Action: sts:AssumeRole
          F:
            Type: AWS::Lambda::Function
            Properties:
              FunctionName: f
              Runtime: nodejs22.x
              Handler: index.handler
              Role: !GetAtt Role.Arn
              Code: { ZipFile: '1' }
              \(function)
          V: { Type: AWS::Lambda::Version, Properties: { FunctionName: !Ref F } }
          D:
            Type: AWS::CloudFront::Distribution
            Properties:
              DistributionConfig:
                Enabled: true
                Origins: [{Id: o, DomainName: a.test, S3OriginConfig: {}}]
                DefaultCacheBehavior:
                  TargetOriginId: o
                  ViewerProtocolPolicy: allow-all
                  CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
                  LambdaFunctionAssociations:
                    - { EventType: viewer-request, LambdaFunctionARN: !Ref V }
        """
    }

    private let both = "lambda.amazonaws.com, edgelambda.amazonaws.com"

    @Test("a function at a hook whose role both services may assume is accepted")
    func accepted() throws {
        #expect(try compiled(stack(role: both)).problems == [])
    }

    @Test("a role that edgelambda cannot assume is refused in CloudFront's words")
    func edgeTrust() throws {
        let message = try #require(try compiled(stack()).messages.first)
        #expect(
            message.hasPrefix(
                "The function execution role must be assumable with edgelambda.amazonaws.com"
            )
        )
        #expect(
            message.hasSuffix(
                "Role: arn:aws:iam::123456789012:role/shop-Role [config.function.role]"
            )
        )
    }

    @Test("a role that Lambda cannot assume is refused in Lambda's words")
    func lambdaTrust() throws {
        let plan = try compiled(stack(role: "edgelambda.amazonaws.com"))
        #expect(
            plan.messages.contains(
                "The role defined for the function cannot be assumed by Lambda."
            )
        )
    }

    @Test("a role that stands in no template counts as trusted, and this is noted")
    func unknownRoles() throws {
        let text = stack(role: both)
            .replacing("!GetAtt Role.Arn", with: "arn:aws:iam::123456789012:role/other")
        let plan = try compiled(text)
        #expect(plan.problems == [])
        #expect(
            plan.diagnostics.contains {
                $0.severity == .note && $0.message.contains("count as trusted: those of F")
            }
        )
    }

    @Test(
        "what CloudFront refuses of a function is refused in its words",
        arguments: [
            (
                "Environment: {Variables: {AA: b}}",
                "The function cannot have environment variables. Function: "
                    + "arn:aws:lambda:us-east-1:123456789012:function:f:1"
            ),
            (
                "Timeout: 31",
                "The function timeout is larger than the maximum allowed for functions that are "
                    + "triggered by a CloudFront event: 31 Max allowed: 30 Function: "
                    + "arn:aws:lambda:us-east-1:123456789012:function:f:1"
            ),
            ("Layers: ['arn:aws:lambda:us-east-1:123456789012:layer:l:1']", "layers"),
            ("Architectures: [arm64]", "the arm64 architecture"),
            ("EphemeralStorage: {Size: 513}", "more than 512 MB of ephemeral storage"),
            ("TracingConfig: {Mode: Active}", "active tracing"),
            ("VpcConfig: {SubnetIds: [a]}", "a VPC configuration"),
            ("DeadLetterConfig: {TargetArn: a}", "a dead letter queue"),
        ]
    )
    func restrictions(property: String, message: String) throws {
        let plan = try compiled(stack(function: property, role: both))
        #expect(plan.messages.contains { $0.contains(message) }, "\(plan.messages)")
        #expect(plan.diagnostics.contains { $0.path.hasSuffix("LambdaFunctionARN") })
    }

    @Test("a function as a balancer's target needs a permission, with or without a source")
    func balancerTargets() throws {
        func text(_ permission: String) -> String {
            """
            Resources:
            \(functionText("F"))
              G:
                Type: AWS::ElasticLoadBalancingV2::TargetGroup
                Properties: { TargetType: lambda, Targets: [{ Id: !GetAtt F.Arn }] }
            \(permission)
            """
        }
        func permission(_ more: String) -> String {
            """
              P:
                Type: AWS::Lambda::Permission
                Properties:
                  FunctionName: !GetAtt F.Arn
                  Action: lambda:InvokeFunction
                  Principal: elasticloadbalancing.amazonaws.com
                  \(more)
            """
        }
        let refused = try compiled(text(""))
        #expect(!refused.isValid)
        #expect(refused.messages.first?.contains("does not have permission to invoke f") == true)
        #expect(try compiled(text(permission(""))).problems == [])
        #expect(
            try compiled(
                text(permission("SourceArn: 'arn:aws:elasticloadbalancing:*:*:targetgroup/*'"))
            )
            .isValid
        )
        #expect(!(try compiled(text(permission("SourceArn: 'arn:aws:s3:::x'"))).isValid))
    }

    @Test("SAM's events bring their permission; hand-made routes without one are warned of")
    func apiPermissions() throws {
        let event = """
            Transform: AWS::Serverless-2016-10-31
            Resources:
              F:
                Type: AWS::Serverless::Function
                Properties:
                  FunctionName: f
                  Runtime: nodejs22.x
                  Handler: index.handler
                  InlineCode: '1'
                  Events:
                    Get: {Type: HttpApi, Properties: {Path: '/pets/{id}', Method: GET}}
            """
        let plan = try compiled(event)
        #expect(plan.problems == [])
        var snapshot = Snapshot()
        snapshot = snapshot.applying(resources(plan).map(Change.put), revision: 1)
        let api = try #require(snapshot.apis.keys.first)
        func permits(_ method: String, _ path: String) -> Bool {
            snapshot.permits(
                .api(api, stage: "$default", method: method, path: path),
                toInvoke: "f"
            )
        }
        #expect(permits("GET", "/pets/{id}"))
        #expect(!permits("POST", "/pets/{id}") && !permits("GET", "/"))
        let manual = try compiled(
            """
            Resources:
            \(functionText("F"))
              A: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP}}
              I:
                Type: AWS::ApiGatewayV2::Integration
                Properties:
                  ApiId: !Ref A
                  IntegrationType: AWS_PROXY
                  IntegrationUri: !GetAtt F.Arn
                  PayloadFormatVersion: '2.0'
              R:
                Type: AWS::ApiGatewayV2::Route
                Properties: {ApiId: !Ref A, RouteKey: GET /a, Target: !Sub 'integrations/${I}'}
            """
        )
        #expect(manual.isValid)
        #expect(manual.messages.contains { $0.contains("requests will be answered with 500") })
    }
}

@Suite("Portico's metadata and functions' code")
struct MetadataTests {
    @Test(
        "a wrong setting is refused with its place",
        arguments: [
            ("Origins: {a.test: ftp://x}", "3:23 Metadata.Portico.Origins.a.test"),
            ("Origins: {a.test: 3000}", "3:23 Metadata.Portico.Origins.a.test"),
            ("Origin: {}", "3:5 Metadata.Portico.Origin"),
            ("Start: {w: {Command: x}}", "3:16 Metadata.Portico.Start.w"),
            ("Start: {w: {Command: x, Port: 0}}", "3:35 Metadata.Portico.Start.w.Port"),
            ("Start: {w: {Command: x, Port: 1, Cwd: a}}", "3:38 Metadata.Portico.Start.w.Cwd"),
            ("Buckets: {b: ''}", "3:18 Metadata.Portico.Buckets.b"),
            ("Buckets: [b]", "3:14 Metadata.Portico.Buckets"),
        ]
    )
    func wrongSettings(setting: String, place: String) throws {
        let plan = try compiled("Metadata:\n  Portico:\n    \(setting)\n")
        #expect(plan.problems == [place])
        #expect(!plan.isValid)
    }

    @Test("a bucket is a folder: the metadata's, else one below the state")
    func buckets() throws {
        let plan = try compiled(
            """
            Resources:
              A: {Type: AWS::S3::Bucket, Properties: {BucketName: site}}
              B: {Type: AWS::S3::Bucket}
            Metadata: {Portico: {Buckets: {site: /tmp}}}
            """
        )
        #expect(plan.problems == [])
        #expect(plan.buckets == ["site": "/tmp", "shop-b": "/srv/buckets/shop-b"])
    }

    @Test(
        "code that cannot be had is refused with the reason",
        arguments: [
            ("CodeUri: ./nowhere", "there is no folder /srv/nowhere"),
            ("CodeUri: a.zip", "there is no file /srv/a.zip"),
            (
                "CodeUri: s3://b/k.zip",
                "the code is k.zip in the bucket b, which has no folder here"
            ),
            ("CodeUri: {Bucket: b, Key: k}", "the code is k in the bucket b"),
            ("Runtime: java21\n      InlineCode: x", "the runtime java21 does not run here"),
            ("PackageType: Image\n      InlineCode: x", "container images do not run here"),
            ("InlineCode: x\n      MemorySize: 64", "128 to 10240 MB are allowed"),
            ("InlineCode: x\n      Timeout: 901", "1 to 900 seconds are allowed"),
            (
                "InlineCode: x\n      Environment: {Variables: {AWS_REGION: a}}",
                "Reserved keys used in this request: AWS_REGION"
            ),
            (
                "InlineCode: x\n      Nope: 1",
                "Nope is no property of AWS::Serverless::Function here"
            ),
            ("InlineCode: x\n      handler: 1", "handler is no property"),
            ("", "CodeUri or InlineCode is required"),
        ]
    )
    func code(properties: String, message: String) throws {
        let runtime = properties.contains("Runtime") ? "" : "Runtime: nodejs22.x"
        let plan = try compiled(
            """
            Transform: AWS::Serverless-2016-10-31
            Resources:
              F:
                Type: AWS::Serverless::Function
                Properties:
                  Handler: index.handler
                  \(runtime)
                  \(properties.replacing("\n      ", with: "\n                  "))
            """.replacing("                  ", with: "      ")
        )
        #expect(plan.messages.contains { $0.contains(message) }, "\(plan.messages)")
    }
}
