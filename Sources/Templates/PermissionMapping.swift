import Model

extension ResourceMapper {
    /// Adds the statement of an `AWS::Lambda::Permission` to its function's policy.
    func mapPermission(_ resource: ResourceEntry) {
        let fields = fields(resource)
        defer { fields.finish() }
        let action = fields.required("Action")
        let principal = fields.required("Principal")
        guard let name = fields.required("FunctionName"), let action, let principal else { return }
        guard let arn = FunctionARN(name), evaluator.function(for: name) != nil else {
            return fields.error("FunctionName", "the template has no function \(name)")
        }
        if arn.qualifier == "$LATEST" {
            let message = "We currently do not support adding policies for $LATEST."
            return fields.error("FunctionName", message)
        }
        if !Self.isAction(action) {
            fields.error("Action", "'\(action)' is not *, lambda:* or an action of Lambda")
        }
        if !Self.isPrincipal(principal) {
            let message =
                "The provided principal was invalid. Please check the principal and try again."
            fields.error("Principal", message)
        }
        var statement = FunctionPermission(
            function: arn.name,
            qualifier: arn.qualifier,
            statementID: resource.logicalID,
            action: action,
            principal: principal
        )
        statement.sourceARN = fields.string("SourceArn")
        statement.sourceAccount = fields.string("SourceAccount")
        statement.principalOrgID = fields.string("PrincipalOrgID")
        statement.eventSourceToken = fields.string("EventSourceToken")
        statement.functionURLAuthType = fields.string("FunctionUrlAuthType")
        if let type = statement.functionURLAuthType, type != "NONE", type != "AWS_IAM" {
            fields.error("FunctionUrlAuthType", "'\(type)' is neither NONE nor AWS_IAM")
        }
        statement.invokedViaFunctionURL = fields.bool("InvokedViaFunctionUrl")
        made.append(.permission(statement))
    }

    private static func isAction(_ text: String) -> Bool {
        if text == "*" || text == "lambda:*" { return true }
        guard text.hasPrefix("lambda:") else { return false }
        let name = text.dropFirst(7)
        return !name.isEmpty && name.allSatisfy { $0.isASCII && ($0.isLetter || $0 == "*") }
    }

    /// A service, an account, an ARN of IAM or everyone.
    private static func isPrincipal(_ text: String) -> Bool {
        if text == "*" || text.hasPrefix("arn:aws:iam::") || text.hasPrefix("arn:aws:sts::") {
            return true
        }
        if text.count == 12, text.allSatisfy({ $0.isASCII && $0.isNumber }) { return true }
        return text.hasSuffix(".amazonaws.com") && text.count > 14
    }

    /// The permission that SAM makes for an event of an API.
    func permitAPI(
        _ api: String,
        route: String,
        function: String,
        qualifier: String?,
        statementID: String
    ) {
        var statement = FunctionPermission(
            function: function,
            qualifier: qualifier,
            statementID: statementID,
            action: "lambda:InvokeFunction",
            principal: "apigateway.amazonaws.com"
        )
        let parts = route.split(separator: " ", maxSplits: 1).map(String.init)
        var place = route
        if parts.count == 2 {
            let method = parts[0] == "ANY" ? "*" : parts[0]
            let path = parts[1].split(separator: "/", omittingEmptySubsequences: false)
                .map { $0.hasPrefix("{") ? "*" : String($0) }.joined(separator: "/")
            place = method + path
        }
        statement.sourceARN =
            "arn:aws:execute-api:us-east-1:\(FunctionARN.account):\(api)/*/\(place)"
        made.append(.permission(statement))
    }

    /// Checks what the doors will ask: a balancer's target is refused without permission, as when it is
    /// registered at AWS; an API would answer 500, which is only warned of.
    func checkPermissions() {
        let statements = made.compactMap { resource -> Change? in
            if case .permission = resource { .put(resource) } else { nil }
        }
        let policies = Snapshot().applying(statements, revision: 0)
        for use in uses where !policies.permits(use.call, toInvoke: use.reference) {
            let resource = use.call.sourceARN ?? ""
            evaluator.report(
                use.isRefused ? .error : .warning,
                use.node.line,
                use.node.column,
                use.path,
                use.isRefused
                    ? "\(use.call.principal) principal does not have permission to invoke "
                        + "\(use.reference) from target group \(resource); an "
                        + "AWS::Lambda::Permission is wanted"
                    : "no AWS::Lambda::Permission lets \(use.call.principal) invoke "
                        + "\(use.reference) for \(resource): requests will be answered with 500"
            )
        }
    }

    /// A door of the template that invokes a function.
    struct FunctionUse {
        var call: FunctionCall
        var reference: String
        var node: TemplateNode
        var path: String
        /// Whether AWS refuses to make the resource without the permission.
        var isRefused: Bool
    }
}
