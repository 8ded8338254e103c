/// Who decides whether a request may go on.
package struct GatewayAuthorizer: Sendable, Codable, Hashable {
    /// How it decides.
    package enum Kind: Sendable, Codable, Hashable {
        /// By a token of this issuer for one of these audiences.
        case token(issuer: String, audiences: [String])
        /// By a function (`name:version` or `name:alias`).
        case function(Function)
    }

    /// A function that authorizes.
    package struct Function: Sendable, Codable, Hashable {
        package var reference: String
        /// `1.0` or `2.0`.
        package var payloadFormat: String
        /// Whether the function answers `{"isAuthorized": …}`.
        package var isSimple: Bool
        /// How long an answer holds for the same identity.
        ///
        /// Unit: seconds. Range: 0…3600.
        package var lifetime: Int

        /// Makes a function that is asked anew for each request.
        package init(
            reference: String,
            payloadFormat: String = "1.0",
            isSimple: Bool = false,
            lifetime: Int = 0
        ) {
            self.reference = reference
            self.payloadFormat = payloadFormat
            self.isSimple = isSimple
            self.lifetime = lifetime
        }
    }

    package var id: String
    package var name: String
    package var kind: Kind
    /// `$request.header.Authorization` and the like; all must be there.
    package var identitySources: [String]

    /// Makes an authorizer.
    package init(id: String, name: String, kind: Kind, identitySources: [String]) {
        self.id = id
        self.name = name
        self.kind = kind
        self.identitySources = identitySources
    }

    /// What is wrong with the authorizer, as sentences.
    package var problems: [String] {
        var found: [String] = []
        for source in identitySources where !Self.isSource(source) {
            found.append("'\(source)' is no identity source")
        }
        switch kind {
        case .token(let issuer, let audiences):
            if identitySources.count != 1 { found.append("a JWT authorizer has one source") }
            if !issuer.hasPrefix("https://") { found.append("the issuer must be an https URL") }
            if audiences.count > 50 { found.append("at most 50 audiences are allowed") }
        case .function(let function):
            if !(0...3600).contains(function.lifetime) {
                found.append("the lifetime of answers is 0 to 3600 seconds")
            }
            if function.isSimple, function.payloadFormat != "2.0" {
                found.append("simple responses go with the payload format 2.0 only")
            }
            if function.lifetime > 0, identitySources.isEmpty {
                found.append("answers cannot be kept without an identity source")
            }
        }
        return found
    }

    private static func isSource(_ text: String) -> Bool {
        ["$request.header.", "$request.querystring.", "$context.", "$stageVariables."]
            .contains { text.hasPrefix($0) && text.utf8.count > $0.utf8.count }
    }
}
