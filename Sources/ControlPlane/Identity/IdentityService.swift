import Executor
import Foundation
import JSON
import Model
import Registry

/// The IAM API as far as scripts that deploy functions use it: roles and managed policies, stored.
///
/// Source: AWS IAM API Reference.
final class IdentityService: APIService {
    let ledger: Ledger

    init(ledger: Ledger) { self.ledger = ledger }

    func perform(_ call: APICall) async throws(APIError) -> APIReply {
        switch call.operation.name {
        case "CreateRole": try await createRole(call)
        case "GetRole": try await answer(call) { role in ["Role": Self.shown(role)] }
        case "ListRoles": try await listRoles(call)
        case "DeleteRole": try await deleteRole(call)
        case "UpdateAssumeRolePolicy":
            try await changeRole(call) { role throws(APIError) in
                try Self.check(document: call.text("PolicyDocument"))
                role["AssumeRolePolicyDocument"] = call["PolicyDocument"]
            }
        case "UpdateRole", "UpdateRoleDescription":
            try await changeRole(call) { role throws(APIError) in
                for name in ["Description", "MaxSessionDuration"] {
                    if let value = call[name] { role[name] = value }
                }
            }
        case "TagRole": try await tagRole(call)
        case "UntagRole": try await untagRole(call)
        case "ListRoleTags":
            try await answer(call) { ["Tags": $0["Tags"] ?? [], "IsTruncated": false] }
        case "PutRolePolicy": try await putInline(call)
        case "GetRolePolicy": try await getInline(call)
        case "ListRolePolicies":
            try await answer(call) { role in
                let names = role["Inline"]?.object?.keys.sorted() ?? []
                return ["PolicyNames": .array(names.map(JSONValue.string)), "IsTruncated": false]
            }
        case "DeleteRolePolicy": try await deleteInline(call)
        case "AttachRolePolicy": try await attach(call)
        case "DetachRolePolicy": try await detach(call)
        case "ListAttachedRolePolicies":
            try await answer(call) {
                ["AttachedPolicies": $0["Attached"] ?? [], "IsTruncated": false]
            }
        case "ListInstanceProfilesForRole":
            try await answer(call) { _ in ["InstanceProfiles": [], "IsTruncated": false] }
        case "CreatePolicy": try await createPolicy(call)
        case "GetPolicy": try await getPolicy(call)
        case "GetPolicyVersion": try await getPolicyVersion(call)
        case "ListPolicyVersions": try await listPolicyVersions(call)
        case "ListPolicies": try await listPolicies(call)
        case "DeletePolicy": try await deletePolicy(call)
        case "GetUser": getUser(call)
        default:
            throw APIError(400, "InvalidAction", "\(call.operation.name) is not supported here.")
        }
    }

    // MARK: Roles

    static func roleID(_ name: String) -> String { "iam/role/" + name }

    private func role(_ name: String, in draft: Draft) throws(APIError) -> JSONObject {
        guard let role = draft.record(Self.roleID(name)) else { throw .noEntity("role", name) }
        return role
    }

    /// A role as the API shows it: documents are percent-encoded.
    static func shown(_ role: JSONObject) -> JSONValue {
        var members = role
        members["Inline"] = nil
        members["Attached"] = nil
        members["AssumeRolePolicyDocument"] = .string(
            encoded(role["AssumeRolePolicyDocument"]?.string ?? "")
        )
        return .object(members)
    }

    static func encoded(_ document: String) -> String {
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-_.~")
        return document.addingPercentEncoding(withAllowedCharacters: allowed) ?? document
    }

    static func check(document: String) throws(APIError) {
        let parsed = try? JSONValue.parse(document)
        let statements = parsed?["Statement"]
        guard parsed?.object != nil, statements?.array != nil || statements?.object != nil else {
            throw APIError(
                400,
                "MalformedPolicyDocument",
                "This policy contains invalid Json"
            )
        }
    }

    private func createRole(_ call: APICall) async throws(APIError) -> APIReply {
        let name = call.text("RoleName")
        try Self.check(document: call.text("AssumeRolePolicyDocument"))
        let path = call["Path"]?.string ?? "/"
        var role = JSONObject()
        role["Path"] = .string(path)
        role["RoleName"] = .string(name)
        role["RoleId"] = .string("AROA" + Self.id())
        role["Arn"] = .string("arn:aws:iam::\(FunctionARN.account):role\(path)\(name)")
        role["CreateDate"] = Timestamp.json(Timestamp.now().rounded(.down))
        role["AssumeRolePolicyDocument"] = call["AssumeRolePolicyDocument"]
        role["MaxSessionDuration"] = call["MaxSessionDuration"] ?? 3600
        for member in ["Description", "Tags"] { role[member] = call[member] }
        if let boundary = call["PermissionsBoundary"] {
            role["PermissionsBoundary"] = [
                "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary,
            ]
        }
        let made = role
        try await ledger.change { draft throws(APIError) in
            guard draft.record(Self.roleID(name)) == nil else {
                throw APIError(409, "EntityAlreadyExists", "Role with name \(name) already exists.")
            }
            draft.setRecord(Self.roleID(name), made)
        }
        return APIReply(["Role": Self.shown(made)])
    }

    static func id() -> String { Ledger.random(17, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") }

    private func answer(
        _ call: APICall,
        _ make: (JSONObject) -> JSONValue
    ) async throws(APIError) -> APIReply {
        let name = call.text("RoleName")
        guard let role = try await ledger.snapshot().record(Self.roleID(name)) else {
            throw .noEntity("role", name)
        }
        return APIReply(make(role))
    }

    private func changeRole(
        _ call: APICall,
        _ body: @Sendable (inout JSONObject) throws(APIError) -> Void
    ) async throws(APIError) -> APIReply {
        let name = call.text("RoleName")
        try await ledger.change { draft throws(APIError) in
            var role = try self.role(name, in: draft)
            try body(&role)
            draft.setRecord(Self.roleID(name), role)
        }
        return APIReply()
    }

    private func listRoles(_ call: APICall) async throws(APIError) -> APIReply {
        let prefix = call["PathPrefix"]?.string ?? "/"
        let roles = try await ledger.snapshot().records(of: "iam/role")
            .filter { $0.document["Path"]?.string?.hasPrefix(prefix) == true }
        return try Self.page(call, "Roles", roles.map { ($0.id, Self.shown($0.document)) })
    }

    /// A page of a list.
    static func page(
        _ call: APICall,
        _ member: String,
        _ entries: [(key: String, value: JSONValue)]
    ) throws(APIError) -> APIReply {
        let marker = call["Marker"]?.string
        let key = marker.flatMap(Paging.decode)
        guard marker == nil || key != nil else {
            throw APIError(400, "ValidationError", "Invalid Marker.")
        }
        let page = Paging(marker: key, limit: call["MaxItems"]?.int ?? 100).page(entries)
        var output = JSONObject()
        output[member] = .array(page.entries)
        output["IsTruncated"] = .bool(page.next != nil)
        output["Marker"] = Paging.encode(page.next)
        return APIReply(.object(output))
    }

    private func deleteRole(_ call: APICall) async throws(APIError) -> APIReply {
        let name = call.text("RoleName")
        try await ledger.change { draft throws(APIError) in
            let role = try self.role(name, in: draft)
            guard role["Attached"]?.array?.isEmpty ?? true else {
                throw .deleteConflict("detach all policies")
            }
            guard role["Inline"]?.object?.isEmpty ?? true else {
                throw .deleteConflict("delete policies")
            }
            draft.setRecord(Self.roleID(name), nil)
        }
        return APIReply()
    }

    private func tagRole(_ call: APICall) async throws(APIError) -> APIReply {
        try await changeRole(call) { role throws(APIError) in
            var tags = role["Tags"]?.array ?? []
            for tag in call["Tags"]?.array ?? [] {
                tags.removeAll { $0["Key"] == tag["Key"] }
                tags.append(tag)
            }
            guard tags.count <= 50 else {
                throw APIError(409, "LimitExceeded", "Cannot exceed quota for TagsPerRole: 50")
            }
            role["Tags"] = .array(tags)
        }
    }

    private func untagRole(_ call: APICall) async throws(APIError) -> APIReply {
        try await changeRole(call) { role throws(APIError) in
            let keys = call["TagKeys"]?.array ?? []
            role["Tags"] = .array(
                (role["Tags"]?.array ?? []).filter { tag in !keys.contains { $0 == tag["Key"] } }
            )
        }
    }

    // MARK: Policies of roles

    private func putInline(_ call: APICall) async throws(APIError) -> APIReply {
        try Self.check(document: call.text("PolicyDocument"))
        return try await changeRole(call) { role throws(APIError) in
            var inline = role["Inline"]?.object ?? JSONObject()
            inline[call.text("PolicyName")] = call["PolicyDocument"]
            role["Inline"] = .object(inline)
        }
    }

    private func getInline(_ call: APICall) async throws(APIError) -> APIReply {
        let (role, name) = (call.text("RoleName"), call.text("PolicyName"))
        guard let record = try await ledger.snapshot().record(Self.roleID(role)) else {
            throw .noEntity("role", role)
        }
        guard let document = record["Inline"]?[name]?.string else {
            throw APIError(
                404,
                "NoSuchEntity",
                "The role policy with name \(name) cannot be found."
            )
        }
        return APIReply([
            "RoleName": .string(role), "PolicyName": .string(name),
            "PolicyDocument": .string(Self.encoded(document)),
        ])
    }

    private func deleteInline(_ call: APICall) async throws(APIError) -> APIReply {
        try await changeRole(call) { role throws(APIError) in
            let name = call.text("PolicyName")
            var inline = role["Inline"]?.object ?? JSONObject()
            guard inline[name] != nil else {
                throw APIError(
                    404,
                    "NoSuchEntity",
                    "The role policy with name \(name) cannot be found."
                )
            }
            inline[name] = nil
            role["Inline"] = .object(inline)
        }
    }

    private func attach(_ call: APICall) async throws(APIError) -> APIReply {
        let (name, arn) = (call.text("RoleName"), call.text("PolicyArn"))
        try await ledger.change { draft throws(APIError) in
            var role = try self.role(name, in: draft)
            guard Self.isOfAWS(arn) || draft.record(Self.policyID(arn)) != nil else {
                throw .noPolicy(arn)
            }
            var all = role["Attached"]?.array ?? []
            guard !all.contains(where: { $0["PolicyArn"]?.string == arn }) else { return }
            let short = arn.split(separator: "/").last.map(String.init) ?? arn
            all.append(["PolicyName": .string(short), "PolicyArn": .string(arn)])
            role["Attached"] = .array(all)
            draft.setRecord(Self.roleID(name), role)
        }
        return APIReply()
    }

    private func detach(_ call: APICall) async throws(APIError) -> APIReply {
        try await changeRole(call) { role throws(APIError) in
            let arn = call.text("PolicyArn")
            var all = role["Attached"]?.array ?? []
            guard all.contains(where: { $0["PolicyArn"]?.string == arn }) else {
                throw .noPolicy(arn)
            }
            all.removeAll { $0["PolicyArn"]?.string == arn }
            role["Attached"] = .array(all)
        }
    }

    private func getUser(_ call: APICall) -> APIReply {
        APIReply([
            "User": [
                "Path": "/", "UserName": call["UserName"] ?? "root",
                "UserId": .string(FunctionARN.account),
                "Arn": .string("arn:aws:iam::\(FunctionARN.account):root"), "CreateDate": 0,
            ]
        ])
    }
}

extension APIError {
    /// Something of IAM that isn't there.
    static func noEntity(_ kind: String, _ name: String) -> APIError {
        APIError(404, "NoSuchEntity", "The \(kind) with name \(name) cannot be found.")
    }

    static func noPolicy(_ arn: String) -> APIError {
        APIError(404, "NoSuchEntity", "Policy \(arn) does not exist or is not attachable.")
    }

    static func deleteConflict(_ first: String) -> APIError {
        APIError(409, "DeleteConflict", "Cannot delete entity, must \(first) first.")
    }
}
