import Model

extension ResourceMapper {
    func mapResponseHeadersPolicy(_ resource: ResourceEntry) {
        if let policy = responseHeadersPolicy(resource) {
            made.append(.responseHeadersPolicy(policy))
        }
    }

    func responseHeadersPolicy(_ resource: ResourceEntry) -> ResponseHeadersPolicy? {
        guard let (config, name) = config(resource, "ResponseHeadersPolicyConfig") else {
            return nil
        }
        defer { config.finish() }
        var policy = ResponseHeadersPolicy(id: evaluator.primaryID(resource))
        policy.name = name
        policy.comment = config.string("Comment") ?? ""
        policy.cors = config.fields("CorsConfig").map(cors)
        policy.security = config.fields("SecurityHeadersConfig").map(security) ?? []
        if let custom = config.fields("CustomHeadersConfig") {
            policy.custom = custom.each("Items").compactMap(customHeader)
            if policy.custom.count > 10 {
                custom.refuse("Items", .quota, "a policy has at most 10 custom headers")
            }
            custom.finish()
        }
        if let removed = config.fields("RemoveHeadersConfig") {
            policy.removed = removed.each("Items").compactMap { item in
                defer { item.finish() }
                guard let name = item.required("Header") else { return nil }
                if !ResponseHeadersPolicy.mayRemove(name) {
                    item.refuse("Header", .removedHeader, "\(name) cannot be removed")
                }
                return name
            }
            removed.finish()
        }
        policy.serverTimingRate = serverTiming(config)
        return policy
    }

    private func serverTiming(_ config: Fields) -> Double? {
        guard let timing = config.fields("ServerTimingHeadersConfig") else { return nil }
        defer { timing.finish() }
        let isOn = timing.bool("Enabled") ?? false
        let rate = timing.string("SamplingRate").flatMap(Double.init) ?? 0
        if !(0...100 ~= rate) { timing.error("SamplingRate", "it is from 0 to 100") }
        return isOn ? rate : nil
    }

    private func cors(_ fields: Fields) -> ResponseHeadersPolicy.CORS {
        defer { fields.finish() }
        func items(_ key: String) -> [String] {
            guard let list = fields.fields(key) else { return [] }
            defer { list.finish() }
            return list.strings("Items")
        }
        var cors = ResponseHeadersPolicy.CORS()
        cors.allowOrigins = items("AccessControlAllowOrigins")
        cors.allowHeaders = items("AccessControlAllowHeaders")
        cors.allowMethods = items("AccessControlAllowMethods")
        cors.exposeHeaders = items("AccessControlExposeHeaders")
        cors.allowCredentials = fields.bool("AccessControlAllowCredentials") ?? false
        cors.maxAge = fields.int("AccessControlMaxAgeSec")
        cors.overridesOrigin = fields.bool("OriginOverride") ?? false
        return cors
    }

    private func customHeader(_ fields: Fields) -> ResponseHeadersPolicy.Field? {
        defer { fields.finish() }
        let name = fields.required("Header")
        let value = fields.required("Value")
        let overrides = fields.bool("Override") ?? false
        guard let name, let value else { return nil }
        return .init(name, value, overridesOrigin: overrides)
    }

    /// The security headers with their values as AWS renders them.
    private func security(_ fields: Fields) -> [ResponseHeadersPolicy.Field] {
        defer { fields.finish() }
        var result: [ResponseHeadersPolicy.Field] = []
        func add(_ key: String, _ name: String, _ value: (Fields) -> String?) {
            guard let part = fields.fields(key) else { return }
            let overrides = part.bool("Override") ?? false
            if let text = value(part) {
                result.append(.init(name, text, overridesOrigin: overrides))
            }
            part.finish()
        }
        add("XSSProtection", "X-XSS-Protection") { part in
            let isOn = part.bool("Protection") ?? false
            let blocks = part.bool("ModeBlock") ?? false
            let report = part.string("ReportUri").flatMap { $0.isEmpty ? nil : $0 }
            if blocks, report != nil {
                part.error("ReportUri", "ModeBlock and ReportUri exclude each other")
            }
            return ResponseHeadersPolicy.xssProtection(
                isOn: isOn,
                blocks: blocks,
                reportURI: report
            )
        }
        add("FrameOptions", "X-Frame-Options") { $0.required("FrameOption") }
        add("ReferrerPolicy", "Referrer-Policy") { $0.required("ReferrerPolicy") }
        add("ContentSecurityPolicy", "Content-Security-Policy") {
            $0.required("ContentSecurityPolicy")
        }
        add("ContentTypeOptions", "X-Content-Type-Options") { _ in "nosniff" }
        add("StrictTransportSecurity", "Strict-Transport-Security") { part in
            let subdomains = part.bool("IncludeSubdomains") ?? false
            let preload = part.bool("Preload") ?? false
            return part.int("AccessControlMaxAgeSec").map {
                ResponseHeadersPolicy.transportSecurity(
                    maxAge: $0,
                    includesSubdomains: subdomains,
                    isPreload: preload
                )
            }
        }
        return result
    }
}
