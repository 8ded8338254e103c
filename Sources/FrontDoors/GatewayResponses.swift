import DataPlane
import HTTP
import JSON

/// The answers of functions of an HTTP API, and those that the gateway makes itself.
enum GatewayResponses {
    /// `{"message":"…"}`.
    static func message(_ status: Int, _ text: String) -> Response {
        Response(
            status: status,
            contentType: "application/json",
            text: #"{"message":"\#(text)"}"#
        )
    }

    static var notFound: Response { message(404, "Not Found") }
    static var internalError: Response { message(500, "Internal Server Error") }
    static var unavailable: Response { message(503, "Service Unavailable") }
    static var forbidden: Response { message(403, "Forbidden") }
    static var tooLarge: Response { message(413, "Request Entity Too Large") }

    /// 401; with a reason it says what is wrong with the token.
    static func unauthorized(_ reason: String?) -> Response {
        var response = message(401, "Unauthorized")
        var field = "Bearer"
        if let reason {
            field += " scope=\"\" error=\"invalid_token\" error_description=\"\(reason)\""
        }
        response.head.headers.append("WWW-Authenticate", field)
        return response
    }

    /// 401 of an authorizer that is a function.
    static func unauthorized() -> Response { message(401, "Unauthorized") }

    /// 403 of a token without the scope that is wanted.
    static var insufficientScope: Response {
        var response = message(403, "Forbidden")
        response.head.headers.append(
            "WWW-Authenticate",
            "Bearer scope=\"\" error=\"insufficient_scope\""
        )
        return response
    }

    /// The response that a function's answer means; nil when it is malformed.
    static func decode(_ payload: Bytes, format: String) -> Response? {
        let answer = try? JSONValue.parse(payload)
        if format == "1.0" {
            guard let answer else { return nil }
            return explicit(answer, isFirst: true)
        }
        if let answer, answer.object != nil, answer["statusCode"] != nil {
            return explicit(answer, isFirst: false)
        }
        var content = payload
        if case .string(let text)? = answer { content = Array(text.utf8)[...] }
        return Response(
            head: ResponseHead(status: 200, headers: ["Content-Type": "application/json"]),
            body: content.isEmpty ? .empty : .bytes(content)
        )
    }

    private static func explicit(_ answer: JSONValue, isFirst: Bool) -> Response? {
        guard
            let status = answer["statusCode"]?.int
                ?? answer["statusCode"]?.string.flatMap({ Int($0) }),
            (200...599).contains(status), let body = Payloads.body(of: answer),
            var headers = fields(of: answer, isFirst: isFirst)
        else { return nil }
        HopByHop.strip(&headers)
        headers.remove("content-length")
        if !headers.contains("content-type") {
            headers.append("Content-Type", "text/plain; charset=utf-8")
        }
        return Response(
            head: ResponseHead(status: status, headers: headers),
            body: body.isEmpty ? .empty : .bytes(body[...])
        )
    }

    private static func fields(of answer: JSONValue, isFirst: Bool) -> Headers? {
        var headers = Headers()
        if let member = answer["headers"], !member.isNull {
            guard let object = member.object else { return nil }
            for field in object where !add(field.key, field.value, to: &headers) { return nil }
        }
        if isFirst, let member = answer["multiValueHeaders"], !member.isNull {
            guard let object = member.object else { return nil }
            for field in object {
                guard let values = field.value.array else { return nil }
                for value in values where !add(field.key, value, to: &headers) { return nil }
            }
        }
        if !isFirst, let member = answer["cookies"], !member.isNull {
            guard let cookies = member.array else { return nil }
            for cookie in cookies where !add("Set-Cookie", cookie, to: &headers) { return nil }
        }
        return headers
    }

    private static func add(_ name: String, _ value: JSONValue, to headers: inout Headers) -> Bool {
        let text: String
        switch value {
        case .string(let string): text = string
        case .bool, .integer, .number: text = value.text
        case .null: text = ""
        case .array, .object: return false
        }
        guard Payloads.isValid(name, text) else { return false }
        headers.append(GatewayEvents.titleCase(name), text)
        return true
    }
}
