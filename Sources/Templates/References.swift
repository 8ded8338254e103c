import Model
import Registry

extension Evaluator {
    private func missing(_ name: String, _ node: TemplateNode, _ path: String) -> TemplateNode? {
        let isLeftOut = root["Resources"]?[name] != nil
        error(
            node,
            path,
            isLeftOut
                ? "the condition of \(name) is false, so there is no such resource"
                : "there is no parameter or resource named \(name)"
        )
        return nil
    }

    /// What Ref gives.
    func ref(_ name: String, _ node: TemplateNode, _ path: String) -> TemplateNode? {
        switch name {
        case "AWS::Region": return node.scalar("us-east-1")
        case "AWS::AccountId": return node.scalar(FunctionARN.account)
        case "AWS::StackName": return node.scalar(ids.stack)
        case "AWS::StackId": return node.scalar(ids.stackARN())
        case "AWS::Partition": return node.scalar("aws")
        case "AWS::URLSuffix": return node.scalar("amazonaws.com")
        case "AWS::NotificationARNs": return node.list([])
        case "AWS::NoValue": return nil
        default: break
        }
        if let value = parameter(name) { return value }
        if let resource = resources[name] { return node.scalar(primaryID(resource)) }
        if name == Implicit.api, hasImplicitAPI { return node.scalar(ids.api(name)) }
        if name == Implicit.rest { return node.scalar(ids.api(name)) }
        let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
        if parts.count == 2, let owner = resources[parts[0]],
            owner.type == "AWS::Serverless::Function"
        {
            guard let alias = owner.properties["AutoPublishAlias"] else {
                error(node, path, "\(parts[0]) has no AutoPublishAlias, so it has no .\(parts[1])")
                return nil
            }
            if parts[1] == "Version" { return node.scalar(versionARN(of: owner)) }
            if parts[1] == "Alias", let aliasName = resolve(alias, path)?.text {
                return node.scalar("\(functionARN(owner)):\(aliasName)")
            }
        }
        if let made = samResource(name) { return node.scalar(made.id) }
        return missing(name, node, path)
    }

    /// What SAM makes beside a function under a predictable logical id: its role and its alias.
    private func samResource(_ name: String) -> (id: String, arn: String)? {
        for logicalID in order where name.hasPrefix(logicalID) && name != logicalID {
            guard let owner = resources[logicalID], owner.type == "AWS::Serverless::Function" else {
                continue
            }
            let rest = name.dropFirst(logicalID.count)
            if rest == "Role", owner.properties["Role"] == nil {
                let id = ids.name(name, limit: 64)
                return (id, "arn:aws:iam::\(FunctionARN.account):role/\(id)")
            }
            if let alias = property("AutoPublishAlias", of: owner), rest == "Alias" + alias {
                let arn = "\(functionARN(owner)):\(alias)"
                return (arn, arn)
            }
        }
        return nil
    }

    /// The text of a property; nil when it is absent.
    func property(_ key: String, of resource: ResourceEntry) -> String? {
        resource.properties[key].flatMap {
            resolve($0, "\(resource.path).Properties.\(key)")?.text
        }
    }

    func functionName(_ resource: ResourceEntry) -> String {
        property("FunctionName", of: resource) ?? ids.name(resource.logicalID, limit: 64)
    }

    func functionARN(_ resource: ResourceEntry) -> String {
        FunctionARN(name: functionName(resource)).text
    }

    /// The ARN of the version that a function has now.
    func versionARN(of function: ResourceEntry) -> String {
        "\(functionARN(function)):\(versions[function.logicalID] ?? 1)"
    }

    /// The function resource that a name, an ARN or a qualified ARN means.
    func function(for reference: String) -> ResourceEntry? {
        guard let arn = FunctionARN(reference) else { return nil }
        return order.lazy.compactMap { self.resources[$0] }.first {
            $0.isFunction && (self.functionName($0) == arn.name || $0.logicalID == arn.name)
        }
    }

    /// `arn:aws:iam::<account>:role<path><name>`.
    func roleARN(_ resource: ResourceEntry) -> String {
        let path = property("Path", of: resource) ?? "/"
        return "arn:aws:iam::\(FunctionARN.account):role\(path)\(primaryID(resource))"
    }

    func bucketName(_ resource: ResourceEntry) -> String {
        property("BucketName", of: resource) ?? ids.name(resource.logicalID, limit: 63).lowercased()
    }

    func balancerName(_ resource: ResourceEntry) -> String {
        property("Name", of: resource) ?? ids.name(resource.logicalID, limit: 32)
    }

    func balancingARN(_ rest: String) -> String {
        "arn:aws:elasticloadbalancing:us-east-1:\(FunctionARN.account):\(rest)"
    }

    /// The listener's or rule's own ARN part: `app/<name>/<id>`.
    private func balancerPath(_ arn: String) -> String {
        arn.split(separator: "/").dropFirst().prefix(3).joined(separator: "/")
    }

    /// The id of a REST API's root resource.
    func rootResource(_ api: String) -> String { String(ids.api(api + "/").prefix(10)) }

    func primaryID(_ resource: ResourceEntry) -> String {
        let id = resource.logicalID
        switch resource.type {
        case "AWS::Lambda::Function", "AWS::Serverless::Function": return functionName(resource)
        case "AWS::Lambda::Version":
            guard let owner = property("FunctionName", of: resource).flatMap(function(for:)) else {
                return ids.name(id, limit: 64)
            }
            return versionARN(of: owner)
        case "AWS::Lambda::Alias":
            let name = property("FunctionName", of: resource).flatMap { FunctionARN($0)?.name }
            return FunctionARN(name: name ?? id, qualifier: property("Name", of: resource)).text
        case "AWS::ElasticLoadBalancingV2::LoadBalancer":
            let name = balancerName(resource)
            return balancingARN("loadbalancer/app/\(name)/\(ids.balancing(id))")
        case "AWS::ElasticLoadBalancingV2::TargetGroup":
            return balancingARN("targetgroup/\(balancerName(resource))/\(ids.balancing(id))")
        case "AWS::ElasticLoadBalancingV2::Listener":
            let owner = balancerPath(property("LoadBalancerArn", of: resource) ?? "")
            return balancingARN("listener/\(owner)/\(ids.balancing(id))")
        case "AWS::ElasticLoadBalancingV2::ListenerRule":
            let owner = (property("ListenerArn", of: resource) ?? "").split(separator: "/")
            let rest = owner.dropFirst().joined(separator: "/")
            return balancingARN("listener-rule/\(rest)/\(ids.balancing(id))")
        case "AWS::ApiGatewayV2::Api", "AWS::Serverless::HttpApi": return ids.api(id)
        case "AWS::ApiGatewayV2::Stage": return property("StageName", of: resource) ?? id
        case "AWS::ApiGateway::RestApi", "AWS::Serverless::Api": return ids.api(id)
        case "AWS::ApiGateway::Stage": return property("StageName", of: resource) ?? id
        case "AWS::ApiGateway::Model": return property("Name", of: resource) ?? id
        case "AWS::ApiGateway::ApiKey": return ids.api(id)
        case "AWS::ApiGateway::Resource", "AWS::ApiGateway::Authorizer",
            "AWS::ApiGateway::RequestValidator", "AWS::ApiGateway::Deployment",
            "AWS::ApiGateway::UsagePlan":
            return String(ids.api(id).prefix(6))
        case "AWS::ApiGateway::DomainName", "AWS::ApiGatewayV2::DomainName":
            return property("DomainName", of: resource) ?? id
        case "AWS::Lambda::Url": return property("TargetFunctionArn", of: resource) ?? id
        case "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Route",
            "AWS::ApiGatewayV2::Authorizer", "AWS::ApiGatewayV2::Deployment",
            "AWS::ApiGatewayV2::ApiMapping":
            return String(ids.api(id).prefix(7))
        case "AWS::CloudFront::Distribution": return ids.distribution(id)
        case "AWS::CloudFront::OriginAccessControl": return ids.distribution(id)
        case "AWS::CloudFront::PublicKey": return "K" + ids.distribution(id).dropFirst()
        case "AWS::CloudFront::Function":
            return "arn:aws:cloudfront::\(FunctionARN.account):function/"
                + (property("Name", of: resource) ?? id)
        case "AWS::CloudFront::ConnectionFunction": return "cf_" + ids.functionURL(id).prefix(27)
        case "AWS::CloudFront::RealtimeLogConfig":
            return RealTimeLogRecord.arn(property("Name", of: resource) ?? id)
        case "AWS::CloudFront::TrustStore": return "ts_" + ids.functionURL(id).prefix(27)
        case "AWS::CloudFront::KeyValueStore": return property("Name", of: resource) ?? id
        case "AWS::CloudFront::CachePolicy", "AWS::CloudFront::OriginRequestPolicy",
            "AWS::CloudFront::ResponseHeadersPolicy", "AWS::CloudFront::KeyGroup",
            "AWS::CloudFront::ContinuousDeploymentPolicy":
            return ids.uuid(id)
        case "AWS::S3::Bucket": return bucketName(resource)
        case "AWS::IAM::Role": return property("RoleName", of: resource) ?? ids.name(id, limit: 64)
        case "AWS::Lambda::Permission": return id
        case "AWS::Lambda::EventSourceMapping": return ids.uuid(id)
        case "AWS::Events::Rule":
            let bus = RuleDocument.busName(property("EventBusName", of: resource))
            return bus == "default" ? ruleName(resource) : "\(bus)|\(ruleName(resource))"
        case "AWS::SNS::Topic":
            return "arn:aws:sns:us-east-1:\(FunctionARN.account):\(outsideName(resource))"
        case "AWS::Kinesis::Stream", "AWS::DynamoDB::Table", "AWS::Events::EventBus":
            return outsideName(resource)
        case "AWS::Lambda::LayerVersion", "AWS::Serverless::LayerVersion":
            let name = property("LayerName", of: resource) ?? ids.name(id, limit: 140)
            return "arn:aws:lambda:us-east-1:\(FunctionARN.account):layer:\(name):1"
        default: return ids.name(id, limit: 64)
        }
    }

    /// The ARN of a key-value store of the template.
    func storeARN(_ resource: ResourceEntry) -> String {
        "arn:aws:cloudfront::\(FunctionARN.account):key-value-store/"
            + ids.uuid(resource.logicalID)
    }

    /// The name of a queue, topic, stream, table or bus that another program has.
    private func outsideName(_ resource: ResourceEntry) -> String {
        let member = [
            "AWS::SQS::Queue": "QueueName", "AWS::SNS::Topic": "TopicName",
            "AWS::DynamoDB::Table": "TableName",
        ]
        return property(member[resource.type] ?? "Name", of: resource)
            ?? ids.name(resource.logicalID, limit: 80)
    }

    /// What Fn::GetAtt gives.
    func attribute(
        _ name: String,
        of logicalID: String,
        _ node: TemplateNode,
        _ path: String
    ) -> TemplateNode? {
        if logicalID == Implicit.api, resources[logicalID] == nil, hasImplicitAPI {
            return node.scalar(apiAttribute(name, ids.api(logicalID)) ?? ids.api(logicalID))
        }
        guard let resource = resources[logicalID] else {
            if let made = samResource(logicalID) { return node.scalar(made.arn) }
            return missing(logicalID, node, path)
        }
        if let value = attribute(name, resource) { return node.scalar(value) }
        error(node, path, "\(resource.type) \(logicalID) has no attribute \(name)")
        return nil
    }

    private func apiAttribute(_ name: String, _ id: String) -> String? {
        name == "ApiEndpoint" ? "https://\(id).execute-api.localhost" : name == "ApiId" ? id : nil
    }

    private func attribute(_ name: String, _ resource: ResourceEntry) -> String? {
        let id = primaryID(resource)
        switch (resource.type, name) {
        case ("AWS::Lambda::Function", "Arn"), ("AWS::Serverless::Function", "Arn"):
            return functionARN(resource)
        case ("AWS::Lambda::Version", "Version"):
            return id.split(separator: ":").last.map(String.init)
        case ("AWS::Lambda::Version", "FunctionArn"), ("AWS::Lambda::Alias", "AliasArn"): return id
        case ("AWS::ElasticLoadBalancingV2::LoadBalancer", "DNSName"):
            return balancerName(resource).lowercased() + ".elb.localhost"
        case ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerArn"),
            ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupArn"),
            ("AWS::ElasticLoadBalancingV2::Listener", "ListenerArn"),
            ("AWS::ElasticLoadBalancingV2::ListenerRule", "RuleArn"):
            return id
        case ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerName"),
            ("AWS::ElasticLoadBalancingV2::TargetGroup", "TargetGroupName"):
            return balancerName(resource)
        case ("AWS::ElasticLoadBalancingV2::LoadBalancer", "LoadBalancerFullName"):
            return balancerPath(id)
        case ("AWS::ElasticLoadBalancingV2::LoadBalancer", "CanonicalHostedZoneID"):
            return "Z35SXDOTRQ7X7K"
        case ("AWS::ApiGatewayV2::Api", _), ("AWS::Serverless::HttpApi", _):
            return apiAttribute(name, id)
        case ("AWS::ApiGateway::RestApi", "RootResourceId"): return rootResource(id)
        case ("AWS::ApiGateway::RestApi", "RestApiId"),
            ("AWS::Serverless::Api", "RestApiId"),
            ("AWS::ApiGateway::Resource", "ResourceId"),
            ("AWS::ApiGateway::Deployment", "DeploymentId"),
            ("AWS::ApiGateway::Authorizer", "AuthorizerId"),
            ("AWS::ApiGateway::RequestValidator", "RequestValidatorId"),
            ("AWS::ApiGateway::UsagePlan", "Id"), ("AWS::ApiGateway::ApiKey", "APIKeyId"):
            return id
        case ("AWS::Serverless::Api", "RootResourceId"): return rootResource(id)
        case ("AWS::ApiGateway::DomainName", "RegionalDomainName"),
            ("AWS::ApiGateway::DomainName", "DistributionDomainName"):
            return id + ".localhost"
        case ("AWS::ApiGatewayV2::Authorizer", "AuthorizerId"),
            ("AWS::ApiGatewayV2::Deployment", "DeploymentId"),
            ("AWS::ApiGatewayV2::ApiMapping", "ApiMappingId"),
            ("AWS::ApiGatewayV2::Route", "RouteId"):
            return id
        case ("AWS::ApiGatewayV2::DomainName", "RegionalDomainName"): return id + ".localhost"
        case ("AWS::ApiGatewayV2::DomainName", "RegionalHostedZoneId"): return "Z1UJRXOUMOOFQ8"
        case ("AWS::ApiGatewayV2::DomainName", "DomainNameArn"):
            return "arn:aws:apigateway:us-east-1::/domainnames/\(id)"
        case ("AWS::Lambda::Url", "FunctionUrl"):
            return "https://\(ids.functionURL(resource.logicalID)).lambda-url.us-east-1.localhost/"
        case ("AWS::Lambda::Url", "FunctionArn"): return id
        case ("AWS::CloudFront::Distribution", "DomainName"):
            return id.lowercased() + ".cloudfront.localhost"
        case ("AWS::CloudFront::Distribution", "Id"),
            ("AWS::CloudFront::CachePolicy", "Id"), ("AWS::CloudFront::OriginRequestPolicy", "Id"),
            ("AWS::CloudFront::ResponseHeadersPolicy", "Id"), ("AWS::CloudFront::PublicKey", "Id"),
            ("AWS::CloudFront::KeyGroup", "Id"), ("AWS::CloudFront::OriginAccessControl", "Id"),
            ("AWS::CloudFront::ContinuousDeploymentPolicy", "Id"),
            ("AWS::CloudFront::TrustStore", "Id"), ("AWS::CloudFront::ConnectionFunction", "Id"):
            return id
        case ("AWS::CloudFront::ConnectionFunction", "ConnectionFunctionArn"):
            return "arn:aws:cloudfront::\(FunctionARN.account):connection-function/\(id)"
        case ("AWS::CloudFront::ConnectionFunction", "Stage"):
            return property("AutoPublish", of: resource) == "true" ? "LIVE" : "DEVELOPMENT"
        case ("AWS::CloudFront::RealtimeLogConfig", "Arn"): return id
        case ("AWS::CloudFront::TrustStore", "Arn"):
            return "arn:aws:cloudfront::\(FunctionARN.account):trust-store/\(id)"
        case ("AWS::CloudFront::TrustStore", "Status"): return "active"
        case ("AWS::CloudFront::Function", "FunctionARN"),
            ("AWS::CloudFront::Function", "FunctionMetadata.FunctionARN"):
            return id
        case ("AWS::CloudFront::Function", "Stage"):
            return property("AutoPublish", of: resource) == "true" ? "LIVE" : "DEVELOPMENT"
        case ("AWS::CloudFront::KeyValueStore", "Arn"): return storeARN(resource)
        case ("AWS::CloudFront::KeyValueStore", "Id"):
            return storeARN(resource).split(separator: "/").last.map(String.init)
        case ("AWS::CloudFront::KeyValueStore", "Status"): return "READY"
        case ("AWS::S3::Bucket", "DomainName"): return "\(id).s3.amazonaws.com"
        case ("AWS::S3::Bucket", "RegionalDomainName"): return "\(id).s3.us-east-1.amazonaws.com"
        case ("AWS::S3::Bucket", "Arn"): return "arn:aws:s3:::\(id)"
        case ("AWS::IAM::Role", "Arn"): return roleARN(resource)
        case ("AWS::Lambda::Permission", "Id"), ("AWS::Lambda::LayerVersion", "LayerVersionArn"),
            ("AWS::Serverless::LayerVersion", "LayerVersionArn"),
            ("AWS::Lambda::EventSourceMapping", "Id"):
            return id
        case ("AWS::SQS::Queue", "Arn"):
            return "arn:aws:sqs:us-east-1:\(FunctionARN.account):\(outsideName(resource))"
        case ("AWS::SQS::Queue", "QueueName"), ("AWS::SNS::Topic", "TopicName"),
            ("AWS::Events::EventBus", "Name"):
            return outsideName(resource)
        case ("AWS::SNS::Topic", "TopicArn"): return id
        case ("AWS::Kinesis::Stream", "Arn"):
            return "arn:aws:kinesis:us-east-1:\(FunctionARN.account):stream/\(id)"
        case ("AWS::DynamoDB::Table", "Arn"):
            return "arn:aws:dynamodb:us-east-1:\(FunctionARN.account):table/\(id)"
        case ("AWS::Events::EventBus", "Arn"):
            return "arn:aws:events:us-east-1:\(FunctionARN.account):event-bus/\(id)"
        case ("AWS::Events::Rule", "Arn"):
            let bus = RuleDocument.busName(property("EventBusName", of: resource))
            return RuleDocument.arn(ruleName(resource), bus: bus)
        case ("AWS::IAM::Role", "RoleId"): return "AROA" + ids.balancing(id).uppercased()
        default: return Known.types.contains(resource.type) ? nil : "\(id).\(name)"
        }
    }
}

extension ResourceEntry {
    var isFunction: Bool {
        type == "AWS::Lambda::Function" || type == "AWS::Serverless::Function"
    }

    var isLayer: Bool {
        type == "AWS::Lambda::LayerVersion" || type == "AWS::Serverless::LayerVersion"
    }
}

/// What SAM makes by itself.
enum Implicit {
    static let api = "ServerlessHttpApi"
    static let rest = "ServerlessRestApi"
}

/// The resource types that are mapped.
enum Known {
    static let types: Set<String> = [
        "AWS::Lambda::Function", "AWS::Lambda::Version", "AWS::Lambda::Alias",
        "AWS::Lambda::Permission", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::LayerVersion",
        "AWS::Lambda::EventSourceMapping", "AWS::Events::Rule",
        "AWS::Serverless::LayerVersion", "AWS::Serverless::Function", "AWS::Serverless::HttpApi",
        "AWS::CloudFront::Distribution", "AWS::CloudFront::CachePolicy",
        "AWS::CloudFront::OriginRequestPolicy", "AWS::CloudFront::ResponseHeadersPolicy",
        "AWS::CloudFront::PublicKey", "AWS::CloudFront::KeyGroup",
        "AWS::CloudFront::OriginAccessControl", "AWS::CloudFront::Function",
        "AWS::CloudFront::KeyValueStore", "AWS::CloudFront::TrustStore",
        "AWS::CloudFront::RealtimeLogConfig", "AWS::CloudFront::ConnectionFunction",
        "AWS::CloudFront::ContinuousDeploymentPolicy",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::ListenerRule",
        "AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Integration", "AWS::ApiGatewayV2::Stage",
        "AWS::ApiGatewayV2::Authorizer", "AWS::ApiGatewayV2::Deployment",
        "AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::ApiMapping",
        "AWS::ApiGatewayV2::RoutingRule", "AWS::ApiGatewayV2::RouteResponse", "AWS::Lambda::Url",
        "AWS::Serverless::Api",
        "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Resource", "AWS::ApiGateway::Method",
        "AWS::ApiGateway::Model", "AWS::ApiGateway::Stage", "AWS::ApiGateway::RequestValidator",
        "AWS::ApiGateway::GatewayResponse", "AWS::ApiGateway::Authorizer",
        "AWS::ApiGateway::Deployment", "AWS::ApiGateway::UsagePlan",
        "AWS::ApiGateway::UsagePlanKey", "AWS::ApiGateway::ApiKey",
        "AWS::ApiGateway::DomainName", "AWS::ApiGateway::BasePathMapping",
        "AWS::IAM::Role", "AWS::S3::Bucket", "AWS::S3::BucketPolicy",
    ]
}
