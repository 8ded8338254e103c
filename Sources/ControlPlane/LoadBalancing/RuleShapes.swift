import JSON
import Model

/// Conditions, actions and transforms of rules between the API and the edges.
enum RuleShapes {
    private typealias Service = LoadBalancingService

    private static func texts(_ value: JSONValue?) -> [String] {
        (value?.array ?? []).compactMap(\.string)
    }

    // MARK: From the API

    static func condition(_ json: JSONValue) throws(APIError) -> RuleCondition {
        func values(_ config: String) -> [String] {
            texts(json["Values"]) + texts(json[config]?["Values"])
        }
        func regexes(_ config: String) -> [String] { texts(json[config]?["RegexValues"]) }
        let field = json["Field"]?.string ?? ""
        switch field {
        case "host-header":
            let patterns = regexes("HostHeaderConfig")
            let own = texts(json["RegexValues"]) + patterns
            return own.isEmpty ? .hostHeader(values("HostHeaderConfig")) : .hostHeaderRegex(own)
        case "path-pattern":
            let own = texts(json["RegexValues"]) + regexes("PathPatternConfig")
            return own.isEmpty ? .pathPattern(values("PathPatternConfig")) : .pathRegex(own)
        case "http-header":
            let config = json["HttpHeaderConfig"]
            let name = config?["HttpHeaderName"]?.string ?? ""
            let own = texts(json["RegexValues"]) + regexes("HttpHeaderConfig")
            return own.isEmpty
                ? .httpHeader(name: name, values: texts(config?["Values"]))
                : .httpHeaderRegex(name: name, values: own)
        case "http-request-method": return .requestMethod(values("HttpRequestMethodConfig"))
        case "source-ip": return .sourceIP(values("SourceIpConfig"))
        case "query-string":
            let pairs = json["QueryStringConfig"]?["Values"]?.array ?? []
            return .queryString(
                pairs.map {
                    RuleCondition.QueryPair(
                        key: $0["Key"]?.string,
                        value: $0["Value"]?.string ?? ""
                    )
                }
            )
        default:
            throw Service.validation(
                "Condition field '\(field)' must be one of '[path-pattern, host-header, http-header, http-request-method, query-string, source-ip]'"
            )
        }
    }

    /// Actions in the order of their `Order`, which counts only where every one has it.
    static func actions(_ json: JSONValue?) throws(APIError) -> [RuleAction] {
        var given = json?.array ?? []
        if given.allSatisfy({ $0["Order"]?.int != nil }) {
            given.sort { $0["Order"]?.int ?? 0 < $1["Order"]?.int ?? 0 }
        }
        var actions: [RuleAction] = []
        for action in given { actions.append(try self.action(action)) }
        return actions
    }

    private static func action(_ json: JSONValue) throws(APIError) -> RuleAction {
        let type = json["Type"]?.string ?? ""
        switch type {
        case "forward": return forward(json)
        case "redirect":
            let config = json["RedirectConfig"]
            let code = config?["StatusCode"]?.string
            var redirect = RedirectAction(status: code == "HTTP_302" ? 302 : 301)
            redirect.scheme = config?["Protocol"]?.string ?? redirect.scheme
            redirect.host = config?["Host"]?.string ?? redirect.host
            redirect.port = config?["Port"]?.string ?? redirect.port
            redirect.path = config?["Path"]?.string ?? redirect.path
            redirect.query = config?["Query"]?.string ?? redirect.query
            return .redirect(redirect)
        case "fixed-response":
            let config = json["FixedResponseConfig"]
            return .fixedResponse(
                status: Int(config?["StatusCode"]?.string ?? "") ?? 0,
                contentType: config?["ContentType"]?.string,
                body: config?["MessageBody"]?.string
            )
        case "jwt-validation": return .validateToken(token(json["JwtValidationConfig"]))
        default:
            throw Service.error(
                "InvalidLoadBalancerAction",
                "Actions of the type '\(type)' are not supported here"
            )
        }
    }

    private static func forward(_ json: JSONValue) -> RuleAction {
        let config = json["ForwardConfig"]
        var groups = (config?["TargetGroups"]?.array ?? []).map {
            RuleAction.WeightedTargetGroup(
                arn: $0["TargetGroupArn"]?.string ?? "",
                weight: $0["Weight"]?.int ?? 1
            )
        }
        if groups.isEmpty, let arn = json["TargetGroupArn"]?.string {
            groups = [RuleAction.WeightedTargetGroup(arn: arn)]
        }
        let stickiness = config?["TargetGroupStickinessConfig"]
        guard stickiness?["Enabled"]?.bool == true else { return .forward(groups) }
        return .stickyForward(groups, seconds: stickiness?["DurationSeconds"]?.int ?? 3600)
    }

    private static func token(_ config: JSONValue?) -> TokenValidation {
        var validation = TokenValidation(
            keySetURL: config?["JwksEndpoint"]?.string ?? "",
            issuer: config?["Issuer"]?.string ?? ""
        )
        validation.claims = (config?["AdditionalClaims"]?.array ?? []).map { claim in
            let format = claim["Format"]?.string.flatMap(TokenValidation.Claim.Format.init)
            return TokenValidation.Claim(
                name: claim["Name"]?.string ?? "",
                format: format ?? .single,
                values: texts(claim["Values"])
            )
        }
        return validation
    }

    static func transforms(_ json: JSONValue?) throws(APIError) -> [RuleTransform] {
        var transforms: [RuleTransform] = []
        for item in json?.array ?? [] {
            let type = item["Type"]?.string ?? ""
            guard let kind = RuleTransform.Kind(rawValue: type) else {
                throw Service.validation("Transform type '\(type)' is not valid")
            }
            let member = kind == .host ? "HostHeaderRewriteConfig" : "UrlRewriteConfig"
            for rewrite in item[member]?["Rewrites"]?.array ?? [] {
                transforms.append(
                    RuleTransform(
                        kind: kind,
                        pattern: rewrite["Regex"]?.string ?? "",
                        replacement: rewrite["Replace"]?.string ?? ""
                    )
                )
            }
        }
        return transforms
    }
}
