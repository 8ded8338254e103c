import JSON

/// A kind of part of an HTTP API: routes, integrations, stages, authorizers, deployments.
struct GatewayKind: Sendable {
    /// The name in operations.
    let name: String
    let plural: String
    /// The section of the API's record.
    let section: String
    /// The member that identifies a part.
    let idMember: String
    /// The length of a generated id; nil when the caller names the part.
    let idLength: Int?
    let defaults: @Sendable (_ given: JSONValue) -> [(name: String, value: JSONValue)]

    var operations: Set<String> {
        ["Create" + name, "Get" + name, "Get" + plural, "Update" + name, "Delete" + name]
    }

    static let route = GatewayKind(
        name: "Route",
        plural: "Routes",
        section: "Routes",
        idMember: "RouteId",
        idLength: 7,
        defaults: { _ in [("ApiKeyRequired", false), ("AuthorizationType", "NONE")] }
    )

    static let integration = GatewayKind(
        name: "Integration",
        plural: "Integrations",
        section: "Integrations",
        idMember: "IntegrationId",
        idLength: 7,
        defaults: { given in
            var all: [(name: String, value: JSONValue)] = [
                ("ConnectionType", "INTERNET"), ("TimeoutInMillis", 30_000),
                ("PayloadFormatVersion", "1.0"),
            ]
            // A function is always called with POST, whatever the viewer's method.
            if given["IntegrationType"]?.string == "AWS_PROXY" {
                all.append(("IntegrationMethod", "POST"))
            }
            return all
        }
    )

    static let stage = GatewayKind(
        name: "Stage",
        plural: "Stages",
        section: "Stages",
        idMember: "StageName",
        idLength: nil,
        defaults: { _ in
            [
                ("AutoDeploy", false),
                ("DefaultRouteSettings", ["DetailedMetricsEnabled": false]),
                ("RouteSettings", [:]), ("StageVariables", [:]),
            ]
        }
    )

    static let authorizer = GatewayKind(
        name: "Authorizer",
        plural: "Authorizers",
        section: "Authorizers",
        idMember: "AuthorizerId",
        idLength: 6,
        defaults: { _ in [] }
    )

    static let deployment = GatewayKind(
        name: "Deployment",
        plural: "Deployments",
        section: "Deployments",
        idMember: "DeploymentId",
        idLength: 6,
        defaults: { _ in [("DeploymentStatus", "DEPLOYED"), ("AutoDeployed", false)] }
    )

    static let all = [route, integration, stage, authorizer, deployment]
}
