import DataPlane
import HTTP
import JSON
import Model

/// What an event of an HTTP API shows.
struct GatewayRequest {
    var head: RequestHead
    var body: Bytes
    var sourceIP: String
    var apiID: String
    var stage: GatewayStage
    var routeKey: String
    /// Names and decoded values of the route's parameters.
    var parameters: [String: String]
    var requestID: String
    /// Unit: milliseconds since 1970.
    var time: Int
    /// The `authorizer` member of the request context.
    var authorizer: JSONValue?
    /// Whether `cookie` stays among the headers, as it does behind function URLs.
    var keepsCookieField = false
    var accountID = FunctionARN.account

    init(
        head: RequestHead,
        body: Bytes,
        sourceIP: String,
        apiID: String,
        stage: GatewayStage,
        routeKey: String,
        parameters: [String: String],
        requestID: String,
        time: Int
    ) {
        self.head = head
        self.body = body
        self.sourceIP = sourceIP
        self.apiID = apiID
        self.stage = stage
        self.routeKey = routeKey
        self.parameters = parameters
        self.requestID = requestID
        self.time = time
    }

    var path: String { PercentText.decode(head.path) }
    var domainName: String { head.host }
    var domainPrefix: String { String(domainName.prefix { $0 != "." }) }
    /// The path of the route key, or `$default`.
    var routePath: String {
        routeKey.split(separator: " ").last.map(String.init) ?? "$default"
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
}

/// The JSON that functions of an HTTP API receive.
enum GatewayEvents {
    /// The event in payload format 1.0 or 2.0.
    static func encode(_ request: GatewayRequest, format: String) -> [UInt8] {
        format == "1.0" ? encodeFirst(request) : encodeSecond(request)
    }

    /// The event as a value.
    static func value(_ request: GatewayRequest, format: String) -> JSONValue {
        // What the writer wrote can be read.
        (try? JSONValue.parse(encode(request, format: format)[...])) ?? .null
    }

    private static func encodeSecond(_ request: GatewayRequest) -> [UInt8] {
        var writer = JSONWriter(reserving: 2048 + request.body.count)
        writer.beginObject()
        writer.field("version", "2.0")
        writer.field("routeKey", request.routeKey)
        writer.field("rawPath", request.path)
        writer.field("rawQueryString", request.head.query ?? "")
        let cookies = request.head.headers.all("cookie").flatMap { line in
            line.split(separator: ";").map { $0.trimmingASCIIWhitespace() }.filter { !$0.isEmpty }
        }
        if !cookies.isEmpty {
            writer.key("cookies")
            writer.beginArray()
            for cookie in cookies { writer.string(String(cookie)) }
            writer.endArray()
        }
        let fields = Payloads.grouped(request.head.headers)
            .filter { $0.key != "cookie" || request.keepsCookieField }
        write(fields.map { ($0.key, $0.values.joined(separator: ",")) }, as: "headers", to: &writer)
        let query = request.decodedQuery.map { ($0.key, $0.values.joined(separator: ",")) }
        if !query.isEmpty { write(query, as: "queryStringParameters", to: &writer) }
        writeSecondContext(request, to: &writer)
        let content = Payloads.text(of: request.body, request.head.headers)
        if !request.body.isEmpty { writer.field("body", content.text) }
        let parameters = sorted(request.parameters)
        if !parameters.isEmpty { write(parameters, as: "pathParameters", to: &writer) }
        writer.field("isBase64Encoded", content.isBase64)
        let variables = sorted(request.stage.variables)
        if !variables.isEmpty { write(variables, as: "stageVariables", to: &writer) }
        writer.endObject()
        return writer.bytes
    }

    private static func writeSecondContext(_ request: GatewayRequest, to writer: inout JSONWriter) {
        writer.key("requestContext")
        writer.beginObject()
        writer.field("accountId", request.accountID)
        writer.field("apiId", request.apiID)
        if let authorizer = request.authorizer {
            writer.key("authorizer")
            writer.value(authorizer)
        }
        writer.field("domainName", request.domainName)
        writer.field("domainPrefix", request.domainPrefix)
        writer.key("http")
        writer.beginObject()
        writer.field("method", request.head.method)
        writer.field("path", request.path)
        writer.field("protocol", "HTTP/1.1")
        writer.field("sourceIp", request.sourceIP)
        writer.field("userAgent", request.head.headers["user-agent"] ?? "")
        writer.endObject()
        writer.field("requestId", request.requestID)
        writer.field("routeKey", request.routeKey)
        writer.field("stage", request.stage.name)
        writer.field("time", EventTime.commonLog(request.time))
        writer.field("timeEpoch", request.time)
        writer.endObject()
    }

    private static func encodeFirst(_ request: GatewayRequest) -> [UInt8] {
        var writer = JSONWriter(reserving: 2048 + request.body.count)
        writer.beginObject()
        writer.field("version", "1.0")
        writer.field("resource", request.routePath)
        writer.field("path", request.head.path)
        writer.field("httpMethod", request.head.method)
        let fields = Payloads.grouped(request.head.headers)
            .map { (key: titleCase($0.key), values: $0.values) }
        writeBoth(fields, "headers", "multiValueHeaders", to: &writer)
        writeBoth(
            request.decodedQuery,
            "queryStringParameters",
            "multiValueQueryStringParameters",
            to: &writer
        )
        writeFirstContext(request, to: &writer)
        writeOrNull(sorted(request.parameters), as: "pathParameters", to: &writer)
        writeOrNull(sorted(request.stage.variables), as: "stageVariables", to: &writer)
        let content = Payloads.text(of: request.body, request.head.headers)
        writer.key("body")
        if request.body.isEmpty { writer.null() } else { writer.string(content.text) }
        writer.field("isBase64Encoded", content.isBase64)
        writer.endObject()
        return writer.bytes
    }

    private static func writeFirstContext(_ request: GatewayRequest, to writer: inout JSONWriter) {
        writer.key("requestContext")
        writer.beginObject()
        writer.field("accountId", FunctionARN.account)
        writer.field("apiId", request.apiID)
        writer.key("authorizer")
        writer.value(firstAuthorizer(request.authorizer))
        writer.field("domainName", request.domainName)
        writer.field("domainPrefix", request.domainPrefix)
        writer.field("extendedRequestId", request.requestID)
        writer.field("httpMethod", request.head.method)
        writer.key("identity")
        writer.beginObject()
        for name in [
            "accessKey", "accountId", "caller", "cognitoAmr", "cognitoAuthenticationProvider",
            "cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId",
            "principalOrgId",
        ] {
            writer.key(name)
            writer.null()
        }
        writer.field("sourceIp", request.sourceIP)
        writer.key("user")
        writer.null()
        writer.field("userAgent", request.head.headers["user-agent"] ?? "")
        writer.key("userArn")
        writer.null()
        writer.endObject()
        writer.field("path", request.path)
        writer.field("protocol", "HTTP/1.1")
        writer.field("requestId", request.requestID)
        writer.field("requestTime", EventTime.commonLog(request.time))
        writer.field("requestTimeEpoch", request.time)
        writer.field("resourceId", request.routeKey)
        writer.field("resourcePath", request.routePath)
        writer.field("stage", request.stage.name)
        writer.endObject()
    }

    /// Claims stand under `claims` and `scopes`; what a function gave stands by itself.
    private static func firstAuthorizer(_ block: JSONValue?) -> JSONValue {
        guard let block else { return .object(JSONObject()) }
        return block["jwt"] ?? block["lambda"] ?? block
    }

    private static func sorted(_ map: [String: String]) -> [(String, String)] {
        map.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private static func write(
        _ members: [(String, String)],
        as name: String,
        to writer: inout JSONWriter
    ) {
        writer.key(name)
        writer.beginObject()
        for (key, value) in members { writer.field(key, value) }
        writer.endObject()
    }

    private static func writeOrNull(
        _ members: [(String, String)],
        as name: String,
        to writer: inout JSONWriter
    ) {
        if members.isEmpty {
            writer.key(name)
            writer.null()
        } else {
            write(members, as: name, to: &writer)
        }
    }

    private static func writeBoth(
        _ groups: [(key: String, values: [String])],
        _ single: String,
        _ multi: String,
        to writer: inout JSONWriter
    ) {
        writeOrNull(groups.map { ($0.key, $0.values.last ?? "") }, as: single, to: &writer)
        writer.key(multi)
        guard !groups.isEmpty else {
            writer.null()
            return
        }
        writer.beginObject()
        for (key, values) in groups {
            writer.key(key)
            writer.beginArray()
            for value in values { writer.string(value) }
            writer.endArray()
        }
        writer.endObject()
    }

    /// `x-custom-header` to `X-Custom-Header`.
    static func titleCase(_ name: String) -> String {
        name.split(separator: "-", omittingEmptySubsequences: false)
            .map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: "-")
    }
}
