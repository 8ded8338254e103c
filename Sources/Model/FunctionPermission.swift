/// A statement of a function's resource policy.
///
/// The unqualified function, each version and each alias have policies of their own
/// (AWS Lambda: "Viewing resource-based IAM policies in Lambda").
package struct FunctionPermission: Sendable, Codable, Hashable {
    package var function: String
    /// A version or alias; nil for the unqualified function.
    package var qualifier: String?
    package var statementID: String
    /// `lambda:InvokeFunction`, `lambda:*` or `*`.
    package var action: String
    /// A service such as `apigateway.amazonaws.com`, an account, an IAM ARN or `*`.
    package var principal: String
    /// An ARN that may hold `*` and `?`.
    package var sourceARN: String?
    package var sourceAccount: String?
    package var principalOrgID: String?
    package var eventSourceToken: String?
    /// `NONE` or `AWS_IAM`.
    package var functionURLAuthType: String?
    package var invokedViaFunctionURL: Bool?

    /// Makes a statement without conditions.
    package init(
        function: String,
        qualifier: String? = nil,
        statementID: String,
        action: String,
        principal: String
    ) {
        self.function = function
        self.qualifier = qualifier
        self.statementID = statementID
        self.action = action
        self.principal = principal
    }

    /// `name:qualifier`, or `name:` for the unqualified function: the policy that this belongs to.
    package var policyKey: String { "\(function):\(qualifier ?? "")" }

    /// Whether the statement covers a call.
    package func allows(_ call: FunctionCall) -> Bool {
        guard principal == "*" || principal == call.principal else { return false }
        guard Glob.matches(action.lowercased(), call.action.lowercased()) else { return false }
        if let sourceARN {
            guard let source = call.sourceARN, ARNPattern.matches(sourceARN, source) else {
                return false
            }
        }
        if let sourceAccount, sourceAccount != call.sourceAccount { return false }
        if let principalOrgID, principalOrgID != call.principalOrgID { return false }
        if let eventSourceToken, eventSourceToken != call.eventSourceToken { return false }
        if let functionURLAuthType, functionURLAuthType != call.functionURLAuthType {
            return false
        }
        if let invokedViaFunctionURL, invokedViaFunctionURL != call.isViaFunctionURL {
            return false
        }
        return true
    }
}

/// Who wants to invoke a function, as its resource policy sees it.
package struct FunctionCall: Sendable, Hashable {
    package var action = "lambda:InvokeFunction"
    package var principal: String
    package var sourceARN: String?
    package var sourceAccount: String? = FunctionARN.account
    package var principalOrgID: String?
    package var eventSourceToken: String?
    package var functionURLAuthType: String?
    package var isViaFunctionURL = false

    /// Makes the call of a service on behalf of a resource of this account.
    package init(principal: String, sourceARN: String? = nil) {
        self.principal = principal
        self.sourceARN = sourceARN
    }

    /// A load balancer's call for a target group (Elastic Load Balancing: "Use Lambda functions as targets").
    package static func loadBalancer(targetGroup arn: String) -> FunctionCall {
        FunctionCall(principal: "elasticloadbalancing.amazonaws.com", sourceARN: arn)
    }

    /// An API's call for a route (API Gateway: "Create AWS Lambda proxy integrations for HTTP APIs").
    ///
    /// `method` is the request's; `path` is the route's, with its parameters in braces, or
    /// `$default`.
    package static func api(
        _ id: String,
        stage: String,
        method: String,
        path: String
    ) -> FunctionCall {
        let route = path == "$default" ? path : method + path
        return FunctionCall(
            principal: "apigateway.amazonaws.com",
            sourceARN:
                "arn:aws:execute-api:us-east-1:\(FunctionARN.account):\(id)/\(stage)/\(route)"
        )
    }
}

/// ARNs with wildcards, matched part by part as IAM's `ArnLike` does.
enum ARNPattern {
    static func matches(_ pattern: String, _ arn: String) -> Bool {
        let (wanted, given) = (parts(pattern), parts(arn))
        guard wanted.count == given.count else { return pattern == "*" }
        return zip(wanted, given).allSatisfy { Glob.matches($0, $1) }
    }

    private static func parts(_ text: String) -> [String] {
        text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
    }
}

/// Texts with `*` for any run of characters and `?` for one.
enum Glob {
    static func matches(_ pattern: String, _ text: String) -> Bool {
        let (pattern, text) = (Array(pattern.utf8), Array(text.utf8))
        var (place, position) = (0, 0)
        var retry: (place: Int, position: Int)?
        while position < text.count {
            if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
                retry = (place, position)
                place += 1
            } else if place < pattern.count,
                pattern[place] == text[position] || pattern[place] == UInt8(ascii: "?")
            {
                place += 1
                position += 1
            } else if let last = retry {
                retry = (last.place, last.position + 1)
                place = last.place + 1
                position = last.position + 1
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
