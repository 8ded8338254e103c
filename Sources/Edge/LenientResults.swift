import Crypto
import HTTP
import JSON
import Model

/// Reads results that AWS would refuse, as far as they can be sent at all.
///
/// Used only where leniency was asked for and the strict reader has named the rule: read-only and disallowed
/// headers are the function's, numbers stand for texts, sizes are not looked at. What would break HTTP itself
/// (names and values with control characters, no path) stays refused.
enum LenientResults {
    /// The rules whose breach can be let through.
    static func covers(_ rule: EdgeRule) -> Bool {
        switch rule {
        case .executionFailed, .throttled, .resultNotObject, .invalidHeaderName,
            .invalidHeaderValue, .invalidURI, .invalidQueryString, .invalidBodyEncoding,
            .invalidOrigin, .invalidOriginHeaders:
            false
        case .readOnlyHeader, .disallowedHeader, .headerEntryNotArray, .headerValueNotText,
            .viewerCountry, .headersTooLarge, .readOnlyField, .requestTooLong, .invalidBody,
            .invalidStatus, .statusWithoutBody, .statusReadOnly, .responseTooLarge:
            true
        }
    }

    static func request(_ payload: Bytes, sent: EventRequest) -> RequestHookResult? {
        guard let value = try? JSONValue.parse(payload), value.object != nil else { return nil }
        if value["status"] != nil || value["statusCode"] != nil {
            return generated(value).map { .response($0) }
        }
        guard let path = value["uri"]?.string, path.beginsWithSlash, isClean(path),
            let headers = headers(value["headers"], hidden: sent.head.headers)
        else { return nil }
        let query = value["querystring"]?.string ?? ""
        guard isClean(query) else { return nil }
        var result = RequestResult(
            path: path,
            querystring: query == sent.querystring ? nil : query,
            headers: headers
        )
        result.origin = sent.origin
        if let body = value["body"], body["action"]?.string == "replace" {
            guard let data = bytes(body["data"], isBase64: body["encoding"]?.string != "text")
            else { return nil }
            result.body = data
        }
        return .request(result)
    }

    static func response(_ payload: Bytes, sent: ResponseHead) -> ResponseResult? {
        guard let value = try? JSONValue.parse(payload), value.object != nil,
            let made = generated(value, hidden: sent.headers)
        else { return nil }
        return ResponseResult(head: made.head, body: value["body"] == nil ? nil : made.body)
    }

    private static func generated(
        _ value: JSONValue,
        hidden: Headers = Headers()
    ) -> GeneratedResponse? {
        let field = value["status"] ?? value["statusCode"]
        guard let status = field?.int ?? field?.string.flatMap({ Int($0) }), 200...599 ~= status,
            let headers = headers(value["headers"], hidden: hidden)
        else { return nil }
        var head = ResponseHead(status: status, headers: headers)
        if let reason = value["statusDescription"]?.string, isClean(reason, takesSpaces: true) {
            head.reason = reason
        }
        head.headers.remove("content-length")
        head.headers.remove("transfer-encoding")
        guard let body = value["body"], !body.isNull else {
            return GeneratedResponse(head: head, body: [])
        }
        let isBase64 = value["bodyEncoding"]?.string == "base64"
        guard let data = bytes(body, isBase64: isBase64) else { return nil }
        return GeneratedResponse(head: head, body: status == 204 ? [] : data)
    }

    /// The function's headers, beside those that it never saw.
    private static func headers(_ value: JSONValue?, hidden: Headers) -> Headers? {
        var result = Headers()
        for index in hidden.indices
        where ReservedHeaders.isDisallowed(hidden.name(at: index).lowercased()) {
            result.append(from: hidden, at: index)
        }
        for member in value?.object ?? JSONObject() {
            for entry in member.value.array ?? [member.value] {
                let name = entry["key"]?.string ?? HeaderRules.capitalized(member.key)
                let said = entry.object == nil ? entry : entry["value"] ?? .null
                guard let text = text(said), isToken(name), isClean(text, takesSpaces: true) else {
                    return nil
                }
                result.append(name, text)
            }
        }
        return result
    }

    private static func text(_ value: JSONValue) -> String? {
        if let text = value.string { return text }
        return value.object == nil && value.array == nil && !value.isNull ? value.text : nil
    }

    private static func bytes(_ value: JSONValue?, isBase64: Bool) -> Bytes? {
        guard let text = value.flatMap({ $0.string ?? text($0) ?? $0.text }) else { return [] }
        if isBase64 { return Base64.decode(text).map { $0[...] } }
        return Array(text.utf8)[...]
    }

    private static func isClean(_ text: String, takesSpaces: Bool = false) -> Bool {
        !text.utf8.contains { $0 < 0x20 && $0 != 9 || $0 == 0x7F || !takesSpaces && $0 <= 0x20 }
    }

    private static func isToken(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
