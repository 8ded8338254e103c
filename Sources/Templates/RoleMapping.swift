import Model

extension ResourceMapper {
    /// Checks a role's trust; its rights concern AWS only.
    func mapRole(_ resource: ResourceEntry) {
        let fields = fields(resource)
        _ = fields.string("RoleName")
        if let document = fields.value("AssumeRolePolicyDocument") {
            _ = TrustPolicy(document) { node, message in
                self.evaluator.error(node, fields.path + ".AssumeRolePolicyDocument", message)
            }
        }
        fields.finish()
    }

    /// The services that the role of a function trusts; nil when the template does not define the role.
    func trust(of roleARN: String) -> TrustPolicy? {
        let found = evaluator.order.lazy.compactMap { self.evaluator.resources[$0] }.first {
            $0.type == "AWS::IAM::Role" && self.evaluator.roleARN($0) == roleARN
        }
        guard let found, let node = found.properties["AssumeRolePolicyDocument"],
            let document = evaluator.resolve(node, found.path)
        else { return nil }
        return TrustPolicy(document) { _, _ in }
    }

    /// Refuses a function whose role Lambda cannot assume, in AWS's words.
    func checkRole(_ resource: ResourceEntry, _ role: String?, _ fields: Fields) {
        guard let role else {
            trusted.append(resource.logicalID)
            return
        }
        if !role.hasPrefix("arn:") {
            return fields.error("Role", "'\(role)' is no ARN of a role")
        }
        guard let trust = trust(of: role) else {
            trusted.append(resource.logicalID)
            return
        }
        if !trust.allows("lambda.amazonaws.com") {
            fields.error("Role", "The role defined for the function cannot be assumed by Lambda.")
        }
    }

    /// Says once whose roles were taken for granted.
    func noteTrust() {
        guard let first = trusted.first, let resource = evaluator.resources[first] else { return }
        let names = trusted.sorted().joined(separator: ", ")
        evaluator.report(
            .note,
            resource.line,
            resource.column,
            resource.path,
            "roles that the template does not define count as trusted: those of \(names)"
        )
    }
}

/// Who may assume a role: the services of the statements that allow it.
struct TrustPolicy {
    private var allowed: Set<String> = []
    private var denied: Set<String> = []

    /// Reads a trust policy; what is malformed is told to `fail`.
    init(_ document: TemplateNode, fail: (TemplateNode, String) -> Void) {
        guard document.isMap, let statements = document["Statement"] else {
            fail(document, "a policy document with a Statement is wanted here")
            return
        }
        for statement in statements.list ?? [statements] {
            let effect = statement["Effect"]?.text
            guard effect == "Allow" || effect == "Deny" else {
                fail(statement, "Effect is Allow or Deny")
                continue
            }
            guard let principal = statement["Principal"] else {
                fail(statement, "a trust policy's statement has a Principal")
                continue
            }
            let actions = Self.texts(statement["Action"])
            if actions.isEmpty { fail(statement, "a statement has an Action") }
            guard actions.contains(where: { ["sts:AssumeRole", "sts:*", "*"].contains($0) }) else {
                continue
            }
            let names =
                principal.text == "*" ? ["*"] : Self.texts(principal["Service"])
            if effect == "Allow" { allowed.formUnion(names) } else { denied.formUnion(names) }
        }
    }

    private static func texts(_ node: TemplateNode?) -> [String] {
        guard let node else { return [] }
        return (node.list ?? [node]).compactMap(\.text)
    }

    /// Whether a service may assume the role.
    func allows(_ service: String) -> Bool {
        !denied.contains(service) && !denied.contains("*")
            && (allowed.contains(service) || allowed.contains("*"))
    }
}
