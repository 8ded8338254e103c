import HTTP
import JSON
import Model

/// What `$context`, `$request`, `$stageVariables` and `$response` stand for.
struct GatewayVariables {
    var request: GatewayRequest
    /// The path without the stage.
    var routePath: String
    var response: ResponseHead?
    var responseBody: Bytes?
    /// Further `$context` names, such as `status` or `integration.latency`.
    var extra: [String: String] = [:]
    /// The largest body that JSON paths look into.
    ///
    /// Unit: bytes. Source: AWS page "Transform API requests and responses for HTTP APIs".
    static let bodyLimit = 100 << 10

    /// The value of a text with `${…}`, or of a single `$…`; what is missing is empty.
    func expand(_ text: String) -> String {
        if text.hasPrefix("$"), !text.hasPrefix("${") { return value(text.dropFirst()) ?? "" }
        var result = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            result += rest[..<start.lowerBound]
            rest = rest[start.upperBound...]
            guard let end = rest.firstIndex(of: "}") else { return result + "${" + rest }
            var name = rest[..<end]
            if name.hasPrefix("$") { name = name.dropFirst() }
            result += value(name) ?? ""
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }

    /// The value of `request.header.name` and the like; nil when there is none.
    func value(_ name: Substring) -> String? {
        func rest(_ prefix: String) -> String? {
            name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
        }
        if let header = rest("request.header.") { return joined(request.head.headers, header) }
        if let key = rest("request.querystring.") {
            return request.decodedQuery.first { $0.key == key }?.values.joined(separator: ",")
        }
        if name == "request.path" { return routePath }
        if let key = rest("request.path.") { return request.parameters[key] }
        if let path = rest("request.body.") { return Self.find(path, in: request.body) }
        if name == "request.body" { return String(decoding: request.body, as: UTF8.self) }
        if let key = rest("stageVariables.") { return request.stage.variables[key] }
        if let key = rest("context.") { return context(key) }
        if let header = rest("response.header.") {
            return response.flatMap { joined($0.headers, header) }
        }
        if let path = rest("response.body.") {
            return responseBody.flatMap { Self.find(path, in: $0) }
        }
        return nil
    }

    private func joined(_ headers: Headers, _ name: String) -> String? {
        let values = headers.all(name)
        return values.isEmpty ? nil : values.joined(separator: ",")
    }

    /// A member by a path of keys and `[n]`.
    static func find(_ path: String, in body: Bytes) -> String? {
        guard body.count <= bodyLimit, var value = try? JSONValue.parse(body) else { return nil }
        for key in path.split(separator: ".") {
            let pieces = key.split(separator: "[", omittingEmptySubsequences: false)
            if !pieces[0].isEmpty {
                guard let member = value[String(pieces[0])] else { return nil }
                value = member
            }
            for piece in pieces.dropFirst() {
                guard let index = Int(piece.dropLast()), let element = value[index] else {
                    return nil
                }
                value = element
            }
        }
        return value.string ?? value.text
    }

    /// A variable of an access log or of a mapping.
    func context(_ name: String) -> String? {
        if let value = extra[name] { return value }
        if name.hasPrefix("authorizer.") { return authorizer(String(name.dropFirst(11))) }
        return switch name {
        case "accountId": FunctionARN.account
        case "apiId": request.apiID
        case "awsEndpointRequestId", "requestId", "extendedRequestId": request.requestID
        case "domainName": request.domainName
        case "domainPrefix": request.domainPrefix
        case "httpMethod": request.head.method
        case "identity.sourceIp": request.sourceIP
        case "identity.userAgent": request.head.headers["user-agent"]
        case "path": request.path
        case "protocol": "HTTP/1.1"
        case "requestTime": EventTime.commonLog(request.time)
        case "requestTimeEpoch": String(request.time)
        case "routeKey": request.routeKey
        case "stage": request.stage.name
        default: nil
        }
    }

    private func authorizer(_ name: String) -> String? {
        guard let block = request.authorizer else { return nil }
        let holders = [block["jwt"], block["lambda"], block["iam"], block]
        for holder in holders {
            if let claim = name.hasPrefix("claims.") ? name.dropFirst(7) : nil {
                if let value = holder?["claims"]?[String(claim)] {
                    return value.string ?? value.text
                }
            } else if let value = holder?[name], value.object == nil {
                return value.string ?? value.text
            }
        }
        return nil
    }

    /// An access log line: each `$context.name` with its value, `-` for what is missing.
    func logLine(_ format: String) -> String {
        var result = ""
        var rest = format[...]
        while let start = rest.firstRange(of: "$context.") {
            result += rest[..<start.lowerBound]
            rest = rest[start.upperBound...]
            let name = rest.prefix {
                $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "_")
            }
            let value = context(String(name)) ?? "-"
            result += value.isEmpty ? "-" : value
            rest = rest[name.endIndex...]
        }
        return result + rest
    }
}
