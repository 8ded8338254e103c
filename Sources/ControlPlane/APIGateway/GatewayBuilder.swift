import JSON
import Model

/// Makes what edges serve of an HTTP API's record, or says what is wrong with it.
struct GatewayBuilder {
    let record: GatewayRecord
    let snapshot: Snapshot

    private static func bad(_ message: String) -> APIError {
        APIError(400, "BadRequestException", message)
    }

    private static func texts(_ value: JSONValue?) -> [String] {
        (value?.array ?? []).compactMap(\.string)
    }

    func build() throws(APIError) -> HTTPAPI {
        var routes: [GatewayRoute] = []
        for member in record[.route] {
            if let route = try route(member.value) { routes.append(route) }
        }
        var api = HTTPAPI(
            id: record.id,
            name: record.api["Name"]?.string ?? "",
            routes: routes.sorted { $0.key < $1.key }
        )
        api.stages = []
        for member in record[.stage].members.sorted(by: { $0.key < $1.key }) {
            api.stages.append(try stage(member.key, member.value))
        }
        for member in record[.authorizer].members.sorted(by: { $0.key < $1.key }) {
            api.authorizers.append(try authorizer(member.key, member.value))
        }
        if let cors = record.api["CorsConfiguration"] { api.cors = try self.cors(cors) }
        api.disablesDefaultEndpoint =
            record.api["DisableExecuteApiEndpoint"]?.bool ?? false
        return api
    }

    // MARK: Routes

    private func route(_ json: JSONValue) throws(APIError) -> GatewayRoute? {
        let key = json["RouteKey"]?.string ?? ""
        guard let target = json["Target"]?.string, !target.isEmpty else {
            let placeholder = GatewayRoute(
                key: key,
                integration: .proxy(url: "", method: "ANY", timeoutMilliseconds: 0)
            )
            if let problem = placeholder.keyProblem { throw Self.bad(problem) }
            return nil
        }
        let id = target.split(separator: "/").last.map(String.init) ?? ""
        guard target.hasPrefix("integrations/"), let integration = record[.integration][id] else {
            throw Self.bad("Unable to find Integration referenced by \(target)")
        }
        var route = GatewayRoute(key: key, integration: try self.integration(integration))
        if let problem = route.keyProblem { throw Self.bad(problem) }
        route.requestChanges = try changes(
            integration["RequestParameters"]?.object ?? JSONObject(),
            isResponse: false
        )
        for entry in integration["ResponseParameters"]?.object ?? JSONObject() {
            guard let status = Int(entry.key), (200...599).contains(status) else {
                throw Self.bad("'\(entry.key)' is no status of 200 to 599")
            }
            route.responseChanges[status] = try changes(
                entry.value.object ?? JSONObject(),
                isResponse: true
            )
        }
        route.authorization = try authorization(json)
        return route
    }

    private func changes(
        _ given: JSONObject,
        isResponse: Bool
    ) throws(APIError) -> [ParameterChange] {
        var changes: [ParameterChange] = []
        for entry in given {
            do throws(ParameterChange.Problem) {
                changes.append(
                    try ParameterChange(
                        key: entry.key,
                        value: entry.value.string ?? "",
                        isResponse: isResponse
                    )
                )
            } catch {
                throw Self.bad(error.text)
            }
        }
        return changes
    }

    private func authorization(
        _ json: JSONValue
    ) throws(APIError) -> GatewayRoute.Authorization {
        let id = json["AuthorizerId"]?.string ?? ""
        let type = json["AuthorizationType"]?.string ?? "NONE"
        if type == "JWT" || type == "CUSTOM", record[.authorizer][id] == nil {
            throw Self.bad(
                "Invalid authorizer ID specified. Setting the authorization type to "
                    + "\(type) requires a valid authorizer."
            )
        }
        switch type {
        case "JWT":
            return .token(authorizer: id, scopes: Self.texts(json["AuthorizationScopes"]))
        case "CUSTOM": return .function(authorizer: id)
        case "AWS_IAM": return .iam
        default: return .none
        }
    }

    /// Checks one integration, whether or not a route uses it.
    func integration(_ json: JSONValue) throws(APIError) -> GatewayIntegration {
        let type = json["IntegrationType"]?.string ?? ""
        let uri = json["IntegrationUri"]?.string ?? ""
        let timeout = json["TimeoutInMillis"]?.int ?? 30_000
        guard (50...30_000).contains(timeout) else {
            throw Self.bad("Timeout should be between 50 ms and 30000 ms")
        }
        guard json["ConnectionType"]?.string ?? "INTERNET" == "INTERNET" else {
            throw Self.bad("VPC links are not supported here.")
        }
        guard json["IntegrationSubtype"] == nil else {
            throw Self.bad("Calls of other AWS services are not supported here.")
        }
        let format = json["PayloadFormatVersion"]?.string ?? "1.0"
        switch type {
        case "AWS_PROXY":
            guard ["1.0", "2.0"].contains(format) else {
                throw Self.bad("PayloadFormatVersion should be 1.0 or 2.0")
            }
            guard let reference = Self.function(uri) else {
                throw Self.bad("Invalid Integration URI specified")
            }
            return .function(reference, payloadFormat: format, timeoutMilliseconds: timeout)
        case "HTTP_PROXY":
            guard uri.hasPrefix("http://") || uri.hasPrefix("https://") else {
                throw Self.bad("Invalid HTTP endpoint specified for URI")
            }
            guard format == "1.0" else {
                throw Self.bad("PayloadFormatVersion of HTTP_PROXY integrations should be 1.0")
            }
            let method = json["IntegrationMethod"]?.string ?? "ANY"
            return .proxy(url: uri, method: method, timeoutMilliseconds: timeout)
        default:
            throw Self.bad("Integrations of the type \(type) are not supported for HTTP APIs here.")
        }
    }

    /// The function of an ARN, or of the longer URI that names an invocation of it.
    static func function(_ uri: String) -> String? {
        var text = uri
        if let range = text.firstRange(of: "/functions/") {
            text = String(text[range.upperBound...])
            if let end = text.firstRange(of: "/invocations") {
                text = String(text[..<end.lowerBound])
            }
        }
        guard text.hasPrefix("arn:"), let arn = FunctionARN(text) else { return nil }
        return arn.name + (arn.qualifier.map { ":" + $0 } ?? "")
    }

    // MARK: Stages, authorizers, CORS

    private func stage(_ name: String, _ json: JSONValue) throws(APIError) -> GatewayStage {
        var stage = GatewayStage(name: name)
        for variable in json["StageVariables"]?.object ?? JSONObject() {
            stage.variables[variable.key] = variable.value.string ?? ""
        }
        stage.limit = Self.limit(json["DefaultRouteSettings"])
        for entry in json["RouteSettings"]?.object ?? JSONObject() {
            stage.routeLimits[entry.key] = Self.limit(entry.value)
        }
        stage.logFormat = json["AccessLogSettings"]?["Format"]?.string
        if let problem = stage.problems.first { throw Self.bad(problem) }
        return stage
    }

    private static func limit(_ settings: JSONValue?) -> RateLimit? {
        guard let rate = settings?["ThrottlingRateLimit"]?.double,
            let burst = settings?["ThrottlingBurstLimit"]?.int
        else { return nil }
        return RateLimit(rate: rate, burst: burst)
    }

    private func authorizer(
        _ id: String,
        _ json: JSONValue
    ) throws(APIError) -> GatewayAuthorizer {
        let kind: GatewayAuthorizer.Kind
        if json["AuthorizerType"]?.string == "JWT" {
            kind = .token(
                issuer: json["JwtConfiguration"]?["Issuer"]?.string ?? "",
                audiences: Self.texts(json["JwtConfiguration"]?["Audience"])
            )
        } else {
            guard let reference = Self.function(json["AuthorizerUri"]?.string ?? "") else {
                throw Self.bad("Invalid Authorizer URI specified")
            }
            kind = .function(
                GatewayAuthorizer.Function(
                    reference: reference,
                    payloadFormat: json["AuthorizerPayloadFormatVersion"]?.string ?? "1.0",
                    isSimple: json["EnableSimpleResponses"]?.bool ?? false,
                    lifetime: json["AuthorizerResultTtlInSeconds"]?.int ?? 0
                )
            )
        }
        let authorizer = GatewayAuthorizer(
            id: id,
            name: json["Name"]?.string ?? "",
            kind: kind,
            identitySources: Self.texts(json["IdentitySource"])
        )
        if let problem = authorizer.problems.first { throw Self.bad(problem) }
        return authorizer
    }

    private func cors(_ json: JSONValue) throws(APIError) -> HTTPAPI.CORS {
        var cors = HTTPAPI.CORS()
        cors.allowOrigins = Self.texts(json["AllowOrigins"])
        cors.allowMethods = Self.texts(json["AllowMethods"])
        cors.allowHeaders = Self.texts(json["AllowHeaders"])
        cors.exposeHeaders = Self.texts(json["ExposeHeaders"])
        cors.allowCredentials = json["AllowCredentials"]?.bool ?? false
        cors.maxAge = json["MaxAge"]?.int
        if let problem = cors.problems.first { throw Self.bad(problem) }
        return cors
    }
}
