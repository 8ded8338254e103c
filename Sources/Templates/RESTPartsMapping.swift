import Model

/// REST APIs: authorizers, stages, usage plans and domains.
extension ResourceMapper {
    func restAuthorizer(_ resource: ResourceEntry, _ api: String) -> RESTAuthorizer? {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("RestApiId")
        let name = fields.required("Name") ?? resource.logicalID
        let sources = (fields.string("IdentitySource") ?? "").split(separator: ",")
            .map { String($0.filter { $0 != " " }) }
        let kind: RESTAuthorizer.Kind
        switch fields.required("Type") {
        case "TOKEN", "REQUEST":
            guard let uri = fields.required("AuthorizerUri"), let reference = functionKey(uri)
            else { return nil }
            if fields.has("AuthorizerCredentials") { trustAPI(api, toInvoke: reference, resource) }
            kind =
                fields.string("Type") == "TOKEN"
                ? .token(
                    function: reference,
                    validation: fields.string("IdentityValidationExpression")
                ) : .request(function: reference)
        case "COGNITO_USER_POOLS":
            kind = .userPools(fields.strings("ProviderARNs").map(Self.issuer))
        case nil: return nil
        default:
            fields.error("Type", "TOKEN, REQUEST or COGNITO_USER_POOLS is wanted")
            return nil
        }
        var authorizer = RESTAuthorizer(
            id: evaluator.primaryID(resource),
            name: name,
            kind: kind,
            identitySources: sources
        )
        authorizer.lifetime = fields.int("AuthorizerResultTtlInSeconds", in: 0...3600, "s") ?? 300
        if case .request = kind, authorizer.lifetime > 0, sources.isEmpty {
            fields.error("IdentitySource", "answers cannot be kept without an identity source")
        }
        return authorizer
    }

    /// The issuer of a user pool: `arn:aws:cognito-idp:<region>:<account>:userpool/<id>`.
    static func issuer(ofPool arn: String) -> String {
        let parts = arn.split(separator: ":").map(String.init)
        let region = parts.count > 3 ? parts[3] : "us-east-1"
        let id = arn.split(separator: "/").last.map(String.init) ?? arn
        return "https://cognito-idp.\(region).amazonaws.com/\(id)"
    }

    func restStage(_ resource: ResourceEntry) -> RESTStage {
        let fields = fields(resource)
        defer { fields.finish() }
        _ = fields.required("RestApiId")
        var stage = RESTStage(name: fields.required("StageName") ?? "")
        stage.variables = fields.map("Variables")
        readMethodSettings(&stage, fields)
        if let log = fields.fields("AccessLogSetting") {
            _ = log.string("DestinationArn")
            stage.logFormat = log.string("Format")
            log.finish()
        }
        return stage
    }

    func readMethodSettings(_ stage: inout RESTStage, _ fields: Fields) {
        for setting in fields.each("MethodSettings") {
            let path = (setting.string("ResourcePath") ?? "/*").replacing("~1", with: "/")
            let method = setting.string("HttpMethod") ?? "*"
            let rate = setting.string("ThrottlingRateLimit").flatMap(Double.init)
            let burst = setting.int("ThrottlingBurstLimit")
            setting.finish()
            guard rate != nil || burst != nil else { continue }
            let place = path == "/*" || path == "*" ? "*/*" : "\(path)/\(method)"
            stage.limits[place] = RateLimit(rate: rate ?? 10_000, burst: burst ?? 5000)
        }
    }

    // MARK: Keys

    func mapUsagePlan(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        let id = evaluator.primaryID(resource)
        var plan = UsagePlan(id: id, name: fields.string("UsagePlanName") ?? resource.logicalID)
        if let throttle = fields.fields("Throttle") { plan.limit = rateLimit(throttle) }
        if let quota = fields.fields("Quota") {
            let period = quota.choice("Period", UsagePlan.Quota.Period.self) ?? .month
            plan.quota = UsagePlan.Quota(
                limit: quota.int("Limit") ?? 0,
                period: period,
                offset: quota.int("Offset") ?? 0
            )
            quota.finish()
        }
        for stage in fields.each("ApiStages") {
            var opened = UsagePlan.Stage(
                api: stage.required("ApiId") ?? "",
                stage: stage.required("Stage") ?? ""
            )
            for limit in stage.members("Throttle") {
                let place = limit.path.split(separator: ".").last.map(String.init) ?? ""
                opened.limits[place] = rateLimit(limit)
            }
            stage.finish()
            plan.stages.append(opened)
        }
        for resource in resources(ofType: "AWS::ApiGateway::UsagePlanKey")
        where evaluator.property("UsagePlanId", of: resource) == id {
            let fields = self.fields(resource)
            _ = fields.required("UsagePlanId")
            if fields.required("KeyType") != "API_KEY" {
                fields.error("KeyType", "API_KEY is wanted here")
            }
            let wanted = fields.required("KeyId")
            fields.finish()
            let found = resources(ofType: "AWS::ApiGateway::ApiKey").first {
                evaluator.primaryID($0) == wanted
            }
            if let found {
                plan.keys.append(key(found))
            } else {
                fields.error("KeyId", "the template has no API key \(wanted ?? "")")
            }
        }
        made.append(.usagePlan(plan))
    }

    private func rateLimit(_ fields: Fields) -> RateLimit {
        defer { fields.finish() }
        let rate = fields.string("RateLimit").flatMap(Double.init)
        return RateLimit(rate: rate ?? 10_000, burst: fields.int("BurstLimit") ?? 5000)
    }

    private func key(_ resource: ResourceEntry) -> UsagePlan.Key {
        let fields = fields(resource)
        defer { fields.finish() }
        let id = evaluator.primaryID(resource)
        // Without a value of its own a key gets one that stays the same from start to start.
        let value = fields.string("Value") ?? evaluator.ids.apiKey(resource.logicalID)
        if !(20...128).contains(value.utf8.count) {
            fields.error("Value", "an API key has 20 to 128 characters")
        }
        return UsagePlan.Key(
            id: id,
            name: fields.string("Name") ?? resource.logicalID,
            value: value,
            isEnabled: fields.bool("Enabled") ?? false
        )
    }

    // MARK: Domains

    func mapRESTDomain(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        guard let name = fields.required("DomainName") else { return }
        var domain = GatewayDomain(name: name)
        for resource in resources(ofType: "AWS::ApiGateway::BasePathMapping")
        where evaluator.property("DomainName", of: resource) == name {
            let mapping = self.fields(resource)
            _ = mapping.required("DomainName")
            let path = mapping.string("BasePath") ?? ""
            domain.mappings.append(
                .init(
                    api: mapping.string("RestApiId") ?? "",
                    stage: mapping.string("Stage") ?? "",
                    key: path == "(none)" ? "" : path
                )
            )
            mapping.finish()
        }
        made.append(.domain(domain))
    }
}
