import Model
import Testing

@testable import Templates

/// For every property that CloudFormation lists of a supported type: setting it changes what is served, or
/// something is said about its place.
@Suite("Property coverage")
struct PropertyCoverageTests {
    /// A stack in which the resource `X` of each type is minimal and valid.
    static let bases: [String: String] = [
        "AWS::Lambda::Function": functionText("X"),
        "AWS::Lambda::Version": """
        \(functionText("F"))
          X: { Type: AWS::Lambda::Version, Properties: { FunctionName: !Ref F } }
        """,
        "AWS::Lambda::Alias": """
        \(functionText("F"))
          X:
            Type: AWS::Lambda::Alias
            Properties: { FunctionName: !Ref F, FunctionVersion: '1', Name: live }
        """,
        "AWS::Lambda::Permission": """
        \(functionText("F"))
          X:
            Type: AWS::Lambda::Permission
            Properties:
              FunctionName: !Ref F
              Action: lambda:InvokeFunction
              Principal: sns.amazonaws.com
        """,
        "AWS::Lambda::EventInvokeConfig": """
        \(functionText("F"))
          X:
            Type: AWS::Lambda::EventInvokeConfig
            Properties: { FunctionName: !Ref F, Qualifier: $LATEST, MaximumRetryAttempts: 1 }
        """,
        "AWS::Serverless::LayerVersion": """
          X:
            Type: AWS::Serverless::LayerVersion
            Properties: { ContentUri: /tmp }
          F:
            Type: AWS::Lambda::Function
            Properties:
              Runtime: nodejs22.x
              Handler: index.handler
              Role: arn:aws:iam::123456789012:role/elsewhere
              Layers: [!Ref X]
              Code: { ZipFile: '1' }
        """,
        "AWS::IAM::Role": """
          X:
            Type: AWS::IAM::Role
            Properties:
              AssumeRolePolicyDocument:
                Statement:
                  - Effect: Allow
                    Principal: { Service: lambda.amazonaws.com }
                    Action: sts:AssumeRole
          F:
            Type: AWS::Lambda::Function
            Properties:
              Runtime: nodejs22.x
              Handler: index.handler
              Role: !GetAtt X.Arn
              Code: { ZipFile: '1' }
        """,
        "AWS::S3::Bucket": "  X: { Type: AWS::S3::Bucket }",
        "AWS::S3::BucketPolicy": """
          B: { Type: AWS::S3::Bucket }
          X:
            Type: AWS::S3::BucketPolicy
            Properties: { Bucket: !Ref B, PolicyDocument: { Statement: [] } }
        """,
        "AWS::CloudFront::ConnectionFunction": """
          X:
            Type: AWS::CloudFront::ConnectionFunction
            Properties:
              Name: x
              ConnectionFunctionConfig: { Comment: c, Runtime: cloudfront-js-2.0 }
              ConnectionFunctionCode: 'function connectionHandler(connection) {}'
        """,
        "AWS::Serverless::Function": """
          X:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: nodejs22.x
              Handler: index.handler
              InlineCode: '1'
        """,
        "AWS::Serverless::HttpApi": "  X: { Type: AWS::Serverless::HttpApi }",
        "AWS::ApiGatewayV2::Api": """
          X: { Type: AWS::ApiGatewayV2::Api, Properties: { Name: x, ProtocolType: HTTP } }
        """,
        "AWS::ApiGatewayV2::Stage": """
          A: { Type: AWS::ApiGatewayV2::Api, Properties: { Name: x, ProtocolType: HTTP } }
          X:
            Type: AWS::ApiGatewayV2::Stage
            Properties: { ApiId: !Ref A, StageName: prod, AutoDeploy: true }
        """,
        "AWS::ApiGatewayV2::Route": """
          A: { Type: AWS::ApiGatewayV2::Api, Properties: { Name: x, ProtocolType: HTTP } }
          I:
            Type: AWS::ApiGatewayV2::Integration
            Properties:
              ApiId: !Ref A
              IntegrationType: HTTP_PROXY
              IntegrationMethod: ANY
              IntegrationUri: http://127.0.0.1:1
              PayloadFormatVersion: '1.0'
          X:
            Type: AWS::ApiGatewayV2::Route
            Properties:
              ApiId: !Ref A
              RouteKey: GET /a
              Target: !Sub integrations/${I}
        """,
        "AWS::ApiGatewayV2::Integration": """
        \(functionText("F"))
          A: { Type: AWS::ApiGatewayV2::Api, Properties: { Name: x, ProtocolType: HTTP } }
          X:
            Type: AWS::ApiGatewayV2::Integration
            Properties:
              ApiId: !Ref A
              IntegrationType: HTTP_PROXY
              IntegrationMethod: ANY
              IntegrationUri: http://127.0.0.1:1
              PayloadFormatVersion: '1.0'
          R:
            Type: AWS::ApiGatewayV2::Route
            Properties:
              ApiId: !Ref A
              RouteKey: GET /a
              Target: !Sub integrations/${X}
        """,
        "AWS::ElasticLoadBalancingV2::LoadBalancer": """
          X: { Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: { Name: x } }
        """,
        "AWS::ElasticLoadBalancingV2::Listener": """
          B: { Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: { Name: x } }
          G:
            Type: AWS::ElasticLoadBalancingV2::TargetGroup
            Properties: { TargetType: ip, Protocol: HTTP, Port: 80 }
          X:
            Type: AWS::ElasticLoadBalancingV2::Listener
            Properties:
              LoadBalancerArn: !Ref B
              Protocol: HTTP
              Port: 81
              DefaultActions: [{ Type: forward, TargetGroupArn: !Ref G }]
        """,
        "AWS::ElasticLoadBalancingV2::ListenerRule": """
          B: { Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: { Name: x } }
          G:
            Type: AWS::ElasticLoadBalancingV2::TargetGroup
            Properties: { TargetType: ip, Protocol: HTTP, Port: 80 }
          L:
            Type: AWS::ElasticLoadBalancingV2::Listener
            Properties:
              LoadBalancerArn: !Ref B
              Protocol: HTTP
              Port: 81
              DefaultActions: [{ Type: forward, TargetGroupArn: !Ref G }]
          X:
            Type: AWS::ElasticLoadBalancingV2::ListenerRule
            Properties:
              ListenerArn: !Ref L
              Priority: 3
              Conditions: [{ Field: path-pattern, Values: [/a] }]
              Actions: [{ Type: forward, TargetGroupArn: !Ref G }]
        """,
        "AWS::ElasticLoadBalancingV2::TargetGroup": """
          X:
            Type: AWS::ElasticLoadBalancingV2::TargetGroup
            Properties:
              TargetType: ip
              Protocol: HTTP
              Port: 80
              Targets: [{ Id: 10.0.0.1 }]
        """,
        "AWS::CloudFront::CachePolicy": """
          X:
            Type: AWS::CloudFront::CachePolicy
            Properties:
              CachePolicyConfig:
                Name: x
                MinTTL: 1
                DefaultTTL: 2
                MaxTTL: 3
                ParametersInCacheKeyAndForwardedToOrigin:
                  EnableAcceptEncodingGzip: false
                  HeadersConfig: { HeaderBehavior: none }
                  CookiesConfig: { CookieBehavior: none }
                  QueryStringsConfig: { QueryStringBehavior: none }
        """,
        "AWS::CloudFront::OriginRequestPolicy": """
          X:
            Type: AWS::CloudFront::OriginRequestPolicy
            Properties:
              OriginRequestPolicyConfig:
                Name: x
                HeadersConfig: { HeaderBehavior: none }
                CookiesConfig: { CookieBehavior: none }
                QueryStringsConfig: { QueryStringBehavior: none }
        """,
        "AWS::CloudFront::ResponseHeadersPolicy": """
          X:
            Type: AWS::CloudFront::ResponseHeadersPolicy
            Properties: { ResponseHeadersPolicyConfig: { Name: x } }
        """,
        "AWS::CloudFront::KeyGroup": """
          X:
            Type: AWS::CloudFront::KeyGroup
            Properties: { KeyGroupConfig: { Name: x, Items: [] } }
        """,
        "AWS::CloudFront::OriginAccessControl": """
          X:
            Type: AWS::CloudFront::OriginAccessControl
            Properties:
              OriginAccessControlConfig:
                Name: x
                OriginAccessControlOriginType: s3
                SigningBehavior: never
                SigningProtocol: sigv4
        """,
        "AWS::CloudFront::Distribution": """
          X:
            Type: AWS::CloudFront::Distribution
            Properties:
              DistributionConfig:
                Enabled: true
                Origins:
                  - Id: o
                    DomainName: a.test
                    CustomOriginConfig: { OriginProtocolPolicy: http-only }
                DefaultCacheBehavior:
                  TargetOriginId: o
                  ViewerProtocolPolicy: allow-all
                  ForwardedValues: { QueryString: false }
        """,
    ]

    @Test("nothing that CloudFormation lists is ignored in silence", arguments: bases.keys.sorted())
    func everyProperty(type: String) throws {
        let text =
            "Transform: AWS::Serverless-2016-10-31\nResources:\n" + Self.bases[type, default: ""]
        let template = try Template.parse(text, path: "t.yaml")
        let base = Outcome(template.root)
        #expect(base.problems == [], "the minimal stack has problems")
        let shape = try #require(PropertyShape.properties(of: type))
        var silent: [String] = []
        for leaf in Leaf.all(of: shape) {
            let isHeard = leaf.candidates.contains { value in
                let changed = Outcome(leaf.put(value, into: template.root))
                return changed.isDifferent(from: base, at: leaf.text)
            }
            // An order needs several actions; these stacks have one.
            if !isHeard, !leaf.text.hasSuffix("ctions.Order") { silent.append(leaf.text) }
        }
        #expect(silent == [])
    }

    @Test("the tables can all be read")
    func tables() {
        for type in PropertyTables.texts.keys {
            #expect(PropertyShape.properties(of: type) != nil, "\(type)")
        }
    }
}

/// What a template comes to.
private struct Outcome {
    var made: [Model.Resource]
    var functions: [FunctionSource]
    var diagnostics: Set<Diagnostic>

    init(_ root: TemplateNode) {
        let mapper = StackCompiler(
            template: Template(path: "t.yaml", root: root),
            stackName: "shop",
            parameters: [:],
            folders: StackFolders(base: "/srv", buckets: "/srv/buckets")
        ).map(versions: [:])
        made = mapper.made
        functions = mapper.functions
        diagnostics = Set(mapper.evaluator.diagnostics)
    }

    var problems: [String] {
        diagnostics.filter { $0.severity != .note }.map { "\($0.path): \($0.message)" }
    }

    /// Whether the stack is another one, or something is said of the property or what holds it.
    func isDifferent(from base: Outcome, at property: String) -> Bool {
        if made != base.made || functions != base.functions { return true }
        let root = "Resources.X.Properties"
        return diagnostics.subtracting(base.diagnostics).contains { found in
            let path = found.path.replacing(#/\[\d+\]/#, with: "")
            guard path.hasPrefix(root + ".") else { return false }
            let place = String(path.dropFirst(root.count + 1))
            return property.hasPrefix(place) || place.hasPrefix(property)
        }
    }
}

/// A property that holds no further named ones.
private struct Leaf {
    /// Names from the properties down; `[]` is the first element of a list.
    var path: [String]
    /// Samples for the objects on the way, by their depth.
    var parents: [PropertyShape]
    var shape: PropertyShape

    var text: String { path.filter { $0 != "[]" }.joined(separator: ".") }

    static func all(of shape: PropertyShape) -> [Leaf] {
        var found: [Leaf] = []
        func walk(_ shape: PropertyShape, _ path: [String], _ parents: [PropertyShape]) {
            switch shape {
            case .object(let members):
                for member in members {
                    walk(member.shape, path + [member.name], parents + [shape])
                }
            case .list(let element):
                if case .object = element {
                    walk(element, path + ["[]"], parents + [shape])
                } else {
                    found.append(Leaf(path: path, parents: parents, shape: shape))
                }
            default: found.append(Leaf(path: path, parents: parents, shape: shape))
            }
        }
        walk(shape, [], [])
        return found
    }

    var candidates: [TemplateNode] { Self.values(of: shape) }

    private static func node(_ content: TemplateNode.Content) -> TemplateNode {
        TemplateNode(content: content, line: 9_999, column: 1)
    }

    private static func text(_ text: String) -> TemplateNode {
        node(.scalar(text, isPlain: false))
    }

    private static func map(_ entries: [(String, TemplateNode)]) -> TemplateNode {
        node(
            .map(entries.map { .init(key: $0.0, line: 9_999, column: 1, value: $0.1) })
        )
    }

    private static func values(of shape: PropertyShape) -> [TemplateNode] {
        switch shape {
        case .string(let allowed):
            return (allowed + ["sample", "/sample", "arn:aws:x:::y", "7", "true"]).map(text)
        case .number(_, let least, let most):
            let numbers = [least.map { $0 + 1 }, most.map { $0 - 1 }, 7].compactMap { $0 }
            return numbers.map { text(String(Int($0))) }
        case .boolean: return [text("true"), text("false")]
        case .any: return [map([("Sample", text("x"))]), text("sample"), text("true")]
        case .map(let value): return values(of: value).map { map([("Sample", $0)]) }
        case .list(let element): return values(of: element).map { node(.list([$0])) }
        case .object: return [sample(shape)]
        }
    }

    private static func sample(_ shape: PropertyShape) -> TemplateNode {
        switch shape {
        case .object(let members):
            return map(members.filter(\.isRequired).map { ($0.name, sample($0.shape)) })
        case .list(let element): return node(.list([sample(element)]))
        default: return values(of: shape)[0]
        }
    }

    /// The template with the value at this place of the resource `X`.
    func put(_ value: TemplateNode, into root: TemplateNode) -> TemplateNode {
        Self.put(value, ["Resources", "X", "Properties"] + path, root, parents, skipping: 3)
    }

    private static func put(
        _ value: TemplateNode,
        _ path: [String],
        _ node: TemplateNode,
        _ parents: [PropertyShape],
        skipping: Int
    ) -> TemplateNode {
        guard let first = path.first else { return value }
        let rest = Array(path.dropFirst())
        // What is missing on the way is made with its required members.
        let below = skipping > 1 ? parents : skipping == 1 ? parents : Array(parents.dropFirst())
        func fresh() -> TemplateNode { below.first.map(sample) ?? Self.node(.null) }
        if first == "[]" {
            var elements = node.list ?? []
            let old = elements.isEmpty ? fresh() : elements[0]
            let new = put(value, rest, old, below, skipping: max(0, skipping - 1))
            if elements.isEmpty { elements = [new] } else { elements[0] = new }
            return Self.node(.list(elements))
        }
        var entries = node.entries
        let place = entries.firstIndex { $0.key == first }
        let old = place.map { entries[$0].value } ?? fresh()
        let new = put(value, rest, old, below, skipping: max(0, skipping - 1))
        if let place {
            entries[place].value = new
        } else {
            entries.append(.init(key: first, line: 9_999, column: 1, value: new))
        }
        return TemplateNode(content: .map(entries), line: node.line, column: node.column)
    }
}
