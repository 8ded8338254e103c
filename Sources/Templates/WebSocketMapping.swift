import Model

/// WebSocket APIs.
extension ResourceMapper {
    /// Whether an API's id is that of a WebSocket API.
    func isWebSocket(_ api: String) -> Bool {
        resources(ofType: "AWS::ApiGatewayV2::Api").contains {
            evaluator.primaryID($0) == api
                && evaluator.property("ProtocolType", of: $0) == "WEBSOCKET"
        }
    }

    func finishWebSocket(_ resource: ResourceEntry, _ fields: Fields) {
        let id = evaluator.primaryID(resource)
        _ = fields.string("ProtocolType")
        var api = WebSocketAPI(
            id: id,
            name: fields.required("Name") ?? resource.logicalID,
            routeSelection: fields.required("RouteSelectionExpression") ?? ""
        )
        api.disablesDefaultEndpoint = fields.bool("DisableExecuteApiEndpoint") ?? false
        if let source = fields.string("ApiKeySelectionExpression"),
            source != "$request.header.x-api-key"
        {
            fields.error("ApiKeySelectionExpression", "only $request.header.x-api-key is supported")
        }
        for resource in resources(ofType: "AWS::ApiGatewayV2::Stage")
        where evaluator.property("ApiId", of: resource) == id {
            api.stages.append(stage(resource))
        }
        for resource in resources(ofType: "AWS::ApiGatewayV2::Authorizer")
        where evaluator.property("ApiId", of: resource) == id {
            if let authorizer = webSocketAuthorizer(resource, id) {
                api.authorizers.append(authorizer)
            }
        }
        for resource in resources(ofType: "AWS::ApiGatewayV2::Route")
        where evaluator.property("ApiId", of: resource) == id {
            if let route = webSocketRoute(resource, id) { api.routes.append(route) }
        }
        if api.stages.isEmpty {
            fields.note("Name", "the API has no stage, so every handshake is refused with 403")
        }
        made.append(.webSocketAPI(api))
    }

    private func webSocketRoute(
        _ resource: ResourceEntry,
        _ api: String
    ) -> WebSocketAPI.Route? {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("ApiId")
        guard let key = fields.required("RouteKey"), let target = fields.required("Target") else {
            return nil
        }
        let id = target.split(separator: "/").last.map(String.init) ?? ""
        let found = resources(ofType: "AWS::ApiGatewayV2::Integration").first {
            evaluator.primaryID($0) == id
        }
        guard target.hasPrefix("integrations/"), let found,
            let integration = webSocketIntegration(found, api)
        else {
            fields.error("Target", "'\(target)' leads to no integration")
            return nil
        }
        var route = WebSocketAPI.Route(key: key, integration: integration)
        route.requiresKey = fields.bool("ApiKeyRequired") ?? false
        if let expression = fields.string("RouteResponseSelectionExpression") {
            if expression != "$default" {
                fields.error("RouteResponseSelectionExpression", "only $default is allowed")
            }
            let own = evaluator.primaryID(resource)
            route.answers = resources(ofType: "AWS::ApiGatewayV2::RouteResponse").contains {
                evaluator.property("RouteId", of: $0) == own
            }
            if !route.answers {
                fields.warning(
                    "RouteResponseSelectionExpression",
                    "without an AWS::ApiGatewayV2::RouteResponse nothing is answered"
                )
            }
        }
        switch fields.string("AuthorizationType") ?? "NONE" {
        case "NONE": break
        case "AWS_IAM": route.requiresIAM = true
        case "CUSTOM": route.authorizer = fields.required("AuthorizerId")
        case let other: fields.error("AuthorizationType", "'\(other)' is not allowed here")
        }
        if key != "$connect", route.authorizer != nil || route.requiresIAM || route.requiresKey {
            fields.error("AuthorizationType", "only $connect can be guarded")
        }
        if case .function(let reference, _) = integration {
            uses.append(
                FunctionUse(
                    call: .api(api, stage: "*", method: "", path: key),
                    reference: reference,
                    node: fields.node["Target"] ?? fields.node,
                    path: fields.path + ".Target",
                    isRefused: false
                )
            )
        }
        return route
    }

    private func webSocketIntegration(
        _ resource: ResourceEntry,
        _ api: String
    ) -> WebSocketAPI.Integration? {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("ApiId")
        let timeout = fields.int("TimeoutInMillis", in: 50...29_000, "ms") ?? 29_000
        let uri = fields.string("IntegrationUri")
        _ = fields.string("IntegrationMethod")
        switch fields.required("IntegrationType") {
        case "MOCK": return .mock
        case "AWS_PROXY":
            guard let uri, let reference = functionKey(uri) else {
                fields.error("IntegrationUri", "'\(uri ?? "")' is no function")
                return nil
            }
            if fields.has("CredentialsArn") { trustAPI(api, toInvoke: reference, resource) }
            return .function(reference, timeoutMilliseconds: timeout)
        case "HTTP_PROXY":
            guard let uri, uri.hasPrefix("http://") || uri.hasPrefix("https://") else {
                fields.error("IntegrationUri", "'\(uri ?? "")' is no URL")
                return nil
            }
            return .http(url: uri, timeoutMilliseconds: timeout)
        default:
            fields.error("IntegrationType", "only AWS_PROXY, HTTP_PROXY and MOCK are supported")
            return nil
        }
    }

    private func webSocketAuthorizer(
        _ resource: ResourceEntry,
        _ api: String
    ) -> GatewayAuthorizer? {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("ApiId")
        let name = fields.required("Name") ?? resource.logicalID
        let sources = fields.strings("IdentitySource")
        if fields.required("AuthorizerType") != "REQUEST" {
            fields.error("AuthorizerType", "REQUEST is wanted for a WebSocket API")
        }
        guard let uri = fields.required("AuthorizerUri"), let reference = functionKey(uri) else {
            return nil
        }
        if fields.string("AuthorizerCredentialsArn") != nil {
            trustAPI(api, toInvoke: reference, resource)
        }
        for source in sources
        where !["route.request.header.", "route.request.querystring.", "stageVariables."]
            .contains(where: { source.hasPrefix($0) })
        {
            fields.error("IdentitySource", "'\(source)' is no identity source")
        }
        return GatewayAuthorizer(
            id: evaluator.primaryID(resource),
            name: name,
            kind: .function(.init(reference: reference)),
            identitySources: sources
        )
    }
}
