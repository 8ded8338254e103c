import JSON
import Model

/// Rules and actions as the API shows them.
extension RuleShapes {
    private static func list(_ texts: [String]) -> JSONValue {
        .array(texts.map(JSONValue.string))
    }

    static func shape(_ condition: RuleCondition) -> JSONValue {
        var members = JSONObject()
        members["Field"] = .string(condition.field)
        func set(_ config: String, _ values: [String], isListed: Bool = false) {
            if isListed { members["Values"] = list(values) }
            members[config] = ["Values": list(values)]
        }
        switch condition {
        case .hostHeader(let values): set("HostHeaderConfig", values, isListed: true)
        case .pathPattern(let values): set("PathPatternConfig", values, isListed: true)
        case .requestMethod(let values): set("HttpRequestMethodConfig", values)
        case .sourceIP(let values): set("SourceIpConfig", values)
        case .httpHeader(let name, let values):
            members["HttpHeaderConfig"] = [
                "HttpHeaderName": .string(name), "Values": list(values),
            ]
        case .httpHeaderRegex(let name, let values):
            members["HttpHeaderConfig"] = ["HttpHeaderName": .string(name)]
            members["RegexValues"] = list(values)
        case .hostHeaderRegex(let values):
            members["HostHeaderConfig"] = ["RegexValues": list(values)]
            members["RegexValues"] = list(values)
        case .pathRegex(let values):
            members["PathPatternConfig"] = ["RegexValues": list(values)]
            members["RegexValues"] = list(values)
        case .queryString(let pairs):
            let values = pairs.map { pair -> JSONValue in
                var member = JSONObject()
                member["Key"] = pair.key.map(JSONValue.string)
                member["Value"] = .string(pair.value)
                return .object(member)
            }
            members["QueryStringConfig"] = ["Values": .array(values)]
        }
        return .object(members)
    }

    static func shape(_ actions: [RuleAction]) -> JSONValue {
        .array(
            actions.enumerated().map { index, action in
                var members = shape(action)
                if actions.count > 1 { members["Order"] = .integer(index + 1) }
                return .object(members)
            }
        )
    }

    private static func shape(_ action: RuleAction) -> JSONObject {
        var members = JSONObject()
        switch action {
        case .forward(let groups): forward(groups, nil, into: &members)
        case .stickyForward(let groups, let seconds): forward(groups, seconds, into: &members)
        case .redirect(let redirect):
            members["Type"] = "redirect"
            members["RedirectConfig"] = [
                "Protocol": .string(redirect.scheme), "Port": .string(redirect.port),
                "Host": .string(redirect.host), "Path": .string(redirect.path),
                "Query": .string(redirect.query),
                "StatusCode": .string("HTTP_\(redirect.status)"),
            ]
        case .fixedResponse(let status, let contentType, let body):
            var config = JSONObject()
            config["MessageBody"] = body.map(JSONValue.string)
            config["StatusCode"] = .string(String(status))
            config["ContentType"] = contentType.map(JSONValue.string)
            members["Type"] = "fixed-response"
            members["FixedResponseConfig"] = .object(config)
        case .validateToken(let validation):
            members["Type"] = "jwt-validation"
            members["JwtValidationConfig"] = shape(validation)
        }
        return members
    }

    private static func forward(
        _ groups: [RuleAction.WeightedTargetGroup],
        _ seconds: Int?,
        into members: inout JSONObject
    ) {
        members["Type"] = "forward"
        if groups.count == 1 { members["TargetGroupArn"] = .string(groups[0].arn) }
        var stickiness = JSONObject()
        stickiness["Enabled"] = .bool(seconds != nil)
        stickiness["DurationSeconds"] = seconds.map(JSONValue.integer)
        let shares = groups.map { group -> JSONValue in
            ["TargetGroupArn": .string(group.arn), "Weight": .integer(group.weight)]
        }
        members["ForwardConfig"] = [
            "TargetGroups": .array(shares), "TargetGroupStickinessConfig": .object(stickiness),
        ]
    }

    private static func shape(_ validation: TokenValidation) -> JSONValue {
        var config = JSONObject()
        config["JwksEndpoint"] = .string(validation.keySetURL)
        config["Issuer"] = .string(validation.issuer)
        if !validation.claims.isEmpty {
            config["AdditionalClaims"] = .array(
                validation.claims.map { claim in
                    [
                        "Format": .string(claim.format.rawValue), "Name": .string(claim.name),
                        "Values": list(claim.values),
                    ]
                }
            )
        }
        return .object(config)
    }

    static func shape(_ transform: RuleTransform) -> JSONValue {
        let rewrite: JSONValue = [
            "Rewrites": [
                [
                    "Regex": .string(transform.pattern),
                    "Replace": .string(transform.replacement),
                ]
            ]
        ]
        let member = transform.kind == .host ? "HostHeaderRewriteConfig" : "UrlRewriteConfig"
        var members = JSONObject()
        members["Type"] = .string(transform.kind.rawValue)
        members[member] = rewrite
        return .object(members)
    }

    static func shape(_ rule: ListenerRule) -> JSONValue {
        [
            "RuleArn": .string(rule.arn), "Priority": .string(String(rule.priority)),
            "Conditions": .array(rule.conditions.map(shape)), "Actions": shape(rule.actions),
            "IsDefault": false, "Transforms": .array(rule.transforms.map(shape)),
        ]
    }

    /// The rule without conditions that every listener ends with.
    static func defaultRule(of listener: Listener) -> JSONValue {
        [
            "RuleArn": .string(defaultRuleARN(of: listener)), "Priority": "default",
            "Conditions": [], "Actions": shape(listener.defaultActions), "IsDefault": true,
            "Transforms": [],
        ]
    }

    static func defaultRuleARN(of listener: Listener) -> String {
        let id = Ledger.uuid(of: listener.arn).filter { $0 != "-" }.prefix(16)
        return listener.arn.replacing(":listener/", with: ":listener-rule/") + "/" + id
    }
}
