import Crypto
import HTTP
import JSON
import Model

/// Reads and checks what CloudFront Functions return.
///
/// Source: "CloudFront Functions event structure", "Restrictions on all edge functions".
struct FunctionResults {
    let event: FunctionEvent
    /// Whether breaches that can be sent all the same are let through.
    var isLenient = false

    enum Result {
        case request(RequestHead)
        /// A response with its body, nil where the function left the old one.
        case response(ResponseHead, Bytes?)
    }

    private static let readOnly: [EdgeEvent: [String]] = [
        .viewerRequest: ["cdn-loop", "content-length", "host", "transfer-encoding", "via"],
        .viewerResponse: ["via", "warning"],
    ]
    /// What a response that a function makes cannot name: CloudFront writes it.
    private static let refusedInGenerated = ["content-length", "transfer-encoding", "via"]

    func read(_ json: [UInt8]) throws(FunctionViolation) -> Result {
        guard let value = try? JSONValue.parse(json[...]), value.object != nil else {
            throw FunctionViolation(.resultNotObject)
        }
        if event.event == .viewerResponse { return try response(value) }
        if value["statusCode"] != nil { return try generated(value) }
        guard value["uri"] != nil || value["headers"] != nil || value["method"] != nil else {
            throw FunctionViolation(.resultNotObject)
        }
        return .request(try request(value))
    }

    private func request(_ value: JSONValue) throws(FunctionViolation) -> RequestHead {
        let old = event.request
        if !isLenient, let method = value["method"], method.string != old.method {
            throw FunctionViolation(.readOnlyMethod)
        }
        var head = old
        head.path = try uri(value["uri"])
        head.query = try query(value["querystring"])
        let length = head.path.utf8.count + (head.query ?? "").utf8.count
        guard isLenient || length < EdgeLimits.uriAndQuery else {
            throw FunctionViolation(.requestTooLong)
        }
        let sent = FunctionFields.headers(old.headers, host: old.host)
        let fields = try FunctionFields(value["headers"], sent: sent, .invalidHeaders)
        head.headers = try FunctionHeaders(
            sent: sent,
            readOnly: isLenient ? [] : Self.readOnly[.viewerRequest] ?? [],
            isLenient: isLenient
        ).apply(fields, to: old.headers)
        let cookies = FunctionFields.cookies(old.headers)
        let changed = try FunctionFields(value["cookies"], sent: cookies, .invalidCookies)
        if changed != cookies { try setCookies(changed, &head.headers) }
        return head
    }

    private func uri(_ value: JSONValue?) throws(FunctionViolation) -> String {
        guard let text = value?.string, text.beginsWithSlash || text == event.request.path,
            !text.utf8.contains(where: { byte in
                byte <= 0x20 || byte == 0x7F || byte == UInt8(ascii: "#")
                    || byte == UInt8(ascii: "?")
            })
        else { throw FunctionViolation(.invalidURI) }
        return text
    }

    /// The query that an object or a text means; the old one, byte for byte, where nothing changed.
    private func query(_ value: JSONValue?) throws(FunctionViolation) -> String? {
        guard let value, !value.isNull else { return nil }
        let text: String
        if let written = value.string {
            text = written
        } else {
            let sent = FunctionFields.query(event.request.query)
            let fields = try FunctionFields(value, sent: sent, .invalidQueryString)
            if fields == sent { return event.request.query }
            text = fields.fields.flatMap { field in
                field.values.map { "\(field.name)=\($0.text)" }
            }.joined(separator: "&")
        }
        guard !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "#") })
        else { throw FunctionViolation(.invalidQueryString) }
        return text.isEmpty ? nil : text
    }

    private func setCookies(
        _ cookies: FunctionFields,
        _ headers: inout Headers
    ) throws(FunctionViolation) {
        let text = cookies.fields.flatMap { field in
            field.values.map { "\(field.name)=\($0.text)" }
        }.joined(separator: "; ")
        try FunctionHeaders.check(text, "cookie")
        headers.remove("cookie")
        if !text.isEmpty { headers.append("Cookie", text) }
    }

    private func response(_ value: JSONValue) throws(FunctionViolation) -> Result {
        guard let old = event.response else { throw FunctionViolation(.resultNotObject) }
        var head = old
        head.status = try status(value)
        if head.status != old.status { head.reason = "" }
        if let reason = try reason(value) { head.reason = reason }
        let sent = FunctionFields.headers(old.headers, host: nil)
        let fields = try FunctionFields(value["headers"], sent: sent, .invalidHeaders)
        head.headers = try FunctionHeaders(
            sent: sent,
            readOnly: isLenient ? [] : Self.readOnly[.viewerResponse] ?? [],
            isLenient: isLenient
        ).apply(fields, to: old.headers)
        let cookies = FunctionFields.setCookies(old.headers)
        let changed = try FunctionFields(value["cookies"], sent: cookies, .invalidCookies)
        if changed != cookies {
            head.headers.remove("set-cookie")
            try appendSetCookies(changed, &head.headers)
        }
        return .response(head, try body(value["body"]))
    }

    private func generated(_ value: JSONValue) throws(FunctionViolation) -> Result {
        var head = ResponseHead(status: try status(value))
        if let reason = try reason(value) { head.reason = reason }
        let fields = try FunctionFields(value["headers"], sent: FunctionFields(), .invalidHeaders)
        let refused = isLenient ? [] : Self.refusedInGenerated
        if let field = fields.fields.first(where: { refused.contains($0.name) }) {
            throw FunctionViolation(.readOnlyHeader, field.name)
        }
        head.headers = try FunctionHeaders(
            sent: FunctionFields(),
            readOnly: [],
            isLenient: isLenient
        )
        .apply(fields, to: Headers())
        let cookies = try FunctionFields(
            value["cookies"],
            sent: FunctionFields(),
            .invalidCookies
        )
        try appendSetCookies(cookies, &head.headers)
        return .response(head, try body(value["body"]) ?? [])
    }

    private func appendSetCookies(
        _ cookies: FunctionFields,
        _ headers: inout Headers
    ) throws(FunctionViolation) {
        for field in cookies.fields {
            for value in field.values {
                let attributes = value.attributes.map { $0.isEmpty ? "" : "; \($0)" } ?? ""
                let text = "\(field.name)=\(value.text)\(attributes)"
                try FunctionHeaders.check(text, "set-cookie")
                headers.append("Set-Cookie", text)
            }
        }
    }

    private func status(_ value: JSONValue) throws(FunctionViolation) -> Int {
        let field = value["statusCode"]
        let said = isLenient ? field?.string.flatMap { Int($0) } : nil
        guard said != nil || field?.string == nil, let status = said ?? field?.int,
            200...599 ~= status
        else {
            throw FunctionViolation(.invalidStatus)
        }
        return status
    }

    private func reason(_ value: JSONValue) throws(FunctionViolation) -> String? {
        guard let field = value["statusDescription"], !field.isNull else { return nil }
        guard let text = field.string,
            !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else { throw FunctionViolation(.invalidStatus, "statusDescription") }
        return text
    }

    private func body(_ value: JSONValue?) throws(FunctionViolation) -> Bytes? {
        guard let value, !value.isNull else { return nil }
        if let text = value.string { return Array(text.utf8)[...] }
        guard value.object != nil, let text = value["data"]?.string else {
            throw FunctionViolation(.invalidBody)
        }
        switch value["encoding"]?.string {
        case "text": return Array(text.utf8)[...]
        case "base64":
            guard let bytes = Base64.decode(text) else { throw FunctionViolation(.invalidBody) }
            return bytes[...]
        default: throw FunctionViolation(.invalidBody, "encoding is text or base64")
        }
    }
}
