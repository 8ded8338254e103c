import Model

extension ResourceMapper {
    /// The longest timeout of a function at a hook in seconds (CloudFront: "Quotas").
    static let maximumEdgeTimeout = 30

    /// What CloudFront refuses of a function at a hook, in the order and words that it uses
    /// (CloudFront: "Restrictions on Lambda@Edge").
    func edgeViolation(of arn: FunctionARN) -> (rule: DistributionRule, text: String)? {
        guard let owner = evaluator.function(for: arn.name) else {
            return (.functionUnknown, "the template has no function \(arn.name)")
        }
        let text = arn.text
        let properties = evaluator.resolve(owner.properties, owner.path) ?? owner.properties
        if let refused = trustViolation(of: properties) { return (.functionRole, refused) }
        if properties["Environment"]?["Variables"]?.entries.isEmpty == false {
            return (
                .functionEnvironment,
                "The function cannot have environment variables. Function: \(text)"
            )
        }
        if let timeout = properties["Timeout"]?.text.flatMap({ Int($0) }),
            timeout > Self.maximumEdgeTimeout
        {
            return (
                .functionTimeout,
                "The function timeout is larger than the maximum allowed for functions that are "
                    + "triggered by a CloudFront event: \(timeout) Max allowed: "
                    + "\(Self.maximumEdgeTimeout) Function: \(text)"
            )
        }
        if let runtime = properties["Runtime"]?.text, !runtime.hasPrefix("nodejs"),
            !runtime.hasPrefix("python")
        {
            return (
                .functionRuntime,
                "The function runtime \(runtime) is not supported at the edge. Function: \(text)"
            )
        }
        return featureViolation(of: properties, text).map { (.functionFeature, $0) }
    }

    private func trustViolation(of properties: TemplateNode) -> String? {
        let role = properties["Role"]?.text
        let own = properties["AssumeRolePolicyDocument"].map { TrustPolicy($0) { _, _ in } }
        guard let trust = own ?? role.flatMap(trust(of:)) else { return nil }
        guard trust.allows("lambda.amazonaws.com"), trust.allows("edgelambda.amazonaws.com") else {
            return "The function execution role must be assumable with edgelambda.amazonaws.com as "
                + "well as lambda.amazonaws.com principals. Update the IAM role and try again. "
                + "Role: \(role ?? "of the function")"
        }
        return nil
    }

    private func featureViolation(of properties: TemplateNode, _ arn: String) -> String? {
        func has(_ key: String) -> Bool {
            guard let value = properties[key] else { return false }
            return value.list?.isEmpty != true && !value.isNull
        }
        var feature: String?
        if has("VpcConfig") { feature = "a VPC configuration" }
        if has("DeadLetterConfig") || has("DeadLetterQueue") { feature = "a dead letter queue" }
        if has("Layers") { feature = "layers" }
        let tracing = properties["TracingConfig"]?["Mode"]?.text ?? properties["Tracing"]?.text
        if tracing == "Active" { feature = "active tracing" }
        if has("ProvisionedConcurrencyConfig") { feature = "provisioned concurrency" }
        if properties["PackageType"]?.text == "Image" { feature = "a container image" }
        if properties["Architectures"]?.list?.contains(where: { $0.text == "arm64" }) == true {
            feature = "the arm64 architecture"
        }
        if let size = properties["EphemeralStorage"]?["Size"]?.text.flatMap({ Int($0) }), size > 512
        {
            feature = "more than 512 MB of ephemeral storage"
        }
        let updates = properties["RuntimeManagementConfig"]?["UpdateRuntimeOn"]?.text
        if updates != nil, updates != "Auto" { feature = "runtime updates other than Auto" }
        if properties["Code"]?["SourceKMSKeyArn"] != nil || has("SourceKMSKeyArn") {
            feature = "code encrypted with a customer managed key"
        }
        return feature.map { "The function cannot have \($0). Function: \(arn)" }
    }
}
