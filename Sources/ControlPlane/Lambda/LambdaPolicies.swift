import JSON
import Model
import Registry

/// Resource policies: who may invoke the function, a version or an alias.
extension LambdaService {
    /// The most bytes of a policy.
    ///
    /// Source: Lambda quotas.
    private static let maximumPolicy = 20_480

    /// A statement as IAM writes it.
    private static func text(_ statement: FunctionPermission) -> JSONValue {
        var members = JSONObject()
        members["Sid"] = .string(statement.statementID)
        members["Effect"] = "Allow"
        members["Principal"] = principal(statement.principal)
        members["Action"] = .string(statement.action)
        let arn = FunctionARN(name: statement.function, qualifier: statement.qualifier).text
        members["Resource"] = .string(arn)
        var equals = JSONObject()
        equals["AWS:SourceAccount"] = statement.sourceAccount.map(JSONValue.string)
        equals["aws:PrincipalOrgID"] = statement.principalOrgID.map(JSONValue.string)
        equals["lambda:FunctionUrlAuthType"] = statement.functionURLAuthType.map(JSONValue.string)
        equals["lambda:EventSourceToken"] = statement.eventSourceToken.map(JSONValue.string)
        var condition = JSONObject()
        if !equals.isEmpty { condition["StringEquals"] = .object(equals) }
        if let source = statement.sourceARN {
            condition["ArnLike"] = ["AWS:SourceArn": .string(source)]
        }
        if let isVia = statement.invokedViaFunctionURL {
            condition["Bool"] = ["lambda:InvokedViaFunctionUrl": .string(String(isVia))]
        }
        if !condition.isEmpty { members["Condition"] = .object(condition) }
        return .object(members)
    }

    private static func principal(_ text: String) -> JSONValue {
        if text == "*" { return "*" }
        if text.hasPrefix("arn:") { return ["AWS": .string(text)] }
        if text.count == 12, text.allSatisfy(\.isNumber) {
            return ["AWS": .string("arn:aws:iam::\(text):root")]
        }
        return ["Service": .string(text)]
    }

    /// The policy of a function or one of its qualifiers as text; nil when it has no statement.
    private static func policy(_ key: String, in snapshot: Snapshot) -> String? {
        guard let statements = snapshot.permissions[key], !statements.isEmpty else { return nil }
        let all = statements.values.sorted { $0.statementID < $1.statementID }.map(text)
        let policy: JSONValue = [
            "Version": "2012-10-17", "Id": "default", "Statement": .array(all),
        ]
        return policy.text
    }

    private func policyKey(_ reference: FunctionReference) -> String {
        "\(reference.name):\(reference.qualifier ?? "")"
    }

    /// A policy's revision follows from its content.
    private func checkRevision(
        _ call: APICall,
        _ policy: String?,
        _ record: FunctionRecord
    ) throws(APIError) {
        guard let given = call["RevisionId"]?.string else { return }
        if let policy {
            guard given == Ledger.uuid(of: policy) else { throw .precondition("GetPolicy") }
        } else {
            let current = FunctionConfiguration.revisionID(
                record.latest,
                isEverywhere: isEverywhere(record.latest)
            )
            guard given == current else { throw .precondition("GetFunction/GetAlias") }
        }
    }

    func addPermission(_ call: APICall) async throws(APIError) -> APIReply {
        let reference = try reference(call, in: try await ledger.snapshot())
        return try await ledger.change { [self] draft throws(APIError) in
            let record = try record(reference.unqualified, in: draft.snapshot)
            try checkPolicyTarget(reference, record, in: draft.snapshot)
            let key = policyKey(reference)
            let policy = Self.policy(key, in: draft.snapshot)
            try checkRevision(call, policy, record)
            let id = call.text("StatementId")
            guard draft.snapshot.permissions[key]?[id] == nil else {
                throw .conflict(
                    "The statement id (\(id)) provided already exists. Please provide a new "
                        + "statement id, or remove the existing statement."
                )
            }
            let statement = try Self.statement(call, reference)
            draft.put(.permission(statement))
            guard Self.policy(key, in: draft.snapshot)?.utf8.count ?? 0 <= Self.maximumPolicy else {
                throw APIError(
                    400,
                    "PolicyLengthExceededException",
                    "The final policy size is bigger than the limit (\(Self.maximumPolicy))."
                )
            }
            return APIReply(["Statement": .string(Self.text(statement).text)])
        }
    }

    private func checkPolicyTarget(
        _ reference: FunctionReference,
        _ record: FunctionRecord,
        in snapshot: Snapshot
    ) throws(APIError) {
        guard let qualifier = reference.qualifier else { return }
        guard qualifier != "$LATEST" else {
            throw .invalid("We currently do not support adding policies for $LATEST.")
        }
        if let number = Int(qualifier) {
            guard record.versions[number] != nil else {
                throw .functionNotFound(reference.arn)
            }
        } else if snapshot.aliases["\(reference.name):\(qualifier)"] == nil {
            throw .missing("Cannot find alias arn: \(reference.arn)")
        }
    }

    private static func statement(
        _ call: APICall,
        _ reference: FunctionReference
    ) throws(APIError) -> FunctionPermission {
        let principal = call.text("Principal")
        let isKnown =
            principal == "*" || principal.hasPrefix("arn:aws:iam::")
            || principal.hasPrefix("arn:aws:sts::") || principal.hasSuffix(".amazonaws.com")
            || principal.hasSuffix(".amazon.com") || principal.hasSuffix(".alexa.com")
            || principal.count == 12 && principal.allSatisfy(\.isNumber)
        guard isKnown else {
            throw .invalid(
                "The provided principal was invalid. Please check the principal and try again."
            )
        }
        var statement = FunctionPermission(
            function: reference.name,
            qualifier: reference.qualifier,
            statementID: call.text("StatementId"),
            action: call.text("Action"),
            principal: principal
        )
        statement.sourceARN = call["SourceArn"]?.string
        statement.sourceAccount = call["SourceAccount"]?.string
        statement.principalOrgID = call["PrincipalOrgID"]?.string
        statement.eventSourceToken = call["EventSourceToken"]?.string
        statement.functionURLAuthType = call["FunctionUrlAuthType"]?.string
        statement.invokedViaFunctionURL = call["InvokedViaFunctionUrl"]?.bool
        return statement
    }

    func removePermission(_ call: APICall) async throws(APIError) -> APIReply {
        let reference = try reference(call, in: try await ledger.snapshot())
        return try await ledger.change { [self] draft throws(APIError) in
            guard let record = record(reference.name, in: draft.snapshot) else {
                throw .missing("No policy found for: \(reference.arn)")
            }
            let key = policyKey(reference)
            guard let policy = Self.policy(key, in: draft.snapshot) else {
                throw .missing("No policy is associated with the given resource.")
            }
            try checkRevision(call, policy, record)
            let id = call.text("StatementId")
            guard let statement = draft.snapshot.permissions[key]?[id] else {
                throw .missing("Statement \(id) is not found in resource policy.")
            }
            draft.delete(.permission(statement))
            return .empty(204)
        }
    }

    func getPolicy(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let reference = try reference(call, in: snapshot)
        guard let policy = Self.policy(policyKey(reference), in: snapshot) else {
            throw .missing("The resource you requested does not exist.")
        }
        return APIReply([
            "Policy": .string(policy), "RevisionId": .string(Ledger.uuid(of: policy)),
        ])
    }
}
