import Model
import Testing

@testable import Templates

/// Load balancers, APIs, domains and function URLs out of templates.
@Suite
struct DoorMappingTests {
    private static let function = """
        Transform: AWS::Serverless-2016-10-31
        Resources:
          F:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: nodejs22.x
              Handler: i.h
              InlineCode: x

        """

    private func plan(_ resources: String) throws -> StackPlan {
        let template = try Template.parse(Self.function + resources, path: "template.yaml")
        return StackCompiler(
            template: template,
            stackName: "shop",
            parameters: [:],
            folders: StackFolders(base: "/srv", buckets: "/srv/buckets")
        ).compile()
    }

    private func snapshot(_ plan: StackPlan) -> Snapshot {
        Snapshot().applying(
            plan.resources(versions: ["F": 1]).resources.map { .put($0) },
            revision: 1
        )
    }

    private static let balancer = """
          B: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Name: b}}
          G:
            Type: AWS::ElasticLoadBalancingV2::TargetGroup
            Properties: {TargetType: ip, Protocol: HTTP, Targets: [{Id: 127.0.0.1, Port: 3000}]}

        """

    @Test("attributes, transforms, stickiness and regular expressions arrive in the model")
    func balancer() throws {
        let plan = try plan(
            """
              B:
                Type: AWS::ElasticLoadBalancingV2::LoadBalancer
                Properties:
                  Name: b
                  LoadBalancerAttributes:
                    - {Key: idle_timeout.timeout_seconds, Value: '30'}
              L:
                Type: AWS::ElasticLoadBalancingV2::Listener
                Properties:
                  LoadBalancerArn: !Ref B
                  Protocol: HTTPS
                  Port: 443
                  DefaultActions:
                    - Type: forward
                      ForwardConfig:
                        TargetGroups:
                          - {TargetGroupArn: !Ref G, Weight: 3}
                        TargetGroupStickinessConfig: {Enabled: true, DurationSeconds: 60}
              R:
                Type: AWS::ElasticLoadBalancingV2::ListenerRule
                Properties:
                  ListenerArn: !Ref L
                  Priority: 5
                  Conditions:
                    - {Field: path-pattern, PathPatternConfig: {RegexValues: ['^/a']}}
                  Actions:
                    - Order: 2
                      Type: fixed-response
                      FixedResponseConfig: {StatusCode: 200}
                    - Order: 1
                      Type: jwt-validation
                      JwtValidationConfig:
                        JwksEndpoint: https://i.example.com/keys
                        Issuer: i
                  Transforms:
                    - Type: url-rewrite
                      UrlRewriteConfig: {Rewrites: [{Regex: '^/a', Replace: '/b'}]}
              G:
                Type: AWS::ElasticLoadBalancingV2::TargetGroup
                Properties:
                  TargetType: ip
                  Protocol: HTTP
                  Targets: [{Id: 127.0.0.1, Port: 3000}]
                  HealthCheckProtocol: HTTPS
                  TargetGroupAttributes: [{Key: slow_start.duration_seconds, Value: '30'}]
            """
        )
        #expect(plan.diagnostics.filter { $0.severity != .note }.map(\.description) == [])
        let snapshot = snapshot(plan)
        let balancer = try #require(snapshot.loadBalancers.values.first)
        #expect(balancer.attribute("idle_timeout.timeout_seconds") == "30")
        let listener = try #require(balancer.listeners.first)
        let group = try #require(snapshot.targetGroups.values.first)
        #expect(
            listener.defaultActions
                == [.stickyForward([.init(arn: group.arn, weight: 3)], seconds: 60)]
        )
        let rule = try #require(listener.rules.first)
        #expect(rule.conditions == [.pathRegex(["^/a"])])
        #expect(rule.transforms == [.init(kind: .url, pattern: "^/a", replacement: "/b")])
        #expect(rule.actions.map(\.isTerminal) == [false, true])
        #expect(group.attribute("slow_start.duration_seconds") == "30")
        #expect(group.healthCheck.isTLS == true)
    }

    @Test(
        "what AWS refuses of a load balancer is an error",
        arguments: [
            ("{Type: authenticate-oidc, AuthenticateOidcConfig: {}}", "signing users in"),
            ("{Type: fixed-response, FixedResponseConfig: {StatusCode: 302}}", "2XX, 4XX or 5XX"),
            (
                "{Type: redirect, RedirectConfig: {StatusCode: HTTP_301, Query: a}}",
                "must change the protocol"
            ),
            ("{Type: forward, TargetGroupArn: !Ref G, Wrong: 1}", "Wrong"),
        ]
    )
    func refusedActions(_ action: String, _ reason: String) throws {
        let plan = try plan(
            Self.balancer + """
                  L:
                    Type: AWS::ElasticLoadBalancingV2::Listener
                    Properties:
                      LoadBalancerArn: !Ref B
                      Protocol: HTTP
                      DefaultActions: [\(action)]
                """
        )
        #expect(plan.diagnostics.contains { $0.message.contains(reason) })
    }

    @Test(
        "attributes are checked, and reported when they change nothing here",
        arguments: [
            ("idle_timeout.timeout_seconds", "0", "a number from 1 to 4000", false),
            ("nonsense", "1", "there is no attribute", false),
            ("waf.fail_open.enabled", "true", "has no effect", true),
            ("routing.http.desync_mitigation_mode", "lax", "one of monitor", false),
        ]
    )
    func attributes(_ key: String, _ value: String, _ reason: String, _ isValid: Bool) throws {
        let plan = try plan(
            """
              B:
                Type: AWS::ElasticLoadBalancingV2::LoadBalancer
                Properties: {LoadBalancerAttributes: [{Key: \(key), Value: '\(value)'}]}
            """
        )
        #expect(plan.diagnostics.contains { $0.message.contains(reason) })
        #expect(plan.isValid == isValid)
    }

    @Test("an HTTP API with authorizers, mapping, limits, stages and a domain arrives in the model")
    func api() throws {
        let plan = try plan(
            """
              A: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP}}
              S:
                Type: AWS::ApiGatewayV2::Stage
                Properties:
                  ApiId: !Ref A
                  StageName: dev
                  AutoDeploy: true
                  StageVariables: {k: v}
                  DefaultRouteSettings: {ThrottlingRateLimit: 5, ThrottlingBurstLimit: 9}
                  RouteSettings: {'GET /x': {ThrottlingRateLimit: 1.5}}
                  AccessLogSettings: {DestinationArn: d, Format: $context.status}
              Z:
                Type: AWS::ApiGatewayV2::Authorizer
                Properties:
                  ApiId: !Ref A
                  Name: z
                  AuthorizerType: JWT
                  IdentitySource: [$request.header.Authorization]
                  JwtConfiguration: {Issuer: 'https://i', Audience: [a]}
              I:
                Type: AWS::ApiGatewayV2::Integration
                Properties:
                  ApiId: !Ref A
                  IntegrationType: HTTP_PROXY
                  IntegrationUri: http://127.0.0.1:3000/{p}
                  IntegrationMethod: GET
                  PayloadFormatVersion: '1.0'
                  RequestParameters: {'append:header.x': $request.path.p}
                  ResponseParameters:
                    '200':
                      ResponseParameters:
                        - {Destination: 'overwrite:statuscode', Source: '201'}
              R:
                Type: AWS::ApiGatewayV2::Route
                Properties:
                  ApiId: !Ref A
                  RouteKey: GET /x/{p}
                  Target: !Sub integrations/${I}
                  AuthorizationType: JWT
                  AuthorizerId: !Ref Z
                  AuthorizationScopes: [s]
              D:
                Type: AWS::ApiGatewayV2::DomainName
                Properties: {DomainName: api.example.com}
              M:
                Type: AWS::ApiGatewayV2::ApiMapping
                Properties:
                  {ApiId: !Ref A, DomainName: !Ref D, Stage: !Ref S, ApiMappingKey: v1/x}
            """
        )
        #expect(plan.diagnostics.filter { $0.severity != .note }.map(\.description) == [])
        let snapshot = snapshot(plan)
        let api = try #require(snapshot.apis.values.first)
        let stage = try #require(api.stages.first)
        #expect(stage.name == "dev" && stage.variables == ["k": "v"])
        #expect(stage.limit == RateLimit(rate: 5, burst: 9))
        #expect(stage.routeLimits == ["GET /x": RateLimit(rate: 1.5, burst: 5000)])
        #expect(stage.logFormat == "$context.status")
        let route = try #require(api.routes.first)
        let authorizer = try #require(api.authorizers.first)
        #expect(route.authorization == .token(authorizer: authorizer.id, scopes: ["s"]))
        #expect(route.requestChanges.map(\.place) == [.header("x")])
        #expect(route.responseChanges[200]?.map(\.place) == [.status])
        #expect(
            snapshot.domains["api.example.com"]?.mappings
                == [.init(api: api.id, stage: "dev", key: "v1/x")]
        )
    }

    @Test("SAM's authorizers reach the routes, by default or by name")
    func serverless() throws {
        let plan = try plan(
            """
              A:
                Type: AWS::Serverless::HttpApi
                Properties:
                  Auth:
                    DefaultAuthorizer: J
                    Authorizers:
                      J: {JwtConfiguration: {issuer: 'https://i', audience: [a]}}
                      L:
                        FunctionArn: !GetAtt F.Arn
                        AuthorizerPayloadFormatVersion: '2.0'
                        EnableFunctionDefaultPermissions: true
                        EnableSimpleResponses: true
                        Identity: {Headers: [X-Key], ReauthorizeEvery: 10}
              H:
                Type: AWS::Serverless::Function
                Properties:
                  Runtime: nodejs22.x
                  Handler: i.h
                  InlineCode: x
                  FunctionUrlConfig:
                    {AuthType: NONE, InvokeMode: RESPONSE_STREAM, Cors: {AllowOrigins: ['*']}}
                  Events:
                    One: {Type: HttpApi, Properties: {ApiId: !Ref A, Method: GET, Path: /one}}
                    Two:
                      Type: HttpApi
                      Properties:
                        ApiId: !Ref A
                        Method: GET
                        Path: /two
                        Auth: {Authorizer: L}
                    Three:
                      Type: HttpApi
                      Properties:
                        ApiId: !Ref A
                        Method: GET
                        Path: /three
                        Auth: {Authorizer: NONE}
            """
        )
        #expect(plan.diagnostics.filter { $0.severity != .note }.map(\.description) == [])
        let snapshot = snapshot(plan)
        let api = try #require(snapshot.apis.values.first)
        let ids = Dictionary(uniqueKeysWithValues: api.authorizers.map { ($0.name, $0.id) })
        let expected: [GatewayRoute.Authorization] = [
            .token(authorizer: ids["J"] ?? "", scopes: []),
            .function(authorizer: ids["L"] ?? ""), .none,
        ]
        #expect(api.routes.map(\.authorization) == expected)
        let placed = try #require(snapshot.functionURLs.values.first)
        #expect(placed.url.streams)
        #expect(placed.url.id.count == 32 && placed.url.cors?.allowOrigins == ["*"])
        var call = FunctionCall(principal: "*")
        call.action = "lambda:InvokeFunctionUrl"
        call.functionURLAuthType = "NONE"
        #expect(snapshot.permits(call, toInvoke: placed.function))
    }

    @Test("wildcard origins with credentials, bad route keys and unknown authorizers are errors")
    func refusedAPIs() throws {
        let plan = try plan(
            """
              A:
                Type: AWS::ApiGatewayV2::Api
                Properties:
                  Name: a
                  ProtocolType: HTTP
                  CorsConfiguration: {AllowOrigins: ['*'], AllowCredentials: true}
              I:
                Type: AWS::ApiGatewayV2::Integration
                Properties:
                  ApiId: !Ref A
                  IntegrationType: HTTP_PROXY
                  IntegrationUri: http://127.0.0.1:3000
                  RequestParameters: {'append:header.via': x}
              R:
                Type: AWS::ApiGatewayV2::Route
                Properties:
                  ApiId: !Ref A
                  RouteKey: GET /x/
                  Target: !Sub integrations/${I}
                  AuthorizationType: JWT
                  AuthorizerId: gone
            """
        )
        let messages = plan.diagnostics.map(\.message).joined(separator: "\n")
        #expect(messages.contains("allow-credentials is not supported if 'allow-origin' is *"))
        #expect(messages.contains("must not end with /"))
        #expect(messages.contains("the authorizer gone"))
        #expect(messages.contains("the header via is reserved"))
        #expect(messages.contains("has no stage"))
    }
}
