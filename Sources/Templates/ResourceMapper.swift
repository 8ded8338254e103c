import Model

/// Walks the resources and makes the model's out of them.
final class ResourceMapper {
    let evaluator: Evaluator
    let baseFolder: String
    var functions: [FunctionSource] = []
    var made: [Model.Resource] = []
    var origins: [String: String] = [:]
    var starts: [StartCommand] = []
    var outputs: [String: String] = [:]
    var buckets: [String: String] = [:]
    /// Routes of each API by its id, gathered before the APIs are made.
    var routes: [String: [GatewayRoute]] = [:]
    /// Where functions are invoked by doors, for the check of permissions.
    var uses: [FunctionUse] = []
    static let sections: Set<String> = [
        "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings",
        "Conditions", "Resources", "Outputs", "Transform",
    ]

    init(evaluator: Evaluator, baseFolder: String) {
        self.evaluator = evaluator
        self.baseFolder = baseFolder
    }

    func run() {
        for entry in evaluator.template.root.entries where !Self.sections.contains(entry.key) {
            let message = "the section \(entry.key) is not supported"
            evaluator.report(.warning, entry.line, entry.column, entry.key, message)
        }
        guard evaluator.checkCycles() else { return }
        readMetadata()
        let all = evaluator.order.compactMap { evaluator.resources[$0] }
        for resource in all { checkAttributes(resource) }
        for resource in all where resource.isFunction { mapFunction(resource) }
        for resource in all where !resource.isFunction { map(resource) }
        finishAPIs()
        checkPermissions()
        for entry in evaluator.template.root["Outputs"]?.entries ?? [] {
            guard let node = entry.value["Value"] else { continue }
            if let name = entry.value["Condition"]?.text,
                !evaluator.condition(named: name, at: entry.value, "Outputs.\(entry.key)")
            {
                continue
            }
            let value = evaluator.resolve(node, "Outputs.\(entry.key).Value")
            outputs[entry.key] = value?.text
        }
    }

    private func checkAttributes(_ resource: ResourceEntry) {
        let known = ["Type", "Properties", "Condition", "DependsOn", "Metadata"]
        let kept = ["DeletionPolicy", "UpdateReplacePolicy"]
        for entry in resource.node.entries where !(known + kept).contains(entry.key) {
            let path = "\(resource.path).\(entry.key)"
            let message = "the attribute \(entry.key) is not supported and has no effect here"
            evaluator.report(.warning, entry.line, entry.column, path, message)
        }
    }

    func fields(_ resource: ResourceEntry) -> Fields {
        let path = resource.path + ".Properties"
        let node = evaluator.resolve(resource.properties, path) ?? resource.properties
        return Fields(node, path, evaluator)
    }

    private func map(_ resource: ResourceEntry) {
        switch resource.type {
        case "AWS::Lambda::Version": mapVersion(resource)
        case "AWS::Lambda::Alias": mapAlias(resource)
        case "AWS::Lambda::Permission": mapPermission(resource)
        case "AWS::IAM::Role":
            _ = fields(resource)
        case "AWS::S3::Bucket": mapBucket(resource)
        case "AWS::CloudFront::Distribution": mapDistribution(resource)
        case "AWS::ElasticLoadBalancingV2::LoadBalancer": mapBalancer(resource)
        case "AWS::ElasticLoadBalancingV2::TargetGroup": mapTargetGroup(resource)
        case "AWS::ElasticLoadBalancingV2::Listener": _ = listener(resource)
        case "AWS::ElasticLoadBalancingV2::ListenerRule": _ = rule(resource)
        case "AWS::ApiGatewayV2::Route": mapRoute(resource)
        case "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Stage",
            "AWS::Serverless::HttpApi":
            break
        default:
            evaluator.warning(
                resource.node["Type"] ?? resource.node,
                resource.path,
                "the resource type \(resource.type) is not supported and has no effect here"
            )
        }
    }

    /// A path of the template, from the folder it stands in.
    func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        let rest = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return baseFolder.isEmpty ? rest : baseFolder + "/" + rest
    }

    // MARK: Metadata

    private func readMetadata() {
        guard let node = evaluator.template.root["Metadata"]?["Portico"] else { return }
        let path = "Metadata.Portico"
        for entry in node.entries {
            let value = evaluator.resolve(entry.value, "\(path).\(entry.key)") ?? entry.value
            switch entry.key {
            case "Origins":
                for origin in value.entries { origins[origin.key] = origin.value.text ?? "" }
            case "Buckets":
                for bucket in value.entries {
                    buckets[bucket.key] = absolute(bucket.value.text ?? "")
                }
            case "Start": readStarts(value, "\(path).Start")
            default:
                let message = "there is no setting \(entry.key); Origins, Buckets and Start are"
                evaluator.report(
                    .error,
                    entry.line,
                    entry.column,
                    "\(path).\(entry.key)",
                    message
                )
            }
        }
        for (domain, url) in origins.sorted(by: { $0.key < $1.key }) {
            made.append(.originOverride(domainName: domain, url: url))
        }
        for (name, folder) in buckets.sorted(by: { $0.key < $1.key }) {
            made.append(.bucket(name: name, folder: folder))
        }
    }

    private func readStarts(_ node: TemplateNode, _ path: String) {
        for entry in node.entries {
            let fields = Fields(entry.value, "\(path).\(entry.key)", evaluator)
            if let command = fields.required("Command"), let port = fields.int("Port") {
                starts.append(StartCommand(name: entry.key, command: command, port: port))
            } else if !fields.has("Port") {
                fields.error("Port", "Port is required")
            }
            for key in entry.value.entries where key.key != "Command" && key.key != "Port" {
                let message = "there is no setting \(key.key); Command and Port are"
                evaluator.report(.error, key.line, key.column, path, message)
            }
        }
    }

    private func mapBucket(_ resource: ResourceEntry) {
        let fields = fields(resource)
        _ = fields.string("BucketName")
        fields.finish()
        let name = evaluator.bucketName(resource)
        guard buckets[name] == nil else { return }
        evaluator.warning(
            resource.node,
            resource.path,
            "the bucket \(name) has no folder in Metadata.Portico.Buckets"
        )
    }
}
