import Crypto
package import HTTP
import JSON
package import Model

/// What a hook decided.
package enum Verdict: Sendable {
    /// The request or response goes on, changed or not.
    case proceed
    /// The function answered by itself.
    case respond(GeneratedResponse)
    /// The function failed or broke a rule.
    case fail(EdgeViolation)
}

/// A response that a function made.
package struct GeneratedResponse: Sendable {
    package var head: ResponseHead
    package var body: Bytes

    /// Makes a response.
    package init(head: ResponseHead, body: Bytes) {
        self.head = head
        self.body = body
    }
}

/// What a request hook made of the request.
package struct RequestResult: Sendable {
    package var path: String
    /// Nil when the function left it as the event had it.
    package var querystring: String?
    package var headers: Headers
    /// The new body, when the function replaced it.
    package var body: Bytes?
    /// The new origin of an origin-request hook.
    package var origin: Origin?
}

/// What a request hook returned.
package enum RequestHookResult: Sendable {
    case request(RequestResult)
    case response(GeneratedResponse)
}

/// What a response hook made of the response.
package struct ResponseResult: Sendable {
    package var head: ResponseHead
    /// The new body, when the function set one.
    package var body: Bytes?
}

/// Reads and checks what functions return.
package enum EdgeResults {
    /// Reads the result of a viewer-request or origin-request hook.
    package static func decodeRequest(
        _ payload: Bytes,
        event: EdgeEvent,
        sent: EventRequest,
        acceptsLocalOrigins: Bool = false
    ) throws(EdgeViolation) -> RequestHookResult {
        if event == .viewerRequest, let result = QuickResult.request(payload, sent: sent) {
            return .request(result)
        }
        return try decodeAnyRequest(payload, event, sent, acceptsLocalOrigins)
    }

    /// The same for every result, step by step and with the words for what is wrong.
    static func decodeAnyRequest(
        _ payload: Bytes,
        _ event: EdgeEvent,
        _ sent: EventRequest,
        _ acceptsLocalOrigins: Bool
    ) throws(EdgeViolation) -> RequestHookResult {
        let value = try document(payload)
        if value["status"] != nil {
            return .response(try generated(value, event: event, sent: sent.head))
        }
        if let body = value["body"], !body.isNull, body.object == nil {
            throw EdgeViolation(.invalidBody)
        }
        guard value["uri"] != nil || value["headers"] != nil || value["method"] != nil else {
            throw EdgeViolation(
                value["statusCode"] == nil ? .resultNotObject : .invalidBody
            )
        }
        try checkUnchanged(value["method"], sent.head.method, "method")
        try checkUnchanged(value["clientIp"], sent.clientIP, "clientIp")
        let path = try uri(value["uri"], old: sent.head.path)
        let query = try querystring(value["querystring"], old: sent.querystring)
        guard path.utf8.count + (query ?? sent.querystring).utf8.count < EdgeLimits.uriAndQuery
        else { throw EdgeViolation(.requestTooLong) }
        let fields = try HeaderRules.decode(value["headers"])
        var headers = try HeaderRules.apply(fields, to: sent.head.headers, event: event)
        let body = try replacedBody(value["body"], event: event)
        if let body, headers.contains("content-length") {
            headers.set("Content-Length", String(body.count))
        }
        var origin: Origin?
        if event == .originRequest, let old = sent.origin {
            let rules = OriginRules(old: old, acceptsLocal: acceptsLocalOrigins)
            origin = try rules.decode(value["origin"], requestHeaders: headers)
        }
        return .request(
            RequestResult(
                path: path,
                querystring: query,
                headers: headers,
                body: body,
                origin: origin
            )
        )
    }

    /// Reads the result of an origin-response or viewer-response hook.
    package static func decodeResponse(
        _ payload: Bytes,
        event: EdgeEvent,
        sent: ResponseHead
    ) throws(EdgeViolation) -> ResponseResult {
        if let result = QuickResult.response(payload, event: event, sent: sent) { return result }
        return try decodeAnyResponse(payload, event, sent)
    }

    /// The same for every result, step by step and with the words for what is wrong.
    static func decodeAnyResponse(
        _ payload: Bytes,
        _ event: EdgeEvent,
        _ sent: ResponseHead
    ) throws(EdgeViolation) -> ResponseResult {
        let value = try document(payload)
        var head = sent
        head.status = try status(value["status"])
        if event == .viewerResponse, head.status != sent.status {
            throw EdgeViolation(.statusReadOnly)
        }
        if head.status != sent.status { head.reason = "" }
        if let text = value["statusDescription"]?.string { head.reason = try reason(text) }
        let fields = try HeaderRules.decode(value["headers"])
        head.headers = try HeaderRules.apply(fields, to: sent.headers, event: event)
        let body = try responseBody(value, event: event, headers: fields)
        return ResponseResult(head: head, body: body)
    }

    private static func document(_ payload: Bytes) throws(EdgeViolation) -> JSONValue {
        do throws(JSONError) {
            let value = try JSONValue.parse(payload)
            if value.object != nil { return value }
        } catch {
            throw EdgeViolation(.resultNotObject, "The result is not JSON: \(error)")
        }
        throw EdgeViolation(.resultNotObject)
    }

    private static func checkUnchanged(
        _ value: JSONValue?,
        _ old: String,
        _ name: String
    ) throws(EdgeViolation) {
        guard let value, value.string != old else { return }
        throw EdgeViolation(
            .readOnlyField,
            "Lambda function result failed validation, the function tried to change read-only field "
                + "\(name)."
        )
    }

    private static func uri(_ value: JSONValue?, old: String) throws(EdgeViolation) -> String {
        guard let value else { throw EdgeViolation(.invalidURI) }
        guard let text = value.string, text.beginsWithSlash || text == old,
            !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "#") }),
            !text.utf8.contains(UInt8(ascii: "?"))
        else { throw EdgeViolation(.invalidURI) }
        return text
    }

    private static func querystring(
        _ value: JSONValue?,
        old: String
    ) throws(EdgeViolation) -> String? {
        guard let value, !value.isNull else { return old.isEmpty ? nil : "" }
        guard let text = value.string,
            !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "#") })
        else { throw EdgeViolation(.invalidQueryString) }
        return text == old ? nil : text
    }

    private static func replacedBody(
        _ value: JSONValue?,
        event: EdgeEvent
    ) throws(EdgeViolation) -> Bytes? {
        guard let value, value.object != nil else { return nil }
        switch value["action"]?.string {
        case "replace": break
        case nil where value["action"] == nil, "read-only": return nil
        default: throw EdgeViolation(.invalidBody, "The action of a body is replace or read-only.")
        }
        guard let text = value["data"] == nil ? "" : value["data"]?.string else {
            throw EdgeViolation(.invalidBody)
        }
        let isViewer = event == .viewerRequest
        switch value["encoding"]?.string ?? "base64" {
        case "text":
            let limit = isViewer ? EdgeLimits.viewerBody : EdgeLimits.originBody
            guard text.utf8.count <= limit else { throw EdgeViolation(.invalidBody) }
            return Array(text.utf8)[...]
        case "base64":
            let limit = isViewer ? EdgeLimits.viewerBodyBase64 : EdgeLimits.originBodyBase64
            guard text.utf8.count <= limit else { throw EdgeViolation(.invalidBody) }
            guard let data = Base64.decode(text) else { throw EdgeViolation(.invalidBodyEncoding) }
            return data[...]
        default: throw EdgeViolation(.invalidBodyEncoding)
        }
    }

    private static func generated(
        _ value: JSONValue,
        event: EdgeEvent,
        sent: RequestHead
    ) throws(EdgeViolation) -> GeneratedResponse {
        let status = try status(value["status"])
        var head = ResponseHead(status: status)
        if let text = value["statusDescription"]?.string { head.reason = try reason(text) }
        let fields = try HeaderRules.decode(value["headers"])
        let refused =
            event == .viewerRequest
            ? ["content-length", "transfer-encoding", "via"] : ["transfer-encoding", "via"]
        if let field = fields.first(where: { refused.contains($0.name) }) {
            throw EdgeViolation(
                .readOnlyHeader,
                "Lambda function result failed validation, the function tried to add read-only "
                    + "header, headerName : \(field.key)."
            )
        }
        head.headers = try HeaderRules.apply(
            fields.filter { $0.name != "content-length" },
            to: Headers(),
            event: event,
            isGenerated: true
        )
        var body = try responseBody(value, event: event, headers: fields) ?? []
        if status == 204, !body.isEmpty {
            if event == .viewerRequest { throw EdgeViolation(.statusWithoutBody) }
            body = []
        }
        return GeneratedResponse(head: head, body: body)
    }

    private static func status(_ value: JSONValue?) throws(EdgeViolation) -> Int {
        guard let text = value?.string, text.utf8.count == 3, let status = Int(text),
            200...599 ~= status
        else { throw EdgeViolation(.invalidStatus) }
        return status
    }

    private static func reason(_ text: String) throws(EdgeViolation) -> String {
        guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw EdgeViolation(
                .invalidStatus,
                "The statusDescription must not contain control characters."
            )
        }
        return text
    }

    private static func responseBody(
        _ value: JSONValue,
        event: EdgeEvent,
        headers: [DecodedHeader]
    ) throws(EdgeViolation) -> Bytes? {
        guard let field = value["body"], !field.isNull else { return nil }
        guard let text = field.string else { throw EdgeViolation(.invalidBody) }
        let data: Bytes
        switch value["bodyEncoding"] {
        case nil, .null?, "text"?: data = Array(text.utf8)[...]
        case "base64"?:
            guard let decoded = Base64.decode(text) else {
                throw EdgeViolation(.invalidBodyEncoding)
            }
            data = decoded[...]
        default: throw EdgeViolation(.invalidBodyEncoding)
        }
        let isViewer = event == .viewerRequest || event == .viewerResponse
        // The quota is on headers and body together; a body at the limit alone is still taken.
        let limit = isViewer ? EdgeLimits.viewerBody : EdgeLimits.originBody
        guard data.count <= limit else { throw EdgeViolation(.responseTooLarge) }
        return data
    }
}
