/// Properties that mean something at AWS and nothing on one machine.
///
/// They are noted, not warned of: nothing that a viewer or a function could see depends on them.
enum InertProperties {
    /// Names that are inert wherever they stand.
    private static let everywhere: [String: String] = [
        "Tags": "tags", "PropagateTags": "tags", "Description": "a description",
        "Comment": "a comment", "PriceClass": "where AWS has edges",
        "IPV6Enabled": "addresses at AWS",
        "IpAddressType": "addresses at AWS", "VpcConfig": "networks at AWS",
        "PermissionsBoundary": "rights at AWS", "RolePath": "rights at AWS",
        "StageDescription": "a description", "OperationName": "documentation",
    ]

    /// Names that are inert in one type, by the name's path without indices.
    private static let byType: [String: [String: String]] = [
        "AWS::ElasticLoadBalancingV2::LoadBalancer": [
            "Scheme": "networks at AWS", "Subnets": "networks at AWS",
            "SubnetMappings": "networks at AWS", "SecurityGroups": "networks at AWS",
        ],
        "AWS::ElasticLoadBalancingV2::Listener": [
            "Certificates": "keys at AWS: the local authority makes a certificate for each name"
        ],
        "AWS::ElasticLoadBalancingV2::TargetGroup": [
            "VpcId": "networks at AWS", "Targets.AvailabilityZone": "networks at AWS",
        ],
        "AWS::ApiGatewayV2::Api": [
            "FailOnWarnings": "how AWS imports definitions",
            "RouteSelectionExpression": "WebSocket APIs",
        ],
        "AWS::ApiGatewayV2::Integration": ["CredentialsArn": "rights at AWS"],
        "AWS::ApiGatewayV2::Stage": [
            "DeploymentId": "deployments at AWS: what the template says is deployed here"
        ],
        "AWS::ApiGatewayV2::DomainName": [
            "DomainNameConfigurations":
                "keys at AWS: the local authority makes a certificate for each name"
        ],
        "AWS::ApiGateway::RestApi": [
            "EndpointConfiguration": "addresses at AWS", "FailOnWarnings": "imports at AWS",
        ],
        "AWS::ApiGateway::Stage": [
            "DeploymentId": "deployments at AWS: what the template says is deployed here"
        ],
        "AWS::ApiGateway::Method": [
            "Integration.Credentials": "rights at AWS"
        ],
        "AWS::ApiGateway::DomainName": [
            "CertificateArn":
                "keys at AWS: the local authority makes a certificate for each name",
            "RegionalCertificateArn":
                "keys at AWS: the local authority makes a certificate for each name",
            "EndpointConfiguration": "addresses at AWS", "SecurityPolicy": "TLS at AWS",
        ],
        "AWS::Serverless::Api": [
            "EndpointConfiguration": "addresses at AWS", "OpenApiVersion": "exports at AWS",
            "AlwaysDeploy": "deployments at AWS",
            "Domain.CertificateArn":
                "keys at AWS: the local authority makes a certificate for each name",
            "Domain.Route53": "names at AWS", "Domain.SecurityPolicy": "TLS at AWS",
            "Domain.EndpointConfiguration": "addresses at AWS",
        ],
        "AWS::Serverless::HttpApi": [
            "FailOnWarnings": "how AWS imports definitions",
            "Auth.EnableIamAuthorizer": "rights at AWS",
            "Domain.CertificateArn":
                "keys at AWS: the local authority makes a certificate for each name",
            "Domain.Route53": "names at AWS", "Domain.SecurityPolicy": "TLS at AWS",
            "Domain.EndpointConfiguration": "addresses at AWS",
        ],
        "AWS::Serverless::LayerVersion": [
            "LicenseInfo": "documentation", "CompatibleRuntimes": "documentation",
            "CompatibleArchitectures": "documentation",
        ],
        "AWS::Lambda::LayerVersion": [
            "LicenseInfo": "documentation", "CompatibleRuntimes": "documentation",
            "CompatibleArchitectures": "documentation",
        ],
        "AWS::IAM::Role": [
            "Policies": "rights at AWS", "ManagedPolicyArns": "rights at AWS",
            "Path": "rights at AWS", "MaxSessionDuration": "rights at AWS",
        ],
        "AWS::Serverless::Function": [
            "Policies": "rights at AWS", "DeploymentPreference": "how AWS shifts traffic",
            "AutoPublishAliasAllProperties": "when AWS publishes",
            "AutoPublishCodeSha256": "when AWS publishes",
        ],
    ]

    /// What the property is about, when it has no effect on one machine by its nature.
    static func meaning(of name: String, path: String, type: String) -> String? {
        everywhere[name] ?? byType[type]?[path]
    }
}
