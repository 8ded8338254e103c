import Model

/// HTTP APIs: stages, authorizers, cross-origin settings.
extension ResourceMapper {
    /// Makes every API once all routes are known.
    func finishAPIs() {
        for type in ["AWS::ApiGatewayV2::Api", "AWS::Serverless::HttpApi"] {
            for resource in resources(ofType: type) { finish(resource) }
        }
        if evaluator.resources[Implicit.api] == nil, evaluator.hasImplicitAPI {
            let id = evaluator.ids.api(Implicit.api)
            var api = HTTPAPI(id: id, name: Implicit.api, routes: routes[id] ?? [])
            for index in api.routes.indices {
                let authorization = api.routes[index].authorization
                api.routes[index].authorization = resolved(authorization, nil, [])
            }
            made.append(.api(api))
        }
    }

    private func finish(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        let id = evaluator.primaryID(resource)
        if isWebSocket(id) { return finishWebSocket(resource, fields) }
        let name = fields.string("Name") ?? evaluator.ids.name(resource.logicalID, limit: 128)
        var api = HTTPAPI(id: id, name: name, routes: routes[id] ?? [])
        api.stages = []
        api.disablesDefaultEndpoint = fields.bool("DisableExecuteApiEndpoint") ?? false
        if let value = fields.value("CorsConfiguration") {
            api.cors = cors(value, fields.path + ".CorsConfiguration")
            for problem in api.cors?.problems ?? [] { fields.error("CorsConfiguration", problem) }
        }
        if resource.type == "AWS::Serverless::HttpApi" {
            finishServerless(&api, resource, fields)
        } else {
            finishPlain(&api, resource, fields)
        }
        for route in api.routes {
            if case .token(let authorizer, _) = route.authorization {
                check(authorizer, of: route, api, fields)
            } else if case .function(let authorizer) = route.authorization {
                check(authorizer, of: route, api, fields)
            }
        }
        var seen = Set<String>()
        for route in api.routes where !seen.insert(route.key).inserted {
            fields.error("Name", "two routes are \(route.key)")
        }
        made.append(.api(api))
    }

    private func check(_ id: String, of route: GatewayRoute, _ api: HTTPAPI, _ fields: Fields) {
        if !api.authorizers.contains(where: { $0.id == id }) {
            fields.error("Name", "the authorizer \(id) of the route \(route.key) is not there")
        }
    }

    private func finishPlain(_ api: inout HTTPAPI, _ resource: ResourceEntry, _ fields: Fields) {
        let id = api.id
        if fields.string("ProtocolType") ?? "HTTP" != "HTTP" {
            fields.error("ProtocolType", "HTTP or WEBSOCKET is wanted here")
        }
        for resource in resources(ofType: "AWS::ApiGatewayV2::Stage")
        where evaluator.property("ApiId", of: resource) == id {
            api.stages.append(stage(resource))
        }
        for resource in resources(ofType: "AWS::ApiGatewayV2::Authorizer")
        where evaluator.property("ApiId", of: resource) == id {
            if let authorizer = authorizer(resource, id) { api.authorizers.append(authorizer) }
        }
        if let target = fields.string("Target") { quickCreate(&api, target, resource, fields) }
        if api.stages.isEmpty {
            evaluator.report(
                .note,
                resource.line,
                resource.node.column,
                resource.path,
                "the API has no stage, so every request is answered with 404"
            )
        }
    }

    /// One route to one function or URL, with the stage `$default`.
    private func quickCreate(
        _ api: inout HTTPAPI,
        _ target: String,
        _ resource: ResourceEntry,
        _ fields: Fields
    ) {
        let key = fields.string("RouteKey") ?? "$default"
        let credentials = fields.string("CredentialsArn")
        let integration: GatewayIntegration
        if target.hasPrefix("http://") || target.hasPrefix("https://") {
            integration = .proxy(url: target, method: "ANY", timeoutMilliseconds: 30_000)
        } else if let reference = functionKey(target) {
            if credentials != nil { trustAPI(api.id, toInvoke: reference, resource) }
            integration = .function(reference, payloadFormat: "2.0", timeoutMilliseconds: 30_000)
        } else {
            return fields.error("Target", "'\(target)' is neither a function nor a URL")
        }
        api.routes.append(GatewayRoute(key: key, integration: integration))
        api.stages.append(GatewayStage(name: "$default"))
    }

    // MARK: Stages

    func stage(_ resource: ResourceEntry) -> GatewayStage {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("ApiId")
        var stage = GatewayStage(name: fields.required("StageName") ?? "$default")
        stage.variables = fields.map("StageVariables")
        if fields.bool("AutoDeploy") != true, !fields.has("DeploymentId") {
            fields.error("AutoDeploy", "a stage needs AutoDeploy: true or a DeploymentId")
        }
        limits(&stage, fields)
        for problem in stage.problems { fields.error("StageName", problem) }
        return stage
    }

    private func limits(_ stage: inout GatewayStage, _ fields: Fields) {
        stage.limit = fields.fields("DefaultRouteSettings").flatMap(limit)
        if let settings = fields.fields("RouteSettings") {
            for entry in settings.node.entries {
                if let route = settings.fields(entry.key) {
                    stage.routeLimits[entry.key] = limit(route)
                }
            }
        }
        if let log = fields.fields("AccessLogSettings") {
            _ = log.string("DestinationArn")
            stage.logFormat = log.required("Format")
            log.finish()
        }
    }

    private func limit(_ fields: Fields) -> RateLimit? {
        defer { fields.finish() }
        for key in ["DetailedMetricsEnabled", "DataTraceEnabled", "LoggingLevel"]
        where fields.has(key) {
            let value = fields.value(key) ?? fields.node
            evaluator.warning(value, "\(fields.path).\(key)", "\(key) has no effect here")
        }
        let rate = fields.string("ThrottlingRateLimit").flatMap(Double.init)
        let burst = fields.int("ThrottlingBurstLimit")
        guard rate != nil || burst != nil else { return nil }
        return RateLimit(rate: rate ?? 10_000, burst: burst ?? 5000)
    }

    // MARK: Authorizers

    private func authorizer(_ resource: ResourceEntry, _ api: String) -> GatewayAuthorizer? {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("ApiId")
        let name = fields.required("Name") ?? resource.logicalID
        let sources = fields.strings("IdentitySource")
        let kind: GatewayAuthorizer.Kind
        switch fields.required("AuthorizerType") {
        case "JWT":
            guard let settings = fields.fields("JwtConfiguration") else {
                fields.error("JwtConfiguration", "JwtConfiguration is required")
                return nil
            }
            kind = .token(
                issuer: settings.required("Issuer") ?? "",
                audiences: settings.strings("Audience")
            )
            settings.finish()
        case "REQUEST":
            guard let uri = fields.required("AuthorizerUri") else { return nil }
            guard let reference = functionKey(uri) else {
                fields.error("AuthorizerUri", "'\(uri)' is no function")
                return nil
            }
            if fields.string("AuthorizerCredentialsArn") != nil {
                trustAPI(api, toInvoke: reference, resource)
            }
            kind = .function(
                .init(
                    reference: reference,
                    payloadFormat: fields.required("AuthorizerPayloadFormatVersion") ?? "2.0",
                    isSimple: fields.bool("EnableSimpleResponses") ?? false,
                    lifetime: fields.int("AuthorizerResultTtlInSeconds")
                        ?? (sources.isEmpty ? 0 : 300)
                )
            )
        case nil: return nil
        default:
            fields.error("AuthorizerType", "JWT or REQUEST is wanted")
            return nil
        }
        let authorizer = GatewayAuthorizer(
            id: evaluator.primaryID(resource),
            name: name,
            kind: kind,
            identitySources: sources
        )
        for problem in authorizer.problems { fields.error("IdentitySource", problem) }
        return authorizer
    }

    func cors(_ node: TemplateNode, _ path: String) -> HTTPAPI.CORS {
        var result = HTTPAPI.CORS()
        if node.text == "true" {
            result.allowOrigins = ["*"]
            return result
        }
        let fields = Fields(node, path, evaluator)
        result.allowOrigins = fields.strings("AllowOrigins")
        result.allowMethods = fields.strings("AllowMethods")
        result.allowHeaders = fields.strings("AllowHeaders")
        result.exposeHeaders = fields.strings("ExposeHeaders")
        result.allowCredentials = fields.bool("AllowCredentials") ?? false
        result.maxAge = fields.int("MaxAge")
        fields.finish()
        return result
    }

    // MARK: SAM

    private func finishServerless(
        _ api: inout HTTPAPI,
        _ resource: ResourceEntry,
        _ fields: Fields
    ) {
        var stage = GatewayStage(name: fields.string("StageName") ?? "$default")
        stage.variables = fields.map("StageVariables")
        limits(&stage, fields)
        for problem in stage.problems { fields.error("StageName", problem) }
        api.stages = [stage]
        var standard: String?
        if let auth = fields.fields("Auth") {
            standard = auth.string("DefaultAuthorizer")
            let listed = auth.fields("Authorizers")
            for entry in listed?.node.entries ?? [] {
                guard let value = listed?.fields(entry.key) else { continue }
                if let made = serverlessAuthorizer(entry.key, value, resource, api.id) {
                    api.authorizers.append(made)
                }
            }
            let names = api.authorizers.map(\.name) + ["AWS_IAM", "NONE"]
            if let standard, !names.contains(standard) {
                auth.error("DefaultAuthorizer", "there is no authorizer \(standard)")
            }
            auth.finish()
        }
        for index in api.routes.indices {
            api.routes[index].authorization = resolved(
                api.routes[index].authorization,
                standard,
                api.authorizers
            )
        }
        if let domain = fields.fields("Domain") { serverlessDomain(domain, api, stage.name) }
    }

    /// Events name authorizers; routes know them by id and kind.
    private func resolved(
        _ authorization: GatewayRoute.Authorization,
        _ standard: String?,
        _ authorizers: [GatewayAuthorizer]
    ) -> GatewayRoute.Authorization {
        var name = standard
        var scopes: [String] = []
        if case .token(let asked, let wanted) = authorization {
            if !asked.isEmpty { name = asked }
            scopes = wanted
        }
        guard let name, name != "NONE" else { return .none }
        if name == "AWS_IAM" { return .iam }
        let found = authorizers.first { $0.name == name }
        if case .function? = found?.kind { return .function(authorizer: found?.id ?? name) }
        return .token(authorizer: found?.id ?? name, scopes: scopes)
    }

    private func serverlessAuthorizer(
        _ name: String,
        _ fields: Fields,
        _ resource: ResourceEntry,
        _ api: String
    ) -> GatewayAuthorizer? {
        defer { fields.finish() }
        let id = evaluator.ids.api(resource.logicalID + "/" + name).prefix(7)
        if let settings = fields.fields("JwtConfiguration") {
            defer { settings.finish() }
            _ = fields.strings("AuthorizationScopes")
            let authorizer = GatewayAuthorizer(
                id: String(id),
                name: name,
                kind: .token(
                    issuer: settings.string("issuer") ?? settings.string("Issuer") ?? "",
                    audiences: settings.strings("audience") + settings.strings("Audience")
                ),
                identitySources: [
                    fields.string("IdentitySource") ?? "$request.header.Authorization"
                ]
            )
            for problem in authorizer.problems { fields.error("JwtConfiguration", problem) }
            return authorizer
        }
        guard let arn = fields.required("FunctionArn"), let reference = functionKey(arn) else {
            return nil
        }
        let hasRole = fields.string("FunctionInvokeRole") != nil
        if fields.bool("EnableFunctionDefaultPermissions") ?? false || hasRole {
            trustAPI(api, toInvoke: reference, resource)
        }
        var sources: [String] = []
        var lifetime: Int?
        if let identity = fields.fields("Identity") {
            sources += identity.strings("Headers").map { "$request.header.\($0)" }
            sources += identity.strings("QueryStrings").map { "$request.querystring.\($0)" }
            sources += identity.strings("Context").map { "$context.\($0)" }
            sources += identity.strings("StageVariables").map { "$stageVariables.\($0)" }
            lifetime = identity.int("ReauthorizeEvery")
            identity.finish()
        }
        return GatewayAuthorizer(
            id: String(id),
            name: name,
            kind: .function(
                .init(
                    reference: reference,
                    payloadFormat: fields.required("AuthorizerPayloadFormatVersion") ?? "2.0",
                    isSimple: fields.bool("EnableSimpleResponses") ?? false,
                    lifetime: lifetime ?? (sources.isEmpty ? 0 : 300)
                )
            ),
            identitySources: sources
        )
    }
}
