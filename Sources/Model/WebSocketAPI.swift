/// An API Gateway WebSocket API: messages are routed by what they hold.
package struct WebSocketAPI: Sendable, Codable, Hashable {
    /// A route: `$connect`, `$disconnect`, `$default` or a key of the application's own.
    package struct Route: Sendable, Codable, Hashable {
        package var key: String
        package var integration: Integration
        /// The id of an authorizer; for `$connect` only.
        package var authorizer: String?
        package var requiresIAM = false
        package var requiresKey = false
        /// Whether the integration's answer goes back to the sender.
        package var answers = false

        /// Makes a route that answers nothing.
        package init(key: String, integration: Integration) {
            self.key = key
            self.integration = integration
        }
    }

    /// Where a route leads.
    package enum Integration: Sendable, Codable, Hashable {
        /// `name:version` or `name:alias`, and the timeout in milliseconds.
        case function(String, timeoutMilliseconds: Int)
        /// A URL that gets the message as a POST.
        case http(url: String, timeoutMilliseconds: Int)
        /// Answers 200 by itself.
        case mock
    }

    package var id: String
    package var name: String
    /// `$request.body.action`, or text with `${request.body.…}`.
    package var routeSelection: String
    package var stages: [GatewayStage] = []
    package var routes: [Route] = []
    /// Function authorizers only.
    package var authorizers: [GatewayAuthorizer] = []
    package var disablesDefaultEndpoint = false

    /// Makes an API without routes.
    package init(id: String, name: String, routeSelection: String) {
        self.id = id
        self.name = name
        self.routeSelection = routeSelection
    }
}
