import Model

/// REST APIs: the tree of resources, methods and stages.
extension ResourceMapper {
    /// Makes every REST API once all its parts can be found.
    func finishRESTAPIs() {
        for resource in resources(ofType: "AWS::ApiGateway::RestApi") { finishREST(resource) }
        for resource in resources(ofType: "AWS::Serverless::Api") { finishServerlessREST(resource) }
        finishImplicitREST()
        for resource in resources(ofType: "AWS::ApiGateway::UsagePlan") { mapUsagePlan(resource) }
    }

    private func parts(_ type: String, of api: String) -> [ResourceEntry] {
        resources(ofType: "AWS::ApiGateway::" + type)
            .filter { evaluator.property("RestApiId", of: $0) == api }
    }

    private func finishREST(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        let id = evaluator.primaryID(resource)
        var api = RESTAPI(id: id, name: fields.string("Name") ?? resource.logicalID)
        readSettings(&api, fields)
        for resource in parts("Model", of: id) { mapModel(resource, &api) }
        for resource in parts("RequestValidator", of: id) {
            let fields = self.fields(resource)
            _ = fields.required("RestApiId")
            _ = fields.string("Name")
            api.validators[evaluator.primaryID(resource)] = .init(
                checksBody: fields.bool("ValidateRequestBody") ?? false,
                checksParameters: fields.bool("ValidateRequestParameters") ?? false
            )
            fields.finish()
        }
        for resource in parts("GatewayResponse", of: id) {
            let fields = self.fields(resource)
            _ = fields.required("RestApiId")
            let type = fields.required("ResponseType") ?? ""
            api.gatewayResponses[type] = gatewayResponse(fields)
            fields.finish()
        }
        for resource in parts("Authorizer", of: id) {
            if let authorizer = restAuthorizer(resource, id) { api.authorizers.append(authorizer) }
        }
        addTree(&api, fields)
        for resource in parts("Stage", of: id) { api.stages.append(restStage(resource)) }
        for resource in parts("Deployment", of: id) {
            let fields = self.fields(resource)
            _ = fields.required("RestApiId")
            if let name = fields.string("StageName"),
                !api.stages.contains(where: { $0.name == name })
            {
                api.stages.append(RESTStage(name: name))
            }
            fields.finish()
        }
        if api.stages.isEmpty {
            fields.note("Name", "the API has no stage, so every request is answered with 403")
        }
        made.append(.restAPI(api))
    }

    func readSettings(_ api: inout RESTAPI, _ fields: Fields) {
        api.binaryMediaTypes = fields.strings("BinaryMediaTypes")
            .map { $0.replacing("~1", with: "/") }
        if let source = fields.choice("ApiKeySourceType", RESTAPI.KeySource.self) {
            api.keySource = source
        }
        api.disablesDefaultEndpoint = fields.bool("DisableExecuteApiEndpoint") ?? false
        if let policy = fields.value("Policy") {
            if policy.isMap { checkPolicy(policy, fields) }
            api.policy = policy.text ?? JSONText.write(policy)
        }
    }

    /// Refuses what the policy's evaluation does not know, so that nobody is let in by mistake.
    private func checkPolicy(_ policy: TemplateNode, _ fields: Fields) {
        let keys = ["aws:sourceip", "aws:useragent", "aws:referer", "aws:securetransport"]
        let operators = [
            "IpAddress", "NotIpAddress", "Bool", "StringEquals", "StringNotEquals", "StringLike",
            "StringNotLike",
        ]
        let statements = policy["Statement"]
        for statement in statements?.list ?? [statements].compactMap({ $0 }) {
            for unknown in ["NotPrincipal", "NotAction", "NotResource"]
            where statement[unknown] != nil {
                fields.error("Policy", "\(unknown) is not supported in a policy")
            }
            let principal = statement["Principal"]?["AWS"] ?? statement["Principal"]
            if principal?.text != "*" {
                fields.error("Policy", "only the principal * is supported in a policy")
            }
            for condition in statement["Condition"]?.entries ?? [] {
                let names = condition.value.entries.map { $0.key.lowercased() }
                if !operators.contains(condition.key) || !names.allSatisfy(keys.contains) {
                    fields.error(
                        "Policy",
                        "the condition \(condition.key) \(names.joined(separator: ", ")) "
                            + "is not supported"
                    )
                }
            }
        }
    }

    private func mapModel(_ resource: ResourceEntry, _ api: inout RESTAPI) {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("RestApiId")
        _ = fields.string("ContentType")
        guard let schema = fields.value("Schema") else { return }
        api.models[evaluator.primaryID(resource)] = schema.text ?? JSONText.write(schema)
    }

    func gatewayResponse(_ fields: Fields) -> RESTAPI.GatewayResponse {
        var response = RESTAPI.GatewayResponse()
        response.status = fields.string("StatusCode").flatMap { Int($0) }
        response.parameters = fields.map("ResponseParameters")
        response.templates = fields.map("ResponseTemplates")
        return response
    }

    // MARK: The tree

    private func addTree(_ api: inout RESTAPI, _ fields: Fields) {
        let root = evaluator.rootResource(api.id)
        var paths = [root: "/"]
        let nodes = parts("Resource", of: api.id)
        var left = nodes
        while !left.isEmpty {
            let ready = left.filter {
                paths[evaluator.property("ParentId", of: $0) ?? ""] != nil
            }
            if ready.isEmpty { break }
            for node in ready {
                let parent = paths[evaluator.property("ParentId", of: node) ?? ""] ?? "/"
                let part = evaluator.property("PathPart", of: node) ?? ""
                if parent.hasSuffix("+}") {
                    self.fields(node).error(
                        "ParentId",
                        "Cannot create a child of a resource with a greedy path variable"
                    )
                }
                let path = (parent == "/" ? "" : parent) + "/" + part
                if paths.values.contains(path) {
                    self.fields(node).error(
                        "PathPart",
                        "Another resource with the same parent already has this name: \(part)"
                    )
                }
                paths[evaluator.primaryID(node)] = path
            }
            let done = Set(ready.map(\.logicalID))
            left.removeAll { done.contains($0.logicalID) }
        }
        for node in left { self.fields(node).error("ParentId", "leads to no resource of the API") }
        for node in nodes { checkResource(node) }
        api.resources = paths.sorted { $0.value < $1.value }
            .map { RESTResource(id: $0.key, path: $0.value) }
        for resource in parts("Method", of: api.id) { mapMethod(resource, &api) }
    }

    private func checkResource(_ resource: ResourceEntry) {
        let fields = fields(resource)
        for key in ["RestApiId", "ParentId", "PathPart"] { _ = fields.required(key) }
        fields.finish()
    }

    private func mapMethod(_ resource: ResourceEntry, _ api: inout RESTAPI) {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("RestApiId")
        let owner = fields.required("ResourceId") ?? ""
        guard let index = api.resources.firstIndex(where: { $0.id == owner }) else {
            return fields.error("ResourceId", "'\(owner)' is no resource of the API")
        }
        let verb = fields.required("HttpMethod") ?? "ANY"
        guard let integration = fields.fields("Integration") else {
            return fields.error("Integration", "Integration is required")
        }
        guard let mapped = restIntegration(integration, resource, api.id) else { return }
        var method = RESTMethod(integration: mapped)
        method.requiresKey = fields.bool("ApiKeyRequired") ?? false
        method.operationName = fields.string("OperationName")
        method.authorization = restAuthorization(fields)
        for (key, value) in fields.map("RequestParameters") {
            method.parameters[key] = value.lowercased() == "true"
        }
        method.models = fields.map("RequestModels")
        method.validator = fields.string("RequestValidatorId")
        declareResponses(fields, mapped)
        if case .function(let reference, _) = mapped.kind {
            noteUse(of: reference, api.id, verb, api.resources[index].path, fields)
        }
        api.resources[index].methods[verb] = method
    }

    /// A header can be mapped only when the method's response declares it.
    private func declareResponses(_ fields: Fields, _ integration: RESTIntegration) {
        var declared: [Int: Set<String>] = [:]
        for response in fields.each("MethodResponses") {
            let status = Int(response.required("StatusCode") ?? "") ?? 0
            declared[status] = Set(response.map("ResponseParameters").keys)
            _ = response.value("ResponseModels")
            response.finish()
        }
        for response in integration.responses {
            for name in response.parameters.keys.sorted()
            where !(declared[response.status]?.contains(name) ?? false) {
                fields.error(
                    "MethodResponses",
                    "the response \(response.status) does not declare \(name)"
                )
            }
        }
    }

    private func noteUse(
        of reference: String,
        _ api: String,
        _ verb: String,
        _ path: String,
        _ fields: Fields
    ) {
        if reference.contains("${stageVariables.") { return }
        uses.append(
            FunctionUse(
                call: .api(api, stage: "*", method: verb == "ANY" ? "GET" : verb, path: path),
                reference: reference,
                node: fields.node["Integration"] ?? fields.node,
                path: fields.path + ".Integration",
                isRefused: false
            )
        )
    }

    private func restAuthorization(_ fields: Fields) -> RESTMethod.Authorization {
        let id = fields.string("AuthorizerId")
        let scopes = fields.strings("AuthorizationScopes")
        switch fields.string("AuthorizationType") ?? "NONE" {
        case "NONE": return .none
        case "AWS_IAM":
            fields.warning(
                "AuthorizationType",
                "requests must be signed, but there are no accounts here to check signatures by"
            )
            return .iam
        case "CUSTOM", "COGNITO_USER_POOLS":
            if id == nil { fields.error("AuthorizerId", "AuthorizerId is required") }
            return .authorizer(id ?? "", scopes: scopes)
        case let other:
            fields.error("AuthorizationType", "'\(other)' is not allowed here")
            return .none
        }
    }

    // MARK: Integrations

    private func restIntegration(
        _ fields: Fields,
        _ resource: ResourceEntry,
        _ api: String
    ) -> RESTIntegration? {
        defer { fields.finish() }
        let type = fields.required("Type") ?? ""
        let uri = fields.string("Uri")
        let kind: RESTIntegration.Kind
        switch type {
        case "MOCK": kind = .mock
        case "AWS", "AWS_PROXY":
            guard let uri, uri.contains(":lambda:path/"), let reference = functionKey(uri) else {
                fields.error("Uri", "only functions are supported, not '\(uri ?? "")'")
                return nil
            }
            if fields.string("IntegrationHttpMethod") ?? "" != "POST" {
                fields.error("IntegrationHttpMethod", "functions are called by POST")
            }
            if fields.has("Credentials") { trustAPI(api, toInvoke: reference, resource) }
            kind = .function(reference, isProxy: type == "AWS_PROXY")
        case "HTTP", "HTTP_PROXY":
            guard let uri, uri.hasPrefix("http://") || uri.hasPrefix("https://") else {
                fields.error("Uri", "'\(uri ?? "")' is no URL")
                return nil
            }
            kind = .http(url: uri, isProxy: type == "HTTP_PROXY")
        default:
            fields.error("Type", "'\(type)' is no type of integration")
            return nil
        }
        var integration = RESTIntegration(kind)
        integration.method = fields.string("IntegrationHttpMethod") ?? "ANY"
        integration.timeout = fields.int("TimeoutInMillis", in: 50...29_000, "ms") ?? 29_000
        integration.parameters = fields.map("RequestParameters")
        integration.templates = fields.map("RequestTemplates")
        integration.passthrough =
            fields.choice("PassthroughBehavior", RESTIntegration.Passthrough.self) ?? .whenNoMatch
        integration.contentHandling =
            fields.choice("ContentHandling", RESTIntegration.ContentHandling.self)
        if let connection = fields.string("ConnectionType"), connection != "INTERNET" {
            fields.error("ConnectionType", "there are no private networks here")
        }
        integration.responses = fields.each("IntegrationResponses").map(restResponse)
        return integration
    }

    private func restResponse(_ fields: Fields) -> RESTIntegration.Response {
        defer { fields.finish() }
        let status = Int(fields.required("StatusCode") ?? "") ?? 0
        if !(100...599).contains(status) { fields.error("StatusCode", "100 to 599 is allowed") }
        var response = RESTIntegration.Response(
            status: status,
            pattern: fields.string("SelectionPattern")
        )
        if let pattern = response.pattern, let problem = LinearRegex.problem(with: pattern) {
            fields.error("SelectionPattern", "'\(pattern)' \(problem)")
        }
        response.parameters = fields.map("ResponseParameters")
        response.templates = fields.map("ResponseTemplates")
        response.contentHandling =
            fields.choice("ContentHandling", RESTIntegration.ContentHandling.self)
        return response
    }
}
