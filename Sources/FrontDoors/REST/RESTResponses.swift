import DataPlane
import HTTP
import JSON
import Model

/// The answers that a REST API makes itself; AWS page "Gateway response types".
enum GatewayFailure: String, Sendable {
    case accessDenied = "ACCESS_DENIED"
    case apiConfiguration = "API_CONFIGURATION_ERROR"
    case authorizerConfiguration = "AUTHORIZER_CONFIGURATION_ERROR"
    case authorizerFailure = "AUTHORIZER_FAILURE"
    case badParameters = "BAD_REQUEST_PARAMETERS"
    case badBody = "BAD_REQUEST_BODY"
    case integrationFailure = "INTEGRATION_FAILURE"
    case integrationTimeout = "INTEGRATION_TIMEOUT"
    case invalidKey = "INVALID_API_KEY"
    case invalidSignature = "INVALID_SIGNATURE"
    case missingToken = "MISSING_AUTHENTICATION_TOKEN"
    case quotaExceeded = "QUOTA_EXCEEDED"
    case tooLarge = "REQUEST_TOO_LARGE"
    case throttled = "THROTTLED"
    case unauthorized = "UNAUTHORIZED"
    case unsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE"
    /// A function that failed or answered what no proxy integration may; not to be customised by type.
    case badGateway = "DEFAULT_5XX"

    var status: Int {
        switch self {
        case .accessDenied, .invalidKey, .invalidSignature, .missingToken: 403
        case .apiConfiguration, .authorizerConfiguration, .authorizerFailure: 500
        case .badParameters, .badBody: 400
        case .integrationFailure, .integrationTimeout: 504
        case .quotaExceeded, .throttled: 429
        case .tooLarge: 413
        case .unauthorized: 401
        case .unsupportedMediaType: 415
        case .badGateway: 502
        }
    }

    /// Nil: `null` stands in the body.
    var message: String? {
        switch self {
        case .accessDenied: "User is not authorized to access this resource"
        case .apiConfiguration, .badGateway: "Internal server error"
        case .authorizerConfiguration, .authorizerFailure: nil
        case .badParameters: "Missing required request parameters: []"
        case .badBody: "Invalid request body"
        case .integrationFailure: "Network error communicating with endpoint"
        case .integrationTimeout: "Endpoint request timed out"
        case .invalidKey: "Forbidden"
        case .invalidSignature:
            "The request signature we calculated does not match the signature you provided. Check "
                + "your AWS Secret Access Key and signing method. Consult the service documentation "
                + "for details."
        case .missingToken: "Missing Authentication Token"
        case .quotaExceeded: "Limit Exceeded"
        case .tooLarge: "Request Too Long"
        case .throttled: "Too Many Requests"
        case .unauthorized: "Unauthorized"
        case .unsupportedMediaType: "Unsupported Media Type"
        }
    }

    /// The value of `x-amzn-ErrorType`.
    var errorType: String {
        switch self {
        case .accessDenied: "AccessDeniedException"
        case .apiConfiguration, .integrationFailure, .integrationTimeout, .badGateway:
            "InternalServerErrorException"
        case .authorizerConfiguration: "AuthorizerConfigurationException"
        case .authorizerFailure: "AuthorizerFailureException"
        case .badParameters, .badBody, .unsupportedMediaType: "BadRequestException"
        case .invalidKey: "ForbiddenException"
        case .invalidSignature: "InvalidSignatureException"
        case .missingToken: "MissingAuthenticationTokenException"
        case .quotaExceeded: "LimitExceededException"
        case .tooLarge: "RequestTooLargeException"
        case .throttled: "TooManyRequestsException"
        case .unauthorized: "UnauthorizedException"
        }
    }

    /// The body that is sent when no template says otherwise.
    func body(_ message: String?) -> String {
        guard let message else { return #"{"message":null}"# }
        let text = JSONValue.string(message).text
        switch self {
        case .accessDenied: return #"{"Message":\#(text)}"#
        case .badGateway, .apiConfiguration: return #"{"message": \#(text)}"#
        default: return #"{"message":\#(text)}"#
        }
    }
}

/// A failure on a request's way through a REST API.
struct RESTStop: Error, Sendable {
    var failure: GatewayFailure
    /// In place of the failure's own message.
    var message: String?

    init(_ failure: GatewayFailure, _ message: String? = nil) {
        self.failure = failure
        self.message = message
    }
}

/// What a function of a proxy integration answered.
enum RESTProxyAnswer {
    private static let known: Set<String> = [
        "statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded",
    ]

    /// The response that an answer means; nil when it is malformed.
    ///
    /// Base64 is decoded only when `decodesBinary`, which follows from `Accept` and the API's
    /// binary media types.
    static func decode(_ payload: Bytes, decodesBinary: Bool) -> Response? {
        guard let answer = try? JSONValue.parse(payload), let object = answer.object,
            object.keys.allSatisfy(known.contains), let status = status(answer["statusCode"]),
            var headers = fields(answer)
        else { return nil }
        var body: [UInt8] = []
        switch answer["body"] {
        case nil, .null?: break
        case .string(let text)?:
            if answer["isBase64Encoded"]?.bool ?? false, decodesBinary {
                guard let bytes = Base64Text.decode(text) else { return nil }
                body = bytes
            } else {
                body = Array(text.utf8)
            }
        default: return nil
        }
        HopByHop.strip(&headers)
        if !headers.contains("content-type") { headers.append("Content-Type", "application/json") }
        RESTHeaders.remap(&headers, isProxy: true)
        return Response(
            head: ResponseHead(status: status, headers: headers),
            body: body.isEmpty ? .empty : .bytes(body[...])
        )
    }

    private static func status(_ value: JSONValue?) -> Int? {
        guard let value else { return 200 }
        guard let status = value.int ?? value.string.flatMap({ Int($0) }),
            (200...599).contains(status)
        else { return nil }
        return status
    }

    /// The values of `multiValueHeaders` first, then that of `headers` under the same name.
    private static func fields(_ answer: JSONValue) -> Headers? {
        var result = Headers()
        var names: [String: String] = [:]
        if let multi = answer["multiValueHeaders"], !multi.isNull {
            guard let object = multi.object else { return nil }
            for member in object {
                guard let values = member.value.array else { return nil }
                names[member.key.lowercased()] = member.key
                for value in values {
                    guard add(member.key, value, to: &result) else { return nil }
                }
            }
        }
        if let single = answer["headers"], !single.isNull {
            guard let object = single.object else { return nil }
            for member in object {
                let name = names[member.key.lowercased()] ?? member.key
                guard add(name, member.value, to: &result) else { return nil }
            }
        }
        return result
    }

    private static func add(_ name: String, _ value: JSONValue, to headers: inout Headers) -> Bool {
        let text: String
        switch value {
        case .string(let string): text = string
        case .bool, .integer, .number: text = value.text
        case .null: return true
        case .array, .object: return false
        }
        guard Payloads.isValid(name, text) else { return false }
        headers.append(name, text)
        return true
    }
}

/// What REST APIs do to header fields; AWS page "Amazon API Gateway important notes".
enum RESTHeaders {
    private static let dropped: Set<String> = [
        "connection", "content-length", "content-md5", "expect", "max-forwards",
        "proxy-authenticate", "server", "te", "transfer-encoding", "trailer", "upgrade",
        "www-authenticate", "keep-alive", "proxy-connection",
    ]

    /// Removes what no integration gets.
    static func strip(_ headers: inout Headers, alsoDropping more: [String] = []) {
        headers.removeAll { dropped.contains($0.lowercased()) || more.contains($0.lowercased()) }
    }

    /// Renames what an integration must not say about the connection to the viewer.
    static func remap(_ headers: inout Headers, isProxy: Bool) {
        var names: Set<String> = ["connection", "content-length", "date", "server"]
        if !isProxy {
            names.formUnion([
                "authorization", "content-md5", "expect", "host", "max-forwards",
                "proxy-authenticate", "trailer", "upgrade", "user-agent", "www-authenticate",
            ])
        }
        var result = Headers()
        for (name, value) in headers {
            let lowered = name.lowercased()
            if lowered == "transfer-encoding" { continue }
            result.append(names.contains(lowered) ? "x-amzn-Remapped-\(name)" : name, value)
        }
        headers = result
    }
}
