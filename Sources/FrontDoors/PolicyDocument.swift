import JSON

/// What an authorizer's policy says of one method of an API.
enum PolicyDocument {
    enum Effect: Sendable { case allow, deny, none }

    /// The effect on an ARN; a denial outweighs everything.
    ///
    /// Nil when the document has no statements that can be read.
    static func effect(_ document: JSONValue?, on resource: String) -> Effect? {
        guard let member = document?["Statement"] else { return nil }
        let statements = member.array ?? [member]
        var effect = Effect.none
        for statement in statements {
            guard let word = statement["Effect"]?.string, statement.object != nil,
                let actions = texts(statement["Action"]),
                let resources = texts(statement["Resource"])
            else { return nil }
            let isAbout = actions.contains {
                Wildcard.matches($0, "execute-api:Invoke", ignoringCase: true)
            }
            guard isAbout, resources.contains(where: { Wildcard.matches($0, resource) }) else {
                continue
            }
            if word == "Deny" { return .deny }
            if word == "Allow" { effect = .allow }
        }
        return effect
    }

    private static func texts(_ value: JSONValue?) -> [String]? {
        switch value {
        case .string(let text)?: [text]
        case .array(let all)?: all.compactMap(\.string)
        default: nil
        }
    }
}
