import Model

extension ResourceMapper {
    func origin(_ fields: Fields) -> Origin? {
        defer { fields.finish() }
        guard let id = fields.required("Id"), let domain = fields.required("DomainName") else {
            return nil
        }
        var origin = Origin(id: id, domainName: domain)
        origin.path = fields.string("OriginPath") ?? ""
        if !origin.path.isEmpty, !origin.path.hasPrefix("/") || origin.path.hasSuffix("/") {
            fields.refuse("OriginPath", .originPath, "it starts with / and does not end with one")
        }
        origin.customHeaders = customHeaders(fields)
        origin.connectionAttempts = ranged(fields, "ConnectionAttempts", 1...3) ?? 3
        origin.connectionTimeout = ranged(fields, "ConnectionTimeout", 1...10) ?? 10
        origin.originAccessControlID = fields.string("OriginAccessControlId") ?? ""
        if let bucket = fields.fields("S3OriginConfig") {
            origin.isS3 = true
            origin.originAccessIdentity = bucket.string("OriginAccessIdentity") ?? ""
            origin.readTimeout = ranged(bucket, "OriginReadTimeout", 1...120) ?? 30
            bucket.finish()
        } else if let custom = fields.fields("CustomOriginConfig") {
            readCustom(custom, into: &origin)
        } else {
            fields.error("CustomOriginConfig", "S3OriginConfig or CustomOriginConfig is required")
        }
        checkAccess(origin, fields)
        origin.responseCompletionTimeout = fields.int("ResponseCompletionTimeout") ?? 0
        if origin.responseCompletionTimeout != 0,
            origin.responseCompletionTimeout < origin.readTimeout
        {
            let message = "it is not shorter than the read timeout"
            fields.refuse("ResponseCompletionTimeout", .originSetting, message)
        }
        if let shield = fields.fields("OriginShield") {
            let region = shield.string("OriginShieldRegion")
            if shield.bool("Enabled") == true {
                origin.shieldRegion = region ?? ""
                if region == nil {
                    let message = "OriginShieldRegion is required where the shield is on"
                    shield.refuse("OriginShieldRegion", .originShield, message)
                }
            }
            if region != nil, origin.shieldRegion == nil {
                shield.note("OriginShieldRegion", "has no effect while the shield is off")
            }
            shield.finish()
        }
        return origin
    }

    private func checkAccess(_ origin: Origin, _ fields: Fields) {
        let id = origin.originAccessControlID
        guard !id.isEmpty else { return }
        let key = "OriginAccessControlId"
        guard let owner = resource("AWS::CloudFront::OriginAccessControl", id) else {
            let message = "there is no origin access control \(id) in this template"
            return fields.refuse(key, .accessControl, message)
        }
        let path = owner.path + ".Properties"
        let properties = evaluator.resolve(owner.properties, path) ?? owner.properties
        let type = properties["OriginAccessControlConfig"]?["OriginAccessControlOriginType"]?.text
        if let kind = type.flatMap(OriginAccessControl.OriginType.init), !kind.isFor(origin) {
            let message = "\(id) is for \(kind.rawValue), which \(origin.domainName) is not"
            fields.refuse(key, .accessControl, message)
        }
        if !origin.originAccessIdentity.isEmpty {
            let message = "an origin has either an access control or an access identity"
            fields.refuse(key, .accessControl, message)
        }
    }

    /// Headers for every request to the origin, within AWS's bounds.
    ///
    /// Source: "Quotas": 30 headers, names of 256, values of 1,783, all together 10,240 characters.
    private func customHeaders(_ fields: Fields) -> [String: String] {
        var result: [String: String] = [:]
        for header in fields.each("OriginCustomHeaders") {
            let name = header.required("HeaderName")
            let value = header.required("HeaderValue")
            header.finish()
            guard let name, let value else { continue }
            if ReservedHeaders.isDeniedForOrigin(name.lowercased()) {
                header.refuse(
                    "HeaderName",
                    .originHeader,
                    "\(name) cannot be sent as a custom header"
                )
            }
            if name.utf8.count > 256 || value.utf8.count > 1_783 {
                header.refuse("HeaderName", .quota, "a name has 256, a value 1783 characters")
            }
            result[name] = value
        }
        let size = result.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        if result.count > 30 || size > 10_240 {
            let message = "an origin has at most 30 custom headers with 10240 characters"
            fields.refuse("OriginCustomHeaders", .quota, message)
        }
        return result
    }

    private func readCustom(_ custom: Fields, into origin: inout Origin) {
        origin.httpPort = ranged(custom, "HTTPPort", 1...65_535) ?? 80
        origin.httpsPort = ranged(custom, "HTTPSPort", 1...65_535) ?? 443
        if custom.required("OriginProtocolPolicy") != nil,
            let policy = custom.choice("OriginProtocolPolicy", Origin.ProtocolPolicy.self)
        {
            origin.protocolPolicy = policy
        }
        if custom.has("OriginSSLProtocols") {
            origin.sslProtocols = custom.strings("OriginSSLProtocols")
            let known: Set = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"]
            if !known.isSuperset(of: origin.sslProtocols) || origin.sslProtocols.isEmpty {
                let message = "SSLv3, TLSv1, TLSv1.1 and TLSv1.2 are known"
                custom.refuse("OriginSSLProtocols", .originSetting, message)
            }
        }
        origin.readTimeout = ranged(custom, "OriginReadTimeout", 1...120) ?? 30
        origin.keepaliveTimeout = ranged(custom, "OriginKeepaliveTimeout", 1...120) ?? 5
        if custom.node["IpAddressType"]?.text == "dualstack" { _ = custom.value("IpAddressType") }
        custom.finish()
    }

    private func ranged(_ fields: Fields, _ key: String, _ range: ClosedRange<Int>) -> Int? {
        guard let value = fields.int(key) else { return nil }
        guard range.contains(value) else {
            let message = "it is from \(range.lowerBound) to \(range.upperBound)"
            fields.refuse(key, .originSetting, message)
            return nil
        }
        return value
    }
}
