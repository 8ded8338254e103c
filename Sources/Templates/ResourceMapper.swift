import Model

/// Walks the resources and makes the model's out of them.
final class ResourceMapper {
    let evaluator: Evaluator
    let folders: StackFolders
    var functions: [FunctionSource] = []
    var made: [Model.Resource] = []
    var origins: [String: String] = [:]
    var starts: [StartCommand] = []
    var outputs: [String: String] = [:]
    var buckets: [String: String] = [:]
    /// Routes of each API by its id, gathered before the APIs are made.
    var routes: [String: [GatewayRoute]] = [:]
    /// Paths of REST APIs that events make, by the API's id.
    var restRoutes: [String: [ServerlessRESTRoute]] = [:]
    /// Where functions are invoked by doors, for the check of permissions.
    var uses: [FunctionUse] = []
    /// Layers by the ARN of their version.
    var layers: [String: LayerSource] = [:]
    /// Logical ids of functions whose role stands in no template, so nothing is known of its trust.
    var trusted: [String] = []

    init(evaluator: Evaluator, folders: StackFolders) {
        self.evaluator = evaluator
        self.folders = folders
    }

    func run() {
        checkSections()
        guard evaluator.checkCycles() else { return }
        readMetadata()
        let all = evaluator.order.compactMap { evaluator.resources[$0] }
        for resource in all { checkAttributes(resource) }
        for resource in all where resource.isLayer { mapLayer(resource) }
        for resource in all where resource.isFunction { mapFunction(resource) }
        for resource in all where !resource.isFunction && !resource.isLayer { map(resource) }
        finishAPIs()
        finishRESTAPIs()
        checkPermissions()
        noteTrust()
        readOutputs()
    }

    /// The resolved properties of a resource, checked against the schema of its type.
    func fields(_ resource: ResourceEntry) -> Fields {
        let path = resource.path + ".Properties"
        let node = evaluator.resolve(resource.properties, path) ?? resource.properties
        if let shape = PropertyShape.properties(of: resource.type) {
            evaluator.check(node, shape, path, type: resource.type)
        }
        return Fields(node, path, evaluator, type: resource.type)
    }

    private func map(_ resource: ResourceEntry) {
        switch resource.type {
        case "AWS::Lambda::Version": mapVersion(resource)
        case "AWS::Lambda::Alias": mapAlias(resource)
        case "AWS::Lambda::Permission": mapPermission(resource)
        case "AWS::Lambda::EventInvokeConfig": mapEventInvokeConfig(resource)
        case "AWS::Lambda::EventSourceMapping": mapEventSource(resource)
        case "AWS::Events::Rule": mapEventRule(resource)
        case "AWS::IAM::Role": mapRole(resource)
        case "AWS::S3::Bucket": mapBucket(resource)
        case "AWS::S3::BucketPolicy": mapBucketPolicy(resource)
        case "AWS::CloudFront::Distribution": mapDistribution(resource)
        case "AWS::CloudFront::CachePolicy": mapCachePolicy(resource)
        case "AWS::CloudFront::OriginRequestPolicy": mapOriginRequestPolicy(resource)
        case "AWS::CloudFront::ResponseHeadersPolicy": mapResponseHeadersPolicy(resource)
        case "AWS::CloudFront::PublicKey": mapPublicKey(resource)
        case "AWS::CloudFront::KeyGroup": mapKeyGroup(resource)
        case "AWS::CloudFront::OriginAccessControl": mapOriginAccessControl(resource)
        case "AWS::CloudFront::Function": mapViewerFunction(resource)
        case "AWS::CloudFront::ConnectionFunction": mapConnectionFunction(resource)
        case "AWS::CloudFront::TrustStore": mapTrustStore(resource)
        case "AWS::CloudFront::RealtimeLogConfig": mapRealTimeLog(resource)
        case "AWS::CloudFront::ContinuousDeploymentPolicy": mapStagingPolicy(resource)
        case "AWS::CloudFront::KeyValueStore": mapKeyValueStore(resource)
        case "AWS::ElasticLoadBalancingV2::LoadBalancer": mapBalancer(resource)
        case "AWS::ElasticLoadBalancingV2::TargetGroup": mapTargetGroup(resource)
        case "AWS::ElasticLoadBalancingV2::Listener": _ = listener(resource)
        case "AWS::ElasticLoadBalancingV2::ListenerRule": _ = rule(resource)
        case "AWS::ApiGatewayV2::Route": mapRoute(resource)
        case "AWS::ApiGatewayV2::Integration": checkIntegration(resource)
        case "AWS::ApiGatewayV2::DomainName": mapDomain(resource)
        case "AWS::Lambda::Url": mapFunctionURL(resource)
        case "AWS::ApiGateway::DomainName": mapRESTDomain(resource)
        case "AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage", "AWS::Serverless::HttpApi",
            "AWS::ApiGatewayV2::Authorizer", "AWS::ApiGatewayV2::Deployment",
            "AWS::ApiGatewayV2::ApiMapping", "AWS::ApiGatewayV2::RoutingRule",
            "AWS::ApiGatewayV2::RouteResponse",
            "AWS::Serverless::Api", "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Resource",
            "AWS::ApiGateway::Method", "AWS::ApiGateway::Model", "AWS::ApiGateway::Stage",
            "AWS::ApiGateway::RequestValidator", "AWS::ApiGateway::GatewayResponse",
            "AWS::ApiGateway::Authorizer", "AWS::ApiGateway::Deployment",
            "AWS::ApiGateway::UsagePlan", "AWS::ApiGateway::UsagePlanKey",
            "AWS::ApiGateway::ApiKey", "AWS::ApiGateway::BasePathMapping":
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
        return folders.base.isEmpty ? rest : folders.base + "/" + rest
    }
}
