import Model

/// A path and method of a REST API that an event of a SAM function makes.
struct ServerlessRESTRoute {
    var path: String
    /// Upper case, or `ANY`.
    var method: String
    var reference: String
    /// Nil: the API's default.
    var authorizer: String?
    var scopes: [String] = []
    var requiresKey: Bool?
    var timeout: Int
}

/// REST APIs that SAM makes out of `AWS::Serverless::Api` and the events of functions.
extension ResourceMapper {
    /// Reads an event of the type Api.
    func readRESTEvent(
        _ resource: ResourceEntry,
        _ event: Fields,
        _ properties: Fields?,
        _ alias: String?
    ) {
        guard let properties else { return event.error("Properties", "Properties is required") }
        let api = properties.string("RestApiId") ?? evaluator.ids.api(Implicit.rest)
        let method = (properties.required("Method") ?? "any").uppercased()
        let path = properties.required("Path") ?? "/"
        let name = evaluator.functionName(resource)
        var route = ServerlessRESTRoute(
            path: path,
            method: ["ANY", "*", "X-AMAZON-APIGATEWAY-ANY-METHOD"].contains(method)
                ? "ANY" : method,
            reference: alias.map { "\(name):\($0)" } ?? name,
            timeout: properties.int("TimeoutInMillis", in: 50...29_000, "ms") ?? 29_000
        )
        if let auth = properties.fields("Auth") {
            route.authorizer = auth.string("Authorizer")
            route.scopes = auth.strings("AuthorizationScopes")
            route.requiresKey = auth.bool("ApiKeyRequired")
            auth.finish()
        }
        properties.finish()
        let id = event.path.split(separator: ".").last.map(String.init) ?? ""
        permitAPI(
            api,
            route: "\(route.method) \(path)",
            function: name,
            qualifier: alias,
            statementID: "\(resource.logicalID)\(id)Permission"
        )
        restRoutes[api, default: []].append(route)
    }

    /// The API of events that name none: one stage, `Prod`.
    func finishImplicitREST() {
        let id = evaluator.ids.api(Implicit.rest)
        guard evaluator.resources[Implicit.rest] == nil, let routes = restRoutes[id] else { return }
        var api = RESTAPI(id: id, name: Implicit.rest)
        api.stages = [RESTStage(name: "Prod")]
        add(routes, to: &api, standard: nil, requiresKey: false)
        made.append(.restAPI(api))
    }

    func finishServerlessREST(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        let id = evaluator.primaryID(resource)
        var api = RESTAPI(id: id, name: fields.string("Name") ?? resource.logicalID)
        readSettings(&api, fields)
        var stage = RESTStage(name: fields.required("StageName") ?? "Prod")
        stage.variables = fields.map("Variables")
        readMethodSettings(&stage, fields)
        if let log = fields.fields("AccessLogSetting") {
            _ = log.string("DestinationArn")
            stage.logFormat = log.string("Format")
            log.finish()
        }
        api.stages = [stage]
        for response in fields.members("GatewayResponses") {
            let type = response.path.split(separator: ".").last.map(String.init) ?? ""
            api.gatewayResponses[type] = serverlessGatewayResponse(response)
        }
        var standard: String?
        var requiresKey = false
        var guardsPreflight = true
        if let auth = fields.fields("Auth") {
            standard = auth.string("DefaultAuthorizer")
            requiresKey = auth.bool("ApiKeyRequired") ?? false
            guardsPreflight = auth.bool("AddDefaultAuthorizerToCorsPreflight") ?? true
            for authorizer in auth.members("Authorizers") {
                if let made = serverlessAuthorizer(authorizer, resource, id) {
                    api.authorizers.append(made)
                }
            }
            auth.finish()
        }
        add(restRoutes[id] ?? [], to: &api, standard: standard, requiresKey: requiresKey)
        if let cors = fields.value("Cors") {
            let guarding = guardsPreflight ? standard : nil
            addPreflights(cors, fields, &api, authorizer: guarding)
        }
        if let domain = fields.fields("Domain") {
            serverlessDomain(domain, HTTPAPI(id: id, name: "", routes: []), stage.name)
        }
        made.append(.restAPI(api))
    }

    private func serverlessGatewayResponse(_ fields: Fields) -> RESTAPI.GatewayResponse {
        defer { fields.finish() }
        var response = RESTAPI.GatewayResponse()
        response.status = fields.string("StatusCode").flatMap { Int($0) }
        response.templates = fields.map("ResponseTemplates")
        guard let parameters = fields.fields("ResponseParameters") else { return response }
        for (name, value) in parameters.map("Headers") {
            response.parameters["gatewayresponse.header.\(name)"] = value
        }
        parameters.finish()
        return response
    }

    private func add(
        _ routes: [ServerlessRESTRoute],
        to api: inout RESTAPI,
        standard: String?,
        requiresKey: Bool
    ) {
        for route in routes {
            var integration = RESTIntegration(.function(route.reference, isProxy: true))
            integration.timeout = route.timeout
            var method = RESTMethod(integration: integration)
            method.requiresKey = route.requiresKey ?? requiresKey
            method.authorization = authorization(
                route.authorizer ?? standard,
                route.scopes,
                api.authorizers
            )
            put(method, route.method, at: route.path, in: &api)
        }
    }

    private func authorization(
        _ name: String?,
        _ scopes: [String],
        _ authorizers: [RESTAuthorizer]
    ) -> RESTMethod.Authorization {
        guard let name, name != "NONE" else { return .none }
        if name == "AWS_IAM" { return .iam }
        return .authorizer(authorizers.first { $0.name == name }?.id ?? name, scopes: scopes)
    }

    private func put(
        _ method: RESTMethod,
        _ verb: String,
        at path: String,
        in api: inout RESTAPI
    ) {
        if let index = api.resources.firstIndex(where: { $0.path == path }) {
            api.resources[index].methods[verb] = method
        } else {
            let id = String(evaluator.ids.api(api.id + path).prefix(6))
            var resource = RESTResource(id: id, path: path)
            resource.methods[verb] = method
            api.resources.append(resource)
        }
    }

    private func serverlessAuthorizer(
        _ fields: Fields,
        _ resource: ResourceEntry,
        _ api: String
    ) -> RESTAuthorizer? {
        defer { fields.finish() }
        let name = fields.path.split(separator: ".").last.map(String.init) ?? ""
        let id = String(evaluator.ids.api(resource.logicalID + "/" + name).prefix(6))
        var sources: [String] = []
        var validation: String?
        var lifetime = 300
        if let identity = fields.fields("Identity") {
            sources += (identity.string("Header").map { [$0] } ?? [])
                .map { "method.request.header.\($0)" }
            sources += identity.strings("Headers").map { "method.request.header.\($0)" }
            sources += identity.strings("QueryStrings").map { "method.request.querystring.\($0)" }
            sources += identity.strings("StageVariables").map { "stageVariables.\($0)" }
            sources += identity.strings("Context").map { "context.\($0)" }
            validation = identity.string("ValidationExpression")
            lifetime = identity.int("ReauthorizeEvery", in: 0...3600, "s") ?? 300
            identity.finish()
        }
        var authorizer: RESTAuthorizer
        if fields.has("UserPoolArn") {
            let pools = fields.strings("UserPoolArn").map(Self.issuer)
            _ = fields.strings("AuthorizationScopes")
            authorizer = RESTAuthorizer(
                id: id,
                name: name,
                kind: .userPools(pools),
                identitySources: sources
            )
        } else {
            guard let arn = fields.required("FunctionArn"), let reference = functionKey(arn) else {
                return nil
            }
            trustAPI(api, toInvoke: reference, resource)
            let isRequest = fields.string("FunctionPayloadType") == "REQUEST"
            authorizer = RESTAuthorizer(
                id: id,
                name: name,
                kind: isRequest
                    ? .request(function: reference)
                    : .token(function: reference, validation: validation),
                identitySources: sources
            )
        }
        authorizer.lifetime = lifetime
        return authorizer
    }

    /// An OPTIONS method without a backend for each path that has none.
    private func addPreflights(
        _ cors: TemplateNode,
        _ fields: Fields,
        _ api: inout RESTAPI,
        authorizer: String?
    ) {
        var origin = cors.text ?? "'*'"
        var methods: String?
        var headers: String?
        var age: String?
        var hasCredentials = false
        if cors.isMap, let settings = fields.fields("Cors") {
            origin = settings.string("AllowOrigin") ?? "'*'"
            methods = settings.string("AllowMethods")
            headers = settings.string("AllowHeaders")
            age = settings.string("MaxAge")
            hasCredentials = settings.bool("AllowCredentials") ?? false
            settings.finish()
        }
        if !origin.hasPrefix("'") {
            fields.error("Cors", "values stand in single quotes within the text, such as \"'*'\"")
        }
        for resource in api.resources where resource.methods["OPTIONS"] == nil {
            var response = RESTIntegration.Response(status: 200)
            let known = (resource.methods.keys + ["OPTIONS"]).sorted()
            let all =
                resource.methods["ANY"] == nil
                ? known.joined(separator: ",") : "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"
            let prefix = "method.response.header.Access-Control-"
            response.parameters[prefix + "Allow-Origin"] = origin
            response.parameters[prefix + "Allow-Methods"] = methods ?? "'\(all)'"
            if let headers { response.parameters[prefix + "Allow-Headers"] = headers }
            if let age { response.parameters[prefix + "Max-Age"] = age }
            if hasCredentials { response.parameters[prefix + "Allow-Credentials"] = "'true'" }
            response.templates["application/json"] = "{}"
            var integration = RESTIntegration(.mock)
            integration.templates["application/json"] = "{ \"statusCode\": 200 }"
            integration.responses = [response]
            var method = RESTMethod(integration: integration)
            method.authorization = authorization(authorizer, [], api.authorizers)
            put(method, "OPTIONS", at: resource.path, in: &api)
        }
    }
}
