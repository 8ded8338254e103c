import HTTP
import JSON
import Model

/// Reads and checks the origin of an origin-request result.
struct OriginRules {
    let old: Origin
    /// Whether addresses, `localhost` and any port may be named.
    let acceptsLocal: Bool

    func decode(
        _ value: JSONValue?,
        requestHeaders: Headers
    ) throws(EdgeViolation) -> Origin {
        guard let value, !value.isNull else { return old }
        let custom = value["custom"].flatMap { $0.isNull ? nil : $0 }
        let bucket = value["s3"].flatMap { $0.isNull ? nil : $0 }
        guard (custom == nil) != (bucket == nil), let fields = custom ?? bucket,
            fields.object != nil
        else { throw invalid("exactly one of custom and s3 must be present") }
        var origin = old
        origin.isS3 = bucket != nil
        origin.domainName = try domainName(fields["domainName"], isS3: origin.isS3)
        // An access control stays with the origin that it was made for; a function cannot take one up.
        if origin.domainName != old.domainName || origin.isS3 != old.isS3 {
            origin.originAccessControlID = ""
            origin.accessControl = nil
        }
        origin.path = try path(fields["path"])
        origin.customHeaders = try customHeaders(fields["customHeaders"], requestHeaders)
        origin.readTimeout =
            try number(fields["readTimeout"], "readTimeout", 1...120) ?? old.readTimeout
        let completion = try number(
            fields["responseCompletionTimeout"],
            "responseCompletionTimeout",
            0...Int.max
        )
        origin.responseCompletionTimeout = completion ?? 0
        guard completion ?? 0 == 0 || (completion ?? 0) >= origin.readTimeout else {
            throw invalid("responseCompletionTimeout is less than readTimeout")
        }
        if origin.isS3 {
            try decodeBucket(fields, &origin)
        } else {
            try decodeCustom(fields, &origin)
        }
        return origin
    }

    private func decodeBucket(
        _ fields: JSONValue,
        _ origin: inout Origin
    ) throws(EdgeViolation) {
        switch fields["authMethod"] {
        case nil, "none"?: origin.originAccessIdentity = ""
        case "origin-access-identity"?:
            guard fields["region"]?.string?.isEmpty == false else {
                throw invalid("region is required with origin-access-identity")
            }
            // The identity of the configured origin is kept; there is none to take up.
            guard old.isS3, !old.originAccessIdentity.isEmpty else {
                throw invalid("the origin has no access identity")
            }
        default: throw invalid("authMethod")
        }
    }

    private func decodeCustom(
        _ fields: JSONValue,
        _ origin: inout Origin
    ) throws(EdgeViolation) {
        origin.keepaliveTimeout =
            try number(fields["keepaliveTimeout"], "keepaliveTimeout", 1...120)
            ?? origin.keepaliveTimeout
        let isTLS: Bool
        switch fields["protocol"] {
        case "http"?: isTLS = false
        case "https"?: isTLS = true
        default: throw invalid("protocol")
        }
        origin.protocolPolicy = isTLS ? .httpsOnly : .httpOnly
        let port = try number(fields["port"], "port", 1...65535) ?? (isTLS ? 443 : 80)
        guard acceptsLocal || port == 80 || port == 443 || port >= 1024 else {
            throw invalid("port")
        }
        if isTLS { origin.httpsPort = port } else { origin.httpPort = port }
        if let list = fields["sslProtocols"] {
            let names = list.array?.compactMap(\.string) ?? []
            let known = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"]
            guard let all = list.array, names.count == all.count,
                names.allSatisfy({ known.contains($0) }), !isTLS || !names.isEmpty
            else { throw invalid("sslProtocols") }
            origin.sslProtocols = names
        }
    }

    private func domainName(
        _ value: JSONValue?,
        isS3: Bool
    ) throws(EdgeViolation) -> String {
        guard let name = value?.string, !name.isEmpty, name.utf8.count <= (isS3 ? 128 : 253),
            acceptsLocal && isAddress(name) || !name.contains(":"),
            !name.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F })
        else { throw invalid("domainName") }
        if isS3, name != name.lowercased() { throw invalid("domainName") }
        if !acceptsLocal, isAddress(name) { throw invalid("domainName") }
        return name
    }

    /// Whether it can only be an IPv4 or IPv6 address.
    private func isAddress(_ name: String) -> Bool {
        name.utf8.allSatisfy { $0 == UInt8(ascii: ".") || 48...57 ~= $0 }
            || name.utf8.filter { $0 == UInt8(ascii: ":") }.count > 1
                && name.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
    }

    private func path(_ value: JSONValue?) throws(EdgeViolation) -> String {
        guard let value else { return "" }
        guard let text = value.string, text.isEmpty || text.hasPrefix("/"), !text.hasSuffix("/"),
            text.utf8.count <= 255, !text.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F })
        else { throw invalid("path") }
        return text
    }

    private func number(
        _ value: JSONValue?,
        _ name: String,
        _ range: ClosedRange<Int>
    ) throws(EdgeViolation) -> Int? {
        guard let value, !value.isNull else { return nil }
        guard let number = value.int, range.contains(number) else { throw invalid(name) }
        return number
    }

    private func customHeaders(
        _ value: JSONValue?,
        _ requestHeaders: Headers
    ) throws(EdgeViolation) -> [String: String] {
        var result: [String: String] = [:]
        for field in try HeaderRules.decode(value) {
            guard !ReservedHeaders.isDeniedForOrigin(field.name),
                !requestHeaders.contains(field.name)
            else {
                throw EdgeViolation(
                    .invalidOriginHeaders,
                    "The Lambda function returned an invalid origin configuration, the custom header "
                        + "is denied or also in the request, headerName : \(field.key)."
                )
            }
            // Several values of one name are one list (RFC 9110 §5.3).
            result[field.key] = result[field.key].map { $0 + ", " + field.value } ?? field.value
        }
        return result
    }

    private func invalid(_ what: String) -> EdgeViolation {
        EdgeViolation(
            .invalidOrigin,
            "The Lambda function returned an invalid origin configuration: \(what)."
        )
    }
}
