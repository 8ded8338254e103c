import DataPlane
import HTTP
import JSON
import Model

/// Who may open a connection.
extension WebSocketDoor {
    /// The refusal of a handshake; nil when it may go on.
    func admit(
        _ exchange: inout Exchange,
        _ route: WebSocketAPI.Route,
        _ head: RequestHead,
        _ session: inout WebSocketSession,
        _ requestID: String
    ) async -> Response? {
        if route.requiresIAM, SignedRequest(exchange.request, service: "execute-api") == nil {
            return GatewayResponses.message(403, "Missing Authentication Token")
        }
        if route.requiresIAM {
            let isRight = await SignedRequest.isVerified(
                &exchange,
                service: "execute-api",
                state,
                limit: 0
            )
            if !isRight { return GatewayResponses.forbidden }
        }
        if route.requiresKey {
            let value = head.headers["x-api-key"]
            let isKnown = box.current.usagePlans.values.contains { plan in
                plan.keys.contains { $0.value == value && $0.isEnabled }
                    && plan.stages.contains { $0.api == api.id && $0.stage == session.stage.name }
            }
            if value == nil || !isKnown { return GatewayResponses.forbidden }
        }
        guard let id = route.authorizer else { return nil }
        guard let authorizer = api.authorizers.first(where: { $0.id == id }),
            case .function(let function) = authorizer.kind
        else { return GatewayResponses.internalError }
        var identity: [String] = []
        for source in authorizer.identitySources {
            guard let value = value(source, head, session), !value.isEmpty else {
                return GatewayResponses.unauthorized()
            }
            identity.append(value)
        }
        return await ask(&exchange, authorizer, function, head, &session, requestID)
    }

    private func value(
        _ source: String,
        _ head: RequestHead,
        _ session: WebSocketSession
    ) -> String? {
        func rest(_ prefix: String) -> String? {
            source.hasPrefix(prefix) ? String(source.dropFirst(prefix.count)) : nil
        }
        if let name = rest("route.request.header.") { return head.headers.all(name).last }
        if let name = rest("route.request.querystring.") {
            return QueryText.pairs(head.query).last {
                PercentText.decode($0.key, plusIsSpace: true) == name
            }.map { PercentText.decode($0.value, plusIsSpace: true) }
        }
        if let name = rest("stageVariables.") { return session.stage.variables[name] }
        return nil
    }

    private func ask(
        _ exchange: inout Exchange,
        _ authorizer: GatewayAuthorizer,
        _ function: GatewayAuthorizer.Function,
        _ head: RequestHead,
        _ session: inout WebSocketSession,
        _ requestID: String
    ) async -> Response? {
        let snapshot = box.current
        guard let name = snapshot.resolve(function: function.reference) else {
            return GatewayResponses.internalError
        }
        let context = WebSocketEvents.context(
            session,
            .connect,
            route: "$connect",
            requestID: requestID,
            time: EventTime.now()
        )
        let prefix = "arn:aws:execute-api:us-east-1:\(FunctionARN.account):\(api.id)/"
        let resource = prefix + session.stage.name + "/$connect"
        var event = JSONObject()
        event["type"] = "REQUEST"
        event["methodArn"] = .string(resource)
        for member in WebSocketEvents.connect(session, context, head)
        where member.key != "isBase64Encoded" {
            event[member.key] = member.value
        }
        let result = await PermittedInvoker(snapshot: snapshot, base: invoker).invoke(
            Invocation(
                function: name,
                payload: JSONValue.object(event).encoded()[...],
                requestID: QuickRandom.uuid(),
                edge: edge,
                limit: .seconds(29)
            ),
            as: FunctionCall(
                principal: "apigateway.amazonaws.com",
                sourceARN: prefix + "authorizers/" + authorizer.id
            ),
            reference: function.reference,
            stage: "authorizer",
            &exchange
        )
        guard case .success(let payload) = result, let answer = try? JSONValue.parse(payload),
            let principal = answer["principalId"]?.string,
            let effect = PolicyDocument.effect(answer["policyDocument"], on: resource)
        else { return GatewayResponses.internalError }
        guard effect == .allow else { return GatewayResponses.forbidden }
        var block = answer["context"]?.object ?? JSONObject()
        block["principalId"] = .string(principal)
        session.authorizer = block
        return nil
    }
}
