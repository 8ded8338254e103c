import Crypto
import JSON
import Model

/// The record of an HTTP API that a template brought in, made from what edges serve.
enum GatewayOutput {
    /// Letters and digits that a text always gives.
    private static func id(_ text: String, _ count: Int) -> String {
        String(Digest.hex(Digest.sha256(text)).prefix(count))
    }

    private static func list(_ texts: [String]) -> JSONValue {
        .array(texts.map(JSONValue.string))
    }

    static func record(of api: HTTPAPI, started: Double) -> GatewayRecord {
        var members = JSONObject()
        members["Name"] = .string(api.name)
        members["ProtocolType"] = "HTTP"
        members["CreatedDate"] = Timestamp.json(started)
        members["DisableExecuteApiEndpoint"] = .bool(api.disablesDefaultEndpoint)
        if let cors = api.cors { members["CorsConfiguration"] = shape(cors) }
        var record = GatewayRecord(id: api.id, api: members)
        var routes = JSONObject()
        var integrations = JSONObject()
        for route in api.routes {
            let integrationID = id(api.id + route.key + "integration", 7)
            integrations[integrationID] = shape(route)
            var member = JSONObject()
            member["RouteKey"] = .string(route.key)
            member["Target"] = .string("integrations/" + integrationID)
            member["ApiKeyRequired"] = false
            authorize(route.authorization, &member)
            routes[id(api.id + route.key, 7)] = .object(member)
        }
        record[.route] = routes
        record[.integration] = integrations
        var stages = JSONObject()
        for stage in api.stages { stages[stage.name] = shape(stage, started) }
        record[.stage] = stages
        var authorizers = JSONObject()
        for authorizer in api.authorizers { authorizers[authorizer.id] = shape(authorizer) }
        record[.authorizer] = authorizers
        return record
    }

    private static func shape(_ cors: HTTPAPI.CORS) -> JSONValue {
        var members = JSONObject()
        for (name, values) in [
            ("AllowOrigins", cors.allowOrigins), ("AllowMethods", cors.allowMethods),
            ("AllowHeaders", cors.allowHeaders), ("ExposeHeaders", cors.exposeHeaders),
        ] where !values.isEmpty {
            members[name] = list(values)
        }
        if cors.allowCredentials { members["AllowCredentials"] = true }
        members["MaxAge"] = cors.maxAge.map(JSONValue.integer)
        return .object(members)
    }

    private static func shape(_ route: GatewayRoute) -> JSONValue {
        var members = JSONObject()
        members["ConnectionType"] = "INTERNET"
        switch route.integration {
        case .function(let reference, let format, let timeout):
            let arn = FunctionARN(reference)
            members["IntegrationType"] = "AWS_PROXY"
            members["IntegrationMethod"] = "POST"
            members["IntegrationUri"] = .string(
                FunctionARN(name: arn?.name ?? reference, qualifier: arn?.qualifier).text
            )
            members["PayloadFormatVersion"] = .string(format)
            members["TimeoutInMillis"] = .integer(timeout)
        case .proxy(let url, let method, let timeout):
            members["IntegrationType"] = "HTTP_PROXY"
            members["IntegrationMethod"] = .string(method)
            members["IntegrationUri"] = .string(url)
            members["PayloadFormatVersion"] = "1.0"
            members["TimeoutInMillis"] = .integer(timeout)
        }
        if !route.requestChanges.isEmpty {
            members["RequestParameters"] = .object(shape(route.requestChanges))
        }
        var responses = JSONObject()
        for (status, changes) in route.responseChanges.sorted(by: { $0.key < $1.key }) {
            responses[String(status)] = .object(shape(changes))
        }
        if !responses.isEmpty { members["ResponseParameters"] = .object(responses) }
        return .object(members)
    }

    private static func shape(_ changes: [ParameterChange]) -> JSONObject {
        var members = JSONObject()
        for change in changes {
            let place =
                switch change.place {
                case .header(let name): "header." + name
                case .query(let name): "querystring." + name
                case .path: "path"
                case .status: "statuscode"
                }
            members["\(change.operation.rawValue):\(place)"] = .string(change.value)
        }
        return members
    }

    private static func authorize(
        _ authorization: GatewayRoute.Authorization,
        _ members: inout JSONObject
    ) {
        switch authorization {
        case .none: members["AuthorizationType"] = "NONE"
        case .iam: members["AuthorizationType"] = "AWS_IAM"
        case .token(let authorizer, let scopes):
            members["AuthorizationType"] = "JWT"
            members["AuthorizerId"] = .string(authorizer)
            if !scopes.isEmpty { members["AuthorizationScopes"] = list(scopes) }
        case .function(let authorizer):
            members["AuthorizationType"] = "CUSTOM"
            members["AuthorizerId"] = .string(authorizer)
        }
    }

    private static func shape(_ stage: GatewayStage, _ started: Double) -> JSONValue {
        var members = JSONObject()
        members["AutoDeploy"] = true
        members["CreatedDate"] = Timestamp.json(started)
        members["LastUpdatedDate"] = Timestamp.json(started)
        var variables = JSONObject()
        for (name, value) in stage.variables.sorted(by: { $0.key < $1.key }) {
            variables[name] = .string(value)
        }
        members["StageVariables"] = .object(variables)
        func settings(_ limit: RateLimit) -> JSONValue {
            [
                "ThrottlingRateLimit": .number(String(limit.rate)),
                "ThrottlingBurstLimit": .integer(limit.burst),
            ]
        }
        members["DefaultRouteSettings"] =
            stage.limit.map(settings) ?? ["DetailedMetricsEnabled": false]
        var routes = JSONObject()
        for (key, limit) in stage.routeLimits.sorted(by: { $0.key < $1.key }) {
            routes[key] = settings(limit)
        }
        members["RouteSettings"] = .object(routes)
        if let format = stage.logFormat {
            members["AccessLogSettings"] = ["Format": .string(format)]
        }
        return .object(members)
    }

    private static func shape(_ authorizer: GatewayAuthorizer) -> JSONValue {
        var members = JSONObject()
        members["Name"] = .string(authorizer.name)
        members["IdentitySource"] = list(authorizer.identitySources)
        switch authorizer.kind {
        case .token(let issuer, let audiences):
            members["AuthorizerType"] = "JWT"
            members["JwtConfiguration"] = [
                "Issuer": .string(issuer), "Audience": list(audiences),
            ]
        case .function(let function):
            let arn = FunctionARN(function.reference)
            let text = FunctionARN(
                name: arn?.name ?? function.reference,
                qualifier: arn?.qualifier
            ).text
            members["AuthorizerType"] = "REQUEST"
            members["AuthorizerUri"] = .string(
                "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\(text)/invocations"
            )
            members["AuthorizerPayloadFormatVersion"] = .string(function.payloadFormat)
            members["EnableSimpleResponses"] = .bool(function.isSimple)
            members["AuthorizerResultTtlInSeconds"] = .integer(function.lifetime)
        }
        return .object(members)
    }
}
