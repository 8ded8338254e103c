/// An API Gateway REST API: a tree of resources with methods.
package struct RESTAPI: Sendable, Codable, Hashable {
    /// Where the API key of a request stands.
    package enum KeySource: String, Sendable, Codable {
        case header = "HEADER"
        case authorizer = "AUTHORIZER"
    }

    /// What a validator looks at.
    package struct Validator: Sendable, Codable, Hashable {
        package var checksBody: Bool
        package var checksParameters: Bool

        /// Makes a validator.
        package init(checksBody: Bool, checksParameters: Bool) {
            self.checksBody = checksBody
            self.checksParameters = checksParameters
        }
    }

    /// How an answer that the gateway makes itself looks.
    package struct GatewayResponse: Sendable, Codable, Hashable {
        package var status: Int?
        /// `gatewayresponse.header.X` to where its value comes from.
        package var parameters: [String: String] = [:]
        /// By content type.
        package var templates: [String: String] = [:]

        /// Makes a response that changes nothing.
        package init() {}
    }

    package var id: String
    package var name: String
    package var stages: [RESTStage] = []
    package var resources: [RESTResource] = []
    package var authorizers: [RESTAuthorizer] = []
    /// JSON Schemas by the model's name.
    package var models: [String: String] = ["Empty": "{}"]
    package var validators: [String: Validator] = [:]
    /// By type, such as `THROTTLED` or `DEFAULT_4XX`.
    package var gatewayResponses: [String: GatewayResponse] = [:]
    package var binaryMediaTypes: [String] = []
    package var keySource = KeySource.header
    package var disablesDefaultEndpoint = false
    /// The resource policy as JSON.
    package var policy: String?

    /// Makes an API without resources.
    package init(id: String, name: String) {
        self.id = id
        self.name = name
    }
}

/// A stage of a REST API.
package struct RESTStage: Sendable, Codable, Hashable {
    package var name: String
    package var variables: [String: String] = [:]
    /// By `<resource path>/<method>`, both may be `*`.
    package var limits: [String: RateLimit] = [:]
    /// A line with `$context` variables; nil when no access log is kept.
    package var logFormat: String?

    /// Makes a stage without variables and limits.
    package init(name: String) { self.name = name }
}

/// A node of the tree with its methods.
package struct RESTResource: Sendable, Codable, Hashable {
    package var id: String
    /// From the root: `/users/{id}` or `/files/{path+}`.
    package var path: String
    /// By HTTP method, or `ANY`.
    package var methods: [String: RESTMethod] = [:]

    /// Makes a resource without methods.
    package init(id: String, path: String) {
        self.id = id
        self.path = path
    }
}

/// What a resource does with one HTTP method.
package struct RESTMethod: Sendable, Codable, Hashable {
    /// Who may use it.
    package enum Authorization: Sendable, Codable, Hashable {
        case none
        case iam
        /// By authorizer; scopes matter to user pools only.
        case authorizer(String, scopes: [String])
    }

    package var authorization = Authorization.none
    package var requiresKey = false
    package var operationName: String?
    /// `method.request.header.X` and the like; whether each is required.
    package var parameters: [String: Bool] = [:]
    /// Names of models by content type.
    package var models: [String: String] = [:]
    package var validator: String?
    package var integration: RESTIntegration

    /// Makes a method that anyone may use.
    package init(integration: RESTIntegration) { self.integration = integration }
}

/// Where a method leads and how messages are changed on the way.
package struct RESTIntegration: Sendable, Codable, Hashable {
    /// What stands behind it.
    package enum Kind: Sendable, Codable, Hashable {
        /// `name:version` or `name:alias`; `isProxy`: the whole request as an event.
        case function(String, isProxy: Bool)
        case http(url: String, isProxy: Bool)
        case mock
    }

    /// What happens to a body for which there is no template.
    package enum Passthrough: String, Sendable, Codable {
        case whenNoMatch = "WHEN_NO_MATCH"
        case whenNoTemplates = "WHEN_NO_TEMPLATES"
        case never = "NEVER"
    }

    /// What becomes of text and binary bodies.
    package enum ContentHandling: String, Sendable, Codable {
        case toBinary = "CONVERT_TO_BINARY"
        case toText = "CONVERT_TO_TEXT"
    }

    /// A response of the integration and what it becomes.
    package struct Response: Sendable, Codable, Hashable {
        package var status: Int
        /// Matches the whole status or error message; nil for the default response.
        package var pattern: String?
        /// `method.response.header.X` to where its value comes from.
        package var parameters: [String: String] = [:]
        /// By content type.
        package var templates: [String: String] = [:]
        package var contentHandling: ContentHandling?

        /// Makes a response that passes the body on.
        package init(status: Int, pattern: String? = nil) {
            self.status = status
            self.pattern = pattern
        }
    }

    package var kind: Kind
    /// `ANY` keeps the viewer's.
    package var method = "ANY"
    /// Unit: milliseconds.
    package var timeout = 29_000
    /// `integration.request.header.X` to where its value comes from.
    package var parameters: [String: String] = [:]
    /// By content type.
    package var templates: [String: String] = [:]
    package var passthrough = Passthrough.whenNoMatch
    package var contentHandling: ContentHandling?
    package var responses: [Response] = []

    /// Makes an integration without mapping.
    package init(_ kind: Kind) { self.kind = kind }
}

/// Who decides whether a request to a REST API may go on.
package struct RESTAuthorizer: Sendable, Codable, Hashable {
    /// How it decides.
    package enum Kind: Sendable, Codable, Hashable {
        /// A function that gets one header.
        case token(function: String, validation: String?)
        /// A function that gets the whole request.
        case request(function: String)
        /// Tokens of user pools, by their issuers.
        case userPools([String])
    }

    package var id: String
    package var name: String
    package var kind: Kind
    /// `method.request.header.X` and the like.
    package var identitySources: [String]
    /// How long an answer holds for the same identity.
    ///
    /// Unit: seconds. Default: 300. Range: 0…3600.
    package var lifetime = 300

    /// Makes an authorizer.
    package init(id: String, name: String, kind: Kind, identitySources: [String]) {
        self.id = id
        self.name = name
        self.kind = kind
        self.identitySources = identitySources
    }
}
