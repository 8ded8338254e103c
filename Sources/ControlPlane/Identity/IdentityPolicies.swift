import JSON
import Model
import Registry

/// Managed policies, of which each has one version here.
extension IdentityService {
    static func policyID(_ arn: String) -> String { "iam/policy/" + arn }

    /// Whether a policy is one of those that AWS brings along; these are taken by name.
    static func isOfAWS(_ arn: String) -> Bool { arn.hasPrefix("arn:aws:iam::aws:policy/") }

    /// A policy without its document.
    private static func shownPolicy(_ policy: JSONObject) -> JSONValue {
        var members = policy
        members["Document"] = nil
        return .object(members)
    }

    func createPolicy(_ call: APICall) async throws(APIError) -> APIReply {
        let (name, path) = (call.text("PolicyName"), call["Path"]?.string ?? "/")
        try Self.check(document: call.text("PolicyDocument"))
        let arn = "arn:aws:iam::\(FunctionARN.account):policy\(path)\(name)"
        let now = Timestamp.json(Timestamp.now().rounded(.down))
        var policy = JSONObject()
        policy["PolicyName"] = .string(name)
        policy["PolicyId"] = .string("ANPA" + Self.id())
        policy["Arn"] = .string(arn)
        policy["Path"] = .string(path)
        policy["DefaultVersionId"] = "v1"
        policy["AttachmentCount"] = 0
        policy["PermissionsBoundaryUsageCount"] = 0
        policy["IsAttachable"] = true
        policy["CreateDate"] = now
        policy["UpdateDate"] = now
        for member in ["Description", "Tags"] { policy[member] = call[member] }
        policy["Document"] = call["PolicyDocument"]
        let made = policy
        try await ledger.change { draft throws(APIError) in
            guard draft.record(Self.policyID(arn)) == nil else {
                throw APIError(
                    409,
                    "EntityAlreadyExists",
                    "A policy called \(name) already exists. Duplicate names are not allowed."
                )
            }
            draft.setRecord(Self.policyID(arn), made)
        }
        return APIReply(["Policy": Self.shownPolicy(made)])
    }

    private func policy(_ call: APICall) async throws(APIError) -> JSONObject {
        let arn = call.text("PolicyArn")
        let snapshot = try await ledger.snapshot()
        guard var policy = snapshot.record(Self.policyID(arn)) else {
            throw APIError(404, "NoSuchEntity", "Policy \(arn) was not found.")
        }
        policy["AttachmentCount"] = .integer(Self.attachments(of: arn, in: snapshot))
        return policy
    }

    private static func attachments(of arn: String, in snapshot: Snapshot) -> Int {
        snapshot.records(of: "iam/role").count { role in
            role.document["Attached"]?.array?.contains { $0["PolicyArn"]?.string == arn } == true
        }
    }

    func getPolicy(_ call: APICall) async throws(APIError) -> APIReply {
        APIReply(["Policy": Self.shownPolicy(try await policy(call))])
    }

    func getPolicyVersion(_ call: APICall) async throws(APIError) -> APIReply {
        let policy = try await policy(call)
        let version = call.text("VersionId")
        guard version == "v1" else {
            throw APIError(
                404,
                "NoSuchEntity",
                "Policy \(call.text("PolicyArn")) version \(version) does not exist or is not attachable."
            )
        }
        return APIReply([
            "PolicyVersion": [
                "Document": .string(Self.encoded(policy["Document"]?.string ?? "")),
                "VersionId": "v1", "IsDefaultVersion": true,
                "CreateDate": policy["CreateDate"] ?? 0,
            ]
        ])
    }

    func listPolicyVersions(_ call: APICall) async throws(APIError) -> APIReply {
        let policy = try await policy(call)
        return APIReply([
            "Versions": [
                [
                    "VersionId": "v1", "IsDefaultVersion": true,
                    "CreateDate": policy["CreateDate"] ?? 0,
                ]
            ],
            "IsTruncated": false,
        ])
    }

    func listPolicies(_ call: APICall) async throws(APIError) -> APIReply {
        let snapshot = try await ledger.snapshot()
        let prefix = call["PathPrefix"]?.string ?? "/"
        var found = snapshot.records(of: "iam/policy")
            .filter { $0.document["Path"]?.string?.hasPrefix(prefix) == true }
        if call["Scope"]?.string == "AWS" { found = [] }
        if call["OnlyAttached"]?.bool == true {
            found = found.filter { Self.attachments(of: $0.id, in: snapshot) > 0 }
        }
        return try Self.page(
            call,
            "Policies",
            found.map { id, document in
                var document = document
                document["AttachmentCount"] = .integer(Self.attachments(of: id, in: snapshot))
                return (id, Self.shownPolicy(document))
            }
        )
    }

    func deletePolicy(_ call: APICall) async throws(APIError) -> APIReply {
        let arn = call.text("PolicyArn")
        try await ledger.change { draft throws(APIError) in
            guard draft.record(Self.policyID(arn)) != nil else {
                throw APIError(404, "NoSuchEntity", "Policy \(arn) was not found.")
            }
            guard Self.attachments(of: arn, in: draft.snapshot) == 0 else {
                throw APIError(
                    409,
                    "DeleteConflict",
                    "Cannot delete a policy attached to entities."
                )
            }
            draft.setRecord(Self.policyID(arn), nil)
        }
        return APIReply()
    }
}
