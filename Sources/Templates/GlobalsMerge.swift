/// Works the SAM section `Globals` into the resources (AWS SAM: "Globals section of the AWS SAM template").
///
/// A resource's value replaces a scalar, maps are merged with the resource's keys winning, lists are
/// joined with the global elements first; `Architectures` is replaced whole.
struct GlobalsMerge {
    private static let supported: [String: Set<String>] = [
        "Function": [
            "Architectures", "AssumeRolePolicyDocument", "AutoPublishAlias",
            "AutoPublishAliasAllProperties", "CapacityProviderConfig", "CodeSigningConfigArn",
            "CodeUri", "DeadLetterQueue", "DeploymentPreference", "Description", "DurableConfig",
            "Environment", "EphemeralStorage", "EventInvokeConfig", "FileSystemConfigs",
            "FunctionScalingConfig", "FunctionUrlConfig", "Handler", "KmsKeyArn", "Layers",
            "LoggingConfig", "MemorySize", "PermissionsBoundary", "PropagateTags",
            "ProvisionedConcurrencyConfig", "PublishToLatestPublished", "RecursiveLoop",
            "ReservedConcurrentExecutions", "RolePath", "Runtime", "RuntimeManagementConfig",
            "SnapStart", "SourceKMSKeyArn", "Tags", "TenancyConfig", "Timeout", "Tracing",
            "VersionDeletionPolicy", "VpcConfig",
        ],
        "Api": [
            "AccessLogSetting", "AlwaysDeploy", "Auth", "BinaryMediaTypes", "CacheClusterEnabled",
            "CacheClusterSize", "CanarySetting", "Cors", "DefinitionUri", "Domain",
            "EndpointAccessMode", "EndpointConfiguration", "GatewayResponses", "MergeDefinitions",
            "MethodSettings", "MinimumCompressionSize", "Name", "OpenApiVersion", "PropagateTags",
            "SecurityPolicy", "TracingEnabled", "Variables",
        ],
        "HttpApi": [
            "AccessLogSettings", "Auth", "CorsConfiguration", "DefaultRouteSettings", "Domain",
            "FailOnWarnings", "PropagateTags", "RouteSettings", "StageVariables", "Tags",
        ],
        "WebSocketApi": [
            "AccessLogSettings", "ApiKeySelectionExpression", "DefaultRouteSettings", "Domain",
            "IpAddressType", "PropagateTags", "RouteSettings", "StageVariables", "Tags",
        ],
        "SimpleTable": ["SSESpecification"], "StateMachine": ["PropagateTags"],
        "LayerVersion": ["PublishLambdaVersion"],
        "CapacityProvider": [
            "InstanceRequirements", "KmsKeyArn", "LoggingConfig", "ManagedResourceTags",
            "OperatorRole", "PropagateTags", "ScalingConfig", "Tags", "VpcConfig",
        ],
    ]

    let file: String

    /// The sections with the globals in the resources, and what is wrong with them.
    func apply(to root: TemplateNode) -> (root: TemplateNode, diagnostics: [Diagnostic]) {
        guard let globals = root.entry("Globals") else { return (root, []) }
        var diagnostics: [Diagnostic] = []
        func fail(_ entry: TemplateNode.Entry, _ path: String, _ message: String) {
            diagnostics.append(
                Diagnostic(
                    severity: .error,
                    file: file,
                    line: entry.line,
                    column: entry.column,
                    path: path,
                    message: message
                )
            )
        }
        if !globals.value.isMap { fail(globals, "Globals", "a map of sections is wanted here") }
        for section in globals.value.entries {
            guard let allowed = Self.supported[section.key] else {
                let names = Self.supported.keys.sorted().joined(separator: ", ")
                fail(section, "Globals.\(section.key)", "\(section.key) is not one of \(names)")
                continue
            }
            for entry in section.value.entries where !allowed.contains(entry.key) {
                let message =
                    "\(entry.key) cannot be global; these can: "
                    + allowed.sorted().joined(separator: ", ")
                fail(entry, "Globals.\(section.key).\(entry.key)", message)
            }
        }
        let entries = root.entries.map { section -> TemplateNode.Entry in
            guard section.key == "Resources" else { return section }
            var copy = section
            copy.value = section.value.with(
                .map(section.value.entries.map { resource($0, globals.value) })
            )
            return copy
        }
        return (root.with(.map(entries)), diagnostics)
    }

    private func resource(
        _ entry: TemplateNode.Entry,
        _ globals: TemplateNode
    ) -> TemplateNode.Entry {
        guard let type = entry.value["Type"]?.text, type.hasPrefix("AWS::Serverless::"),
            let defaults = globals[String(type.dropFirst("AWS::Serverless::".count))],
            entry.value.isMap
        else { return entry }
        var copy = entry
        let own = entry.value["Properties"] ?? entry.value.with(.map([]))
        let merged = Self.merge(defaults, own, key: "")
        var attributes = entry.value.entries.filter { $0.key != "Properties" }
        attributes.append(
            .init(key: "Properties", line: own.line, column: own.column, value: merged)
        )
        copy.value = entry.value.with(.map(attributes))
        return copy
    }

    private static func merge(
        _ global: TemplateNode,
        _ own: TemplateNode,
        key: String
    ) -> TemplateNode {
        if global.intrinsic != nil || own.intrinsic != nil || key == "Architectures" { return own }
        if let first = global.list, let second = own.list { return own.with(.list(first + second)) }
        guard global.isMap, own.isMap else { return own }
        var entries = global.entries
        for entry in own.entries {
            if let place = entries.firstIndex(where: { $0.key == entry.key }) {
                var merged = entry
                merged.value = merge(entries[place].value, entry.value, key: entry.key)
                entries[place] = merged
            } else {
                entries.append(entry)
            }
        }
        return own.with(.map(entries))
    }
}
