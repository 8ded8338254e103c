import DataPlane
import HTTP
import JSON
import Model

/// A request on its way through a REST API.
struct RESTRequest {
    var head: RequestHead
    var body: Bytes = []
    var sourceIP: String
    var api: RESTAPI
    var stage: RESTStage
    /// What the event shows as `path`.
    var path: String
    /// What the request context shows as `path`.
    var contextPath: String
    var resource: RESTResource?
    var method: RESTMethod?
    /// Names and undecoded values of the path's parameters.
    var parameters: [String: String] = [:]
    /// A UUID.
    var requestID: String
    var extendedID: String
    /// Unit: milliseconds since 1970.
    var time: Int
    /// The `authorizer` member of the request context.
    var authorizer: JSONObject?
    var key: UsagePlan.Key?

    var domainName: String { head.host }
    var domainPrefix: String { String(domainName.prefix { $0 != "." }) }

    /// `arn:aws:execute-api:…:api/stage/METHOD/path`.
    var methodARN: String {
        "arn:aws:execute-api:us-east-1:\(FunctionARN.account):\(api.id)/\(stage.name)/"
            + "\(head.method)\(path)"
    }

    var decodedQuery: [(key: String, values: [String])] {
        QueryText.grouped(
            QueryText.pairs(head.query).map {
                (
                    PercentText.decode($0.key, plusIsSpace: true),
                    PercentText.decode($0.value, plusIsSpace: true)
                )
            }
        )
    }

    /// Fields with their names as sent, repeated ones together under the first spelling.
    var fields: [(key: String, values: [String])] {
        var names: [String: String] = [:]
        return QueryText.grouped(
            head.headers.map { name, value in
                let lowered = name.lowercased()
                var shown = names[lowered] ?? name
                if lowered == "authorization" { shown = "Authorization" }
                if lowered == "user-agent" { shown = "User-Agent" }
                names[lowered] = shown
                return (shown, value)
            }
        ).sorted { $0.key.lowercased() < $1.key.lowercased() }
    }

    /// Whether a content type is one of the API's binary ones.
    static func isBinary(_ type: String?, _ api: RESTAPI) -> Bool {
        guard !api.binaryMediaTypes.isEmpty else { return false }
        if api.binaryMediaTypes.contains("*/*") { return true }
        let essence = (type ?? "").split(separator: ",").first?.prefix { $0 != ";" }
            .trimmingASCIIWhitespace().lowercased()
        return api.binaryMediaTypes.contains { $0.lowercased() == essence }
    }
}

/// The JSON that functions of a REST API receive.
enum RESTEvents {
    /// The event of a proxy integration.
    static func encode(_ request: RESTRequest) -> [UInt8] {
        var event = JSONObject()
        event["resource"] = .string(request.resource?.path ?? "/")
        event["path"] = .string(request.path)
        event["httpMethod"] = .string(request.head.method)
        addMaps(request, to: &event)
        event["requestContext"] = context(request)
        if request.body.isEmpty {
            event["body"] = .null
            event["isBase64Encoded"] = false
        } else {
            let isBinary = RESTRequest.isBinary(request.head.headers["content-type"], request.api)
            let text = isBinary ? nil : String(validating: request.body, as: UTF8.self)
            event["body"] = .string(text ?? Base64Text.encode(request.body))
            event["isBase64Encoded"] = .bool(text == nil)
        }
        return JSONValue.object(event).encoded()
    }

    /// Headers, queries, path parameters and stage variables; null where there is nothing.
    private static func addMaps(_ request: RESTRequest, to event: inout JSONObject) {
        let fields = request.fields
        event["headers"] = single(fields)
        event["multiValueHeaders"] = multi(fields)
        let query = request.decodedQuery
        event["queryStringParameters"] = single(query)
        event["multiValueQueryStringParameters"] = multi(query)
        event["pathParameters"] = map(request.parameters)
        event["stageVariables"] = map(request.stage.variables)
    }

    private static func single(_ groups: [(key: String, values: [String])]) -> JSONValue {
        guard !groups.isEmpty else { return .null }
        var object = JSONObject()
        for (key, values) in groups { object[key] = .string(values.last ?? "") }
        return .object(object)
    }

    private static func multi(_ groups: [(key: String, values: [String])]) -> JSONValue {
        guard !groups.isEmpty else { return .null }
        var object = JSONObject()
        for (key, values) in groups { object[key] = .array(values.map(JSONValue.string)) }
        return .object(object)
    }

    private static func map(_ values: [String: String]) -> JSONValue {
        guard !values.isEmpty else { return .null }
        var object = JSONObject()
        for (key, value) in values.sorted(by: { $0.key < $1.key }) { object[key] = .string(value) }
        return .object(object)
    }

    /// The request context in the order in which it was observed.
    static func context(_ request: RESTRequest) -> JSONValue {
        var context = JSONObject()
        context["resourceId"] = .string(request.resource?.id ?? "")
        if let authorizer = request.authorizer { context["authorizer"] = .object(authorizer) }
        context["resourcePath"] = .string(request.resource?.path ?? "/")
        if let name = request.method?.operationName { context["operationName"] = .string(name) }
        context["httpMethod"] = .string(request.head.method)
        context["extendedRequestId"] = .string(request.extendedID)
        context["requestTime"] = .string(EventTime.commonLog(request.time))
        context["path"] = .string(request.contextPath)
        context["accountId"] = .string(FunctionARN.account)
        context["protocol"] = "HTTP/1.1"
        context["stage"] = .string(request.stage.name)
        context["domainPrefix"] = .string(request.domainPrefix)
        context["requestTimeEpoch"] = .integer(request.time)
        context["requestId"] = .string(request.requestID)
        context["identity"] = identity(request)
        context["domainName"] = .string(request.domainName)
        context["deploymentId"] = .string("local")
        context["apiId"] = .string(request.api.id)
        return .object(context)
    }

    private static func identity(_ request: RESTRequest) -> JSONValue {
        var identity = JSONObject()
        for name in ["cognitoIdentityPoolId", "accountId", "cognitoIdentityId", "caller"] {
            identity[name] = .null
        }
        if let key = request.key {
            identity["apiKey"] = .string(key.value)
            identity["apiKeyId"] = .string(key.id)
        }
        identity["sourceIp"] = .string(request.sourceIP)
        for name in [
            "principalOrgId", "accessKey", "cognitoAuthenticationType",
            "cognitoAuthenticationProvider", "userArn",
        ] {
            identity[name] = .null
        }
        identity["userAgent"] = request.head.headers["user-agent"].map(JSONValue.string) ?? .null
        identity["user"] = .null
        return .object(identity)
    }

    /// The event of an authorizer of the type TOKEN.
    static func token(_ request: RESTRequest, _ token: String) -> [UInt8] {
        let event: JSONValue = [
            "type": "TOKEN", "methodArn": .string(request.methodARN),
            "authorizationToken": .string(token),
        ]
        return event.encoded()
    }

    /// The event of an authorizer of the type REQUEST.
    static func request(_ request: RESTRequest) -> [UInt8] {
        var event = JSONObject()
        event["type"] = "REQUEST"
        event["methodArn"] = .string(request.methodARN)
        event["resource"] = .string(request.resource?.path ?? "/")
        event["path"] = .string(request.path)
        event["httpMethod"] = .string(request.head.method)
        addMaps(request, to: &event)
        for name in ["pathParameters", "stageVariables"] where event[name]?.isNull ?? false {
            event[name] = .object(JSONObject())
        }
        event["requestContext"] = context(request)
        return JSONValue.object(event).encoded()
    }
}
