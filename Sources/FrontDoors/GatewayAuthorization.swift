import DataPlane
import Executor
import HTTP
import JSON
import Model

/// Decides whether a request to an HTTP API may go on.
struct GatewayAuthorization {
    /// What came of it.
    enum Outcome {
        /// With the `authorizer` member of the request context.
        case allowed(JSONValue?)
        case refused(Response)
    }

    let api: HTTPAPI
    let snapshot: Snapshot
    let state: DoorState
    let invoker: any FunctionInvoker
    let edge: String?

    /// How long an authorizing function may take.
    static let timeLimit: Duration = .seconds(10)

    /// Asks whoever a route names.
    func decide(
        _ authorization: GatewayRoute.Authorization,
        _ variables: GatewayVariables,
        format: String,
        _ exchange: inout Exchange
    ) async -> Outcome {
        switch authorization {
        case .none: return .allowed(nil)
        case .iam:
            guard let signed = SignedRequest(variables.request.head, service: "execute-api") else {
                return .refused(GatewayResponses.forbidden)
            }
            if let keys = state.signingKeys {
                let refusal = RequestVerifier(keys).refusal(
                    of: exchange.request,
                    body: variables.request.body,
                    service: "execute-api"
                )
                if refusal != nil { return .refused(GatewayResponses.forbidden) }
            }
            return .allowed(Self.identity(signed))
        case .token(let id, let scopes):
            guard case .token(let issuer, let audiences)? = authorizer(id)?.kind else {
                return .refused(GatewayResponses.internalError)
            }
            let source = authorizer(id)?.identitySources.first ?? "$request.header.Authorization"
            let text = variables.value(source.dropFirst()) ?? ""
            return await decide(text, issuer, audiences, scopes, exchange.context)
        case .function(let id):
            guard let authorizer = authorizer(id), case .function(let function) = authorizer.kind
            else { return .refused(GatewayResponses.internalError) }
            return await decide(authorizer, function, variables, format: format, &exchange)
        }
    }

    private func authorizer(_ id: String) -> GatewayAuthorizer? {
        api.authorizers.first { $0.id == id }
    }

    static func identity(_ signed: SignedRequest) -> JSONValue {
        [
            "iam": [
                "accessKey": .string(signed.accessKey),
                "accountId": .string(FunctionARN.account), "callerId": .string(signed.accessKey),
                "cognitoIdentity": .null, "principalOrgId": .null,
                "userArn": .string("arn:aws:iam::\(FunctionARN.account):user/local"),
                "userId": .string(signed.accessKey),
            ]
        ]
    }

    // MARK: Tokens

    private func decide(
        _ text: String,
        _ issuer: String,
        _ audiences: [String],
        _ scopes: [String],
        _ context: ReactorContext
    ) async -> Outcome {
        var token = text[...]
        if token.lowercased().hasPrefix("bearer ") { token = token.dropFirst(7) }
        token = token.trimmingASCIIWhitespace()
        guard !token.isEmpty else { return .refused(GatewayResponses.unauthorized(nil)) }
        func invalid(_ reason: String) -> Outcome {
            .refused(GatewayResponses.unauthorized(reason))
        }
        guard let token = JSONWebToken(token) else { return invalid("the token is malformed") }
        guard token.header["kid"]?.string != nil, token.hash != nil else {
            return invalid("the token is not signed with a known RSA key")
        }
        let keys = await state.keySets.keys(
            issuer: issuer,
            context,
            snapshot.originOverrides
        )
        guard let keys else { return invalid("the keys of the issuer cannot be fetched") }
        guard token.isSigned(byOneOf: keys) else { return invalid("signature is invalid") }
        guard token.claims["iss"]?.string == issuer else {
            return invalid("the token does not have a valid issuer")
        }
        let named = token.values(of: token.claims["aud"] == nil ? "client_id" : "aud")
        guard named.contains(where: audiences.contains) else {
            return invalid("the token does not have a valid audience")
        }
        let now = Double(EventTime.now()) / 1000
        if let problem = token.timeProblem(now: now, needsExpiry: true) { return invalid(problem) }
        let granted =
            token.values(of: "scope", splitting: true) + token.values(of: "scp", splitting: true)
        let usable = scopes.filter { granted.contains($0) }
        if !scopes.isEmpty, usable.isEmpty {
            return .refused(GatewayResponses.insufficientScope)
        }
        return .allowed(Self.block(of: token, scopes.isEmpty ? nil : usable))
    }

    private static func block(of token: JSONWebToken, _ scopes: [String]?) -> JSONValue {
        var claims = JSONObject()
        for member in token.claims.object?.members ?? [] {
            claims[member.key] = .string(text(of: member.value))
        }
        var block = JSONObject()
        block["claims"] = .object(claims)
        block["scopes"] = scopes.map { .array($0.map(JSONValue.string)) } ?? .null
        return ["jwt": .object(block)]
    }

    /// A claim as functions see it: always a string, lists as `[a b]`.
    private static func text(of value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .array(let all): "[" + all.map(text(of:)).joined(separator: " ") + "]"
        default: value.text
        }
    }

    // MARK: Functions

    private func decide(
        _ authorizer: GatewayAuthorizer,
        _ function: GatewayAuthorizer.Function,
        _ variables: GatewayVariables,
        format: String,
        _ exchange: inout Exchange
    ) async -> Outcome {
        var identity: [String] = []
        for source in authorizer.identitySources {
            guard let value = variables.value(source.dropFirst()), !value.isEmpty else {
                return .refused(GatewayResponses.unauthorized())
            }
            identity.append(value)
        }
        let request = variables.request
        let key = ([api.id, request.stage.name, authorizer.id] + identity).joined(separator: "\n")
        let answer: JSONValue
        if function.lifetime > 0, let kept = state.decisions.answer(key) {
            answer = kept
        } else {
            let event = AuthorizerEvents.encode(
                request,
                routePath: variables.routePath,
                identity: identity,
                format: function.payloadFormat
            )
            guard let fresh = await ask(function.reference, authorizer.id, event, &exchange) else {
                return .refused(GatewayResponses.internalError)
            }
            answer = fresh
            state.decisions.keep(fresh, for: key, seconds: function.lifetime)
        }
        return Self.outcome(
            of: answer,
            isSimple: function.isSimple,
            resource: AuthorizerEvents.arn(request, variables.routePath),
            format: format
        )
    }

    private func ask(
        _ reference: String,
        _ authorizerID: String,
        _ event: [UInt8],
        _ exchange: inout Exchange
    ) async -> JSONValue? {
        guard let function = snapshot.resolve(function: reference) else { return nil }
        let source =
            "arn:aws:execute-api:us-east-1:\(FunctionARN.account):\(api.id)/authorizers/"
            + authorizerID
        let result = await PermittedInvoker(snapshot: snapshot, base: invoker).invoke(
            Invocation(
                function: function,
                payload: event[...],
                requestID: QuickRandom.uuid(),
                edge: edge,
                limit: Self.timeLimit
            ),
            as: FunctionCall(principal: "apigateway.amazonaws.com", sourceARN: source),
            reference: reference,
            stage: "authorizer",
            &exchange
        )
        guard case .success(let payload) = result else { return nil }
        return try? JSONValue.parse(payload)
    }

    static func outcome(
        of answer: JSONValue,
        isSimple: Bool,
        resource: String,
        format: String
    ) -> Outcome {
        let context = answer["context"]?.object ?? JSONObject()
        let isAllowed: Bool
        if isSimple {
            guard let value = answer["isAuthorized"]?.bool else {
                return .refused(GatewayResponses.internalError)
            }
            isAllowed = value
        } else {
            guard answer["principalId"]?.string != nil,
                let effect = PolicyDocument.effect(answer["policyDocument"], on: resource)
            else { return .refused(GatewayResponses.internalError) }
            isAllowed = effect == .allow
        }
        guard isAllowed else { return .refused(GatewayResponses.forbidden) }
        if format == "1.0" {
            var block = context
            if let principal = answer["principalId"] { block["principalId"] = principal }
            return .allowed(.object(block))
        }
        return .allowed(["lambda": context.isEmpty ? .null : .object(context)])
    }
}
