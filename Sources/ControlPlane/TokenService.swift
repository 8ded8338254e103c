import Crypto
import Executor
import JSON
import Model
import Registry

/// The Security Token Service: who calls, and keys for a while.
///
/// Source: AWS Security Token Service API Reference.
struct TokenService: APIService {
    let ledger: Ledger

    func perform(_ call: APICall) async throws(APIError) -> APIReply {
        switch call.operation.name {
        case "GetCallerIdentity": return identity(call)
        case "AssumeRole": return try await assume(call)
        case "GetSessionToken":
            return APIReply(["Credentials": Self.credentials(call, 43_200)])
        case "GetAccessKeyInfo":
            let account = Self.account(ofKey: call.text("AccessKeyId"))
            return APIReply(["Account": .string(account)])
        default:
            throw APIError(400, "InvalidAction", "\(call.operation.name) is not supported here.")
        }
    }

    func speaksOfAccounts(in operation: String) -> Bool { false }

    /// The account of an access key: twelve digits stand for themselves.
    static func account(ofKey key: String?) -> String {
        guard let key, key.utf8.count == 12, key.utf8.allSatisfy({ $0 &- 48 < 10 }) else {
            return FunctionARN.account
        }
        return key
    }

    private func identity(_ call: APICall) -> APIReply {
        let account = Self.account(ofKey: RequestKey.accessKey(of: call.head))
        return APIReply([
            "UserId": .string(account), "Account": .string(account),
            "Arn": .string("arn:aws:iam::\(account):root"),
        ])
    }

    /// Keys of a role.
    ///
    /// A role that is kept here has to trust the caller; others are taken as given.
    private func assume(_ call: APICall) async throws(APIError) -> APIReply {
        let arn = call.text("RoleArn")
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, parts[2] == "iam", parts[5].hasPrefix("role/"),
            let name = parts[5].split(separator: "/").last.map(String.init)
        else {
            throw APIError(400, "ValidationError", "\(arn) is invalid")
        }
        let caller = Self.account(ofKey: RequestKey.accessKey(of: call.head))
        let role = try await ledger.snapshot().record(IdentityService.roleID(name))
        // A role in the caller's own account is kept under the node's.
        let isOwn = parts[4] == caller
        let kept = isOwn ? AccountView(account: caller)?.swapped(arn) ?? arn : arn
        if let role, role["Arn"]?.string == kept,
            !RoleTrust(role).admits(account: isOwn ? FunctionARN.account : caller)
        {
            throw APIError(
                403,
                "AccessDenied",
                "User: arn:aws:iam::\(caller):root is not authorized to perform: sts:AssumeRole on "
                    + "resource: \(arn)"
            )
        }
        let longest = role?["MaxSessionDuration"]?.int ?? 43_200
        let duration = call["DurationSeconds"]?.int ?? 3600
        guard duration <= longest else {
            throw APIError(
                400,
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            )
        }
        let session = call.text("RoleSessionName")
        let id = role?["RoleId"]?.string ?? "AROA" + IdentityService.id()
        return APIReply([
            "Credentials": Self.credentials(call, 3600),
            "AssumedRoleUser": [
                "AssumedRoleId": .string("\(id):\(session)"),
                "Arn": .string("arn:aws:sts::\(parts[4]):assumed-role/\(name)/\(session)"),
            ],
            "PackedPolicySize": .integer(call["Policy"] == nil ? 0 : 1),
        ])
    }

    /// Fresh keys, which a node that checks no signatures takes like any.
    private static func credentials(_ call: APICall, _ usual: Int) -> JSONValue {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        let life = Double(call["DurationSeconds"]?.int ?? usual)
        return [
            "AccessKeyId": .string(
                "ASIA" + Ledger.random(16, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
            ),
            "SecretAccessKey": .string(Ledger.random(40, of: letters)),
            "SessionToken": .string(Ledger.random(200, of: letters)),
            "Expiration": Timestamp.json(Timestamp.now().rounded(.down) + life),
        ]
    }
}
