import Model

/// HTTP APIs: routes and integrations.
extension ResourceMapper {
    func resources(ofType type: String) -> [ResourceEntry] {
        evaluator.order.compactMap { evaluator.resources[$0] }.filter { $0.type == type }
    }

    func mapRoute(_ resource: ResourceEntry) {
        if isWebSocket(evaluator.property("ApiId", of: resource) ?? "") { return }
        let fields = fields(resource)
        defer { fields.finish() }
        guard let api = fields.required("ApiId"), let key = fields.required("RouteKey"),
            let target = fields.required("Target")
        else { return }
        let id = target.split(separator: "/").last.map(String.init) ?? ""
        let found = resources(ofType: "AWS::ApiGatewayV2::Integration").first {
            evaluator.primaryID($0) == id
        }
        guard target.hasPrefix("integrations/"), let found, let value = integration(found, api)
        else {
            return fields.error("Target", "'\(target)' leads to no integration")
        }
        var route = GatewayRoute(key: key, integration: value.integration)
        if let problem = route.keyProblem { fields.error("RouteKey", problem) }
        route.requestChanges = value.requestChanges
        route.responseChanges = value.responseChanges
        route.authorization = authorization(fields)
        if case .function(let reference, _, _) = value.integration {
            noteUse(of: reference, api, route, fields)
        }
        routes[api, default: []].append(route)
    }

    private func noteUse(
        of reference: String,
        _ api: String,
        _ route: GatewayRoute,
        _ fields: Fields
    ) {
        let (method, path) = route.methodAndPath ?? ("ANY", "$default")
        uses.append(
            FunctionUse(
                call: .api(
                    api,
                    stage: "$default",
                    method: method == "ANY" ? "GET" : method,
                    path: path
                ),
                reference: reference,
                node: fields.node["Target"] ?? fields.node,
                path: fields.path + ".Target",
                isRefused: false
            )
        )
    }

    private func authorization(_ fields: Fields) -> GatewayRoute.Authorization {
        let id = fields.string("AuthorizerId")
        let scopes = fields.strings("AuthorizationScopes")
        switch fields.string("AuthorizationType") ?? "NONE" {
        case "NONE":
            for key in ["AuthorizerId", "AuthorizationScopes"] where fields.has(key) {
                fields.warning(key, "\(key) goes with the AuthorizationType JWT or CUSTOM")
            }
            return .none
        case "AWS_IAM":
            evaluator.warning(
                fields.node,
                fields.path + ".AuthorizationType",
                "requests must be signed, but there are no accounts here to check signatures by"
            )
            return .iam
        case "JWT":
            if id == nil { fields.error("AuthorizerId", "AuthorizerId is required") }
            return .token(authorizer: id ?? "", scopes: scopes)
        case "CUSTOM":
            if id == nil { fields.error("AuthorizerId", "AuthorizerId is required") }
            return .function(authorizer: id ?? "")
        case let other:
            fields.error("AuthorizationType", "'\(other)' is not allowed here")
            return .none
        }
    }

    /// An integration with its parameter mapping.
    private struct MappedIntegration {
        var integration: GatewayIntegration
        var requestChanges: [ParameterChange]
        var responseChanges: [Int: [ParameterChange]]
    }

    /// Checks an integration that no route need use.
    func checkIntegration(_ resource: ResourceEntry) {
        let api = evaluator.property("ApiId", of: resource) ?? ""
        let types = ["AWS::ApiGatewayV2::Api", "AWS::Serverless::HttpApi"]
        let apis = types.flatMap { resources(ofType: $0) }
        if !apis.contains(where: { evaluator.primaryID($0) == api }) {
            fields(resource).error("ApiId", "the template has no API \(api)")
        }
        if isWebSocket(api) { return }
        let before = made.count
        _ = integration(resource, api)
        made.removeSubrange(before...)
    }

    private func integration(_ resource: ResourceEntry, _ api: String) -> MappedIntegration? {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("ApiId")
        let type = fields.required("IntegrationType")
        let method = fields.string("IntegrationMethod")
        let format = fields.string("PayloadFormatVersion") ?? "1.0"
        let timeout = fields.int("TimeoutInMillis") ?? 30_000
        if !(50...30_000).contains(timeout) {
            fields.error("TimeoutInMillis", "50 to 30000 milliseconds are allowed")
        }
        if let connection = fields.string("ConnectionType"), connection != "INTERNET" {
            fields.error("ConnectionType", "there are no private networks here")
        }
        if fields.has("IntegrationSubtype") {
            _ = fields.string("IntegrationSubtype")
            fields.error("IntegrationSubtype", "calls of other AWS services are not supported")
        }
        let hasRole = fields.has("CredentialsArn")
        guard let uri = fields.required("IntegrationUri") else { return nil }
        let requestChanges = changes(fields.value("RequestParameters"), fields, isResponse: false)
        let responseChanges = responseChanges(fields)
        let value: GatewayIntegration
        switch type {
        case "AWS_PROXY":
            if !["1.0", "2.0"].contains(format) {
                fields.error("PayloadFormatVersion", "1.0 or 2.0 is wanted, not '\(format)'")
            }
            guard let reference = functionKey(uri) else {
                fields.error("IntegrationUri", "'\(uri)' is no function")
                return nil
            }
            if hasRole { trustAPI(api, toInvoke: reference, resource) }
            value = .function(reference, payloadFormat: format, timeoutMilliseconds: timeout)
        case "HTTP_PROXY":
            if format != "1.0" {
                fields.error("PayloadFormatVersion", "HTTP_PROXY takes 1.0 only")
            }
            if !uri.hasPrefix("http://"), !uri.hasPrefix("https://") {
                fields.error("IntegrationUri", "'\(uri)' is no URL")
            }
            value = .proxy(url: uri, method: method ?? "ANY", timeoutMilliseconds: timeout)
        default:
            fields.error("IntegrationType", "only AWS_PROXY and HTTP_PROXY are supported")
            return nil
        }
        return MappedIntegration(
            integration: value,
            requestChanges: requestChanges,
            responseChanges: responseChanges
        )
    }

    /// The permission of an API that calls a function in a role of its own.
    func trustAPI(_ api: String, toInvoke reference: String, _ resource: ResourceEntry) {
        guard let arn = FunctionARN(reference) else { return }
        var statement = FunctionPermission(
            function: arn.name,
            qualifier: arn.qualifier,
            statementID: resource.logicalID + "Role",
            action: "lambda:InvokeFunction",
            principal: "apigateway.amazonaws.com"
        )
        statement.sourceARN =
            "arn:aws:execute-api:us-east-1:\(FunctionARN.account):\(api)/*"
        made.append(.permission(statement))
    }

    // MARK: Parameter mapping

    private func changes(
        _ node: TemplateNode?,
        _ fields: Fields,
        isResponse: Bool
    ) -> [ParameterChange] {
        (node?.entries ?? []).compactMap { entry in
            do throws(ParameterChange.Problem) {
                return try ParameterChange(
                    key: entry.key,
                    value: entry.value.text ?? "",
                    isResponse: isResponse
                )
            } catch {
                let path = "\(fields.path).RequestParameters.\(entry.key)"
                evaluator.report(.error, entry.line, entry.column, path, error.text)
                return nil
            }
        }
    }

    /// Reads `"200": {ResponseParameters: [{Source, Destination}]}`.
    private func responseChanges(_ fields: Fields) -> [Int: [ParameterChange]] {
        var result: [Int: [ParameterChange]] = [:]
        for entry in fields.value("ResponseParameters")?.entries ?? [] {
            let path = "\(fields.path).ResponseParameters.\(entry.key)"
            guard let status = Int(entry.key), (200...599).contains(status) else {
                evaluator.report(.error, entry.line, entry.column, path, "no status of 200 to 599")
                continue
            }
            let listed = Fields(entry.value, path, evaluator)
            result[status] = listed.each("ResponseParameters").compactMap { item in
                defer { item.finish() }
                guard let destination = item.required("Destination") else { return nil }
                do throws(ParameterChange.Problem) {
                    return try ParameterChange(
                        key: destination,
                        value: item.string("Source") ?? "",
                        isResponse: true
                    )
                } catch {
                    item.error("Destination", error.text)
                    return nil
                }
            }
            listed.finish()
        }
        return result
    }
}
