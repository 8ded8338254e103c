import Foundation
import JSON

/// The events of doors that take HTTP.
struct HTTPEventShapes {
    let values: EventShape.Values

    init(_ values: EventShape.Values) { self.values = values }

    func make(_ shape: EventShape) -> JSONValue {
        switch shape {
        case .alb: balancer()
        case .apiGatewayV1: first()
        default: second()
        }
    }

    private var milliseconds: Int { Int(values.time.timeIntervalSince1970 * 1000) }

    /// `12/Mar/2020:19:03:58 +0000`.
    private var requestTime: String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = "dd/MMM/yyyy:HH:mm:ss Z"
        return formatter.string(from: values.time)
    }

    private func balancer() -> JSONValue {
        let group =
            "arn:aws:elasticloadbalancing:\(values.region):\(values.account):targetgroup/"
            + "\(values.name)/49e9d65c45c6791a"
        return [
            "requestContext": ["elb": ["targetGroupArn": .string(group)]],
            "httpMethod": .string(values.method), "path": .string(values.path),
            "queryStringParameters": [:],
            "headers": [
                "accept": "*/*", "host": .string("\(values.name).elb.localhost"),
                "user-agent": "curl/7.88.1",
                "x-amzn-trace-id": "Root=1-5c536348-3d683b8b04734faae651f476",
                "x-forwarded-for": "127.0.0.1", "x-forwarded-port": "80",
                "x-forwarded-proto": "http",
            ],
            "body": "", "isBase64Encoded": false,
        ]
    }

    private func first() -> JSONValue {
        let identity: JSONValue = [
            "accessKey": .null, "accountId": .null, "caller": .null,
            "cognitoAuthenticationProvider": .null, "cognitoAuthenticationType": .null,
            "cognitoIdentityId": .null, "cognitoIdentityPoolId": .null, "principalOrgId": .null,
            "sourceIp": "127.0.0.1", "user": .null, "userAgent": "curl/7.88.1", "userArn": .null,
        ]
        let host = "\(values.name).execute-api.\(values.region).amazonaws.com"
        return [
            "resource": "/{proxy+}", "path": .string(values.path),
            "httpMethod": .string(values.method),
            "headers": ["Host": .string(host)], "multiValueHeaders": ["Host": [.string(host)]],
            "queryStringParameters": .null, "multiValueQueryStringParameters": .null,
            "pathParameters": ["proxy": .string(String(values.path.dropFirst()))],
            "stageVariables": .null,
            "requestContext": [
                "accountId": .string(values.account), "apiId": .string(values.name),
                "domainName": .string(host), "domainPrefix": .string(values.name),
                "extendedRequestId": "JKJaXmPLvHcESHA=", "httpMethod": .string(values.method),
                "identity": identity, "path": .string("/Prod" + values.path),
                "protocol": "HTTP/1.1", "requestId": .string(values.id),
                "requestTime": .string(requestTime), "requestTimeEpoch": .integer(milliseconds),
                "resourceId": "123456", "resourcePath": "/{proxy+}", "stage": "Prod",
            ],
            "body": .null, "isBase64Encoded": false,
        ]
    }

    private func second() -> JSONValue {
        let host = "\(values.name).execute-api.\(values.region).amazonaws.com"
        return [
            "version": "2.0", "routeKey": "$default", "rawPath": .string(values.path),
            "rawQueryString": "",
            "headers": ["accept": "*/*", "host": .string(host)],
            "requestContext": [
                "accountId": .string(values.account), "apiId": .string(values.name),
                "domainName": .string(host), "domainPrefix": .string(values.name),
                "http": [
                    "method": .string(values.method), "path": .string(values.path),
                    "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "curl/7.88.1",
                ],
                "requestId": "JKJaXmPLvHcESHA=", "routeKey": "$default", "stage": "$default",
                "time": .string(requestTime), "timeEpoch": .integer(milliseconds),
            ],
            "isBase64Encoded": false,
        ]
    }
}

/// The events of Lambda@Edge (CloudFront: "Lambda@Edge event structure").
struct CloudFrontShapes {
    let values: EventShape.Values

    init(_ values: EventShape.Values) { self.values = values }

    func make(_ event: String) -> JSONValue {
        var members = JSONObject()
        members["config"] = [
            "distributionDomainName": "d111111abcdef8.cloudfront.net",
            "distributionId": "EDFDVBD6EXAMPLE", "eventType": .string(event),
            "requestId": "4TyzHTaYWb1GX1qTfsHhEqV6HUDd_BzoBZnwfnvQc_1oF26ClkoUSEQ==",
        ]
        members["request"] = request(withOrigin: event.hasPrefix("origin"))
        if event.hasSuffix("response") {
            let type: JSONValue = [["key": "Content-Type", "value": "text/html"]]
            members["response"] = [
                "headers": ["content-type": type], "status": "200", "statusDescription": "OK",
            ]
        }
        return ["Records": [["cf": .object(members)]]]
    }

    private func request(withOrigin: Bool) -> JSONValue {
        let parts = values.path.split(
            separator: "?",
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        let host: JSONValue = [["key": "Host", "value": "d111111abcdef8.cloudfront.net"]]
        var members = JSONObject()
        members["clientIp"] = "203.0.113.178"
        members["headers"] = ["host": host]
        members["method"] = .string(values.method)
        if withOrigin {
            members["origin"] = [
                "custom": [
                    "customHeaders": [:], "domainName": "example.org", "keepaliveTimeout": 5,
                    "path": "", "port": 443, "protocol": "https", "readTimeout": 30,
                    "sslProtocols": ["TLSv1.2"],
                ]
            ]
        }
        members["querystring"] = .string(parts.count > 1 ? String(parts[1]) : "")
        members["uri"] = .string(String(parts[0]))
        return .object(members)
    }
}
