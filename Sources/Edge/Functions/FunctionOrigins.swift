import HTTP
import JSON
import Model

/// The origins that a function chose for its request, instead of the behaviour's.
struct OriginChoice: Sendable {
    /// In the order in which they are asked.
    var origins: [Origin]
    /// On which statuses the second is asked.
    var failoverStatuses: Set<Int>
    /// What was asked for and has no effect here, for the log.
    var remarks: [String] = []
}

/// Reads and checks the calls of `updateRequestOrigin`, `selectRequestOriginById` and
/// `createRequestOriginGroup`.
///
/// Source: "Helper methods for origin modification".
struct FunctionOrigins {
    let distribution: Distribution
    let request: RequestHead
    /// Whether addresses, `localhost` and any port may be named.
    let acceptsLocal: Bool

    func apply(
        _ changes: [UInt8],
        to choice: OriginChoice
    ) throws(FunctionViolation) -> OriginChoice {
        var choice = choice
        guard let calls = (try? JSONValue.parse(changes[...]))?.array else { return choice }
        for call in calls {
            let values = call["values"] ?? [:]
            switch call["kind"]?.string {
            case "update": try update(values, &choice)
            case "select": try select(values, &choice)
            default: try group(values, &choice)
            }
        }
        return choice
    }

    private func update(
        _ values: JSONValue,
        _ choice: inout OriginChoice
    ) throws(FunctionViolation) {
        // Of a group the first origin alone is changed.
        guard values.object != nil, var origin = choice.origins.first else {
            throw invalid("an object is wanted")
        }
        if let name = try text(values, "domainName") {
            origin.domainName = try domain(name, "domainName")
            origin.isS3 = name.contains(".s3.") || name.contains(".s3-")
            if origin.isS3, name != name.lowercased() || name.utf8.count > 128 {
                throw invalid("domainName")
            }
            if values["hostHeader"] == nil { origin.hostHeader = nil }
        }
        if let path = try text(values, "originPath") {
            guard path.isEmpty || path.hasPrefix("/") && !path.hasSuffix("/"),
                path.utf8.count <= 255, !path.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F })
            else { throw invalid("originPath") }
            origin.path = path
        }
        if let headers = values["customHeaders"] { origin.customHeaders = try custom(headers) }
        if let count = try number(values["connectionAttempts"], "connectionAttempts", 1...3) {
            origin.connectionAttempts = count
        }
        try readTimeouts(values["timeouts"], &origin)
        try readConnection(values["customOriginConfig"], &origin)
        try readAccess(values["originAccessControlConfig"], &origin)
        if let shield = values["originShield"] { try readShield(shield, &origin) }
        try override(values, &origin, &choice)
        choice.origins[0] = origin
    }

    private func select(
        _ values: JSONValue,
        _ choice: inout OriginChoice
    ) throws(FunctionViolation) {
        var origin = try known(values["id"])
        if let overrides = values["overrides"] { try override(overrides, &origin, &choice) }
        choice.origins = [origin]
        choice.failoverStatuses = []
    }

    private func group(
        _ values: JSONValue,
        _ choice: inout OriginChoice
    ) throws(FunctionViolation) {
        guard let members = values["originIds"]?.array, members.count == 2 else {
            throw invalid("originIds names two origins")
        }
        var origins: [Origin] = []
        for member in members {
            var origin = try known(member["originId"] ?? member)
            let overrides = member["originOverrides"] ?? values["originOverrides"]
            if let overrides { try override(overrides, &origin, &choice) }
            origins.append(origin)
        }
        switch values["selectionCriteria"] {
        case nil, "default"?: break
        case "media-quality-score"?:
            choice.remarks.append("selectionCriteria media-quality-score is default here")
        default: throw invalid("selectionCriteria")
        }
        let codes = values["failoverCriteria"]?["statusCodes"]?.array?.compactMap(\.int) ?? []
        guard !codes.isEmpty, OriginGroup.allowedStatusCodes.isSuperset(of: codes) else {
            throw invalid("failoverCriteria")
        }
        choice.origins = origins
        choice.failoverStatuses = Set(codes)
    }

    private func known(_ id: JSONValue?) throws(FunctionViolation) -> Origin {
        guard let id = id?.string,
            let origin = distribution.origins.first(where: { $0.id == id })
        else { throw invalid("the distribution has no such origin") }
        return origin
    }

    /// What may be changed of any origin: the name it is asked by, and that of its certificate.
    private func override(
        _ values: JSONValue,
        _ origin: inout Origin,
        _ choice: inout OriginChoice
    ) throws(FunctionViolation) {
        if let host = try text(values, "hostHeader") {
            // Requests that CloudFront signs are signed for the origin's own name.
            guard origin.originAccessControlID.isEmpty || origin.isS3 else {
                throw invalid("hostHeader does not go with origin access control")
            }
            origin.hostHeader = try domain(host, "hostHeader")
        }
        if let name = try text(values, "sni") { origin.serverName = try domain(name, "sni") }
        guard let names = values["allowedCertificateNames"] else { return }
        guard let list = names.array, list.count <= 20,
            list.allSatisfy({ 1...64 ~= $0.string?.utf8.count ?? 0 })
        else { throw invalid("allowedCertificateNames") }
        choice.remarks.append(
            "allowedCertificateNames has no effect here: sni names the certificate"
        )
    }

    private func readTimeouts(
        _ values: JSONValue?,
        _ origin: inout Origin
    ) throws(FunctionViolation) {
        guard let values else { return }
        guard values.object != nil else { throw invalid("timeouts") }
        if let time = try number(values["readTimeout"], "readTimeout", 1...120) {
            origin.readTimeout = time
        }
        let name = "responseCompletionTimeout"
        if let time = try number(values[name], name, 0...Int.max) {
            guard time == 0 || time >= origin.readTimeout else { throw invalid(name) }
            origin.responseCompletionTimeout = time
        }
        if let time = try number(values["keepAliveTimeout"], "keepAliveTimeout", 1...120) {
            origin.keepaliveTimeout = time
        }
        if let time = try number(values["connectionTimeout"], "connectionTimeout", 1...10) {
            origin.connectionTimeout = time
        }
    }

    private func readConnection(
        _ values: JSONValue?,
        _ origin: inout Origin
    ) throws(FunctionViolation) {
        guard let values else { return }
        guard let port = try number(values["port"], "port", 1...65_535),
            acceptsLocal || port == 80 || port == 443 || port >= 1024
        else { throw invalid("port") }
        switch values["protocol"]?.string {
        case "http":
            origin.protocolPolicy = .httpOnly
            origin.httpPort = port
        case "https":
            origin.protocolPolicy = .httpsOnly
            origin.httpsPort = port
        default: throw invalid("protocol")
        }
        let names = values["sslProtocols"]?.array?.compactMap(\.string) ?? []
        let allowed = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"]
        guard !names.isEmpty, names.allSatisfy(allowed.contains) else {
            throw invalid("sslProtocols")
        }
        origin.sslProtocols = names
        if let kind = values["ipAddressType"]?.string,
            !["ipv4", "ipv6", "dualstack"].contains(kind)
        {
            throw invalid("ipAddressType")
        }
    }

    private func readAccess(
        _ values: JSONValue?,
        _ origin: inout Origin
    ) throws(FunctionViolation) {
        guard let values else { return }
        guard let isOn = values["enabled"]?.bool else { throw invalid("originAccessControlConfig") }
        guard isOn else {
            origin.originAccessControlID = ""
            origin.accessControl = nil
            return
        }
        let signing = values["signingBehavior"]?.string
        let kind = values["originType"]?.string
        guard let signing = signing.flatMap(OriginAccessControl.SigningBehavior.init),
            let kind = kind.flatMap(OriginAccessControl.OriginType.init),
            values["signingProtocol"]?.string == "sigv4"
        else { throw invalid("originAccessControlConfig") }
        let id = origin.originAccessControlID.isEmpty ? "FUNCTION" : origin.originAccessControlID
        origin.originAccessControlID = id
        origin.accessControl = OriginAccessControl(
            id: id,
            name: "function",
            originType: kind,
            signingBehavior: signing
        )
    }

    private func readShield(
        _ values: JSONValue,
        _ origin: inout Origin
    ) throws(FunctionViolation) {
        guard let isOn = values["enabled"]?.bool, !isOn || values["region"]?.string != nil else {
            throw invalid("originShield")
        }
        origin.shieldRegion = isOn ? values["region"]?.string : nil
    }

    private func custom(_ values: JSONValue) throws(FunctionViolation) -> [String: String] {
        guard let object = values.object else { throw invalid("customHeaders") }
        var result: [String: String] = [:]
        for member in object {
            let name = member.key
            guard let text = member.value.string, name == name.lowercased(),
                !ReservedHeaders.isDeniedForOrigin(name), !request.headers.contains(name)
            else { throw invalid("customHeaders: \(name)") }
            try FunctionHeaders.check(text, name)
            result[HeaderRules.capitalized(name)] = text
        }
        return result
    }

    private func text(
        _ values: JSONValue,
        _ name: String
    ) throws(FunctionViolation) -> String? {
        guard let value = values[name], !value.isNull else { return nil }
        guard let text = value.string else { throw invalid(name) }
        return text
    }

    private func number(
        _ value: JSONValue?,
        _ name: String,
        _ range: ClosedRange<Int>
    ) throws(FunctionViolation) -> Int? {
        guard let value, !value.isNull else { return nil }
        guard let number = value.int, range.contains(number) else { throw invalid(name) }
        return number
    }

    /// A name of DNS: AWS takes neither ports nor addresses.
    private func domain(_ name: String, _ field: String) throws(FunctionViolation) -> String {
        let isAddress = name.utf8.allSatisfy { $0 == UInt8(ascii: ".") || 48...57 ~= $0 }
        guard !name.isEmpty, name.utf8.count <= 253,
            acceptsLocal || !isAddress && !name.contains(":"),
            !name.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F || $0 == UInt8(ascii: "/") })
        else { throw invalid(field) }
        return name
    }

    private func invalid(_ what: String) -> FunctionViolation {
        FunctionViolation(.invalidOrigin, what)
    }
}
