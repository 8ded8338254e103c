import Model

/// Custom domain names and function URLs.
extension ResourceMapper {
    func mapDomain(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        guard let name = fields.required("DomainName") else { return }
        if fields.has("MutualTlsAuthentication") {
            fields.error("MutualTlsAuthentication", "viewers' certificates are not supported")
        }
        var domain = GatewayDomain(name: name)
        domain.mode = fields.choice("RoutingMode", GatewayDomain.Mode.self) ?? .mappingsOnly
        for resource in resources(ofType: "AWS::ApiGatewayV2::ApiMapping")
        where evaluator.property("DomainName", of: resource) == name {
            domain.mappings.append(apiMapping(resource))
        }
        let arn = "arn:aws:apigateway:us-east-1::/domainnames/\(name)"
        for resource in resources(ofType: "AWS::ApiGatewayV2::RoutingRule")
        where evaluator.property("DomainNameArn", of: resource) == arn {
            if let rule = routingRule(resource) { domain.rules.append(rule) }
        }
        made.append(.domain(domain))
    }

    private func apiMapping(_ resource: ResourceEntry) -> GatewayDomain.Mapping {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("DomainName")
        let key = fields.string("ApiMappingKey") ?? ""
        let isFine =
            !key.hasPrefix("/") && !key.hasSuffix("/") && !key.contains("//")
            && key.utf8.count <= 300
            && key.utf8.allSatisfy {
                $0 &- 48 < 10 || ($0 | 0x20) &- 97 < 26 || "$-_.+!*'()/".utf8.contains($0)
            }
        if !isFine {
            fields.error("ApiMappingKey", "'\(key)' is no path without slashes around it")
        }
        return GatewayDomain.Mapping(
            api: fields.required("ApiId") ?? "",
            stage: fields.required("Stage") ?? "",
            key: key == "(none)" ? "" : key
        )
    }

    private func routingRule(_ resource: ResourceEntry) -> GatewayDomain.Rule? {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("DomainNameArn")
        let actions = fields.each("Actions")
        guard actions.count == 1, let action = actions[0].fields("InvokeApi") else {
            fields.error("Actions", "exactly one InvokeApi action is wanted")
            return nil
        }
        var rule = GatewayDomain.Rule(
            priority: fields.int("Priority") ?? 0,
            api: action.required("ApiId") ?? "",
            stage: action.required("Stage") ?? ""
        )
        if !(1...1_000_000).contains(rule.priority) {
            fields.error("Priority", "1 to 1000000 is allowed")
        }
        rule.stripsBasePath = action.bool("StripBasePath") ?? false
        action.finish()
        actions[0].finish()
        for condition in fields.each("Conditions") {
            if let headers = condition.fields("MatchHeaders") {
                rule.headers.append(
                    headers.each("AnyOf").map { pattern in
                        defer { pattern.finish() }
                        return .init(
                            name: pattern.required("Header") ?? "",
                            glob: pattern.required("ValueGlob") ?? ""
                        )
                    }
                )
                headers.finish()
            }
            if let paths = condition.fields("MatchBasePaths") {
                rule.basePaths.append(paths.strings("AnyOf"))
                paths.finish()
            }
            condition.finish()
        }
        return rule
    }

    /// The `Domain` of an API that SAM makes.
    func serverlessDomain(_ fields: Fields, _ api: HTTPAPI, _ stage: String) {
        defer { fields.finish() }
        guard let name = fields.required("DomainName") else { return }
        var domain = GatewayDomain(name: name)
        let paths = fields.strings("BasePath")
        domain.mappings = (paths.isEmpty ? [""] : paths).map { path in
            let key = path.split(separator: "/").joined(separator: "/")
            return .init(api: api.id, stage: stage, key: key)
        }
        made.append(.domain(domain))
    }

    func mapFunctionURL(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        guard let target = fields.required("TargetFunctionArn"),
            let name = FunctionARN(target)?.name
        else { return }
        if evaluator.function(for: target) == nil {
            fields.error("TargetFunctionArn", "the template has no function \(target)")
        }
        let qualifier = fields.string("Qualifier")
        let id = evaluator.ids.functionURL(resource.logicalID)
        add(readURL(id, fields), to: name, qualifier)
    }

    /// `FunctionUrlConfig` of a function that SAM makes; SAM lets everyone in when there is no IAM.
    func mapFunctionURL(of resource: ResourceEntry, _ fields: Fields, alias: String?) {
        defer { fields.finish() }
        let name = evaluator.functionName(resource)
        let url = readURL(evaluator.ids.functionURL(resource.logicalID + "Url"), fields)
        add(url, to: name, alias)
        guard !url.requiresSignature else { return }
        var statement = FunctionPermission(
            function: name,
            qualifier: alias,
            statementID: resource.logicalID + "UrlPublicPermissions",
            action: "lambda:InvokeFunctionUrl",
            principal: "*"
        )
        statement.functionURLAuthType = "NONE"
        made.append(.permission(statement))
    }

    /// Adds the URL to what is set of its function already.
    private func add(_ url: FunctionURL, to function: String, _ qualifier: String?) {
        var settings = FunctionSettings(function: function)
        made.removeAll { resource in
            guard case .functionSettings(let earlier) = resource, earlier.function == function
            else { return false }
            settings = earlier
            return true
        }
        settings.urls[qualifier ?? "$LATEST"] = url
        made.append(.functionSettings(settings))
    }

    private func readURL(_ id: String, _ fields: Fields) -> FunctionURL {
        var url = FunctionURL(id: id, requiresSignature: false)
        switch fields.required("AuthType") {
        case "NONE", nil: break
        case "AWS_IAM":
            url.requiresSignature = true
            evaluator.warning(
                fields.node,
                fields.path + ".AuthType",
                "requests must be signed, but there are no accounts here to check signatures by"
            )
        case let other?: fields.error("AuthType", "'\(other)' is neither NONE nor AWS_IAM")
        }
        if let value = fields.value("Cors") { url.cors = cors(value, fields.path + ".Cors") }
        switch fields.string("InvokeMode") ?? "BUFFERED" {
        case "BUFFERED": break
        case "RESPONSE_STREAM": url.streams = true
        case let mode: fields.error("InvokeMode", "'\(mode)' is not allowed here")
        }
        return url
    }
}
