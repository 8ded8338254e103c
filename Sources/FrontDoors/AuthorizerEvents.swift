import HTTP
import JSON
import Model

/// The JSON that authorizing functions of an HTTP API receive.
enum AuthorizerEvents {
    /// The ARN of what is asked for: API, stage, method and path.
    static func arn(_ request: GatewayRequest, _ routePath: String) -> String {
        "arn:aws:execute-api:us-east-1:\(FunctionARN.account):\(request.apiID)/"
            + "\(request.stage.name)/\(request.head.method)\(routePath)"
    }

    /// The event in payload format 1.0 or 2.0.
    static func encode(
        _ request: GatewayRequest,
        routePath: String,
        identity: [String],
        format: String
    ) -> [UInt8] {
        let whole = GatewayEvents.value(request, format: format)
        let target = JSONValue.string(arn(request, routePath))
        var event = JSONObject()
        if format == "1.0" {
            let source = JSONValue.string(identity.joined(separator: ","))
            event["version"] = "1.0"
            event["type"] = "REQUEST"
            event["methodArn"] = target
            event["identitySource"] = source
            event["authorizationToken"] = source
            for key in [
                "resource", "path", "httpMethod", "headers", "queryStringParameters",
                "pathParameters", "stageVariables", "requestContext",
            ] {
                event[key] = whole[key]
            }
        } else {
            event["version"] = "2.0"
            event["type"] = "REQUEST"
            event["routeArn"] = target
            event["identitySource"] =
                identity.isEmpty ? .null : .array(identity.map(JSONValue.string))
            for key in [
                "routeKey", "rawPath", "rawQueryString", "cookies", "headers",
                "queryStringParameters", "requestContext", "pathParameters", "stageVariables",
            ] {
                if let value = whole[key] { event[key] = value }
            }
        }
        return JSONValue.object(event).encoded()
    }
}
