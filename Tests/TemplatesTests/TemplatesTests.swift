import Foundation
import Model
import Testing

@testable import Templates

@Suite
struct IntrinsicsTests {
    @Test(arguments: [
        ("!Join ['-', [a, !Ref P, c]]", "a-x-c"),
        ("!Sub '${P}/${AWS::Region}/${!P}'", "x/us-east-1/${P}"),
        ("!Sub ['${Q}${P}', {Q: 1}]", "1x"),
        ("!Select [1, !Split ['|', 'a||c']]", ""),
        ("!Select ['2', !Split ['|', 'a||c']]", "c"),
        ("!If [IsX, yes-it-is, no]", "yes-it-is"),
        ("!FindInMap [M, !Ref P, size]", "7"),
        ("{'Fn::Base64': hello}", "aGVsbG8="),
        ("!Select [1, !Cidr [10.0.0.0/16, 2, 8]]", "10.0.1.0/24"),
        ("!Length [a, b]", "2"),
        ("!ToJsonString {a: [1, b]}", #"{"a":[1,"b"]}"#),
        ("!Ref AWS::AccountId", "123456789012"),
        ("!FindInMap [M, none, size, {DefaultValue: d}]", "d"),
        ("!Join [',', !GetAZs '']", "us-east-1a,us-east-1b,us-east-1c"),
        ("!Select [1, !Cidr ['2001:db8::/56', 2, 64]]", "2001:db8:0:1:0:0:0:0/64"),
        ("!Sub ['${A}', {A: !Join ['', [x, y]]}]", "xy"),
        ("!If [IsX, !Ref P, !Ref AWS::NoValue]", "x"),
    ])
    func value(expression: String, expected: String) throws {
        let plan = try compiled(
            """
            Transform: AWS::LanguageExtensions
            Parameters: {P: {Type: String, Default: x}}
            Mappings: {M: {x: {size: 7}}}
            Conditions:
              IsX: !And [!Equals [!Ref P, x], !Not [!Equals [a, b]]]
            Outputs: {O: {Value: \(expression)}}
            """
        )
        #expect(plan.diagnostics == [])
        #expect(plan.outputs["O"] == expected)
    }

    @Test
    func readsJSON() throws {
        let plan = try compiled(#"{"Outputs": {"O": {"Value": {"Fn::Join": ["", ["a", "b"]]}}}}"#)
        #expect(plan.outputs == ["O": "ab"])
    }

    @Test
    func refusesParameterOutsideAllowedValues() throws {
        let text = "Parameters:\n  P: {Type: String, Default: a, AllowedValues: [a, b]}\n"
        let plan = try compiled(text, parameters: ["P": "c"])
        #expect(plan.diagnostics.map(\.path) == ["Parameters.P"])
    }
}

@Suite
struct DiagnosticsTests {
    @Test
    func namesUnsupportedPropertyWithPlace() throws {
        let text =
            "Resources:\n  B:\n    Type: AWS::S3::Queue\n  F:\n    Type: AWS::S3::Bucket\n"
            + "    Properties:\n      Tags: []\n"
        let found = try compiled(text).diagnostics.map { "\($0.line):\($0.column) \($0.path)" }
        #expect(found.contains("7:7 Resources.F.Properties.Tags"))
        #expect(found.contains("3:11 Resources.B"))
    }

    @Test
    func namesTheChainOfACycle() throws {
        let text =
            "Resources:\n  A: {Type: X::Y::Z, Properties: {P: !Ref B}}\n"
            + "  B: {Type: X::Y::Z, DependsOn: A}\n"
        let plan = try compiled(text)
        #expect(plan.diagnostics.contains { $0.message.contains("A -> B -> A") })
        #expect(!plan.isValid)
    }

    @Test
    func reportsSyntaxErrorsAndUnknownTags() {
        #expect(throws: TemplateError.self) { try Template.parse("a: [", path: "t") }
        #expect(throws: TemplateError.self) { try Template.parse("a: !Reff b", path: "t") }
    }

    @Test
    func emptyTextIsAnEmptyStack() throws {
        let plan = try compiled("")
        #expect(plan.functions.isEmpty && plan.diagnostics.isEmpty)
        #expect(plan.resources(versions: [:]).resources.isEmpty)
    }

    @Test
    func unknownPorticoSettingIsAnError() throws {
        let plan = try compiled("Metadata:\n  Portico:\n    Origin: {}\n")
        let first = try #require(plan.diagnostics.first)
        #expect(first.severity == .error && first.line == 3 && first.column == 5)
    }
}

@Suite
struct SampleStackTests {
    private func sample() throws -> StackPlan {
        let root = URL(filePath: #filePath).deletingLastPathComponent()

        let base = NSTemporaryDirectory() + "templates-" + UUID().uuidString
        let text = try String(contentsOf: root.appending(path: "stack.yaml"), encoding: .utf8)
        for (name, file) in [
            ("pretty-urls", "index.js"), ("inspect-body", "index.py"),
            ("header-router", "index.js"),
            ("cache-headers", "index.py"), ("ab-test", "index.py"),
            ("security-headers", "index.js"), ("api", "index.js"),
        ] {
            let folder = base + "/functions/" + name
            try FileManager.default.createDirectory(
                atPath: folder,
                withIntermediateDirectories: true
            )
            FileManager.default.createFile(atPath: folder + "/" + file, contents: nil)
        }
        defer { try? FileManager.default.removeItem(atPath: base) }
        return try compiled(text, base: base)
    }

    @Test
    func hasNoDiagnosticsAndAllHooks() throws {
        let plan = try sample()
        #expect(plan.problems == [])
        #expect(plan.functions.count == 7 && plan.functions.allSatisfy(\.publishes))
        #expect(plan.starts.map(\.port) == [3000])
        let resources = plan.resources(versions: ["PrettyUrls": 4, "Api": 2]).resources
        var distribution: Distribution?
        var api: HTTPAPI?
        var balancer: LoadBalancer?
        for resource in resources {
            switch resource {
            case .distribution(let value): distribution = value
            case .api(let value): api = value
            case .loadBalancer(let value): balancer = value
            default: break
            }
        }
        let site = try #require(distribution)
        let hooks = try #require(site.behaviors.last).functions
        #expect(Set(hooks.map(\.event)) == Set(EdgeEvent.allCases))
        #expect(hooks.first { $0.event == .viewerRequest }?.version == 4)
        #expect(site.origins.map(\.domainName).contains("sample-local.elb.localhost"))
        let gateway = try #require(api)
        #expect(site.origins.last?.domainName == "\(gateway.id).execute-api.localhost")
        #expect(gateway.routes.map(\.key) == ["GET /api/hello/{name}", "ANY /api/{proxy+}"])
        #expect(try #require(balancer).listeners.first?.rules.first?.priority == 10)
    }

    @Test
    func aliasAtAHookIsRefusedInAWSWords() throws {
        let text = """
            Resources:
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
                        - EventType: viewer-request
                          LambdaFunctionARN: arn:aws:lambda:us-east-1:123456789012:function:f:live
            """
        let found = try #require(try compiled(text).diagnostics.first)
        #expect(found.line == 14)
        #expect(found.message.hasPrefix("The function ARN must reference a specific function"))
    }
}
