/// An API Gateway HTTP API with its routes.
package struct HTTPAPI: Sendable, Codable, Hashable {
    package var id: String
    package var name: String
    package var stage: String
    package var stageVariables: [String: String] = [:]
    package var routes: [GatewayRoute]
    package var cors: CORS?

    /// Makes an API with the `$default` stage.
    package init(id: String, name: String, stage: String = "$default", routes: [GatewayRoute]) {
        self.id = id
        self.name = name
        self.stage = stage
        self.routes = routes
    }

    /// The API's CORS configuration.
    package struct CORS: Sendable, Codable, Hashable {
        package var allowOrigins: [String] = []
        package var allowMethods: [String] = []
        package var allowHeaders: [String] = []
        package var exposeHeaders: [String] = []
        package var allowCredentials = false
        /// Unit: seconds.
        package var maxAge: Int?

        /// Makes an empty configuration.
        package init() {}
    }
}

/// A route: `GET /pets/{id}`, `ANY /x/{proxy+}` or `$default`.
package struct GatewayRoute: Sendable, Codable, Hashable {
    package var key: String
    package var integration: GatewayIntegration

    /// Makes a route.
    package init(key: String, integration: GatewayIntegration) {
        self.key = key
        self.integration = integration
    }
}

/// Where a route leads.
package enum GatewayIntegration: Sendable, Codable, Hashable {
    /// `name:version` or `name:alias`, the payload format (`1.0` or `2.0`), the timeout in milliseconds.
    case function(String, payloadFormat: String, timeoutMilliseconds: Int)
    /// A URL that may hold `{proxy}` and other path parameters; method `ANY` keeps the viewer's.
    case proxy(url: String, method: String, timeoutMilliseconds: Int)
}
