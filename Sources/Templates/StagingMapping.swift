import JSON
import Model

/// Policies of continuous deployment become the records that the API keeps of them.
extension ResourceMapper {
    func mapStagingPolicy(_ resource: ResourceEntry) {
        let outer = fields(resource)
        guard let config = outer.fields("ContinuousDeploymentPolicyConfig") else { return }
        outer.finish()
        defer { config.finish() }
        let names = config.strings("StagingDistributionDnsNames")
        let known = evaluator.resources.values.filter {
            $0.type == "AWS::CloudFront::Distribution"
        }.map { evaluator.primaryID($0).lowercased() }
        for name in names where !known.contains(String(name.prefix { $0 != "." }).lowercased()) {
            let message = "there is no distribution \(name) in this template"
            config.error("StagingDistributionDnsNames", message)
        }
        var content = JSONObject()
        content["StagingDistributionDnsNames"] = [
            "Quantity": .integer(names.count), "Items": .array(names.map { .string($0) }),
        ]
        content["Enabled"] = .bool(config.bool("Enabled") ?? false)
        if let traffic = traffic(config) { content["TrafficConfig"] = traffic }
        let id = evaluator.primaryID(resource)
        var record = JSONObject()
        record["Config"] = .object(content)
        record["ETag"] = .string(
            evaluator.ids.distribution("staging/" + JSONValue.object(content).text)
        )
        made.append(
            .record(
                id: "cloudfront/continuous-deployment-policy/\(id)",
                document: JSONValue.object(record).text
            )
        )
    }

    /// The traffic of a policy, in either of the two forms that templates know.
    private func traffic(_ config: Fields) -> JSONValue? {
        let nested = config.fields("TrafficConfig")
        let place = nested ?? config
        let share = place.fields(nested == nil ? "SingleWeightPolicyConfig" : "SingleWeightConfig")
        let header = place.fields(nested == nil ? "SingleHeaderPolicyConfig" : "SingleHeaderConfig")
        let type = place.string("Type") ?? (share != nil ? "SingleWeight" : "SingleHeader")
        nested?.finish()
        var result = JSONObject()
        result["Type"] = .string(type)
        if type == "SingleWeight", let share {
            result["SingleWeightConfig"] = weight(share)
        } else if type == "SingleHeader", let header {
            result["SingleHeaderConfig"] = self.header(header)
        } else {
            if config.bool("Enabled") == true {
                place.refuse("Type", .staging, "the settings of \(type) are missing")
            }
            return nil
        }
        return .object(result)
    }

    private func weight(_ fields: Fields) -> JSONValue {
        defer { fields.finish() }
        let text = fields.required("Weight") ?? "0"
        if !(0...0.15).contains(Double(text) ?? -1) { fields.refuse("Weight", .staging) }
        var result = JSONObject()
        result["Weight"] = .number(text)
        guard let sticky = fields.fields("SessionStickinessConfig") else { return .object(result) }
        defer { sticky.finish() }
        let idle = sticky.int("IdleTTL", in: 300...3600, "seconds") ?? 300
        let most = sticky.int("MaximumTTL", in: 300...3600, "seconds") ?? 600
        if idle > most {
            sticky.refuse("IdleTTL", .staging, "IdleTTL must not exceed MaximumTTL")
        }
        result["SessionStickinessConfig"] = [
            "IdleTTL": .integer(idle), "MaximumTTL": .integer(most),
        ]
        return .object(result)
    }

    private func header(_ fields: Fields) -> JSONValue {
        defer { fields.finish() }
        let name = fields.required("Header") ?? ""
        if !name.lowercased().hasPrefix("aws-cf-cd-") { fields.refuse("Header", .staging) }
        return ["Header": .string(name), "Value": .string(fields.required("Value") ?? "")]
    }
}
