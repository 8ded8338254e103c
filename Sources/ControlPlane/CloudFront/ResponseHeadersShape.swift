import JSON
import Model

/// Response headers policies between the API and the edges.
enum ResponseHeadersShape {
    // MARK: From the API

    static func policy(
        _ id: String,
        _ config: JSONValue
    ) throws(APIError) -> ResponseHeadersPolicy {
        var policy = ResponseHeadersPolicy(id: id)
        policy.name = config["Name"]?.string ?? ""
        policy.comment = config["Comment"]?.string ?? ""
        if let cors = config["CorsConfig"] { policy.cors = self.cors(cors) }
        if let security = config["SecurityHeadersConfig"] {
            policy.security = try self.security(security)
        }
        for item in config["CustomHeadersConfig"]?.items ?? [] {
            policy.custom.append(
                ResponseHeadersPolicy.Field(
                    item["Header"]?.string ?? "",
                    item["Value"]?.string ?? "",
                    overridesOrigin: item["Override"]?.bool ?? false
                )
            )
        }
        for item in config["RemoveHeadersConfig"]?.items ?? [] {
            let name = item["Header"]?.string ?? ""
            guard ResponseHeadersPolicy.mayRemove(name) else {
                throw CloudFrontService.argument(
                    "The parameter RemoveHeadersConfig contains \(name), which cannot be removed."
                )
            }
            policy.removed.append(name)
        }
        if let timing = config["ServerTimingHeadersConfig"], timing["Enabled"]?.bool == true {
            guard let rate = timing["SamplingRate"]?.double, (0...100).contains(rate) else {
                throw CloudFrontService.argument("The parameter SamplingRate is not valid.")
            }
            policy.serverTimingRate = rate
        }
        return policy
    }

    private static func cors(_ config: JSONValue) -> ResponseHeadersPolicy.CORS {
        var cors = ResponseHeadersPolicy.CORS()
        cors.allowOrigins = config["AccessControlAllowOrigins"]?.texts ?? []
        cors.allowHeaders = config["AccessControlAllowHeaders"]?.texts ?? []
        cors.allowMethods = config["AccessControlAllowMethods"]?.texts ?? []
        cors.exposeHeaders = config["AccessControlExposeHeaders"]?.texts ?? []
        cors.allowCredentials = config["AccessControlAllowCredentials"]?.bool ?? false
        cors.maxAge = config["AccessControlMaxAgeSec"]?.int
        cors.overridesOrigin = config["OriginOverride"]?.bool ?? false
        return cors
    }

    private static func security(
        _ config: JSONValue
    ) throws(APIError) -> [ResponseHeadersPolicy.Field] {
        var fields: [ResponseHeadersPolicy.Field] = []
        func add(_ name: String, _ part: JSONValue, _ value: String) {
            let overrides = part["Override"]?.bool ?? false
            fields.append(.init(name, value, overridesOrigin: overrides))
        }
        if let part = config["StrictTransportSecurity"] {
            let value = ResponseHeadersPolicy.transportSecurity(
                maxAge: part["AccessControlMaxAgeSec"]?.int ?? 0,
                includesSubdomains: part["IncludeSubdomains"]?.bool ?? false,
                isPreload: part["Preload"]?.bool ?? false
            )
            add("Strict-Transport-Security", part, value)
        }
        if let part = config["ContentTypeOptions"] {
            add("X-Content-Type-Options", part, "nosniff")
        }
        if let part = config["FrameOptions"] {
            add("X-Frame-Options", part, part["FrameOption"]?.string ?? "DENY")
        }
        if let part = config["XSSProtection"] {
            let value = ResponseHeadersPolicy.xssProtection(
                isOn: part["Protection"]?.bool ?? false,
                blocks: part["ModeBlock"]?.bool ?? false,
                reportURI: part["ReportUri"]?.string
            )
            add("X-XSS-Protection", part, value)
        }
        if let part = config["ReferrerPolicy"] {
            add("Referrer-Policy", part, part["ReferrerPolicy"]?.string ?? "")
        }
        if let part = config["ContentSecurityPolicy"] {
            let text = part["ContentSecurityPolicy"]?.string ?? ""
            guard text.utf8.count <= 8192 else {
                throw CloudFrontService.error(
                    "TooLongCSPInResponseHeadersPolicy",
                    "The length of the Content-Security-Policy header value exceeds the maximum."
                )
            }
            add("Content-Security-Policy", part, text)
        }
        return fields
    }

    // MARK: To the API

    static func config(_ policy: ResponseHeadersPolicy) -> JSONValue {
        var members = JSONObject()
        members["Comment"] = .string(policy.comment)
        members["Name"] = .string(policy.name)
        if let cors = policy.cors { members["CorsConfig"] = shape(cors) }
        if !policy.security.isEmpty { members["SecurityHeadersConfig"] = shape(policy.security) }
        if let rate = policy.serverTimingRate {
            members["ServerTimingHeadersConfig"] = [
                "Enabled": true, "SamplingRate": .number(String(rate)),
            ]
        }
        if !policy.custom.isEmpty {
            members["CustomHeadersConfig"] = CloudFrontService.list(
                policy.custom.map { field in
                    [
                        "Header": .string(field.name), "Value": .string(field.value),
                        "Override": .bool(field.overridesOrigin),
                    ]
                }
            )
        }
        if !policy.removed.isEmpty {
            members["RemoveHeadersConfig"] = CloudFrontService.list(
                policy.removed.map { ["Header": .string($0)] }
            )
        }
        return .object(members)
    }

    private static func shape(_ cors: ResponseHeadersPolicy.CORS) -> JSONValue {
        var members = JSONObject()
        func list(_ names: [String]) -> JSONValue {
            CloudFrontService.list(names.map(JSONValue.string))
        }
        members["AccessControlAllowOrigins"] = list(cors.allowOrigins)
        members["AccessControlAllowHeaders"] = list(cors.allowHeaders)
        members["AccessControlAllowMethods"] = list(cors.allowMethods)
        members["AccessControlAllowCredentials"] = .bool(cors.allowCredentials)
        if !cors.exposeHeaders.isEmpty {
            members["AccessControlExposeHeaders"] = list(cors.exposeHeaders)
        }
        members["AccessControlMaxAgeSec"] = cors.maxAge.map(JSONValue.integer)
        members["OriginOverride"] = .bool(cors.overridesOrigin)
        return .object(members)
    }

    /// The settings behind rendered security headers.
    private static func shape(_ fields: [ResponseHeadersPolicy.Field]) -> JSONValue {
        var members = JSONObject()
        for field in fields {
            var part = JSONObject()
            part["Override"] = .bool(field.overridesOrigin)
            let value = field.value
            switch field.name.lowercased() {
            case "strict-transport-security":
                let age = value.dropFirst("max-age=".count).prefix { $0.isNumber }
                part["IncludeSubdomains"] = .bool(value.contains("includeSubDomains"))
                part["Preload"] = .bool(value.contains("preload"))
                part["AccessControlMaxAgeSec"] = .integer(Int(age) ?? 0)
                members["StrictTransportSecurity"] = .object(part)
            case "x-content-type-options": members["ContentTypeOptions"] = .object(part)
            case "x-frame-options":
                part["FrameOption"] = .string(value)
                members["FrameOptions"] = .object(part)
            case "x-xss-protection":
                part["Protection"] = .bool(value.hasPrefix("1"))
                if value.contains("mode=block") { part["ModeBlock"] = true }
                if let report = value.split(separator: "report=").dropFirst().first {
                    part["ReportUri"] = .string(String(report))
                }
                members["XSSProtection"] = .object(part)
            case "referrer-policy":
                part["ReferrerPolicy"] = .string(value)
                members["ReferrerPolicy"] = .object(part)
            default:
                part["ContentSecurityPolicy"] = .string(value)
                members["ContentSecurityPolicy"] = .object(part)
            }
        }
        return .object(members)
    }
}
