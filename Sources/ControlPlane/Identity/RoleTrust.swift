import HTTP
import JSON
import Model

/// Whom a role's trust policy lets take it on.
struct RoleTrust {
    private let statements: [JSONValue]

    /// Reads the trust policy of a role that is kept.
    init(_ role: JSONObject) {
        let document = (role["AssumeRolePolicyDocument"]?.string).flatMap {
            try? JSONValue.parse($0)
        }
        let found = document?["Statement"]
        statements = found?.array ?? found.map { [$0] } ?? []
    }

    /// The trust of a role of this account that is kept here; nil for one that is not.
    init?(arn: String, in snapshot: Snapshot) {
        let name = arn.split(separator: "/").last.map(String.init) ?? ""
        guard let role = snapshot.record(IdentityService.roleID(name)), role["Arn"]?.string == arn
        else { return nil }
        self.init(role)
    }

    /// Refuses a role that is kept here and does not trust Lambda.
    static func checkForLambda(_ arn: String?, in snapshot: Snapshot) throws(APIError) {
        guard let trust = RoleTrust(arn: arn ?? "", in: snapshot) else { return }
        guard trust.admits(service: "lambda.amazonaws.com") else {
            throw .invalid("The role defined for the function cannot be assumed by Lambda.")
        }
    }

    /// Whether a service, such as `lambda.amazonaws.com`, may take the role on.
    func admits(service: String) -> Bool { admits("Service") { $0 == service } }

    /// Whether callers of an account may take the role on.
    func admits(account: String) -> Bool {
        admits("AWS") { $0 == "*" || $0 == account || $0.hasPrefix("arn:aws:iam::\(account):") }
    }

    private func admits(_ kind: String, _ isMeant: (String) -> Bool) -> Bool {
        func decides(_ statement: JSONValue) -> Bool {
            let actions = Self.texts(statement["Action"])
            guard actions.contains(where: { ["sts:AssumeRole", "sts:*", "*"].contains($0) }) else {
                return false
            }
            if statement["Principal"]?.string == "*" { return true }
            return Self.texts(statement["Principal"]?[kind]).contains(where: isMeant)
        }
        let effects = statements.filter(decides).map { $0["Effect"]?.string }
        return effects.contains("Allow") && !effects.contains("Deny")
    }

    private static func texts(_ value: JSONValue?) -> [String] {
        value?.array?.compactMap(\.string) ?? value?.string.map { [$0] } ?? []
    }
}

/// The access key of a signed request.
enum RequestKey {
    static func accessKey(of head: RequestHead) -> String? {
        if let header = head.headers["authorization"],
            let range = header.firstRange(of: "Credential=")
        {
            return String(header[range.upperBound...].prefix { $0 != "/" && $0 != "," })
        }
        return Query(head.query)["X-Amz-Credential"].map { String($0.prefix { $0 != "/" }) }
    }
}
