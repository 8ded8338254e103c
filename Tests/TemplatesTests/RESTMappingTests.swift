import Model
import Testing

@testable import Templates

/// REST and WebSocket APIs out of templates.
@Suite
struct RESTMappingTests {
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

    private func problems(_ plan: StackPlan) -> [String] {
        plan.diagnostics.filter { $0.severity != .note }.map(\.description)
    }

    private static let wholeAPI = """
          A:
            Type: AWS::ApiGateway::RestApi
            Properties: {Name: a, BinaryMediaTypes: [image~1png], Policy: {Statement: [{Effect: Allow, Principal: '*', Action: '*', Resource: '*'}]}}
          Users:
            Type: AWS::ApiGateway::Resource
            Properties:
              {RestApiId: !Ref A, ParentId: !GetAtt A.RootResourceId, PathPart: users}
          User:
            Type: AWS::ApiGateway::Resource
            Properties: {RestApiId: !Ref A, ParentId: !Ref Users, PathPart: '{id}'}
          Get:
            Type: AWS::ApiGateway::Method
            Properties:
              RestApiId: !Ref A
              ResourceId: !Ref User
              HttpMethod: GET
              AuthorizationType: CUSTOM
              AuthorizerId: !Ref Z
              ApiKeyRequired: true
              RequestParameters: {method.request.querystring.q: true}
              RequestValidatorId: !Ref V
              Integration:
                Type: AWS_PROXY
                IntegrationHttpMethod: POST
                Uri: !Sub arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${F.Arn}/invocations
          Options:
            Type: AWS::ApiGateway::Method
            Properties:
              RestApiId: !Ref A
              ResourceId: !GetAtt A.RootResourceId
              HttpMethod: OPTIONS
              AuthorizationType: NONE
              Integration:
                Type: MOCK
                RequestTemplates: {application/json: '{"statusCode": 200}'}
                IntegrationResponses:
                  - StatusCode: '200'
                    ResponseParameters: {method.response.header.X: "'1'"}
              MethodResponses:
                - {StatusCode: '200', ResponseParameters: {method.response.header.X: true}}
          V:
            Type: AWS::ApiGateway::RequestValidator
            Properties: {RestApiId: !Ref A, ValidateRequestParameters: true}
          Z:
            Type: AWS::ApiGateway::Authorizer
            Properties:
              RestApiId: !Ref A
              Name: z
              Type: TOKEN
              AuthorizerUri: !Sub arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${F.Arn}/invocations
              IdentitySource: method.request.header.X-Key
              AuthorizerResultTtlInSeconds: 60
          D:
            Type: AWS::ApiGateway::Deployment
            DependsOn: [Get]
            Properties: {RestApiId: !Ref A}
          S:
            Type: AWS::ApiGateway::Stage
            Properties:
              RestApiId: !Ref A
              DeploymentId: !Ref D
              StageName: dev
              Variables: {k: v}
              MethodSettings:
                - {ResourcePath: '/users/{id}', HttpMethod: GET, ThrottlingRateLimit: 3, ThrottlingBurstLimit: 4}
          P:
            Type: AWS::ApiGateway::UsagePlan
            Properties:
              ApiStages: [{ApiId: !Ref A, Stage: !Ref S}]
              Quota: {Limit: 10, Period: DAY}
          K:
            Type: AWS::ApiGateway::ApiKey
            Properties: {Enabled: true}
          PK:
            Type: AWS::ApiGateway::UsagePlanKey
            Properties: {KeyId: !Ref K, KeyType: API_KEY, UsagePlanId: !Ref P}
          DN: {Type: AWS::ApiGateway::DomainName, Properties: {DomainName: a.example.com}}
          M:
            Type: AWS::ApiGateway::BasePathMapping
            Properties:
              {DomainName: !Ref DN, RestApiId: !Ref A, Stage: !Ref S, BasePath: v1}
          Perm:
            Type: AWS::Lambda::Permission
            Properties:
              {FunctionName: !Ref F, Action: lambda:InvokeFunction, Principal: apigateway.amazonaws.com}
        """

    @Test("a REST API with its tree, methods, keys and domain arrives in the model")
    func restAPI() throws {
        let plan = try plan(Self.wholeAPI)
        #expect(problems(plan) == [])
        let snapshot = snapshot(plan)
        let api = try #require(snapshot.restAPIs.values.first)
        #expect(api.resources.map(\.path) == ["/", "/users", "/users/{id}"])
        #expect(api.binaryMediaTypes == ["image/png"])
        #expect(api.policy?.contains(#""Effect":"Allow""#) == true)
        let method = try #require(api.resources.last?.methods["GET"])
        #expect(method.requiresKey && method.parameters == ["method.request.querystring.q": true])
        #expect(method.validator.flatMap { api.validators[$0] }?.checksParameters == true)
        let authorizer = try #require(api.authorizers.first)
        #expect(method.authorization == .authorizer(authorizer.id, scopes: []))
        #expect(authorizer.lifetime == 60)
        #expect(authorizer.identitySources == ["method.request.header.X-Key"])
        #expect(api.resources[0].methods["OPTIONS"]?.integration.kind == .mock)
        let stage = try #require(api.stages.first)
        #expect(stage.limits == ["/users/{id}/GET": RateLimit(rate: 3, burst: 4)])
        let usage = try #require(snapshot.usagePlans.values.first)
        #expect(usage.quota == .init(limit: 10, period: .day))
        #expect(usage.keys.first?.value.count == 40)
        #expect(usage.stages == [.init(api: api.id, stage: "dev")])
        #expect(
            snapshot.domains["a.example.com"]?.mappings
                == [.init(api: api.id, stage: "dev", key: "v1")]
        )
    }

    @Test("SAM's events make a REST API, with preflights and default authorizer when asked for")
    func serverless() throws {
        let plan = try plan(
            """
              A:
                Type: AWS::Serverless::Api
                Properties:
                  StageName: v1
                  Cors: {AllowOrigin: "'*'", AllowHeaders: "'X-A'"}
                  Auth:
                    DefaultAuthorizer: Z
                    AddDefaultAuthorizerToCorsPreflight: false
                    Authorizers: {Z: {FunctionArn: !GetAtt F.Arn}}
              H:
                Type: AWS::Serverless::Function
                Properties:
                  Runtime: nodejs22.x
                  Handler: i.h
                  InlineCode: x
                  Events:
                    One:
                      Type: Api
                      Properties: {RestApiId: !Ref A, Method: get, Path: '/one/{id}'}
                    Two: {Type: Api, Properties: {Method: any, Path: '/{proxy+}'}}
            Outputs:
              Own: {Value: !Ref ServerlessRestApi}
            """
        )
        #expect(problems(plan) == [])
        let snapshot = snapshot(plan)
        #expect(snapshot.restAPIs.count == 2)
        let own = try #require(plan.outputs["Own"].flatMap { snapshot.restAPIs[$0] })
        #expect(own.stages.map(\.name) == ["Prod"])
        #expect(own.resources.map(\.path) == ["/{proxy+}"])
        let api = try #require(snapshot.restAPIs.values.first { $0.id != own.id })
        let resource = try #require(api.resources.first)
        let authorizer = try #require(api.authorizers.first)
        #expect(resource.methods["GET"]?.authorization == .authorizer(authorizer.id, scopes: []))
        let preflight = try #require(resource.methods["OPTIONS"])
        #expect(preflight.authorization == .none)
        let headers = preflight.integration.responses.first?.parameters ?? [:]
        let prefix = "method.response.header.Access-Control-Allow-"
        #expect(headers[prefix + "Methods"] == "'GET,OPTIONS'")
        #expect(headers[prefix + "Headers"] == "'X-A'" && headers[prefix + "Origin"] == "'*'")
        let call = FunctionCall.api(api.id, stage: "v1", method: "GET", path: "/one/{id}")
        #expect(snapshot.permits(call, toInvoke: "shop-H"))
    }

    @Test("what REST APIs cannot do is an error")
    func refused() throws {
        let plan = try plan(
            """
              A: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a}}
              R:
                Type: AWS::ApiGateway::Resource
                Properties: {RestApiId: !Ref A, ParentId: !GetAtt A.RootResourceId, PathPart: '{p+}'}
              C:
                Type: AWS::ApiGateway::Resource
                Properties: {RestApiId: !Ref A, ParentId: !Ref R, PathPart: c}
              M:
                Type: AWS::ApiGateway::Method
                Properties:
                  RestApiId: !Ref A
                  ResourceId: !Ref R
                  HttpMethod: GET
                  AuthorizationType: NONE
                  Integration:
                    Type: AWS
                    IntegrationHttpMethod: POST
                    Uri: arn:aws:apigateway:us-east-1:sqs:path/x
            """
        )
        let messages = problems(plan).joined(separator: "\n")
        #expect(messages.contains("Cannot create a child of a resource with a greedy path"))
        #expect(messages.contains("only functions are supported"))
    }

    @Test("a WebSocket API with routes, answers and an authorizer arrives in the model")
    func webSocket() throws {
        let plan = try plan(
            """
              W:
                Type: AWS::ApiGatewayV2::Api
                Properties:
                  Name: w
                  ProtocolType: WEBSOCKET
                  RouteSelectionExpression: $request.body.action
              I:
                Type: AWS::ApiGatewayV2::Integration
                Properties:
                  ApiId: !Ref W
                  IntegrationType: AWS_PROXY
                  IntegrationUri: !Sub arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${F.Arn}/invocations
              Z:
                Type: AWS::ApiGatewayV2::Authorizer
                Properties:
                  ApiId: !Ref W
                  Name: z
                  AuthorizerType: REQUEST
                  AuthorizerUri: !Sub arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${F.Arn}/invocations
                  IdentitySource: [route.request.querystring.t]
              C:
                Type: AWS::ApiGatewayV2::Route
                Properties:
                  ApiId: !Ref W
                  RouteKey: $connect
                  Target: !Sub integrations/${I}
                  AuthorizationType: CUSTOM
                  AuthorizerId: !Ref Z
              J:
                Type: AWS::ApiGatewayV2::Route
                Properties:
                  ApiId: !Ref W
                  RouteKey: join
                  Target: !Sub integrations/${I}
                  RouteResponseSelectionExpression: $default
              JR:
                Type: AWS::ApiGatewayV2::RouteResponse
                Properties: {ApiId: !Ref W, RouteId: !Ref J, RouteResponseKey: $default}
              S:
                Type: AWS::ApiGatewayV2::Stage
                Properties: {ApiId: !Ref W, StageName: prod, AutoDeploy: true}
              Perm:
                Type: AWS::Lambda::Permission
                Properties:
                  {FunctionName: !Ref F, Action: lambda:InvokeFunction, Principal: apigateway.amazonaws.com}
            """
        )
        #expect(problems(plan) == [])
        let api = try #require(snapshot(plan).webSocketAPIs.values.first)
        #expect(api.routeSelection == "$request.body.action")
        #expect(api.stages.map(\.name) == ["prod"])
        #expect(api.routes.map(\.key) == ["$connect", "join"])
        #expect(api.routes.map(\.answers) == [false, true])
        #expect(api.routes[0].authorizer == api.authorizers.first?.id)
    }
}
