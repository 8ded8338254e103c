import DataPlane
import HTTP
import JSON
import Model

/// Who may go on through a REST API.
extension RESTDoor {
    func authorize(
        _ exchange: inout Exchange,
        _ method: RESTMethod,
        _ request: inout RESTRequest
    ) async throws(RESTStop) {
        switch method.authorization {
        case .none: return
        case .iam:
            guard SignedRequest(exchange.request, service: "execute-api") != nil else {
                throw RESTStop(.missingToken)
            }
            let isRight = await SignedRequest.isVerified(
                &exchange,
                service: "execute-api",
                state,
                limit: Self.bodyLimit
            )
            if !isRight { throw RESTStop(.invalidSignature) }
        case .authorizer(let id, let scopes):
            guard let authorizer = api.authorizers.first(where: { $0.id == id }) else {
                throw RESTStop(.authorizerConfiguration)
            }
            switch authorizer.kind {
            case .token(let function, let validation):
                try await askToken(&exchange, authorizer, function, validation, &request)
            case .request(let function):
                try await askRequest(&exchange, authorizer, function, &request)
            case .userPools(let issuers):
                try await checkPools(exchange, authorizer, issuers, scopes, &request)
            }
        }
    }

    private func askToken(
        _ exchange: inout Exchange,
        _ authorizer: RESTAuthorizer,
        _ function: String,
        _ validation: String?,
        _ request: inout RESTRequest
    ) async throws(RESTStop) {
        let source = authorizer.identitySources.first ?? "method.request.header.Authorization"
        guard let token = RESTVariables(request: request).value(source), !token.isEmpty else {
            throw RESTStop(.unauthorized)
        }
        if let validation {
            let regex = try? LinearRegex("^(?:\(validation))$")
            guard regex?.isFound(in: token) ?? false else { throw RESTStop(.unauthorized) }
        }
        let event = RESTEvents.token(request, token)
        try await decide(&exchange, authorizer, function, event, [token], &request)
    }

    private func askRequest(
        _ exchange: inout Exchange,
        _ authorizer: RESTAuthorizer,
        _ function: String,
        _ request: inout RESTRequest
    ) async throws(RESTStop) {
        let variables = RESTVariables(request: request)
        var identity: [String] = []
        for source in authorizer.identitySources {
            guard let value = variables.value(source), !value.isEmpty else {
                throw RESTStop(.unauthorized)
            }
            identity.append(value)
        }
        let event = RESTEvents.request(request)
        try await decide(&exchange, authorizer, function, event, identity, &request)
    }

    private func decide(
        _ exchange: inout Exchange,
        _ authorizer: RESTAuthorizer,
        _ reference: String,
        _ event: [UInt8],
        _ identity: [String],
        _ request: inout RESTRequest
    ) async throws(RESTStop) {
        let key =
            (["rest", api.id, request.stage.name, authorizer.id] + identity)
            .joined(separator: "\n")
        let started = ContinuousClock.now
        let isKept = authorizer.lifetime > 0 && !identity.isEmpty
        let answer: JSONValue
        if isKept, let kept = state.decisions.answer(key) {
            answer = kept
        } else {
            answer = try await ask(reference, authorizer.id, event, &exchange)
            if isKept { state.decisions.keep(answer, for: key, seconds: authorizer.lifetime) }
        }
        guard let principal = answer["principalId"]?.string,
            let effect = PolicyDocument.effect(answer["policyDocument"], on: request.methodARN)
        else { throw RESTStop(.authorizerConfiguration) }
        switch effect {
        case .allow: break
        case .deny:
            throw RESTStop(
                .accessDenied,
                "User is not authorized to access this resource with an explicit deny"
            )
        case .none: throw RESTStop(.accessDenied)
        }
        var block = JSONObject()
        for member in answer["context"]?.object?.members ?? [] {
            switch member.value {
            case .string(let text): block[member.key] = .string(text)
            case .integer, .number, .bool: block[member.key] = .string(member.value.text)
            case .null: break
            case .array, .object: throw RESTStop(.authorizerConfiguration)
            }
        }
        block["principalId"] = .string(principal)
        if let usage = answer["usageIdentifierKey"] { block["usageIdentifierKey"] = usage }
        block["integrationLatency"] =
            .integer(Int((ContinuousClock.now - started) / .milliseconds(1)))
        request.authorizer = block
    }

    private func ask(
        _ reference: String,
        _ authorizerID: String,
        _ event: [UInt8],
        _ exchange: inout Exchange
    ) async throws(RESTStop) -> JSONValue {
        guard let function = snapshot.resolve(function: reference) else {
            throw RESTStop(.authorizerConfiguration)
        }
        let source =
            "arn:aws:execute-api:us-east-1:\(FunctionARN.account):\(api.id)/authorizers/"
            + authorizerID
        let result = await PermittedInvoker(snapshot: snapshot, base: invoker).invoke(
            Invocation(
                function: function,
                payload: event[...],
                requestID: QuickRandom.uuid(),
                edge: edge,
                limit: .milliseconds(29_000)
            ),
            as: FunctionCall(principal: "apigateway.amazonaws.com", sourceARN: source),
            reference: reference,
            stage: "authorizer",
            &exchange
        )
        switch result {
        case .success(let payload):
            guard let answer = try? JSONValue.parse(payload) else {
                throw RESTStop(.authorizerConfiguration)
            }
            return answer
        case .functionError(_, let payload):
            let error = try? JSONValue.parse(payload)
            let isRefusal = error?["errorMessage"]?.string == "Unauthorized"
            throw RESTStop(isRefusal ? .unauthorized : .authorizerFailure)
        case .throttled: throw RESTStop(.authorizerFailure)
        case .notFound: throw RESTStop(.authorizerConfiguration)
        }
    }

    /// Identity tokens when no scopes are asked for, else access tokens with one of them.
    private func checkPools(
        _ exchange: Exchange,
        _ authorizer: RESTAuthorizer,
        _ issuers: [String],
        _ scopes: [String],
        _ request: inout RESTRequest
    ) async throws(RESTStop) {
        let source = authorizer.identitySources.first ?? "method.request.header.Authorization"
        var text = (RESTVariables(request: request).value(source) ?? "")[...]
        if text.lowercased().hasPrefix("bearer ") { text = text.dropFirst(7) }
        guard let token = JSONWebToken(text), let issuer = token.claims["iss"]?.string,
            issuers.contains(issuer),
            token.timeProblem(now: Double(EventTime.now()) / 1000, needsExpiry: true) == nil,
            let keys = await state.keySets.keys(
                issuer: issuer,
                exchange.context,
                snapshot.originOverrides
            ), token.isSigned(byOneOf: keys)
        else { throw RESTStop(.unauthorized) }
        if !scopes.isEmpty {
            let granted = token.values(of: "scope", splitting: true)
            guard granted.contains(where: scopes.contains) else { throw RESTStop(.unauthorized) }
        }
        var claims = JSONObject()
        for member in token.claims.object?.members ?? [] {
            claims[member.key] = .string(member.value.string ?? member.value.text)
        }
        var block = JSONObject()
        block["claims"] = .object(claims)
        request.authorizer = block
    }
}
