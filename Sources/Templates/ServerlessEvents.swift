import Model

extension ResourceMapper {
    /// The events of a SAM function: routes of HTTP APIs with the permissions that SAM makes for them.
    func readEvents(_ resource: ResourceEntry, _ fields: Fields, _ alias: String?) {
        for event in fields.members("Events") {
            let type = event.required("Type")
            if type == "Api" {
                let properties = event.fields("Properties")
                event.finish()
                readRESTEvent(resource, event, properties, alias)
                continue
            }
            let isRule = ["Schedule", "EventBridgeRule", "CloudWatchEvent"].contains(type)
            if let type, isRule || ["SQS", "Kinesis", "DynamoDB"].contains(type) {
                let properties = event.fields("Properties")
                event.finish()
                let id = event.path.split(separator: ".").last.map(String.init) ?? ""
                if let properties, isRule {
                    readRuleEvent(resource, properties, id: id, type: type, alias: alias)
                } else if let properties {
                    readSourceEvent(resource, properties, id: id, type: type, alias: alias)
                } else {
                    event.error("Properties", "Properties is required")
                }
                continue
            }
            guard type == "HttpApi" else {
                if let type {
                    event.warning(
                        "Type",
                        "events of the type \(type) are not supported and have no effect here"
                    )
                }
                continue
            }
            let properties = event.fields("Properties")
            event.finish()
            readRoute(resource, event, properties, alias)
        }
    }

    private func readRoute(
        _ resource: ResourceEntry,
        _ event: Fields,
        _ properties: Fields?,
        _ alias: String?
    ) {
        let api = properties?.string("ApiId") ?? evaluator.ids.api(Implicit.api)
        let method = (properties?.string("Method") ?? "ANY").uppercased()
        let route = properties?.string("Path")
        let isAny = method == "X-AMAZON-APIGATEWAY-ANY-METHOD" || method == "*"
        let format = properties?.string("PayloadFormatVersion") ?? "2.0"
        if format != "1.0", format != "2.0" {
            properties?.error("PayloadFormatVersion", "1.0 or 2.0 is wanted here")
        }
        let timeout = properties?.int("TimeoutInMillis", in: 50...30_000, "ms") ?? 30_000
        if let route, !route.hasPrefix("/") {
            properties?.error("Path", "a path starts with /")
        }
        var authorization = GatewayRoute.Authorization.none
        if let auth = properties?.fields("Auth") {
            authorization = .token(
                authorizer: auth.string("Authorizer") ?? "",
                scopes: auth.strings("AuthorizationScopes")
            )
            auth.finish()
        }
        properties?.finish()
        let name = evaluator.functionName(resource)
        let key = route.map { "\(isAny ? "ANY" : method) \($0)" } ?? "$default"
        let id = event.path.split(separator: ".").last.map(String.init) ?? ""
        permitAPI(
            api,
            route: key,
            function: name,
            qualifier: alias,
            statementID: "\(resource.logicalID)\(id)Permission"
        )
        if routes[api]?.contains(where: { $0.key == key }) == true {
            event.error("Properties", "the API has the route \(key) already")
        }
        var made = GatewayRoute(
            key: key,
            integration: .function(
                alias.map { "\(name):\($0)" } ?? name,
                payloadFormat: format,
                timeoutMilliseconds: timeout
            )
        )
        made.authorization = authorization
        if let problem = made.keyProblem { event.error("Properties", problem) }
        routes[api, default: []].append(made)
    }
}
