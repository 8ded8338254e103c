/// An API Gateway HTTP API with its routes.
package struct HTTPAPI: Sendable, Codable, Hashable {
    package var id: String
    package var name: String
    package var stages: [GatewayStage]
    package var routes: [GatewayRoute]
    package var authorizers: [GatewayAuthorizer] = []
    package var cors: CORS?
    /// Whether only custom domains lead to the API.
    package var disablesDefaultEndpoint = false

    /// Makes an API with one stage.
    package init(id: String, name: String, stage: String = "$default", routes: [GatewayRoute]) {
        self.id = id
        self.name = name
        stages = [GatewayStage(name: stage)]
        self.routes = routes
    }

    /// Cross-origin settings of an API or a function URL.
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

        /// What is wrong with the settings, as sentences; AWS page "Configure CORS for HTTP APIs".
        package var problems: [String] {
            var found: [String] = []
            if allowCredentials, allowOrigins.contains("*") {
                found.append("allow-credentials is not supported if 'allow-origin' is *")
            }
            if let maxAge, !(-1...86_400).contains(maxAge) {
                found.append("MaxAge is -1 to 86400 seconds")
            }
            return found
        }
    }
}

/// A stage: a name in the path (or `$default`) with its variables and limits.
package struct GatewayStage: Sendable, Codable, Hashable {
    package var name: String
    package var variables: [String: String] = [:]
    /// The limit of each route that has none of its own.
    package var limit: RateLimit?
    /// Limits by route key.
    package var routeLimits: [String: RateLimit] = [:]
    /// A line with `$context` variables; nil when no access log is kept.
    package var logFormat: String?

    /// Makes a stage without variables and limits.
    package init(name: String) { self.name = name }

    /// What is wrong with the stage, as sentences; AWS page "Stages for HTTP APIs".
    package var problems: [String] {
        var found: [String] = []
        func isWord(_ text: String, _ extra: String) -> Bool {
            text.utf8.allSatisfy {
                $0 &- 48 < 10 || ($0 | 0x20) &- 97 < 26 || extra.utf8.contains($0)
            }
        }
        if name != "$default", name.isEmpty || name.utf8.count > 128 || !isWord(name, "_-") {
            found.append("a stage's name has letters, digits, _ and -, or is $default")
        }
        for (key, value) in variables.sorted(by: { $0.key < $1.key }) {
            if key.isEmpty || !isWord(key, "_") {
                found.append("'\(key)' is no name of a stage variable")
            }
            if !isWord(value, "-._~:/?#&=,") {
                found.append("the stage variable \(key) holds what no stage variable may")
            }
        }
        if let logFormat, logFormat.utf8.count > 3072 {
            found.append("an access log's format has at most 3072 characters")
        }
        return found
    }
}

/// A token bucket: so many requests at once, and so many a second.
package struct RateLimit: Sendable, Codable, Hashable {
    /// Unit: requests per second.
    package var rate: Double
    package var burst: Int

    /// Makes a limit.
    package init(rate: Double, burst: Int) {
        self.rate = rate
        self.burst = burst
    }
}

/// A route: `GET /pets/{id}`, `ANY /x/{proxy+}` or `$default`.
package struct GatewayRoute: Sendable, Codable, Hashable {
    /// Who may use a route.
    package enum Authorization: Sendable, Codable, Hashable {
        case none
        /// Signed requests only.
        case iam
        /// By the id of a JWT authorizer; a token needs one of the scopes, if there are any.
        case token(authorizer: String, scopes: [String])
        /// By the id of an authorizer that is a function.
        case function(authorizer: String)
    }

    package var key: String
    package var integration: GatewayIntegration
    package var authorization = Authorization.none
    /// What is changed on the way to the integration.
    package var requestChanges: [ParameterChange] = []
    /// What is changed on the way back, by status.
    package var responseChanges: [Int: [ParameterChange]] = [:]

    /// Makes a route that anyone may use.
    package init(key: String, integration: GatewayIntegration) {
        self.key = key
        self.integration = integration
    }

    /// The method and the path of a key; nil for `$default`.
    package var methodAndPath: (method: String, path: String)? {
        guard let space = key.firstIndex(of: " ") else { return nil }
        return (key[..<space].uppercased(), String(key[key.index(after: space)...]))
    }

    /// What is wrong with the key, as a sentence; AWS page "Routes for HTTP APIs".
    package var keyProblem: String? {
        if key == "$default" { return nil }
        let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "ANY"]
        guard let (method, path) = methodAndPath, methods.contains(method) else {
            return "'\(key)' is no method with a path, and not $default"
        }
        guard path.hasPrefix("/") else { return "the path of '\(key)' must start with /" }
        if path == "/" { return nil }
        if path.hasSuffix("/") { return "the path of '\(key)' must not end with /" }
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        var names = Set<Substring>()
        for (index, part) in parts.enumerated() {
            var inner = part
            if part.hasPrefix("{"), part.hasSuffix("}") {
                inner = part.dropFirst().dropLast()
                if inner.hasSuffix("+") {
                    inner = inner.dropLast()
                    if index < parts.count - 1 {
                        return "only the last part of '\(key)' can be greedy"
                    }
                }
                guard names.insert(inner).inserted else {
                    return "'\(key)' uses the name \(inner) twice"
                }
            }
            let isFine =
                !inner.isEmpty
                && inner.utf8.allSatisfy {
                    $0 &- 48 < 10 || ($0 | 0x20) &- 97 < 26 || "._:-".utf8.contains($0)
                }
            if !isFine { return "'\(part)' is no part of a route's path" }
        }
        return nil
    }
}

/// Where a route leads.
package enum GatewayIntegration: Sendable, Codable, Hashable {
    /// `name:version` or `name:alias`, the payload format (`1.0` or `2.0`), the timeout in milliseconds.
    case function(String, payloadFormat: String, timeoutMilliseconds: Int)
    /// A URL that may hold `{proxy}` and other path parameters; method `ANY` keeps the viewer's.
    case proxy(url: String, method: String, timeoutMilliseconds: Int)
}
