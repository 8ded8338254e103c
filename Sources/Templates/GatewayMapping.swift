import Model

extension ResourceMapper {
    private func resources(_ type: String) -> [ResourceEntry] {
        evaluator.order.compactMap { evaluator.resources[$0] }.filter { $0.type == type }
    }

    func mapRoute(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        guard let api = fields.required("ApiId"), let key = fields.required("RouteKey"),
            let target = fields.required("Target")
        else { return }
        let id = target.split(separator: "/").last.map(String.init) ?? ""
        let found = resources("AWS::ApiGatewayV2::Integration").first {
            evaluator.primaryID($0) == id
        }
        guard target.hasPrefix("integrations/"), let found, let value = integration(found) else {
            return fields.error("Target", "'\(target)' leads to no integration")
        }
        if case .function(let reference, _, _) = value {
            let parts = key.split(separator: " ", maxSplits: 1).map(String.init)
            uses.append(
                FunctionUse(
                    call: .api(
                        api,
                        stage: "$default",
                        method: parts[0] == "ANY" ? "GET" : parts[0],
                        path: parts.count == 2 ? parts[1] : "$default"
                    ),
                    reference: reference,
                    node: fields.node["Target"] ?? fields.node,
                    path: fields.path + ".Target",
                    isRefused: false
                )
            )
        }
        routes[api, default: []].append(GatewayRoute(key: key, integration: value))
    }

    func integration(_ resource: ResourceEntry) -> GatewayIntegration? {
        let fields = fields(resource)
        defer { fields.finish() }
        if let api = fields.required("ApiId"),
            !resources("AWS::ApiGatewayV2::Api").contains(where: { evaluator.primaryID($0) == api }
            ),
            !resources("AWS::Serverless::HttpApi").contains(where: {
                evaluator.primaryID($0) == api
            })
        {
            fields.error("ApiId", "the template has no API \(api)")
        }
        let type = fields.required("IntegrationType")
        let method = fields.string("IntegrationMethod")
        let format = fields.string("PayloadFormatVersion") ?? "1.0"
        let timeout = fields.int("TimeoutInMillis") ?? 30_000
        if type == "HTTP_PROXY", format != "1.0" {
            fields.error("PayloadFormatVersion", "HTTP_PROXY takes 1.0 only")
        }
        guard let uri = fields.required("IntegrationUri") else { return nil }
        switch type {
        case "AWS_PROXY":
            return functionKey(uri).map {
                .function($0, payloadFormat: format, timeoutMilliseconds: timeout)
            }
        case "HTTP_PROXY":
            return .proxy(url: uri, method: method ?? "ANY", timeoutMilliseconds: timeout)
        default:
            fields.error("IntegrationType", "only AWS_PROXY and HTTP_PROXY are supported")
            return nil
        }
    }

    /// Makes every API once all routes are known.
    func finishAPIs() {
        for type in ["AWS::ApiGatewayV2::Api", "AWS::Serverless::HttpApi"] {
            for resource in resources(type) { finish(resource) }
        }
        if evaluator.resources[Implicit.api] == nil, evaluator.hasImplicitAPI {
            let id = evaluator.ids.api(Implicit.api)
            made.append(.api(HTTPAPI(id: id, name: Implicit.api, routes: routes[id] ?? [])))
        }
    }

    private func finish(_ resource: ResourceEntry) {
        let fields = fields(resource)
        let id = evaluator.primaryID(resource)
        let name = fields.string("Name") ?? evaluator.ids.name(resource.logicalID, limit: 128)
        var api = HTTPAPI(id: id, name: name, routes: routes[id] ?? [])
        if let scheme = fields.string("ProtocolType"), scheme != "HTTP" {
            fields.error("ProtocolType", "only HTTP is supported, not \(scheme)")
        }
        api.stage = fields.string("StageName") ?? "$default"
        api.stageVariables = fields.map("StageVariables")
        if let value = fields.value("CorsConfiguration") {
            api.cors = cors(value, fields.path + ".CorsConfiguration")
        }
        fields.finish()
        for resource in resources("AWS::ApiGatewayV2::Stage") {
            let stage = self.fields(resource)
            guard stage.required("ApiId") == id else { continue }
            api.stage = stage.required("StageName") ?? "$default"
            api.stageVariables = stage.map("StageVariables")
            if stage.bool("AutoDeploy") != true {
                stage.error("AutoDeploy", "only stages with AutoDeploy: true are supported")
            }
            stage.finish()
        }
        made.append(.api(api))
    }

    private func cors(_ node: TemplateNode, _ path: String) -> HTTPAPI.CORS {
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
}
