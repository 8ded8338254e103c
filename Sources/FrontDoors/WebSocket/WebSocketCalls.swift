import DataPlane
import HTTP
import JSON
import Model

/// Calls the integrations of a WebSocket API's routes.
///
/// Confined to the reactor of its context.
struct WebSocketCalls {
    let api: WebSocketAPI
    let snapshot: Snapshot
    let invoker: any FunctionInvoker
    let edge: String?
    let context: ReactorContext

    /// What an integration answered.
    struct Answer {
        var status: Int
        var headers = Headers()
        var body: Bytes = []
    }

    /// Runs a route; nil when its integration fails.
    ///
    /// `trace` is that of the request which is answered; each message is a request of its own and begins one.
    func run(
        _ route: WebSocketAPI.Route,
        _ stage: GatewayStage,
        _ event: [UInt8],
        message: Bytes,
        trace: String? = nil
    ) async -> Answer? {
        switch route.integration {
        case .mock: return Answer(status: 200)
        case .function(let reference, let timeout):
            let call = FunctionCall.api(api.id, stage: stage.name, method: "", path: route.key)
            guard let function = snapshot.resolve(function: reference),
                snapshot.permits(call, toInvoke: reference)
            else { return nil }
            var invocation = Invocation(
                function: function,
                payload: event[...],
                requestID: QuickRandom.uuid(),
                edge: edge,
                limit: .milliseconds(timeout)
            )
            invocation.route = call.sourceARN
            invocation.traceID = trace ?? "Root=" + ForwardedHead.newTraceID()
            let result = await invoker.invoke(invocation)
            guard case .success(let payload) = result else { return nil }
            return Self.answer(payload)
        case .http(let url, let timeout): return await post(url, message, timeout, stage)
        }
    }

    /// What a function's answer means; nil when it has no usable status.
    private static func answer(_ payload: Bytes) -> Answer? {
        guard let value = try? JSONValue.parse(payload) else { return nil }
        guard value.object != nil else { return Answer(status: 200) }
        guard let member = value["statusCode"] else { return Answer(status: 200) }
        guard let status = member.int ?? member.string.flatMap({ Int($0) }),
            (200...599).contains(status)
        else { return nil }
        var answer = Answer(status: status)
        for field in value["headers"]?.object?.members ?? [] {
            guard let text = field.value.string, Payloads.isValid(field.key, text) else { continue }
            answer.headers.append(field.key, text)
        }
        answer.body = Payloads.body(of: value)?[...] ?? []
        return answer
    }

    private func post(
        _ url: String,
        _ message: Bytes,
        _ timeout: Int,
        _ stage: GatewayStage
    ) async -> Answer? {
        var text = url
        for (name, value) in stage.variables {
            text = text.replacing("${stageVariables.\(name)}", with: value)
        }
        guard let place = UpstreamURL(text) else { return nil }
        var head = RequestHead(
            method: "POST",
            path: place.path(appending: ""),
            headers: [
                "Host": place.authority, "Content-Type": "application/json",
                "User-Agent": "AmazonAPIGateway_\(api.id)", "X-Amzn-Apigateway-Api-Id": api.id,
            ]
        )
        head.query = place.query
        var limits = UpstreamLimits()
        limits.connect = .milliseconds(timeout)
        limits.response = .milliseconds(timeout)
        limits.attempts = 1
        let local = snapshot.originOverrides[place.host].flatMap { UpstreamURL($0) } ?? place
        do throws(Fault) {
            let response = try await context.upstream.send(
                head,
                body: message.isEmpty ? .empty : .bytes(message),
                to: local.target,
                limits: limits
            )
            let body = try await Payloads.collect(
                response.body,
                limit: WebSocketReader.messageLimit
            )
            return Answer(status: response.head.status, headers: response.head.headers, body: body)
        } catch {
            return nil
        }
    }
}
